"""What else shoppers look for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from autocomplete import related
from autocomplete.build import build
from autocomplete.querylog import Policy
from autocomplete.related import Related
from autocomplete.shop import Shop
from etalage.core.errors import EngineError

NOW = datetime(2024, 5, 15, 12, tzinfo=UTC)
Documents = list[Mapping[str, Any]]


def asked(text: str, client: str, minutes: float = 0.0) -> Mapping[str, Any]:
    moment = (NOW + timedelta(minutes=minutes)).isoformat()
    return {"query_id": "q", "user_query": text, "client_id": client, "timestamp": moment}


def clicked(text: str, *products: str) -> Documents:
    return [
        {"action_name": "click", "user_query": text, "timestamp": NOW.isoformat(),
         "event_attributes": {"object": {"object_id": product}}} for product in products
    ]  # fmt: skip


def told(folder: Path, queries: Documents, events: Sequence[Mapping[str, Any]] = ()) -> Related:
    build(folder, queries, events, [], Shop(), Policy(shoppers=3))
    return Related(folder)


def crowd(*texts: str, shoppers: str = "abc", pause: float = 5.0) -> Documents:
    return [asked(text, client, pause * at) for client in shoppers for at, text in enumerate(texts)]


def test_queries_that_lead_to_the_same_products(tmp_path: Path) -> None:
    events = [
        *clicked("sofa", "1", "2"),
        *clicked("couch", "1", "2", "3"),
        *clicked("armchair", "3"),
        *clicked("rug", "9"),
    ]
    found = told(tmp_path, crowd("sofa", "couch", "armchair", "rug", pause=60), events)
    assert found.of("Couch!") == ["sofa", "armchair"]
    assert (found.of("sofa"), found.of("couch", 1)) == (["couch"], ["sofa"])
    assert found.of("rug") == found.of("unheard of") == []


def test_queries_that_follow_one_another_in_a_visit(tmp_path: Path) -> None:
    queries = [*crowd("sofa", "cushion"), *crowd("rug", "lamp", shoppers="def", pause=31)]
    found = told(tmp_path, queries)
    assert (found.of("sofa"), found.of("cushion"), found.of("rug")) == (["cushion"], [], [])


def test_the_way_of_a_few_is_told_to_nobody(tmp_path: Path) -> None:
    one = [asked(text, "a", 100 * at + step) for at in range(9) for step, text in enumerate(("sofa", "cushion"))]
    queries = [*one, *crowd("sofa", shoppers="bc"), *crowd("cushion", shoppers="de")]
    assert told(tmp_path, queries).of("sofa") == []


def test_what_too_few_typed_is_never_told(tmp_path: Path) -> None:
    queries = [*crowd("sofa"), asked("my secret", "a", 1), asked("my secret", "b", 1)]
    found = told(tmp_path, queries, [*clicked("sofa", "1"), *clicked("my secret", "1")])
    assert found.of("sofa") == found.of("my secret") == []
    assert b"secret" not in (tmp_path / related.FILE).read_bytes()


def test_before_a_build_and_after_a_bad_one(tmp_path: Path) -> None:
    assert Related(tmp_path).of("sofa") == []
    (tmp_path / related.FILE).write_bytes(b"{")
    with pytest.raises(EngineError, match="Build the completions anew"):
        Related(tmp_path).of("sofa")


def test_a_newer_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(related, "_LOOK", 0.0)
    found = told(tmp_path, crowd("sofa", "cushion"))
    assert found.of("sofa") == ["cushion"]
    told(tmp_path, crowd("sofa"))
    assert found.of("sofa") == []

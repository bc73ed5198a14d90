"""What was typed since the completions were built."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autocomplete import recent
from autocomplete.build import build
from autocomplete.complete import Completer
from autocomplete.querylog import Policy
from autocomplete.shelf import RECENT, named
from autocomplete.shop import Found, Shop
from etalage.core.errors import EngineError

NOW = datetime(2024, 5, 15, 12, tzinfo=UTC)
Documents = Sequence[Mapping[str, Any]]


def asked(text: str, client: str, minutes: float = 0.0, **more: Any) -> dict[str, Any]:
    moment = (NOW + timedelta(minutes=minutes)).isoformat()
    return {"query_id": "q", "user_query": text, "client_id": client, "timestamp": moment, **more}


def built(folder: Path, queries: Documents, least: int = 3) -> None:
    build(folder, queries, [], [], Shop(), Policy(shoppers=least))


def refreshed(folder: Path, queries: Documents, shop: Shop = Shop(), least: int = 3) -> tuple[int, int, int]:
    return tuple(recent.refresh(folder, queries, [], Policy(shoppers=least), shop).values())  # type: ignore[return-value]


def shown(folder: Path) -> dict[str, float]:
    return {one.text: one.score for one in Completer.open(folder).complete("", 100)}


def test_new_queries_count_beside_what_was_built(tmp_path: Path) -> None:
    queries = [*[asked("rug", client) for client in "abcd"], *[asked("lamp", client) for client in "abc"]]
    built(tmp_path, queries)
    assert refreshed(tmp_path, [*queries, asked("lamp", "d", 1), asked("lamps", "a", 1)]) == (2, 1, 0)
    found = shown(tmp_path)
    assert list(found) == ["lamp", "rug"] and found["rug"] == 4.0 and found["lamp"] == pytest.approx(5, abs=0.01)
    # From the base again, not from what was counted last.
    assert refreshed(tmp_path, [*queries, asked("lamp", "d", 1)]) == (1, 1, 0)
    assert shown(tmp_path)["lamp"] == pytest.approx(4, abs=0.01)


def test_a_build_and_a_refresh_count_alike(tmp_path: Path) -> None:
    early, late = [asked("rug", client) for client in "abc"], [asked("rug", client, 20_000) for client in "de"]
    built(tmp_path / "a", early)
    refreshed(tmp_path / "a", late)
    # The landmark is the build's: two weeks later all counts are halved.
    built(tmp_path / "b", [*early, *late])
    days = 20_000 / 1440
    assert shown(tmp_path / "a")["rug"] == pytest.approx(shown(tmp_path / "b")["rug"] * 2 ** (days / 14), rel=1e-4)


def test_a_new_query_is_shown_once_enough_typed_it(tmp_path: Path) -> None:
    built(tmp_path, [asked("rug", "a"), asked("rug", "b"), asked("lone", "a")])
    assert shown(tmp_path) == {}
    assert refreshed(tmp_path, [asked("rug", "a", 1), asked("rug", "b", 2), asked("lone", "a", 3)]) == (3, 0, 0)
    assert RECENT not in named(tmp_path)
    assert refreshed(tmp_path, [asked("rug", "c", 1), *[asked("vase", client, 1) for client in "abc"]]) == (4, 0, 2)
    assert set(shown(tmp_path)) == {"rug", "vase"}


def test_a_client_who_signs_in_later_is_still_one(tmp_path: Path) -> None:
    built(tmp_path, [asked("rug", "a"), asked("rug", "b")])
    assert refreshed(tmp_path, [asked("rug", "a", 1, user_id="ann")])[2] == 0
    built(tmp_path, [asked("rug", "a", user_id="ann"), asked("rug", "b")])
    assert refreshed(tmp_path, [asked("rug", "a", 1), asked("rug", "z", 1, user_id="ann")])[2] == 0
    assert refreshed(tmp_path, [asked("rug", "c", 1)])[2] == 1


def test_what_finds_nothing_or_must_not_be_shown_is_not(tmp_path: Path) -> None:
    class Empty(Shop):
        def found(self, texts: Sequence[str]) -> list[Found]:
            return [Found.NOTHING] * len(texts)

    built(tmp_path, [asked("rug", "a")])
    vases = [asked("vase", client, 1) for client in "abc"]
    assert refreshed(tmp_path, vases, Empty())[2] == 0
    assert refreshed(tmp_path, [asked("0171 23456789", client, 1) for client in "abc"])[2] == 0
    assert refreshed(tmp_path, vases)[2] == 1


def test_a_wrong_clock_moves_nothing(tmp_path: Path) -> None:
    wrong = asked("rug", "x") | {"timestamp": "2999-01-01T00:00:00Z"}
    built(tmp_path, [*[asked("rug", client) for client in "abc"], *[asked("lamp", client) for client in "abc"]])
    before = shown(tmp_path)
    assert refreshed(tmp_path, [wrong])[1] == 1
    assert shown(tmp_path)["lamp"] == before["lamp"] and math.isfinite(shown(tmp_path)["rug"])
    built(tmp_path, [wrong, *[asked("rug", client, 60_000_000) for client in "abc"]])
    base = recent.read(tmp_path)
    assert base is not None and base.until < 400_000 and base.moment < 400_000


def test_before_a_build_there_is_nothing_to_count_onto(tmp_path: Path) -> None:
    assert refreshed(tmp_path, [asked("rug", "a")]) == (0, 0, 0)
    (tmp_path / recent.FILE).write_bytes(b"{}")
    with pytest.raises(EngineError, match="etalage index FILE"):
        recent.read(tmp_path)


def test_no_name_of_a_shopper_is_written(tmp_path: Path) -> None:
    built(tmp_path, [asked("rug", "a-client-id", user_id="a-user-id"), asked("lamp", "another-id")])
    content = (tmp_path / recent.FILE).read_bytes()
    assert b"rug" in content and b"-id" not in content


TEXTS = st.sampled_from(["rug", "rugs", "lamp", "red lamp", "lamp red", "a@b.org"])
QUERIES = st.lists(st.builds(asked, TEXTS, st.sampled_from("abcdef")), max_size=25)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(QUERIES, QUERIES)
def test_nothing_is_shown_that_fewer_typed(
    tmp_path_factory: pytest.TempPathFactory, early: Documents, late: Documents
) -> None:
    folder = tmp_path_factory.mktemp("recent")
    built(folder, early)
    later = [{**one, "timestamp": (NOW + timedelta(minutes=5)).isoformat()} for one in late]
    refreshed(folder, later)
    for text in shown(folder):
        assert len({one["client_id"] for one in [*early, *later] if one["user_query"] == text}) >= 3

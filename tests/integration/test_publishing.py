"""`etalage suggest push`: completions in a field of a real node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from typer.testing import CliRunner

from autocomplete import shelf
from autocomplete.index import columns
from autocomplete.querylog import Entry
from etalage.cli import app
from etalage.core.errors import ConfigError, EngineError
from etalage.core.settings import Settings, load
from opensearch.cluster.client import Client
from opensearch.cluster.completions import Row, publish
from workers import publishing

pytestmark = pytest.mark.node

ENTRIES = [
    Entry("sofa bed", 8.0, "query", "Home > Sofas"),
    Entry("Sofas", 4.0, "category", "Home > Sofas"),
    Entry("sofa table", 2.0, "query", "Home > Tables"),
]


@pytest.fixture
def settings(node_url: str, tmp_path: Path) -> Iterator[Settings]:
    made = load(home=tmp_path, index=f"pushed-{uuid4().hex[:8]}", opensearch_url=node_url, opensearch_timeout=60)
    shelf.write(tmp_path / "completions" / made.index, columns(ENTRIES), {})
    yield made
    for name in indexes(made):
        httpx.delete(f"{node_url}/{name}", timeout=60).raise_for_status()


def indexes(settings: Settings) -> list[str]:
    return list(httpx.get(f"{settings.opensearch_url}/{settings.index}-suggest-*", timeout=60).json())


def complete(settings: Settings, prefix: str, field: str = "suggest", **more: Any) -> list[tuple[str, float]]:
    body = {"_source": False, "suggest": {"a": {"prefix": prefix, "completion": {"field": field} | more}}}
    answer = httpx.post(f"{settings.opensearch_url}/{settings.index}-suggest/_search", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return [(one["text"], one["_score"]) for one in answer.json()["suggest"]["a"][0]["options"]]


def test_they_are_completed_by_weight_and_within_categories(settings: Settings) -> None:
    made = publishing.push(settings)
    assert (made["alias"], made["completions"]) == (f"{settings.index}-suggest", 3)
    assert complete(settings, "so") == [("sofa bed", 1_000_000), ("Sofas", 500_000), ("sofa table", 250_000)]
    within = {"contexts": {"category": ["Home > Sofas"]}}
    assert [text for text, _ in complete(settings, "so", "suggest_in", **within)] == ["sofa bed", "Sofas"]
    above, kind = {"contexts": {"category": ["Home"]}}, {"contexts": {"type": ["category"]}}
    assert len(complete(settings, "so", "suggest_in", **above)) == 3
    assert [text for text, _ in complete(settings, "so", "suggest_in", **kind)] == ["Sofas"]


def test_new_ones_take_the_place_of_the_old(settings: Settings) -> None:
    first = publishing.push(settings)
    shelf.write(settings.home / "completions" / settings.index, columns([Entry("Sofas", 16.0)]), {}, shelf.RECENT)
    second = publishing.push(settings)
    assert indexes(settings) == [second["index"]] != [first["index"]]
    assert complete(settings, "so") == [("Sofas", 1_000_000), ("sofa bed", 500_000), ("sofa table", 125_000)]


def test_what_cannot_be_written_leaves_them_as_they_were(settings: Settings) -> None:
    before = publishing.push(settings)
    client = Client(settings)
    try:
        with pytest.raises(EngineError, match="refused"):
            publish(client, f"{settings.index}-suggest", [Row("sofa", 1, "query"), Row("sole", -1, "query")])
    finally:
        client.close()
    assert indexes(settings) == [before["index"]] and complete(settings, "so")[0] == ("sofa bed", 1_000_000)


def test_by_the_command_line(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETALAGE_OPENSEARCH_URL", str(settings.opensearch_url))
    done = CliRunner().invoke(
        app, ["suggest", "push", "--home", str(settings.home), "--index", settings.index, "--json"]
    )
    assert done.exit_code == 0, done.output
    assert orjson.loads(done.stdout)["completions"] == 3 and len(indexes(settings)) == 1


def test_without_a_node_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ETALAGE_OPENSEARCH_URL"):
        publishing.push(load(home=tmp_path, opensearch_url=""))

"""What the plugin is asked, and what its refusals become."""

from __future__ import annotations

from typing import Any

import pytest

from etalage.core.errors import EngineError, ModelError
from opensearch.cluster import plugin
from opensearch.cluster.client import Client, Missing, Refused


class Fake:
    """A client that notes what it is asked, and answers as told."""

    url = "http://node:9200"

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, []  # type: ignore[var-annotated]

    def call(self, method: str, *path: str, **more: Any) -> Any:
        self.asked.append((method, "/".join(path), more.get("body"), more.get("kind")))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def client(answer: Any) -> tuple[Client, list[tuple[str, str, bytes | None, str | None]]]:
    fake = Fake(answer)
    return fake, fake.asked  # type: ignore[return-value]


def refusal(kind: type[EngineError], reason: str, answer: Any = None) -> EngineError:
    error = kind(f"OpenSearch answers 400 ({reason})")
    error.answer = answer
    return error


def test_what_is_asked() -> None:
    made, asked = client({"models": [{"name": "shop"}]})
    assert plugin.push(made, "shop", b"PK") == made.answer  # type: ignore[attr-defined]
    plugin.rollback(made, "shop")
    plugin.remove(made, "shop")
    assert plugin.models(made) == [{"name": "shop"}]
    plugin.stats(made)
    assert asked == [
        ("PUT", "_etalage/models/shop", b"PK", "application/*"),
        ("POST", "_etalage/models/shop/_rollback", None, None),
        ("DELETE", "_etalage/models/shop", None, None),
        ("GET", "_etalage/models", None, None),
        ("GET", "_etalage/stats", None, None),
    ]


def test_a_refused_model_is_told_in_the_nodes_words() -> None:
    reason = "the ranker was trained on another feature list. " + "x" * 300
    made, _ = client(refusal(Refused, "short", {"error": {"reason": reason}}))
    with pytest.raises(ModelError) as refused:
        plugin.push(made, "shop", b"")
    assert reason in refused.value.reason and refused.value.value == "shop"


def test_a_node_without_the_plugin_is_told_so() -> None:
    for ask in (plugin.models, plugin.stats, lambda made: plugin.push(made, "shop", b"PK")):
        made, _ = client(refusal(Refused, "no handler found for uri [/_etalage/models] and method [GET]"))
        with pytest.raises(EngineError, match="has no ranking plugin.*etalage plugin install"):
            ask(made)


def test_another_refusal_is_passed_on() -> None:
    made, _ = client(refusal(Missing, "there is no such model: shop"))
    with pytest.raises(Missing, match="no such model"):
        plugin.rollback(made, "shop")

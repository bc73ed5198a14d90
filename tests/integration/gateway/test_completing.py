"""Suggest requests as frontends send them, by opensearch-py, to Etalage and to a node that has the same completions in a field."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import opensearchpy
import pytest

from autocomplete import shelf
from autocomplete.index import columns
from autocomplete.querylog import Entry

from ...process import serving
from . import compare
from .targets import Target

pytestmark = [pytest.mark.node, pytest.mark.worker]

COLOURS: Final = ("red", "blue", "black", "green")
NOUNS: Final = ("sofa", "table", "chair", "lamp", "mirror", "wardrobe")
ENTRIES: Final = [
    Entry(f"{colour} {noun}", float(100 - place), "query", f"Home > {noun.title()}s")
    for place, (noun, colour) in enumerate(itertools.product(NOUNS, COLOURS))
]
FIELD: Final = {"field": "suggest"}
PLAIN: Final[dict[str, dict[str, Any]]] = {
    "prefix": {"suggest": {"a": {"prefix": "re", "completion": FIELD}}},
    "text": {"suggest": {"a": {"text": "blue", "completion": FIELD | {"size": 10}}}},
    "shared-text": {"_source": False, "suggest": {"text": "b", "a": {"completion": FIELD | {"size": 20}}}},
    "distinct": {"size": 0, "suggest": {"a": {"prefix": "green ch", "completion": FIELD | {"skip_duplicates": True}}}},
    "several": {"suggest": {
        "colours": {"prefix": "bl", "completion": FIELD | {"size": 3}},
        "exact": {"prefix": "red lamp", "completion": FIELD},
        "none": {"prefix": "xylophone", "completion": FIELD}}},
    "case": {"suggest": {"a": {"prefix": "RED S", "completion": FIELD}}},
    "empty": {"suggest": {"a": {"prefix": "", "completion": FIELD}}},
}  # fmt: skip
FUZZY: Final = {"suggest": {"a": {"prefix": "grren ch", "completion": FIELD | {"fuzzy": {"fuzziness": "AUTO"}}}}}


def in_category(*categories: Any) -> dict[str, Any]:
    return {
        "_source": False,
        "suggest": {
            "a": {"prefix": "r", "completion": {"field": "placed", "contexts": {"category": list(categories)}}}
        },
    }


@pytest.fixture(scope="module")
def node(node_url: str) -> Iterator[tuple[opensearchpy.OpenSearch, str]]:
    """The node with the completions, in a field without contexts and in one with the category as a context."""
    client, index = opensearchpy.OpenSearch(node_url, timeout=60), f"completing-{uuid4().hex[:8]}"
    contexts = [{"name": "category", "type": "category"}]
    properties = {"suggest": {"type": "completion"}, "placed": {"type": "completion", "contexts": contexts}}
    client.indices.create(index=index, body={"mappings": {"properties": properties}})
    lines: list[dict[str, Any]] = []
    for one in ENTRIES:
        given = {"input": [one.text], "weight": int(one.score)}
        lines += [{"index": {}}, {"suggest": given, "placed": given | {"contexts": {"category": [one.category]}}}]
    assert not client.bulk(body=lines, index=index, params={"refresh": "true"})["errors"]
    yield client, index
    client.indices.delete(index=index)
    client.close()


@pytest.fixture(scope="module")
def ours(bare: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[opensearchpy.OpenSearch]:
    """Etalage over the node's shop, with the completions."""
    home: Path = tmp_path_factory.mktemp("completing")
    shelf.write(home / "completions" / bare.index, columns(ENTRIES), {})
    with serving(home, ETALAGE_INDEX=bare.index, ETALAGE_OPENSEARCH_URL=bare.url) as served:
        client = opensearchpy.OpenSearch(served.url, timeout=60)
        yield client
        client.close()


def options(answer: dict[str, Any]) -> dict[str, list[tuple[str, float]]]:
    """Texts and scores of completions; what other suggesters found has other scores."""
    return {
        name: [(one["text"], one["_score"]) for one in entries[0]["options"] if "_score" in one]
        for name, entries in answer["suggest"].items()
    }


@pytest.mark.parametrize("body", PLAIN.values(), ids=PLAIN)
def test_completions_are_the_nodes(
    body: dict[str, Any], ours: opensearchpy.OpenSearch, node: tuple[opensearchpy.OpenSearch, str], bare: Target
) -> None:
    mine, theirs = ours.search(index=bare.index, body=body), node[0].search(index=node[1], body=body)
    assert options(mine) == options(theirs)
    for one in (mine, theirs):
        for entries in one["suggest"].values():
            for option in entries[0]["options"]:
                option.pop("_source", None)  # of a document of the index there, of a completion here
    assert compare.shape(mine) == compare.shape(theirs)
    spans = [
        {name: {**entries[0], "options": None} for name, entries in one["suggest"].items()} for one in (mine, theirs)
    ]
    assert spans[0] == spans[1]


def test_typing_errors_are_forgiven_as_by_the_node(
    ours: opensearchpy.OpenSearch, node: tuple[opensearchpy.OpenSearch, str], bare: Target
) -> None:
    mine, theirs = ours.search(index=bare.index, body=FUZZY), node[0].search(index=node[1], body=FUZZY)
    assert [text for text, _ in options(mine)["a"]] == [text for text, _ in options(theirs)["a"]] == ["green chair"]


@pytest.mark.parametrize(
    "categories",
    [("Home > Lamps",), ("Home > Lamps", "Home > Sofas"), ({"context": "Home > Lamps", "boost": 4}, "Home > Sofas")],
)
def test_contexts_are_the_nodes(
    categories: tuple[Any, ...], tmp_path: Path, node: tuple[opensearchpy.OpenSearch, str]
) -> None:
    shelf.write(tmp_path / "completions" / "products", columns(ENTRIES), {})
    asked = [one if isinstance(one, dict) else {"context": one} for one in categories]
    theirs = node[0].search(index=node[1], body=in_category(*asked))
    with serving(tmp_path, ETALAGE_SUGGEST_FIELD="placed") as served, opensearchpy.OpenSearch(served.url, timeout=60) as client:
        mine = client.search(index="products", body=in_category(*categories))
    assert options(mine) == options(theirs)
    told = [[one["contexts"]["category"] for one in answer["suggest"]["a"][0]["options"]] for answer in (mine, theirs)]
    assert told[0] == told[1]


def test_other_suggesters_and_searches_go_on_to_the_node(ours: opensearchpy.OpenSearch, bare: Target) -> None:
    words = {"words": {"text": "lether bots", "term": {"field": "title"}}}
    both = {"mine": {"prefix": "re", "completion": FIELD}} | words
    found = ours.search(index=bare.index, body={"size": 0, "suggest": both})
    straight = bare.client.post(f"{bare.url}/{bare.index}/_search", json={"size": 0, "suggest": words}).json()
    assert found["suggest"]["words"] == straight["suggest"]["words"] and straight["suggest"]["words"][0]["options"]
    assert options(found)["mine"][0] == ("red sofa", 100.0)
    beside = ours.search(index=bare.index, body={"query": {"match": {"title": "leather"}}, "suggest": both})
    assert beside["hits"]["hits"] and set(beside["suggest"]) == {"mine", "words"}
    lines = [{"index": bare.index}, {"suggest": {"mine": {"prefix": "re", "completion": FIELD}}}] * 2
    several = ours.msearch(body=lines)["responses"]
    assert [options(one)["mine"][0][0] for one in several] == ["red sofa"] * 2
    with pytest.raises(opensearchpy.RequestError, match="no mapping found"):
        ours.search(index=bare.index, body={"suggest": {"a": {"prefix": "re", "completion": {"field": "titles"}}}})

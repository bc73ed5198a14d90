"""A shop's requests, sent to Etalage and to a bare node: nothing changes with ranking off, with it only the order does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from . import compare
from .requests import REQUESTS, Recorded
from .targets import Target

pytestmark = [pytest.mark.node, pytest.mark.worker]

each = pytest.mark.parametrize("recorded", REQUESTS, ids=lambda one: one.name)
searched = [one for one in REQUESTS if one.status == 200 and one.path.endswith(("_search", "_msearch"))]
each_search = pytest.mark.parametrize("recorded", searched, ids=lambda one: one.name)
doors = pytest.mark.parametrize("door", ["over_node", "in_folder"])

NODES_OWN = ("terminated_early",)
"""What the node says of how it worked."""
OURS = {"ext"}
LOST = {"matched_queries", "_shard", "_node", "highlight"}
"""What ranked hits may lack; without words in common with the query there is nothing to highlight."""


@each
def test_over_the_node_nothing_changes_with_ranking_off(recorded: Recorded, over_node: Target, bare: Target) -> None:
    ours, theirs = over_node.ask(recorded, off=True), bare.ask(recorded)
    assert (ours.status, theirs.status) == (recorded.status, recorded.bare or recorded.status), (ours, theirs)
    assert not compare.hidden(ours.body)
    if recorded.own_words or recorded.bare:
        in_the_nodes_shape(ours.body, theirs.body)
    else:
        assert compare.visible(ours.body) == compare.visible(theirs.body)


@each
def test_embedded_the_answers_are_the_nodes(recorded: Recorded, in_folder: Target, bare: Target) -> None:
    ours, theirs = in_folder.ask(recorded, off=True), bare.ask(recorded)
    assert ours.status == (400 if recorded.refused else recorded.status), ours.body
    assert not compare.hidden(ours.body)
    if ours.status != 200 or recorded.own_words or recorded.bare:
        in_the_nodes_shape(ours.body, theirs.body)
        return
    for one, other in zip(compare.parts(ours.body), compare.parts(theirs.body), strict=True):
        if "error" in other:
            in_the_nodes_shape(one, other)
            continue
        found, wanted = (compare.visible(part, (*NODES_OWN, *recorded.embedded)) for part in (one, other))
        differences = list(compare.alike(found, wanted, recorded.within))
        assert not differences, "\n".join(differences[:20])


def test_embedded_hybrid_is_normalized(in_folder: Target, bare: Target) -> None:
    plain, normalized = (next(one for one in REQUESTS if one.name == name) for name in ("hybrid", "hybrid-normalized"))
    answers = (in_folder.ask(plain, off=True).body, bare.ask(normalized).body)
    ours, theirs = ({hit["_id"]: hit["_score"] for hit in one["hits"]["hits"]} for one in answers)
    # Vectors are bytes in the folder; from the least to the greatest score, the difference is stretched.
    assert ours == pytest.approx(theirs, abs=0.01)


def in_the_nodes_shape(ours: Any, theirs: Any) -> None:
    """Its keys; an error has what clients read of one."""
    for one in compare.parts(ours):
        if "error" in one:
            assert set(one) == {"error", "status"}
            assert {"root_cause", "type", "reason"} <= set(one["error"])
            assert all(set(cause) >= {"type", "reason"} for cause in one["error"]["root_cause"])
    if "error" not in ours and "error" not in theirs:
        assert compare.shape(ours) == compare.shape(theirs)


@doors
@each_search
def test_ranking_changes_the_order_and_keeps_the_shape(
    recorded: Recorded, door: str, bare: Target, request: pytest.FixtureRequest
) -> None:
    target: Target = request.getfixturevalue(door)
    ours, plain, theirs = target.ask(recorded), target.ask(recorded, off=True), bare.ask(recorded)
    if recorded.refused and door == "in_folder":
        assert ours.status == 400 and ours.body["error"] == plain.body["error"]
        return
    assert ours.status == 200, ours.body
    assert not compare.hidden(ours.body)
    if recorded.kind == "pass":
        assert compare.visible(ours.body) == compare.visible(plain.body)
        return
    if recorded.bare or "filter_path" in recorded.params:
        assert set(ours.body) - OURS == set(plain.body)
        return
    parts = zip(
        compare.parts(ours.body), compare.parts(plain.body), compare.parts(theirs.body), asked_in(recorded), strict=True
    )
    for one, passed, other, asked in parts:
        if recorded.kind == "rank" and "ext" in one:
            is_ranked(one, other, asked)
        elif "error" in other:
            in_the_nodes_shape(one, other)
        elif "sort" in asked or asked.get("size") == 0:
            assert compare.visible(one) == compare.visible(passed)
        else:
            assert recorded.kind == "browse" and "ext" not in one
            same_but_for_the_order(one, other)


def asked_in(recorded: Recorded) -> list[Mapping[str, Any]]:
    """The bodies of a request."""
    return recorded.body[1::2] if isinstance(recorded.body, list) else [recorded.body or {}]


def is_ranked(ours: Mapping[str, Any], theirs: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    told = ours["ext"]["etalage"]
    assert told["rank"] and told["degraded"] == []
    assert set(ours) - OURS == set(theirs) - set(NODES_OWN)
    hits, others = ours["hits"]["hits"], theirs["hits"]["hits"]
    assert set(ours["hits"]) == set(theirs["hits"])
    assert [hit["_id"] for hit in told["hits"]] == compare.ids(ours)
    scores = [hit["_score"] for hit in hits]
    assert ours["hits"]["max_score"] == max(scores, default=None) and scores == sorted(scores, reverse=True)
    assert len(hits) >= len(others) or "collapse" in asked
    assert total(ours) >= total(theirs)
    assert not others or keys(hits) - {"_id"} <= keys(others)
    assert keys(others) - keys(hits) <= LOST
    if "all" in ours.get("aggregations", {}):
        assert ours["aggregations"]["all"]["value"] == total(ours)
    counts, least = (compare.buckets(one.get("aggregations")) for one in (ours, theirs))
    assert all(counts.get(place, count) >= count for place, count in least.items())


def same_but_for_the_order(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    """Browsed: the most popular first, everything else is the node's."""
    assert total(ours) == total(theirs)
    assert compare.shape(ours.get("aggregations")) == compare.shape(theirs.get("aggregations"))
    assert not list(compare.alike(ours.get("aggregations"), theirs.get("aggregations"), 1e-6))
    popular = [hit["_score"] for hit in ours["hits"]["hits"]]
    assert popular == sorted(popular, reverse=True)
    assert len(popular) == len(theirs["hits"]["hits"])
    assert keys(ours["hits"]["hits"]) == keys(theirs["hits"]["hits"])


def keys(hits: list[dict[str, Any]]) -> set[str]:
    return {name for hit in hits for name in hit}


def total(answer: Mapping[str, Any]) -> int:
    found = answer["hits"].get("total", 0)
    return int(found["value"] if isinstance(found, Mapping) else found)

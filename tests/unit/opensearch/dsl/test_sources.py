"""`_source` filtering and `filter_path`, by cases that OpenSearch 3.6 answered."""

from __future__ import annotations

import fnmatch
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opensearch.dsl import sources

DOCUMENT: dict[str, Any] = {
    "title": "red shoe",
    "tag": "a",
    "o": [{"k": "x"}],
    "a": {"b": {"c": 1, "d": 2}, "e": [{"f": 1, "g": 2}]},
    "l": [],
    "m": [[{"f": 1}]],
    "n": {},
}
REST = {name: DOCUMENT[name] for name in DOCUMENT if name != "a"}


@pytest.mark.parametrize(
    ("includes", "excludes", "kept"),
    [
        ("a.b", "", {"a": {"b": {"c": 1, "d": 2}}}),
        ("a.b.c", "", {"a": {"b": {"c": 1}}}),
        ("a.*", "", {"a": DOCUMENT["a"]}),
        ("a.e.f", "", {"a": {"e": [{"f": 1}]}}),
        ("*.c", "", {"a": {"b": {"c": 1}}}),
        ("a", "", {"a": DOCUMENT["a"]}),
        ("", "", DOCUMENT),
        ("*", "", DOCUMENT),
        ("e", "", {}),
        ("a.b.zz", "", {}),
        ("t*", "", {"title": "red shoe", "tag": "a"}),
        (" title", "", {}),
        ("m.f", "", {"m": [[{"f": 1}]]}),
        ("n", "", {"n": {}}),
        ("l", "", {"l": []}),
        ("", "a.b", REST | {"a": {"e": [{"f": 1, "g": 2}]}}),
        ("", "a.b.c", REST | {"a": {"b": {"d": 2}, "e": [{"f": 1, "g": 2}]}}),
        ("", "a.*", REST | {"a": {}}),
        ("", "a.b.*", REST | {"a": {"b": {}, "e": [{"f": 1, "g": 2}]}}),
        ("", "a.e.f", REST | {"a": {"b": {"c": 1, "d": 2}, "e": [{"g": 2}]}}),
        ("", "*.c", REST | {"a": {"b": {"d": 2}, "e": [{"f": 1, "g": 2}]}}),
        ("", "a", REST),
        ("", "*", {}),
        ("", "e", DOCUMENT),
        ("", "*x", DOCUMENT),
        ("a.b", "a.b.c", {"a": {"b": {"d": 2}}}),
        ("a", "*.c", {"a": {"b": {"d": 2}, "e": [{"f": 1, "g": 2}]}}),
        ("a.b", "a.b.c,a.b.d", {"a": {"b": {}}}),
        ("a.e", "a.e.f,a.e.g", {"a": {"e": []}}),
    ],
)
def test_a_source_is_filtered_as_opensearch_does(includes: str, excludes: str, kept: dict[str, Any]) -> None:
    wanted = {"includes": includes.split(","), "excludes": excludes.split(",")}
    assert sources.filtered(DOCUMENT, wanted) == kept


@pytest.mark.parametrize("wanted", [True, None, [], "*", {}, {"includes": [], "excludes": []}, {"excludes": "zz"}])
def test_all_of_it(wanted: Any) -> None:
    assert sources.filtered(DOCUMENT, wanted) == DOCUMENT


def test_a_pattern_or_a_list_of_them() -> None:
    assert sources.filtered(DOCUMENT, "tag") == sources.filtered(DOCUMENT, ["tag"]) == {"tag": "a"}
    assert sources.filtered(DOCUMENT, {"includes": "tag"}) == {"tag": "a"}


RESPONSE: dict[str, Any] = {
    "took": 3,
    "timed_out": False,
    "_shards": {"total": 1, "successful": 1},
    "hits": {
        "total": {"value": 1, "relation": "eq"},
        "max_score": None,
        "hits": [
            {"_index": "p", "_id": "1", "_source": DOCUMENT},
            {"_index": "p", "_id": "2", "_source": {"tag": "b"}},
        ],
    },
}
IDS = [{"_id": "1"}, {"_id": "2"}]


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ("", RESPONSE),
        ("*", RESPONSE),
        ("**", RESPONSE),
        ("took", {"took": 3}),
        ("took, timed_out", {"took": 3, "timed_out": False}),
        ("nope", {}),
        ("took.nope", {}),
        ("t*k", {"took": 3}),
        ("t**k", {"took": 3}),
        ("*.total", {"_shards": {"total": 1}, "hits": {"total": RESPONSE["hits"]["total"]}}),
        ("hits.hits._id", {"hits": {"hits": IDS}}),
        ("hits.**._id", {"hits": {"hits": IDS}}),
        ("**._id", {"hits": {"hits": IDS}}),
        ("**.**._id", {"hits": {"hits": IDS}}),
        # `**` stands for one name at least
        ("**.took", {}),
        ("hits.**.value", {"hits": {"total": {"value": 1}}}),
        ("hits.**.c", {"hits": {"hits": [{"_source": {"a": {"b": {"c": 1}}}}]}}),
        (
            "hits.hits._source.t*",
            {"hits": {"hits": [{"_source": {"title": "red shoe", "tag": "a"}}, {"_source": {"tag": "b"}}]}},
        ),
        ("hits.hits,-hits.hits", {}),
        ("-hits", {name: RESPONSE[name] for name in ("took", "timed_out", "_shards")}),
        ("-hits.*", {name: RESPONSE[name] for name in ("took", "timed_out", "_shards")}),
        ("-took,-hits,-_shards.total", {"timed_out": False, "_shards": {"successful": 1}}),
        ("**,-hits,-_shards", {"took": 3, "timed_out": False}),
        ("hits.hits._id,-hits.hits._id", {}),
    ],
)
def test_a_response_is_cut_to_its_filter_path(patterns: str, left: dict[str, Any]) -> None:
    assert sources.paths(RESPONSE, patterns.split(",")) == left


def test_what_was_empty_or_null_stays_and_what_became_empty_goes() -> None:
    document = {"a": {"b": 1}, "n": None, "e": {}, "l": [], "s": [{"b": 1}, {"c": 1}]}
    assert sources.paths(document, ["-*.b"]) == {"n": None, "e": {}, "l": [], "s": [{"c": 1}]}


# patterns are cheap whatever they are
TEXTS = st.text("ab.", max_size=12)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.text("ab.*", max_size=8), TEXTS)
def test_a_glob_is_what_a_regular_expression_says(pattern: str, text: str) -> None:
    assert sources.glob(pattern, text) == (re.fullmatch(fnmatch.translate(pattern), text) is not None)


def test_a_pattern_made_to_take_long_does_not() -> None:
    document = {"a" * 200: {"a" * 200: "x"}, "aab" * 60: 1}
    started = time.perf_counter()
    for pattern in ("*" * 500 + "x", "*a" * 200 + "x", "*.*" * 200, "**." * 200 + "x"):
        sources.filtered(document, {"includes": [pattern], "excludes": [pattern]})
        sources.paths(document, [pattern])
        sources.paths(document, [f"-{pattern}"])
    assert time.perf_counter() - started < 1


NAMES = st.sampled_from(["a", "b", "ab", "c"])
TREES = st.recursive(
    st.integers(0, 3) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
PATTERNS = st.lists(NAMES | st.sampled_from(["*", "a*", "**"]), min_size=1, max_size=3).map(".".join)


def leaves(value: Any, path: str = "") -> set[str]:
    if isinstance(value, dict):
        return {one for name, inner in value.items() for one in leaves(inner, f"{path}.{name}" if path else name)}
    if isinstance(value, list):
        return {one for inner in value for one in leaves(inner, path)}
    return {path}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.dictionaries(NAMES, TREES, max_size=4), st.lists(PATTERNS, max_size=3), st.lists(PATTERNS, max_size=2))
def test_nothing_is_made_up_and_nothing_excluded_is_left(
    document: dict[str, Any], includes: list[str], excludes: list[str]
) -> None:
    kept = sources.filtered(document, {"includes": includes, "excludes": excludes})
    assert leaves(kept) <= leaves(document)
    for path in leaves(kept):
        ways = [".".join(path.split(".")[: depth + 1]) for depth in range(path.count(".") + 1)]
        assert not any(sources.glob(pattern, way) for pattern in excludes for way in ways)
    cut = sources.paths(document, [*includes, *(f"-{one}" for one in excludes)])
    assert leaves(cut) <= leaves(document)
    assert sources.paths(cut, [*includes, *(f"-{one}" for one in excludes)]) == cut

"""UBI documents checked, sorted and read from files."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.core import events
from etalage.core.errors import CatalogError, QueryError
from etalage.core.events import EVENTS, QUERIES, Line, check

QUERY = {"query_id": "q1", "user_query": "red shoe", "timestamp": "2024-05-01T10:20:30.000Z"}
EVENT = {"action_name": "click", "query_id": "q1", "timestamp": "2024-05-01T10:20:31.000Z"}


def refused(given: Mapping[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check(given)


def written(folder: Path, *lines: bytes | Mapping[str, Any], packed: bool = False) -> Path:
    path = folder / "ubi.jsonl"
    content = b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines)
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


# one document
def test_a_query_and_an_event() -> None:
    kind, query = check(QUERY | {"id": "x", "client_id": "c", "more": {"a": [1]}})
    assert (kind, query) == (QUERIES, QUERY | {"id": "x", "client_id": "c", "more": {"a": [1]}})
    kind, event = check(EVENT)
    assert kind == EVENTS and event.items() >= EVENT.items()


def test_what_is_given_stays_as_it_is() -> None:
    given_query = QUERY | {"timestamp": 1714558830}
    before = dict(given_query)
    assert check(given_query)[1] != before
    assert given_query == before


def test_an_id_is_made_of_the_content() -> None:
    made = check(QUERY)[1]["id"]
    assert len(made) == 32
    assert check(dict(reversed(QUERY.items())))[1]["id"] == made
    assert check(QUERY | {"timestamp": "2024-05-01T12:20:30+02:00"})[1]["id"] == made
    assert check(QUERY | {"client_id": "c"})[1]["id"] != made
    for wrong in ("", None, 7):
        assert len(check(QUERY | {"id": wrong})[1]["id"]) == 32


def test_an_empty_query_is_one() -> None:
    assert check(QUERY | {"user_query": ""})[0] == QUERIES


@pytest.mark.parametrize(
    ("moment", "stored"),
    [
        ("2024-05-01", "2024-05-01T00:00:00.000Z"),
        ("2024-05-01T10:20:30Z", "2024-05-01T10:20:30.000Z"),
        ("2024-05-01 10:20:30.123456", "2024-05-01T10:20:30.123Z"),
        ("2024-05-01T00:20:30+02:00", "2024-04-30T22:20:30.000Z"),
        (1714558830, "2024-05-01T10:20:30.000Z"),
        (1714558830500, "2024-05-01T10:20:30.500Z"),
        (1714558830.25, "2024-05-01T10:20:30.250Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        ("0999-05-01", "0999-05-01T00:00:00.000Z"),
    ],
)
def test_times_become_utc(moment: Any, stored: str) -> None:
    assert check(QUERY | {"timestamp": moment})[1]["timestamp"] == stored


@pytest.mark.parametrize("moment", [None, "", True, [1], {}])
def test_a_missing_time_is_refused(moment: Any) -> None:
    refused(QUERY | {"timestamp": moment}, "`timestamp` is missing")
    refused({name: EVENT[name] for name in ("action_name", "query_id")}, "`timestamp` is missing")


@pytest.mark.parametrize(
    "moment",
    [
        "yesterday", "2024-13-01", "1714558830", float("nan"), float("inf"), 1e30, -(10**13), 10**400,
        "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(moment: Any) -> None:
    refused(QUERY | {"timestamp": moment}, "`timestamp` is not an ISO-8601 time")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"user_query": None}, "neither an event .* nor a query"), ({"user_query": 5}, "neither an event"),
        ({"query_id": ""}, "neither an event"), ({"query_id": 5}, "`query_id` is no text"),
        ({"client_id": 5}, "`client_id` is no text"), ({"session_id": ["a"]}, "`session_id` is no text"),
        ({"user_query": "x" * 2001}, "`user_query` is longer than 2000 characters"),
        ({"action_name": ""}, "`action_name` is no text"), ({"action_name": None}, "`action_name` is no text"),
        ({"action_name": " "}, "`action_name` is no text"), ({"action_name": 3}, "`action_name` is no text"),
    ],
)  # fmt: skip
def test_wrong_fields_are_named(changes: Mapping[str, Any], told: str) -> None:
    refused({**QUERY, **changes}, told)


def test_the_longest_text() -> None:
    assert check(QUERY | {"user_query": "x" * events.MAX_FIELD})[0] == QUERIES


def test_what_is_no_json_is_refused() -> None:
    refused(QUERY | {"user_query": "a \ud800"}, "cannot be stored")
    refused(QUERY | {"more": 2**70}, "cannot be stored")


def placed(ordinal: Any) -> dict[str, Any]:
    return EVENT | {"event_attributes": {"position": {"ordinal": ordinal}}}


@pytest.mark.parametrize("ordinal", [0, -1, 1.5, "1", True, [1]])
def test_a_position_counts_from_one(ordinal: Any) -> None:
    refused(placed(ordinal), "`event_attributes.position.ordinal` is not a position from 1")


@pytest.mark.parametrize("attributes", [None, [], "x", {}, {"position": None}, {"position": [0]}, {"position": {}}])
def test_other_attributes_are_free(attributes: Any) -> None:
    event = EVENT | {"event_attributes": attributes}
    assert check(event)[1]["event_attributes"] == attributes
    assert check(placed(1))[0] == check(placed(None))[0] == EVENTS


# many
def test_documents_are_sorted_by_kind_in_their_order() -> None:
    queries, behaviour = events.sort_out([EVENT, QUERY, EVENT | {"id": "e2"}])
    assert [one["user_query"] for one in queries] == ["red shoe"]
    assert [one["action_name"] for one in behaviour] == ["click", "click"] and behaviour[1]["id"] == "e2"
    assert events.sort_out([]) == ([], [])


def test_the_first_wrong_document_is_named() -> None:
    with pytest.raises(QueryError, match="UBI document 2: `action_name` is no text: .*Correct it"):
        events.sort_out([QUERY, {"action_name": 1}, {}])


# files
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_read_line_by_line(tmp_path: Path, packed: bool) -> None:
    lines: tuple[Any, ...] = (
        QUERY,
        b"",
        b"{broken",
        {"index": {}},
        EVENT,
        b"[1]",
        {"create": {"_id": "x"}},
        b'{"a": 1}  ',
    )
    path = written(tmp_path, *lines, packed=packed)
    found = list(events.read(path))
    assert [(line.number, line.kind) for line in found] == [(1, QUERIES), (3, ""), (5, EVENTS), (6, ""), (8, "")]
    assert found[0] == Line(1, QUERIES, check(QUERY)[1])
    assert found[1].fault.startswith("is not JSON (") and found[3].fault == "is not a JSON object"
    assert "neither an event" in found[4].fault


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    assert list(events.read(written(tmp_path))) == []
    assert list(events.read(written(tmp_path, packed=True))) == []


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(CatalogError, match="cannot be read"):
            list(events.read(path))


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"\n".join([orjson.dumps(QUERY)] * 50), mtime=0)
    for content in (whole[:-10], whole[:5], b"\x1f\x8bnothing", whole[:20] + b"\xff\xff" + whole[22:]):
        with pytest.raises(CatalogError, match="cannot be read"):
            list(events.read(written(tmp_path, content)))


def test_a_binary_file_has_only_faults(tmp_path: Path) -> None:
    found = list(events.read(written(tmp_path, b"\x00\xff\n\x89PNG\n")))
    assert len(found) == 2 and all(line.fault for line in found)


# anything at all
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=4), one, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([*QUERY, *EVENT, "client_id", "event_attributes", "id", "more"])
MOMENTS = st.datetimes().map(str) | st.datetimes().map(lambda at: f"{at}+09:30") | st.integers() | st.floats()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sampled_from([{}, QUERY, EVENT]), st.dictionaries(NAMES, VALUE, max_size=4), VALUE | MOMENTS)
def test_any_document_is_kept_or_refused(base: dict[str, Any], changes: dict[str, Any], moment: Any) -> None:
    try:
        kind, document = check({**base, **changes, "timestamp": moment})
    except ValueError as error:
        assert str(error)
        return
    assert kind == (EVENTS if "action_name" in document else QUERIES)
    assert document["id"] and len(document["timestamp"]) == 24
    assert datetime.fromisoformat(document["timestamp"]).utcoffset() is not None
    # What was checked once is left as it is.
    assert orjson.dumps(check(document)) == orjson.dumps((kind, document))


# what of a person is in it
def test_a_personal_query_is_taken_out_of_what_is_kept() -> None:
    quoting = {"query": '{"match": "a@b.org"}', "message": "a@b.org", "query_attributes": {"text": "a@b.org"}}
    for document in (QUERY, EVENT):
        _, kept = check(document | quoting | {"user_query": "mail a@b.org", "client_id": "c"})
        assert kept.pop("id") and kept == document | {"user_query": "", "client_id": "c"}
    assert check(QUERY | quoting)[1].items() >= (QUERY | quoting).items()
    assert events.withheld(EVENT) == EVENT

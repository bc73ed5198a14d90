"""OpenSearch's time strings, and deadlines."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.core.errors import QueryError
from etalage.http.deadline import Deadline, seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("100ms", 0.1), ("2s", 2.0), ("1m", 10.0), ("5S", 5.0), ("20MS", 0.02), ("3000000micros", 3.0), ("5nanos", 5e-9),
        ("1h", 10.0), ("1d", 10.0), (" 2s ", 2.0), ("2 s", 2.0), (None, 10.0), (-1, 10.0), ("-1", 10.0), (0, 0.0),
        ("0", 0.0), ("0ms", 0.0), ("999999999999999999d", 10.0),
    ],
)  # fmt: skip
def test_times(value: object, expected: float) -> None:
    assert seconds(value, 10.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    "value",
    [
        10, "10", 1.5, "1.5s", -2, "-2s", "-1s", "", " ", "s", "ms", "1M", "1w", "1 y", "1s1", "1e3s", "0x1s", "٣s", "1s\n2s",
        True, [], {}, ["1s"], "nan", "inf", "9" * 19 + "s", "+1s", "1_0s", "1\u00b5s",
    ],
)  # fmt: skip
def test_what_is_no_time(value: object) -> None:
    with pytest.raises(QueryError, match=r"this is no time.*100ms") as caught:
        seconds(value, 10.0)
    assert caught.value.status == 400


@given(st.text(max_size=12) | st.integers() | st.floats() | st.none() | st.booleans())
def test_anything_is_a_time_within_the_maximum_or_refused(value: object) -> None:
    with contextlib.suppress(QueryError):
        assert 0.0 <= seconds(value, 10.0) <= 10.0


def test_a_deadline_passes() -> None:
    now = 100.0
    deadline = Deadline(2.0, clock=lambda: now)
    assert (deadline.left(), deadline.expired) == (2.0, False)
    now = 101.5
    assert (deadline.left(), deadline.expired) == (0.5, False)
    now = 102.0
    assert (deadline.left(), deadline.expired) == (0.0, True)
    now = 200.0
    assert (deadline.left(), deadline.expired) == (0.0, True)
    assert Deadline(0.0, clock=lambda: now).expired

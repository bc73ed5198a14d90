"""The tree of errors: what each says, on every door."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.core import errors
from etalage.core.errors import EtalageError, QueryError, shorten


def below(kind: type[EtalageError]) -> Iterator[type[EtalageError]]:
    yield kind
    for one in kind.__subclasses__():
        yield from below(one)


# Those of other modules (another test's) are not of the tree.
TREE = [kind for kind in below(EtalageError) if kind.__module__ == errors.__name__]


def test_what_value_and_remedy_make_the_message() -> None:
    assert str(EtalageError("it broke")) == "it broke"
    assert str(EtalageError("it broke", value=3)) == "it broke: 3"
    assert str(EtalageError("it broke", remedy="Mend it.")) == "it broke. Mend it."
    assert str(EtalageError("it broke", value="", remedy="Mend it.")) == "it broke: . Mend it."


def test_the_answer_over_http() -> None:
    assert QueryError("there is no such field", value="colour", remedy="Use brand.").as_dict() == {
        "error": {"type": "query_error", "reason": "there is no such field: colour", "remedy": "Use brand."},
        "status": 400,
    }
    assert EtalageError("it broke").as_dict()["error"] == {
        "type": "etalage_error", "reason": "it broke", "remedy": ""
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kind", "status", "exit_code", "retryable"),
    [
        ("ConfigError", "config_error", 400, 2, False),
        ("CatalogError", "catalog_error", 400, 1, False),
        ("QueryError", "query_error", 400, 1, False),
        ("EngineError", "engine_error", 502, 1, False),
        ("EngineTimeout", "engine_timeout", 504, 1, True),
        ("EngineUnavailable", "engine_unavailable", 503, 1, True),
        ("WriterBusy", "writer_busy", 409, 1, True),
        ("ReindexIncomplete", "reindex_incomplete", 500, 1, False),
        ("ModelError", "model_error", 500, 1, False),
        ("ModelNotFound", "model_not_found", 404, 1, False),
        ("FeatureMismatch", "feature_mismatch", 409, 1, False),
        ("FingerprintMismatch", "fingerprint_mismatch", 409, 1, False),
    ],
)
def test_each_kind(name: str, kind: str, status: int, exit_code: int, retryable: bool) -> None:
    error = getattr(errors, name)("it broke")
    assert (error.kind, error.status, error.exit_code, error.retryable) == (kind, status, exit_code, retryable)


def test_the_list_above_is_whole() -> None:
    # The base and twelve kinds; the tree's drawing names each.
    assert len(TREE) == 13
    assert all(kind.__name__ in str(errors.__doc__) for kind in TREE)


@pytest.mark.parametrize("kind", TREE)
def test_errors_pass_between_processes_whole(kind: type[EtalageError]) -> None:
    for error in (kind("it broke", value="x" * 500, remedy="Mend it."), kind("it broke")):
        for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert type(other) is kind
            assert (other.reason, other.value, other.remedy) == (error.reason, error.value, error.remedy)
            assert str(other) == str(error)


def test_long_values_are_shortened() -> None:
    assert shorten("a" * 200) == "a" * 200
    assert shorten("a" * 201) == "a" * 199 + "…"
    assert shorten("a  b\n\tc ") == "a b c"
    assert shorten("\ud800x") == "?x"
    assert EtalageError("it broke", value=["a\n"] * 100).value == shorten(str(["a\n"] * 100))


@given(st.text(st.characters()), st.integers(1, 30))
def test_any_text_becomes_one_printable_line(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit and len(short.splitlines()) <= 1
    assert short.encode().decode() == short
    assert shorten(short, limit) == short

"""Related queries beside an answer: on a first page with words, and never instead of it."""

from __future__ import annotations

import logging
from pathlib import Path

import orjson
import pytest

from autocomplete.related import FILE, Related
from ranker.search import Answer
from workers.related import beside


def answer(searched: str) -> Answer:
    return Answer(0, [], {}, (), 0.0, searched=searched)


@pytest.fixture
def related(tmp_path: Path) -> Related:
    (tmp_path / FILE).write_bytes(orjson.dumps({"sofa": ["couch", "armchair"], "": ["rug"]}))
    return Related(tmp_path)


def test_a_first_page_with_words(related: Related) -> None:
    assert beside(related, answer("Sofa")) == {"related": ["couch", "armchair"]}
    assert beside(related, answer("Sofa"), start=10) == {}
    assert beside(related, answer("")) == beside(related, answer("unheard of")) == {}


@pytest.mark.parametrize("content", [b"{", b"[]", b"7"])
def test_a_file_that_cannot_be_read_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    (tmp_path / FILE).write_bytes(content)
    related = Related(tmp_path)
    with caplog.at_level(logging.WARNING, "workers.related"):
        assert beside(related, answer("sofa")) == beside(related, answer("sofa")) == {}
    assert len(caplog.records) == 1 and "Build the completions anew" in caplog.text

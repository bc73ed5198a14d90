from __future__ import annotations

import json
from pathlib import Path

import pytest

from etalage.core.encoders import lexicon


@pytest.mark.parametrize(
    ("vocabulary", "words"),
    [
        ({"[UNK]": 0, "disk": 1, "##ing": 2, "a": 3, "Disk": 4, "gs4x": 5}, {"disk"}),
        ([["<s>", 0.0], ["▁disk", -1.0], ["ette", -2.0], ["▁ab", -3.0]], {"disk"}),
        ({"Ġdisk": 0, "ette": 1}, {"disk"}),
    ],
)
def test_whole_words_of_a_tokenizer(tmp_path: Path, vocabulary: object, words: set[str]) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({"model": {"vocab": vocabulary}}), encoding="utf-8")
    assert lexicon.read(path) == words


@pytest.mark.parametrize("content", [None, "", "[]", '{"model": {}}', '{"model": {"vocab": [[]]}}'])
def test_without_one_there_are_no_words(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert lexicon.read(path) == frozenset()

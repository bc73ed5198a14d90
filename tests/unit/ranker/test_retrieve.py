"""What is retrieved, cut to a window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .features.candidates import retrieved, titles


def test_the_first_candidates_keep_every_column() -> None:
    whole = retrieved("red", titles("red", "blue", "red hat"), bm25=[[3.0], [2.0], [1.0]], looks=[0.3, 0.2, 0.1])
    pictures = np.arange(6, dtype=np.int8).reshape(3, 2)
    cut = replace(whole, candidates=replace(whole.candidates, pictures=pictures)).first(2)
    found = cut.candidates
    columns = (found.ids, found.near, found.lexical, found.fields, found.vectors, found.records, found.titles, found.pictures)
    assert [len(column) for column in columns] == [2] * 8
    assert (len(cut.cosines), len(cut.fused)) == (2, 2)
    np.testing.assert_allclose(cut.looks, [0.3, 0.2])
    assert found.pictures.tolist() == [[0, 1], [2, 3]]

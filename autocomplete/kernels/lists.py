"""What an index holds, as its kernels see it."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from autocomplete.kernels.compiled import Bytes, Ids, Scores, Whole, compiled, whole

INNER: Final = 0.3
"""What a completion that does not start with what was typed counts, of its score."""

WORDS: Final = 16
"""Words of a prefix that count."""


class Texts(NamedTuple):
    """The sorted texts: front-coded bytes, where blocks begin, the document of each (some have several), and minima of those."""

    data: Bytes
    blocks: Ids
    docs: Ids
    tree: Ids
    levels: Whole


class Lists(NamedTuple):
    """The words.

    Attributes:
        data, blocks: the sorted words, front-coded.
        firsts, tree, levels: the best document of each word, and minima of those.
        starts, docs: the documents of word w are docs[starts[w]:starts[w + 1]], ascending.
        begins, words: the words of document d, in order, are words[begins[d]:begins[d + 1]].
        scores: float32 by document, descending.
        categories: uint16 by document, 0 for none.
        kinds: uint8 by document: the type, and flags from 16 on.
        sieves, sifts: the sieves of long lists (`sieves`), and where that of each word begins (-1: none).
    """

    data: Bytes
    blocks: Ids
    firsts: Ids
    tree: Ids
    levels: Whole
    starts: Ids
    docs: Ids
    begins: Ids
    words: Ids
    scores: Scores
    categories: npt.NDArray[np.uint16]
    kinds: npt.NDArray[np.uint8]
    sieves: Bytes
    sifts: Whole


@compiled
def allowed(lists: Lists, wanted: Whole, doc: int) -> bool:
    """Whether a document is among the `wanted`: [categories from, categories to (0: all), types as bits (0: all), flags refused]."""
    if wanted[1] and not wanted[0] <= lists.categories[doc] < wanted[1]:
        return False
    kind = whole(lists.kinds[doc])
    return (wanted[2] == 0 or (wanted[2] >> (kind & 15)) & 1 == 1) and kind & wanted[3] == 0

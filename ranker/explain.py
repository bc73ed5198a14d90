"""Say why a hit stands where it stands: the numbers its score is made of, and a sentence."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from etalage.core.records import Floats
from opensearch import fields
from ranker import attribution, fuse, phrases, reasons
from ranker.attribution import Attribution
from ranker.features import FEATURES, NAMES
from ranker.reasons import Shares
from ranker.rerank import Ranker
from ranker.retrieve import Retrieved

TOP: Final = 5
"""Contributions of each hit that are told without being asked for."""

FAMILIES: Final = tuple(dict.fromkeys(feature.family for feature in FEATURES))

_MEMBERS: Final = np.array([[feature.family == name for name in FAMILIES] for feature in FEATURES], np.float32)


@dataclass(frozen=True, slots=True)
class Page:
    """What is explained: `rows` of the candidates, in order.

    Attributes:
        matrix: features of the window, float32 [n, F]; None where none were computed.
        scores: the ranker's, float32 [n]; None where it gave none.
        ranker: what gave them.
        full: whether everything is told.
        language: whose words the sentence is in (`phrases.language`).
        order: `browsed` or `sorted` where no score decides.
        picture: the vector that is compared is a picture's.
        moved: rows that rules of the shop moved.
    """

    retrieved: Retrieved
    rows: Sequence[int]
    matrix: Floats | None = None
    scores: Floats | None = None
    ranker: Ranker | None = None
    full: bool = False
    language: str = ""
    order: str = ""
    picture: bool = False
    moved: Container[int] = ()

    def ranked(self) -> list[int]:
        """The rows that have features."""
        return [] if self.matrix is None else [row for row in self.rows if row < len(self.matrix)]


def page(given: Page) -> list[dict[str, Any]]:
    """The parts of each hit: `parts`, why it is there as a sentence (`why`), and where the ranker's score comes from."""
    described = parts(given.retrieved, given.scores, given.rows)
    ranked, by_row = given.ranked(), dict(zip(given.rows, described, strict=True))
    told, shares = _attributed(given, ranked)
    if told is not None and shares is not None:
        for row, one in zip(ranked, _contributions(told, shares, full=given.full), strict=True):
            by_row[row] |= one
    if given.full:
        for row in ranked:
            by_row[row] |= _everything(given, row, explained=told is not None)
    said = reasons.sentences(
        given.retrieved,
        given.rows,
        shares,
        phrases.language(given.language, given.retrieved.query.text),
        order=given.order,
        picture=given.picture,
        moved=given.moved,
    )
    for one, sentence in zip(described, said, strict=True):
        one["why"] = sentence
    return described


def parts(retrieved: Retrieved, scores: Floats | None, rows: Sequence[int]) -> list[dict[str, Any]]:
    """The parts of some candidates' scores: BM25 (combined and of each field that matched), cosine, both as the hybrid score adds
    them (`normalized`), how well the picture fits the words (0 where they are not compared), rank in each list (0: not in it), the
    fused score, and the ranker's (None where it was not asked)."""
    found, chosen = retrieved.candidates, np.array(rows, np.int64)
    lexical = fuse.ranks(found.lexical, found.lexical > 0)[chosen].tolist()
    vector = fuse.ranks(retrieved.cosines, found.near)[chosen].tolist()
    bm25, fused = found.lexical[chosen], retrieved.fused[chosen]
    words = bm25 / np.float32(max(float(found.lexical.max(initial=0.0)), 1e-12))
    # The fused score is the mean of both.
    meaning = np.maximum(2.0 * fused - words, 0.0)
    given = bm25, retrieved.cosines[chosen], words, meaning, retrieved.looks[chosen], fused
    told = _rounded(np.concatenate([np.array(given).T, found.fields[chosen]], axis=1))
    ranked = [] if scores is None else _rounded(scores[chosen[chosen < len(scores)]])
    by_row = dict(zip([row for row in rows if scores is not None and row < len(scores)], ranked, strict=True))
    return [
        {
            "bm25": bm25,
            "fields": {name: value for name, value in zip(fields.TEXT, each, strict=True) if value},
            "cosine": cosine,
            "normalized": {"bm25": share, "cosine": near},
            "looks": looks,
            "rank": {"bm25": by_words, "vector": by_vector},
            "fused": fused,
            "ranker": by_row.get(row),
        }
        for row, (bm25, cosine, share, near, looks, fused, *each), by_words, by_vector in zip(
            rows, told, lexical, vector, strict=True
        )
    ]


def families(ranker: Ranker, matrix: Floats, row: int) -> dict[str, float]:
    """What each feature family adds to a candidate's score where the network is not known: the score less the score with that
    family's features at the list's mean (occlusion, Zeiler and Fergus 2014)."""
    mean = matrix.mean(axis=0)
    variants = np.repeat(matrix[row : row + 1], len(FAMILIES) + 1, axis=0)
    for number in range(len(FAMILIES)):
        columns = _MEMBERS[:, number] > 0
        variants[number + 1, columns] = mean[columns]
    scores = ranker.score(variants)
    return {name: round(float(scores[0] - scores[number + 1]), 4) for number, name in enumerate(FAMILIES)}


def features(matrix: Floats, row: int) -> dict[str, float]:
    """A candidate's feature values by name."""
    return dict(zip(NAMES, _rounded(matrix[row]), strict=True))


def _attributed(given: Page, ranked: list[int]) -> tuple[Attribution | None, Shares | None]:
    """Where the scores of the `ranked` rows come from; None where that is not known."""
    model = None if given.ranker is None else given.ranker.network
    if model is None or given.matrix is None or given.scores is None or not ranked:
        return None, None
    mean: Floats = np.add.reduce(given.matrix, axis=0) / np.float32(len(given.matrix))
    values = given.matrix[ranked]
    told = attribution.attribute(model, values, mean, given.scores[ranked])
    return told, None if told is None else Shares(ranked, values, told.shares, mean)


def _contributions(told: Attribution, shares: Shares, *, full: bool) -> list[dict[str, Any]]:
    """What adds most to each score, and the sum of what is not listed, so that `baseline`, contributions, `others` and `rest` are
    the score; all of it and the families' sums when `full`."""
    added, at = told.shares, np.arange(len(told.shares))[:, None]
    most = _largest(np.abs(added), len(NAMES) if full else TOP)
    listed, count = added[at, most], most.shape[1]
    others = added.sum(axis=1) - listed.sum(axis=1)
    numbers = _rounded(np.concatenate([shares.values[at, most], listed, others[:, None], told.rest[:, None]], axis=1))
    baseline = round(told.baseline, 4)
    found = [
        {
            "baseline": baseline,
            "contributions": [
                {"feature": NAMES[at], "value": value, "contribution": share}
                for at, value, share in zip(names, row[:count], row[count:-2], strict=True)
            ],
            "others": row[-2],
            "rest": row[-1],
        }
        for names, row in zip(most.tolist(), numbers, strict=True)
    ]
    if full:
        for one, sums in zip(found, _rounded(added @ _MEMBERS), strict=True):
            one["families"] = dict(zip(FAMILIES, sums, strict=True))
    return found


def _largest(sizes: Floats, count: int) -> npt.NDArray[np.int64]:
    """The places of the `count` largest of each row, in order, ties by place: int64 [n, count]."""
    if count > TOP:
        return np.argsort(-sizes, axis=1, kind="stable")[:, :count]
    # A few times the largest of what is left is found faster than all are sorted.
    left, rows, found = sizes.copy(), np.arange(len(sizes)), np.empty((len(sizes), count), np.int64)
    for number in range(count):
        found[:, number] = most = left.argmax(axis=1)
        left[rows, most] = -1
    return found


def _everything(given: Page, row: int, *, explained: bool) -> dict[str, Any]:
    """A hit's features, and how its families' shares were computed: by occlusion where the network is not known."""
    found: dict[str, Any] = {}
    if given.matrix is not None:
        found["features"] = features(given.matrix, row)
        if given.ranker is not None and given.scores is not None:
            found["method"] = "integrated gradients" if explained else "occlusion"
            found |= {} if explained else {"families": families(given.ranker, given.matrix, row)}
    return found


def _rounded(values: Floats) -> list[Any]:
    """Values as Python's, with 4 decimals."""
    rounded: list[Any] = values.astype(np.float64).round(4).tolist()
    return rounded

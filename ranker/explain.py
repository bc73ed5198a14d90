"""Say why a hit stands where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from etalage.core.records import Floats
from opensearch import fields
from ranker import fuse
from ranker.features import FEATURES, NAMES
from ranker.rerank import Ranker
from ranker.retrieve import Retrieved


def parts(retrieved: Retrieved, scores: Floats | None, rows: Sequence[int]) -> list[dict[str, Any]]:
    """The parts of some candidates' scores: BM25 (combined and of each field that matched), cosine, how well the
    picture fits the words (0 where they are not compared), rank in each list (0: not in it), the fused score, and the ranker's (None where it was not asked)."""
    found = retrieved.candidates
    lexical = fuse.ranks(found.lexical, found.lexical > 0).tolist()
    vector = fuse.ranks(retrieved.cosines, found.near).tolist()
    names = list(fields.TEXT)
    return [
        {
            "bm25": round(float(found.lexical[row]), 4),
            "fields": {
                name: round(float(value), 4) for name, value in zip(names, found.fields[row], strict=True) if value
            },
            "cosine": round(float(retrieved.cosines[row]), 4),
            "looks": round(float(retrieved.looks[row]), 4),
            "rank": {"bm25": lexical[row], "vector": vector[row]},
            "fused": round(float(retrieved.fused[row]), 4),
            "ranker": None if scores is None or row >= len(scores) else round(float(scores[row]), 4),
        }
        for row in rows
    ]


def families(ranker: Ranker, matrix: Floats, row: int) -> dict[str, float]:
    """What each feature family adds to a candidate's score: the score less the score with that family's features at the
    list's mean (occlusion, Zeiler and Fergus 2014)."""
    mean = matrix.mean(axis=0)
    names = list(dict.fromkeys(feature.family for feature in FEATURES))
    variants = np.repeat(matrix[row : row + 1], len(names) + 1, axis=0)
    for number, name in enumerate(names):
        columns = [at for at, feature in enumerate(FEATURES) if feature.family == name]
        variants[number + 1, columns] = mean[columns]
    scores = ranker.score(variants)
    return {name: round(float(scores[0] - scores[number + 1]), 4) for number, name in enumerate(names)}


def features(matrix: Floats, row: int) -> dict[str, float]:
    """A candidate's feature values by name."""
    return {name: round(float(value), 4) for name, value in zip(NAMES, matrix[row], strict=True)}

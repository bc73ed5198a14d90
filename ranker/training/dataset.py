"""Training rows: the features of each judged query's candidates, computed by the code that serves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from etalage.core.encoders import Encoder
from etalage.core.records import Floats
from opensearch.engine import Request, SearchEngine
from ranker import features, retrieve
from ranker.query import understand
from ranker.training.judgments import Qrels


@dataclass(frozen=True, slots=True)
class Group:
    """One query's candidates.

    Attributes:
        ids: n document ids.
        features: float32 [n, F].
        gains: float32 [n], 2^rating - 1, 0 for unjudged candidates.
        lexical, fused: float32 [n], scores of the arms that a model is compared with.
        ratings: all of the query's judgments, also those not among the candidates.
    """

    query: str
    ids: list[str]
    features: Floats
    gains: Floats
    lexical: Floats
    fused: Floats
    ratings: dict[str, float]


def build(
    engine: SearchEngine,
    index: str,
    encoder: Encoder,
    qrels: Qrels,
    *,
    window: int,
    neighbours: int,
    progress: Callable[[Iterable[str]], Iterable[str]] = lambda queries: queries,
) -> list[Group]:
    """A group for every query with a rating above zero, also where no candidate is relevant: that counts against every arm
    of a report.

    Raises:
        EngineError, QueryError, FingerprintMismatch: as a search would.
    """
    groups = []
    for text in progress([text for text, ratings in qrels.items() if max(ratings.values()) > 0]):
        query = understand(text)
        request = Request(query.text, encoder.encode_query(query.text), neighbours, 0, window)
        retrieved = retrieve.candidates(engine, index, query, request)
        found, ratings = retrieved.candidates, qrels[text]
        gains = np.array([2.0 ** ratings.get(one, 0.0) - 1.0 for one in found.ids], np.float32)
        matrix = features.matrix(retrieved)
        groups.append(Group(text, found.ids, matrix, gains, found.lexical, retrieved.fused, ratings))
    return groups


def split(groups: Sequence[Group], shares: Sequence[float], seed: int) -> list[list[Group]]:
    """The groups in parts by query, at random: one part per share, and the rest as the last."""
    order = sorted(groups, key=lambda group: group.query)
    Random(seed).shuffle(order)
    parts, start, total = [], 0, 0.0
    for share in shares:
        total += share
        end = round(total * len(order))
        parts.append(order[start:end])
        start = end
    return [*parts, order[start:]]

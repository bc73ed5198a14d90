"""Training rows: the features of each judged query's candidates, computed by the code that serves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from etalage.core.encoders import Encoder
from etalage.core.records import Floats
from opensearch.engine import Request, SearchEngine
from ranker import features, retrieve
from ranker.query import understand
from ranker.sight import Sight
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
    sight: Sight | None = None,
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
        retrieved = retrieve.candidates(engine, index, query, request, sight)
        found, ratings = retrieved.candidates, qrels[text]
        gains = np.array([2.0 ** ratings.get(one, 0.0) - 1.0 for one in found.ids], np.float32)
        matrix = features.matrix(retrieved)
        groups.append(Group(text, found.ids, matrix, gains, found.lexical, retrieved.fused, ratings))
    return groups


def blind(group: Group) -> Group:
    """The group as if no picture had been compared with the query: a ranker that also learns from these serves shops without
    pictures as well."""
    columns = [number for number, feature in enumerate(features.FEATURES) if feature.family == "looks"]
    unseen = group.features.copy()
    unseen[:, columns] = [features.FEATURES[number].missing for number in columns]
    return replace(group, features=unseen)


def split(groups: Sequence[Group], shares: Sequence[float], seed: int) -> list[list[Group]]:
    """The groups in parts by query, at random: one part per share of the queries, and the rest as the last. Groups of one query
    stay together."""
    order = sorted({group.query for group in groups})
    Random(seed).shuffle(order)
    ends = np.round(np.cumsum(shares) * len(order)).astype(int).tolist()
    part = {query: int(np.searchsorted(ends, place, side="right")) for place, query in enumerate(order)}
    found: list[list[Group]] = [[] for _ in range(len(shares) + 1)]
    for group in sorted(groups, key=lambda group: group.query):
        found[part[group.query]].append(group)
    return found

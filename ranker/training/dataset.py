"""Training rows: the features of each judged query's candidates, computed by the code that serves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

import numpy as np

from etalage.core.artifact import query_hash
from etalage.core.encoders import Encoder
from etalage.core.errors import EngineError
from etalage.core.records import Floats
from opensearch.engine import Generation, Ids, Request, SearchEngine
from ranker import adapt, features, retrieve
from ranker.adapt import Adaptation
from ranker.behaviour.associations import Watched
from ranker.floor import Floor
from ranker.sight import Sight
from ranker.taste import check, taste
from ranker.training.judgments import Qrels
from ranker.understanding import Understanding

SHARES: Final = (0.64, 0.16)
"""Shares of the judged queries that train and validate; the others test."""


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


def serving(engine: SearchEngine, index: str, encoder: Encoder) -> Generation:
    """The generation that serves an index. Raises EngineError where none does, and FingerprintMismatch where it was built with another
    encoder."""
    found = engine.serving(index)
    if found is None:
        raise EngineError("the index does not exist", value=index, remedy="Run: etalage index FILE.")
    retrieve.verify(index, found.spec, encoder)
    return found


def build(
    engine: SearchEngine,
    index: str,
    encoder: Encoder,
    qrels: Qrels,
    *,
    window: int,
    neighbours: int,
    sight: Sight | None = None,
    clicked: Watched | None = None,
    adaptation: Adaptation | None = None,
    understanding: Understanding | None = None,
    judged_only: bool = False,
    floor: Floor | None = None,
    recent: Mapping[str, Sequence[str]] | None = None,
    progress: Callable[[Iterable[str]], Iterable[str]] = lambda queries: queries,
) -> list[Group]:
    """A group for every query with a rating above zero, also where no candidate is relevant: that counts against every arm
    of a report. Queries that the adapter was trained on keep the encoder's vectors: it finds for them what it finds for no other query,
    and a ranker that learnt from that would trust vectors too much. With `judged_only` the candidates are exactly the judged products.
    `recent` holds what the shopper of a query had looked at before, newest first.

    Raises:
        EngineError, QueryError, FingerprintMismatch: as a search would.
        ModelError: the adapter cannot be used.
    """
    groups = []
    used = None if adaptation is None else adaptation.current(encoder.fingerprint)
    seen = frozenset[str]() if used is None else frozenset(used.manifest.queries)
    reader = understanding or Understanding.plain()
    for text in progress(answered(qrels)):
        query = reader.read(text)
        meaning = adapt.encode(encoder, query.text, None if query_hash(text) in seen else adaptation)
        least = None if floor is None else floor.now()
        request = Request(query.lexical, meaning.near, neighbours, 0, window, floor=least)
        if judged_only:
            judged = tuple(sorted(qrels[text]))
            request = replace(request, k=len(judged), size=len(judged), filters=(Ids(judged),), floor=None)
        retrieved = retrieve.candidates(engine, index, query, request, sight, meaning.words, clicked)
        if recent is not None:
            retrieved = replace(retrieved, taste=taste(engine, index, check(recent.get(text, ()))))
        found, ratings = retrieved.candidates, qrels[text]
        gains = np.array([2.0 ** ratings.get(one, 0.0) - 1.0 for one in found.ids], np.float32)
        matrix = features.matrix(retrieved)
        groups.append(Group(text, found.ids, matrix, gains, found.lexical, retrieved.fused, ratings))
    return groups


def answered(qrels: Qrels) -> list[str]:
    """The queries with a rating above zero."""
    return [text for text, ratings in qrels.items() if max(ratings.values()) > 0]


def blind(group: Group) -> Group:
    """The group as if no picture had been compared with the query, nobody had clicked anything, and nothing were known of the shopper: a
    ranker that also learns from these serves shops without pictures or behaviour as well."""
    return without(group, ("looks", "behaviour", "shopper"))


def without(group: Group, families: Collection[str]) -> Group:
    """The group as if the features of some families were missing."""
    columns = [number for number, one in enumerate(features.FEATURES) if one.family in families]
    unseen = group.features.copy()
    unseen[:, columns] = [features.FEATURES[number].missing for number in columns]
    return replace(group, features=unseen)


def split(groups: Sequence[Group], shares: Sequence[float], seed: int) -> list[list[Group]]:
    """The groups in parts by query, at random: one part per share of the queries, and the rest as the last. Groups of one query
    stay together."""
    texts = split_queries([group.query for group in groups], shares, seed)
    part = {query: number for number, queries in enumerate(texts) for query in queries}
    found: list[list[Group]] = [[] for _ in range(len(shares) + 1)]
    for group in sorted(groups, key=lambda group: group.query):
        found[part[group.query]].append(group)
    return found


def split_queries(queries: Iterable[str], shares: Sequence[float], seed: int) -> list[list[str]]:
    """Different queries in parts, at random: one part per share, and the rest as the last. It depends on the set of queries, the
    shares and the seed alone, so that an adapter and a ranker keep the same queries apart."""
    order = sorted(set(queries))
    Random(seed).shuffle(order)
    ends = np.round(np.cumsum(shares) * len(order)).astype(int).tolist()
    return [order[start:end] for start, end in zip([0, *ends], [*ends, len(order)], strict=True)]

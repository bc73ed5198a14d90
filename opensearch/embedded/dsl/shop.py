"""A shop's own query as the source of a search's lexical candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from etalage.core.records import Floats
from opensearch.embedded.dsl import body
from opensearch.embedded.dsl.aggregations import AggregationReader, Tree, collected
from opensearch.embedded.dsl.catalog import Catalog, Mask
from opensearch.embedded.dsl.clauses import Clause, Match, Run
from opensearch.embedded.dsl.kinds import AGGREGATIONS
from opensearch.embedded.dsl.queries import reader
from opensearch.embedded.dsl.search import above, now
from opensearch.engine import Shop


@dataclass(frozen=True, slots=True)
class Found:
    """What a shop's query found.

    Attributes:
        allowed: which documents the constraints let through.
        kept: which the post filter lets through.
        matched: which the query matches, under the constraints.
        scores: its scores.
    """

    run: Run
    tree: Tree
    allowed: Mask
    kept: Mask
    matched: Mask
    scores: Floats

    def aggregations(self, mask: Mask) -> dict[str, Any]:
        """The aggregations over the documents of `mask`."""
        return collected(self.tree, self.run, Match(mask, np.where(mask, self.scores, np.float32(0))))


@np.errstate(over="ignore", invalid="ignore")
def lexical(catalog: Catalog, shop: Shop, mask: Mask | None, timeout: float | None) -> Found:
    """What the shop's query matches, of the documents in `mask`.

    Raises:
        QueryError: a clause is not valid, or not known.
        EngineTimeout: it took longer than `timeout` seconds.
    """
    queries = reader(catalog.dims, now())
    query = queries.query(shop.query, "query")
    constraints = [queries.query(one, f"constraints[{number}]") for number, one in enumerate(shop.constraints)]
    after = [] if shop.post_filter is None else [queries.query(shop.post_filter, "post_filter")]
    tree = AggregationReader(AGGREGATIONS, queries, query).tree(body.mapping(shop.aggregations, "aggs"), "aggs")
    run = Run(catalog, timeout)
    allowed = _all(run, constraints)
    allowed = allowed if mask is None else allowed & mask
    found = above(query.find(run), shop.min_score)
    return Found(run, tree, allowed, _all(run, after), found.mask & allowed, found.scores)


def fitting(catalog: Catalog, clause: Mapping[str, Any]) -> Mask:
    """The documents that a clause matches. Raises QueryError for one that is not valid."""
    return reader(catalog.dims, now()).query(clause, "filter").find(Run(catalog)).mask


def _all(run: Run, clauses: Sequence[Clause]) -> Mask:
    """The documents that every clause matches."""
    mask = np.ones(run.size, bool)
    for clause in clauses:
        mask &= clause.find(run).mask
    return mask

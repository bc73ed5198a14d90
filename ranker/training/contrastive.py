"""What a text encoder is tuned on: batches of judged queries and products, hard negatives, and the loss.

The loss is ListNet's (Cao et al. 2007) over the products of a batch, with graded gains. Negatives are the other queries' products
and hard ones: products judged irrelevant, and neighbours that nobody judged (Xiong et al. 2021, arXiv:2007.00808). Neighbours that are
about as near as a relevant product may be relevant themselves and are no negatives (de Souza et al. 2024, arXiv:2407.15831).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from etalage.core import onnx
from etalage.core.records import Floats
from ranker.training.residual import Products, nearest

HEAT: Final = 20.0
"""What cosines are multiplied by before the softmax: 1 / temperature."""

MARGIN: Final = 0.05
"""An unjudged product is a negative only if its cosine is this much below that of the query's nearest relevant product."""

POSITIVES, NEGATIVES = 2, 2
"""Most relevant products and hard negatives of a query in a batch."""

_HARD: Final = 50
_CHUNK: Final = 256


@dataclass(frozen=True, slots=True)
class Lessons:
    """What n queries teach, by the encoder that is to be tuned.

    Attributes:
        vectors: float32 [n, d], the queries as the encoder has them now.
        gains: per query, the gain 2^rating - 1 of each relevant product's row; none is empty.
        irrelevant: per query, the rows of products judged irrelevant.
        products: what is searched, as it is indexed now.
    """

    vectors: Floats
    gains: list[dict[int, float]]
    irrelevant: list[list[int]]
    products: Products

    def limit(self, query: int) -> float:
        """The cosine from which on an unjudged product may be relevant to a query."""
        relevant = list(self.gains[query])
        return float((self.products.vectors[relevant] @ self.vectors[query]).max()) - MARGIN


@dataclass(frozen=True, slots=True)
class Batch:
    """b queries and the m products that they are compared with: rows of both, what share of its query's gain each product has,
    float32 [b, m], and which are left out for a query, bool [b, m]."""

    queries: list[int]
    products: list[int]
    targets: Floats
    unsure: npt.NDArray[np.bool_]


def mine(lessons: Lessons) -> list[list[int]]:
    """Hard negatives of each query: what was judged irrelevant, then its nearest products that are neither relevant nor may be; at most
    50 neighbours each, an empty list where there are none."""
    found: list[list[int]] = []
    for start in range(0, len(lessons.vectors), _CHUNK):
        for query, rows in enumerate(
            nearest(lessons.vectors[start : start + _CHUNK], lessons.products, 2 * _HARD), start
        ):
            judged = {*lessons.irrelevant[query], *lessons.gains[query]}
            sure = lessons.products.vectors[rows] @ lessons.vectors[query] <= lessons.limit(query)
            kept = [row for row, one in zip(rows, sure, strict=True) if one and row not in judged]
            found.append([*lessons.irrelevant[query], *kept[:_HARD]])
    return found


def batch(queries: list[int], lessons: Lessons, hard: list[list[int]], generator: np.random.Generator) -> Batch:
    """A batch of queries, some relevant products of each, drawn by gain, and some of its hard negatives."""
    chosen: set[int] = set()
    for query in queries:
        relevant, worth = list(lessons.gains[query]), np.array(list(lessons.gains[query].values()))
        count = min(POSITIVES, len(relevant))
        chosen.update(generator.choice(relevant, count, replace=False, p=worth / worth.sum()).tolist())
        if hard[query]:
            chosen.update(generator.choice(hard[query], min(NEGATIVES, len(hard[query])), replace=False).tolist())
    columns = sorted(chosen)
    targets = np.array([[lessons.gains[query].get(column, 0.0) for column in columns] for query in queries], np.float32)
    known = np.array([[column in lessons.irrelevant[query] for column in columns] for query in queries])
    limits = np.array([[lessons.limit(query)] for query in queries])
    near = lessons.vectors[queries] @ lessons.products.vectors[columns].T > limits
    return Batch(queries, columns, targets / targets.sum(axis=1, keepdims=True), near & (targets == 0) & ~known)


def loss(queries: Any, products: Any, one: Batch) -> Any:
    """Mean cross-entropy of the softmax of cosines with the targets, without what is left out: tensors float32 [b, d] and [m, d],
    unit length → a scalar."""
    torch = onnx.extra("torch")
    scores = (HEAT * queries @ products.T).masked_fill(torch.from_numpy(one.unsure).to(queries.device), -1e4)
    targets = torch.from_numpy(one.targets).to(queries.device)
    return -(targets * torch.log_softmax(scores, 1)).sum(1).mean()

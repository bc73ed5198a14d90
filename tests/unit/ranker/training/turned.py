"""A shop whose shoppers mean something else than they say: each query is its product's vector, turned away by a fixed rotation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from etalage.core.encoders import Kind
from etalage.core.records import Floats
from opensearch.engine import Generation, IndexSpec
from ranker.training.judgments import Judgments

DIM = 64


def unit(rows: npt.NDArray[Any]) -> Floats:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def rotation(angle: float, dim: int = DIM) -> npt.NDArray[np.float64]:
    """Turns each pair of components by an angle."""
    turn = np.eye(dim)
    for first in range(0, dim, 2):
        turn[first : first + 2, first : first + 2] = [
            [np.cos(angle), -np.sin(angle)],
            [np.sin(angle), np.cos(angle)],
        ]
    return turn


class Shop:
    """An engine, an encoder and judgments at once: query `q7` means product `p7`; titles are encoded as themselves."""

    name, dim, fingerprint = "turned", DIM, "t1"

    def __init__(self, products: int = 400, queries: int = 200, angle: float = 0.9, noise: float = 0.05) -> None:
        random = np.random.default_rng(5)
        self.products = unit(random.standard_normal((products, DIM)))
        turned = self.products[:queries] @ rotation(angle) + noise * random.standard_normal((queries, DIM))
        self.known = {f"q{row}": vector for row, vector in enumerate(unit(turned))}
        self.known |= {f"title {row}": vector for row, vector in enumerate(self.products)}
        self.judged = Judgments({f"q{row}": {f"p{row}": 1.0, "p399": 0.0} for row in range(queries)}, {}, "digest")
        spec = IndexSpec(self.name, self.fingerprint, DIM)
        self.generation: Generation | None = Generation("products-1", "products", spec, True)

    # the encoder
    def encode(self, texts: Sequence[str], *, kind: Kind) -> Floats:
        return np.stack([self.known[text] for text in texts])

    def encode_query(self, text: str) -> Floats:
        return self.known[text]

    # what training asks of an engine
    def serving(self, index: str) -> Generation | None:
        return self.generation

    def ids(self, generation: str) -> Iterator[str]:
        return iter([*(f"p{row}" for row in range(len(self.products))), "without a vector"])

    def get(self, generation: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        return {one: {"id": one, "title": f"title {one[1:]}"} for one in ids}

    def vectors(self, generation: str, ids: Sequence[str]) -> dict[str, tuple[Floats | None, Floats | None]]:
        return {one: (self.products[int(one[1:])] if one[0] == "p" else None, None) for one in ids}

"""Record requests with what the ranker makes of them, for those who compute the same in another language (`python -m etalage.demo.golden FILE`).

One JSON object a line, compressed: the understood query, the candidates as a node gives them, the feature matrix, the scores, the order.
Arrays are base64 of their little-endian bytes, row by row. Nothing is known of pictures, of earlier clicks for a query, or of the shopper.
"""

from __future__ import annotations

import argparse
import gzip
import random
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from etalage.core import artifact
from etalage.core.encoders import Encoder
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import ModelNotFound
from etalage.core.records import Product
from etalage.core.settings import load
from etalage.demo.queries import make_queries
from etalage.demo.shop import Shop, make_shop
from indexer import documents
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import IndexSpec, Request, SearchEngine
from ranker import features, retrieve
from ranker.query import understand
from ranker.rerank import STARTER, Ranker
from ranker.scores import by_score, final_scores
from workers import parts

WINDOW: Final = 200
NEIGHBOURS: Final = 100
FEW: Final = (1, 2, 3, 7, 20, 61)
"""Windows of every tenth request: short lists."""

_INDEX: Final = "golden"
_BATCH: Final = 256
_ODD: Final = (
    "sofa sofa sofa",
    "case for phone for sofa with case",
    "in 24 in 24 in",
    "12 gauge wire 5 gal 12",
    "qqxzvw",
    "for",
    "MX-500 a",
    " ".join(f"word{number} table" for number in range(40)),
)
"""Queries that nobody makes up by a product: repeated words, nothing but small words, nothing that matches, more terms than count."""


@dataclass(frozen=True, slots=True)
class Recorder:
    """What answers the requests."""

    engine: SearchEngine
    encoder: Encoder
    ranker: Ranker

    def record(self, typed: str, window: int = WINDOW, *, vectors: bool = True) -> dict[str, Any]:
        """One request as it is written."""
        query = understand(typed)
        vector = self.encoder.encode_query(query.text) if vectors else None
        request = Request(query.lexical, vector, NEIGHBOURS, size=window)
        head = retrieve.candidates(self.engine, _INDEX, query, request)
        found = head.candidates
        matrix = features.matrix(head)
        scores = self.ranker.score(matrix)
        final = final_scores(head, scores)
        rows = zip(found.records, found.vectors, found.titles, strict=True)
        return {
            "text": query.text,
            "stems": _packed(query.stems, "<u4"),
            "surfaces": _packed(query.surfaces, "<u4"),
            "kinds": _packed(query.kinds, "u1"),
            "models": _packed(query.models, "<u4"),
            "number": query.number,
            "vector": None if vector is None else _packed(vector, "<f4"),
            "dim": found.spec.dim,
            "dim_image": found.spec.dim_image,
            "ids": found.ids,
            "near": _packed(found.near, "u1"),
            "lexical": _packed(found.lexical, "<f4"),
            "fields": _packed(found.fields, "<f4"),
            "rows": [_text(row.tobytes() + held.tobytes() + title.encode()) for row, held, title in rows],
            "cosines": _packed(head.cosines, "<f4"),
            "fused": _packed(head.fused, "<f4"),
            "features": _packed(matrix, "<f4"),
            "scores": _packed(scores, "<f4"),
            "final": _packed(final, "<f8"),
            "order": _packed(np.array(by_score(final, found.ids), np.int64), "<i4"),
        }


def main() -> None:
    """Make a shop, search it, and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--products", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--home", type=Path, help="where the shop is indexed; a temporary folder unless given")
    given = parser.parse_args()
    try:
        encoder = parts.encoder_of(load())
    except ModelNotFound:
        encoder = HashingEncoder()
    shop = make_shop(given.seed, given.products)
    with TemporaryDirectory() as folder:
        write(given.file, shop, encoder, given.home or Path(folder), given.requests)


def write(file: Path, shop: Shop, encoder: Encoder, home: Path, requests: int) -> None:
    """Write that many requests to a shop; the same ones give the same bytes."""
    ranker = Ranker(artifact.load(STARTER))
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(EmbeddedEngine(load(home=home))) as engine:
        serve(engine, shop, encoder)
        recorder = Recorder(engine, encoder, ranker)
        # No name and no time in the header.
        with file.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as out:
            for number, typed in enumerate(_typed(shop, requests)):
                window = FEW[number // 10 % len(FEW)] if number % 10 == 9 else WINDOW
                out.write(
                    orjson.dumps(
                        recorder.record(typed, window, vectors=number % 25 != 24), option=orjson.OPT_APPEND_NEWLINE
                    )
                )


def serve(engine: SearchEngine, shop: Shop, encoder: Encoder) -> None:
    """Index a shop; most products get rates of clicks and purchases, and some lack a vector."""
    generation = engine.create(_INDEX, IndexSpec(encoder.name, encoder.fingerprint, encoder.dim))
    sources = [documents.source(product) for product in _rated(shop)]
    for start in range(0, len(sources), _BATCH):
        batch = sources[start : start + _BATCH]
        vectors = encoder.encode([documents.passage(one) for one in batch], kind="passage")
        written = [
            documents.document(
                one, *documents.hashes(one, encoder.fingerprint, b""), vector if number % 23 else None, None
            )
            for number, (one, vector) in enumerate(zip(batch, vectors, strict=True))
        ]
        engine.write(generation.name, written)
    engine.refresh(generation.name)
    engine.swap(_INDEX, generation.name)


def _rated(shop: Shop) -> Iterator[Product]:
    rng = random.Random(f"{shop.seed}:golden")
    for product in shop.products:
        rates = [round(rng.betavariate(2, 30), 5) if rng.random() < 0.8 else None for _ in range(2)]
        yield replace(product, click_rate=rates[0], purchase_rate=rates[1])


def _typed(shop: Shop, requests: int) -> list[str]:
    """The odd queries, some that name a product by its number, and what the shop's shoppers type."""
    numbered = [product for product in shop.products if product.attributes.get("ean")][:4]
    named = [*(product.attributes["ean"][0] for product in numbered), *(product.id for product in shop.products[:2])]
    made = [query.text for query in make_queries(shop, max(requests, 1))]
    return [*_ODD, *named, *made][:requests]


def _packed(values: npt.NDArray[Any] | Sequence[Any], kind: str) -> str:
    return _text(np.asarray(values).astype(kind).tobytes())


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()


if __name__ == "__main__":
    main()

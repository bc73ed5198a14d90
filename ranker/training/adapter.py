"""Train an adapter of a shop's queries on judgments, measure it, and keep it if vectors find more with it than without.

What is measured is the arm `vector` of `etalage evaluate`, against all products that were read, with the int8 model that serves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from etalage.core import artifact, onnx
from etalage.core.encoders import Encoder, adapter
from etalage.core.encoders.adapter import Adapter, AdapterManifest
from etalage.core.errors import EngineError, ModelError
from etalage.core.records import Floats
from opensearch.engine import Generation, SearchEngine
from ranker import metrics
from ranker.query import understand
from ranker.training import dataset, residual
from ranker.training.judgments import Judgments, Qrels
from ranker.training.residual import Fitted, Found, Judged, Products, Residual
from ranker.understanding import Understanding

LIMIT: Final = 200_000
"""Most products that queries are compared with; beyond, the judged ones and a sample are."""

MIN_TRAIN: Final = 50
"""Fewest queries to train on."""

COSINE: Final = 0.995
_TITLES: Final = 2000
_READ: Final = 500
_TIMED: Final = 200

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train: `seed` of the split and of training; with `force` the adapter is kept whatever was measured; `understanding` is
    what queries are understood with, as in searches."""

    minutes: float = 5.0
    seed: int = 0
    force: bool = False
    trained_on: str = ""
    understanding: Understanding | None = None


def train(
    engine: SearchEngine,
    index: str,
    encoder: Encoder,
    judgments: Judgments,
    folder: Path,
    plan: Plan,
    tell: Tell = lambda doing: None,
) -> dict[str, Any]:
    """Train on most queries, report on queries kept apart (`dataset.split_queries`, as the ranker does), and write the adapter into
    `folder` if nDCG@10 is higher than without one on validation and test queries, recall@100 no lower, and nDCG@10 on test queries no
    lower than with the adapter in use.

    `tell` is told what is being done.

    Returns:
        `{adapter, saved, refused, queries: {train, validation, test, without_product}, products: {read, of}, fit: {epochs, share,
        validation}, validation, test: {measure: {without, with, difference, p}}, before, cosine: {queries, titles}, parity: {cosine,
        bytes}, microseconds}`. `refused` says why it was not kept; `before` is nDCG@10 with the adapter in use; `cosine` is that of
        vectors with and without the adapter, of test queries and of products' titles.

    Raises:
        ConfigError: torch is not installed.
        EngineError: nothing serves the index.
        FingerprintMismatch: it was built with another encoder.
        ModelError: there are too few judged queries, or the exported model failed its parity gate.
    """
    for module in ("torch", "onnx"):
        onnx.extra(module)
    serving = dataset.serving(engine, index, encoder)
    answered = dataset.answered(judgments.qrels)
    parts = dataset.split_queries(answered, dataset.SHARES, plan.seed)
    enough(len(parts[0]), "an adapter")
    tell("reading products")
    products, total = read_products(engine, serving, judgments.documents, plan.seed)
    tell("encoding queries")
    reader = plan.understanding or Understanding.plain()
    judged = [judged_of(texts, judgments.qrels, encoder, products, reader) for texts in parts]
    anchors, titles = _titles(engine, serving, encoder, products, plan.seed)
    useful = [row for row, gains in enumerate(judged[0].gains) if gains]
    enough(len(useful), "an adapter")
    training, validation, test = judged[0].take(useful), judged[1], judged[2]
    tell("training")
    fitted = residual.fit(training, validation, products, anchors, minutes=plan.minutes, seed=plan.seed)
    tell("measuring")
    model, cosine = export(fitted.residual, np.concatenate([validation.vectors, test.vectors]))
    made = Adapter(_manifest(serving, model, [*parts[0], *parts[1]], plan), model)
    figures: dict[str, Any] = {
        "queries": {
            "train": len(useful), "validation": len(parts[1]), "test": len(parts[2]),
            "without_product": len(parts[0]) - len(useful),
        },
        "products": {"read": len(products.ids), "of": total},
        "fit": _recipe(fitted),
        "validation": _compared(made, validation, products)[0],
    }  # fmt: skip
    figures["test"], after = _compared(made, test, products)
    figures["before"] = _before(folder, encoder, test, products)
    figures["cosine"] = {
        name: round(float(np.mean(onnx.row_cosine(vectors, _each(made, vectors)))), 4)
        for name, vectors in (("queries", test.vectors), ("titles", titles))
    }
    figures["parity"] = {"cosine": cosine, "bytes": len(model)}
    figures["microseconds"] = _cost(made, test.vectors)
    refused = _refused(figures, float(np.mean(after.ndcg)))
    saved = plan.force or not refused
    if saved:
        adapter.save(folder, made.manifest.model_copy(update={"metrics": figures}), model)
    return {"adapter": made.manifest.name, "saved": saved, "refused": refused, **figures}


def enough(found: int, what: str) -> None:
    """Refuse to train something on fewer than `MIN_TRAIN` queries. Raises ModelError."""
    if found < MIN_TRAIN:
        raise ModelError(
            f"there are too few judged queries to train {what} on",
            value=f"{found} to train on with a relevant product in the index",
            remedy=f"Judge at least {round(MIN_TRAIN / dataset.SHARES[0]) + 1} queries with products that are in the index.",
        )


def read_products(
    engine: SearchEngine, generation: Generation, judged: set[str], seed: int = 0, limit: int | None = None
) -> tuple[Products, int]:
    """Products of a generation that have a text vector, by id, and how many products there are; where there are more than `limit`
    (`LIMIT` unless given), the judged ones and a sample."""
    ids = sorted(engine.ids(generation.name))
    total, limit = len(ids), limit or LIMIT
    if total > limit:
        others = [one for one in ids if one not in judged]
        kept = [one for one in ids if one in judged]
        ids = sorted(kept + Random(seed).sample(others, max(0, limit - len(kept))))
    names, vectors = [], []
    for start in range(0, len(ids), _READ):
        batch = ids[start : start + _READ]
        found = engine.vectors(generation.name, batch)
        for one in batch:
            text = found.get(one, (None, None))[0]
            if text is not None:
                names.append(one)
                vectors.append(text)
    if not names:
        raise EngineError("no product has a text vector", value=generation.name, remedy="Index the catalog again.")
    return Products(names, np.stack(vectors).astype(np.float32, copy=False)), total


def judged_of(texts: list[str], qrels: Qrels, encoder: Encoder, products: Products, reader: Understanding) -> Judged:
    """Queries with their vectors as searches have them, ratings, and gains of the products that were read."""
    row = {one: number for number, one in enumerate(products.ids)}
    ratings: list[Mapping[str, float]] = [qrels[text] for text in texts]
    gains = [
        {row[one]: 2.0**rating - 1.0 for one, rating in rated.items() if rating > 0 and one in row} for rated in ratings
    ]
    vectors = encoder.encode([reader.read(text).text for text in texts], kind="query")
    return Judged(texts, vectors, ratings, gains)


def _titles(
    engine: SearchEngine, generation: Generation, encoder: Encoder, products: Products, seed: int
) -> tuple[Floats, Floats]:
    """Vectors of titles as queries, for texts that nobody judged: half to be kept in place, half to see whether others are."""
    chosen = Random(seed).sample(products.ids, min(_TITLES, len(products.ids)))
    found: list[str] = []
    for start in range(0, len(chosen), _READ):
        sources = engine.get(generation.name, chosen[start : start + _READ])
        found += [str(source.get("title", "")) for source in sources.values()]
    texts = [understand(title[:200]).text for title in found if title.strip()] or ["-"]
    vectors = encoder.encode(texts, kind="query")
    half = (len(vectors) + 1) // 2
    return vectors[:half], vectors[half:] if len(vectors) > 1 else vectors


def export(fitted: Residual, vectors: Floats) -> tuple[bytes, float]:
    """The int8 ONNX model of a map, and its mean cosine with fp32 on query vectors float32 [n, d].

    Raises:
        ConfigError: torch or onnx is not installed.
        ModelError: the cosine is below `COSINE`.
    """
    torch = onnx.extra("torch")
    with TemporaryDirectory() as folder:
        fp32, int8 = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        names = (adapter.INPUT, adapter.OUTPUT)
        onnx.export(
            residual.network(fitted), [torch.from_numpy(vectors[:2])], fp32, inputs=names[:1], outputs=names[1:],
            dynamic={name: {0: "n"} for name in names},
        )  # fmt: skip
        onnx.quantize(fp32, int8)
        model = int8.read_bytes()
    session = onnx.session(model)
    # One query a run, as in a search: activations are quantized per run.
    after = np.concatenate([onnx.run(session, {adapter.INPUT: vector[None]})[0] for vector in vectors])
    cosine = float(onnx.row_cosine(fitted(vectors), after).mean())
    if not cosine >= COSINE:
        raise ModelError(
            "the exported adapter is too far from the trained one",
            value=f"mean cosine {cosine:.4f}",
            remedy="Train again with another --seed.",
        )
    return model, round(cosine, 5)


def _manifest(serving: Generation, model: bytes, used: list[str], plan: Plan) -> AdapterManifest:
    hashes = tuple(sorted({artifact.query_hash(query) for query in used}))
    return AdapterManifest(
        fingerprint_text=serving.spec.fingerprint, dim_text=serving.spec.dim, model="", sha256=sha256(model).hexdigest(),
        seed=plan.seed, metrics={}, created_by="", queries=hashes, trained_on=plan.trained_on,
    )  # fmt: skip


def _recipe(fitted: Fitted) -> dict[str, Any]:
    return {
        "epochs": fitted.epochs,
        "share": fitted.share,
        "validation": [round(value, 4) for value in fitted.trace],
    }


def _each(made: Adapter, vectors: Floats) -> Floats:
    return np.stack([made.query(vector) for vector in vectors])


def _compared(made: Adapter, judged: Judged, products: Products) -> tuple[dict[str, dict[str, float]], Found]:
    without = residual.measure(judged.vectors, judged, products)
    after = residual.measure(_each(made, judged.vectors), judged, products)
    return compared(without, after), after


def compared(without: Found, after: Found) -> dict[str, dict[str, float]]:
    """nDCG@10 and recall@100 of the same queries without and with something, and the paired test: `{measure: {without, with,
    difference, p}}`."""
    columns = {"ndcg@10": (without.ndcg, after.ndcg), "recall@100": (without.recall, after.recall)}
    return {
        name: {
            "without": round(float(np.mean(a)), 4),
            "with": round(float(np.mean(b)), 4),
            **metrics.significance(b, a),
        }
        for name, (a, b) in columns.items()
    }


def _before(folder: Path, encoder: Encoder, test: Judged, products: Products) -> float | None:
    """nDCG@10 with the adapter in use; None where there is none, or it was trained on these queries."""
    try:
        used = adapter.load(folder)
        used.check(encoder.fingerprint)
    except ModelError:
        return None
    if set(used.manifest.queries) & {artifact.query_hash(text) for text in test.texts}:
        return None
    return round(float(np.mean(residual.measure(_each(used, test.vectors), test, products).ndcg)), 4)


def _refused(figures: Mapping[str, Any], ndcg: float) -> str:
    """Why the adapter is not to be kept; empty where it is."""
    if figures["before"] is not None and round(ndcg, 4) < figures["before"]:
        return worse(figures) or "nDCG@10 on test queries is higher with the adapter in use"
    return worse(figures)


def worse(figures: Mapping[str, Any]) -> str:
    """In what `compared` on `validation` or `test` queries found no gain; empty where nDCG@10 is higher and recall@100 no lower."""
    for part in ("validation", "test"):
        found = figures[part]
        if found["ndcg@10"]["difference"] <= 0:
            return f"nDCG@10 on {part} queries is no higher with it"
        if found["recall@100"]["difference"] < 0:
            return f"recall@100 on {part} queries is lower with it"
    return ""


def _cost(made: Adapter, vectors: Floats) -> float:
    """Median microseconds that a query takes."""
    took = []
    for vector in np.resize(vectors, (_TIMED, vectors.shape[1])):
        start = time.perf_counter_ns()
        made.query(vector)
        took.append(time.perf_counter_ns() - start)
    return round(float(np.median(took)) / 1000, 1)

"""Tune the text encoder on judged queries, measure it, and keep it in the models' cache if vectors find more with it than without.

What is measured is the arm `vector` of `etalage evaluate`, with the int8 model that would serve, before any adapter. The index stays
as it is: it has to be encoded again by the tuned encoder.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from etalage.core import artifact, onnx
from etalage.core.encoders import Encoder, models, probes
from etalage.core.encoders.manifest import TOKENIZER, Manifest
from etalage.core.encoders.text import token_ids, tokenizer
from etalage.core.errors import ModelError
from etalage.core.records import to_int8
from opensearch.engine import Generation, SearchEngine
from ranker.training import adapter, dataset, residual, tuning
from ranker.training.contrastive import Lessons
from ranker.training.judgments import Judgments
from ranker.training.residual import Judged, Products
from ranker.training.tuning import Course, Tell, Texts, Tokens
from ranker.understanding import Understanding

LIMIT: Final = 60_000
"""Most products that are encoded again to be searched and measured; beyond, the judged ones and a sample are."""

QUERY_TOKENS, PRODUCT_TOKENS = 24, 48
"""Most tokens of a text in training; what serves reads as many as ever."""

CHOSEN: Final = 12_000
"""Products among which shares of the way are compared, the judged ones first."""

SHARES: Final = (0.5, 0.75, 1.0)
"""Shares of the way to the tuned weights that are tried."""

COSINE: Final = 0.97
_READ: Final = 500
_TITLES: Final = 400
_CHECKED: Final = 64

Passage = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Base:
    """The encoder that is tuned: the folder of its torch weights, its manifest, and the models' cache, which holds its export."""

    folder: Path
    manifest: Manifest
    models: Path

    @property
    def tokenizer(self) -> Path:
        """Its tokenizer, as it serves."""
        return self.models / self.manifest.name / TOKENIZER


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train.

    Attributes:
        name: what the tuned encoder is called in the cache.
        checkpoint: the file that an interrupted training is resumed from.
        passage: the text of a product's source that is encoded.
        minutes: for fitting, without reading and measuring.
        seed: of the split and of training.
        force: keep it whatever was measured.
        resume: go on from the checkpoint.
        understanding: what queries are understood with, as in searches.
    """

    name: str
    checkpoint: Path
    passage: Passage
    minutes: float = 20.0
    seed: int = 0
    force: bool = False
    resume: bool = False
    trained_on: str = ""
    understanding: Understanding | None = None


@dataclass(frozen=True, slots=True)
class _Material:
    """What was read: products with their texts, and the judged queries in parts with the texts that are encoded for them."""

    products: Products
    passages: list[str]
    judged: list[Judged]
    asked: list[list[str]]
    total: int


def train(
    engine: SearchEngine,
    index: str,
    encoder: Encoder,
    base: Base,
    judgments: Judgments,
    plan: Plan,
    tell: Tell = lambda doing: None,
) -> dict[str, Any]:
    """Tune on most queries, choose on some, report on others (`dataset.split_queries`, as adapter and ranker do), and put the int8 model
    into the cache if nDCG@10 of the vectors is higher on validation and test queries, and recall@100 no lower.

    Returns:
        `{encoder, fingerprint, saved, refused, queries: {train, validation, test, without_product}, products: {read, of}, fit: {steps,
        half, share, losses, shares, seconds}, validation, test: {measure: {without, with, difference, p}}, cosine: {queries, products},
        parity, seconds}`. `shares` is what each share of the way found on validation queries; `cosine` is that of new and old vectors.

    Raises:
        ConfigError: torch, onnx or transformers is not installed.
        EngineError: nothing serves the index.
        FingerprintMismatch: it was built with another encoder.
        ModelError: too few judged queries, no fitting checkpoint, weights that are not the encoder's, or an int8 model too far from them.
    """
    for module in ("torch", "onnx", "transformers"):
        onnx.extra(module)
    started = time.monotonic()
    serving = dataset.serving(engine, index, encoder)
    parts = dataset.split_queries(dataset.answered(judgments.qrels), dataset.SHARES, plan.seed)
    adapter.enough(len(parts[0]), "an encoder")
    tell("reading products")
    read = _read(engine, serving, encoder, judgments, parts, plan)
    lessons, used = _lessons(read)
    adapter.enough(len(used), "an encoder")
    module = models.network(base.folder, base.manifest.pooling).to(tuning.device())
    texts = _texts(module, base, read, used, plan.seed)
    _check(module, base, read)
    fit = _fit(module, texts, lessons, _about(serving, judgments, base, plan), read, base, plan, tell)
    with TemporaryDirectory() as folder:
        tell("exporting")
        made = _export(module, base, Path(folder), [*parts[0], *parts[1]], plan)
        tell("measuring")
        figures = _measure(models.load(Path(folder), plan.name), read)
        refused = adapter.worse(figures)
        saved = plan.force or not refused
        if saved:
            models.pull(str(Path(folder) / plan.name), models=base.models, name=plan.name)
    plan.checkpoint.unlink(missing_ok=True)
    return {
        "encoder": plan.name, "fingerprint": made.fingerprint, "saved": saved, "refused": refused,
        "queries": {
            "train": len(used), "validation": len(parts[1]), "test": len(parts[2]),
            "without_product": len(parts[0]) - len(used),
        },
        "products": {"read": len(read.products.ids), "of": read.total},
        "fit": fit, **figures, "parity": made.parity, "seconds": round(time.monotonic() - started),
    }  # fmt: skip


def _read(
    engine: SearchEngine,
    serving: Generation,
    encoder: Encoder,
    judgments: Judgments,
    parts: list[list[str]],
    plan: Plan,
) -> _Material:
    products, total = adapter.read_products(engine, serving, judgments.documents, plan.seed, LIMIT)
    passages: list[str] = []
    for start in range(0, len(products.ids), _READ):
        batch = products.ids[start : start + _READ]
        sources = engine.get(serving.name, batch)
        passages += [plan.passage(sources[one]) if one in sources else "" for one in batch]
    reader = plan.understanding or Understanding.plain()
    judged = [adapter.judged_of(texts, judgments.qrels, encoder, products, reader) for texts in parts]
    return _Material(products, passages, judged, [[reader.read(text).text for text in texts] for texts in parts], total)


def _lessons(read: _Material) -> tuple[Lessons, list[int]]:
    """What the training queries teach that have a relevant product, and which those are."""
    training = read.judged[0]
    used = [row for row, gains in enumerate(training.gains) if gains]
    place = {one: row for row, one in enumerate(read.products.ids)}
    irrelevant = [
        [place[one] for one, rating in training.ratings[row].items() if rating <= 0 and one in place] for row in used
    ]
    return Lessons(training.vectors[used], [training.gains[row] for row in used], irrelevant, read.products), used


def _tokens(base: Base, texts: list[str], kind: str, longest: int) -> Tokens:
    prefix = base.manifest.prefixes["query" if kind == "query" else "passage"]
    longest = min(longest, base.manifest.max_length)
    cutter = tokenizer(base.tokenizer, longest)
    return [token_ids(cutter, prefix + text, longest) for text in texts]


def _texts(module: Any, base: Base, read: _Material, used: list[int], seed: int) -> Texts:
    """Token ids of what is trained on; titles of the catalog and texts from elsewhere are to stay where they are."""
    tuning.freeze(module)
    sample = Random(seed).sample(read.passages, min(_TITLES, len(read.passages)))
    others = [text for text in probes.texts()[0] if text.strip()]
    anchors = _tokens(base, [*sample, *others], "passage", PRODUCT_TOKENS)
    return Texts(
        _tokens(base, [read.asked[0][row] for row in used], "query", QUERY_TOKENS),
        _tokens(base, read.passages, "passage", PRODUCT_TOKENS),
        anchors,
        tuning.encode(module, anchors),
    )


def _check(module: Any, base: Base, read: _Material) -> None:
    """Refuse weights that are not those of the encoder that made the index."""
    tokens = _tokens(base, read.passages[:_CHECKED], "passage", base.manifest.max_length)
    found = tuning.encode(module, tokens)
    cosine = float(onnx.row_cosine(found, read.products.vectors[: len(found)]).mean())
    if not cosine >= COSINE:
        raise ModelError(
            "the torch weights are not those of the encoder that made the index",
            value=f"{base.folder}: mean cosine {cosine:.3f} (at least {COSINE})",
            remedy=f"Run: etalage models export {base.manifest.name}, index again, and train again.",
        )


def _about(serving: Generation, judgments: Judgments, base: Base, plan: Plan) -> str:
    """What a checkpoint belongs to."""
    return f"{serving.name}, {base.manifest.fingerprint}, judgments {judgments.digest}, seed {plan.seed}"


def _fit(
    module: Any, texts: Texts, lessons: Lessons, about: str, read: _Material, base: Base, plan: Plan, tell: Tell
) -> dict[str, Any]:
    """Train the module, and leave it with the mix of weights that finds most for the validation queries."""
    started = time.monotonic()
    tell("timing a step")
    original = {name: weights.detach().clone() for name, weights in module.state_dict().items()}
    if plan.resume:
        course = tuning.saved(plan.checkpoint, about, plan.seed)
    else:
        course = tuning.plan(module, texts, lessons, minutes=plan.minutes, seed=plan.seed, about=about)
    losses = tuning.fit(module, texts, lessons, course, plan.checkpoint, resume=plan.resume, tell=tell)
    tuned = {name: weights.detach().clone() for name, weights in module.state_dict().items()}
    found = {}
    rows = _chosen(read, plan.seed)
    asked = _tokens(base, read.asked[1], "query", QUERY_TOKENS)
    for share in SHARES:
        tell(f"measuring {share:.0%} of the way")
        module.load_state_dict(tuning.mixed(original, tuned, share))
        found[share] = _quality(module, texts, asked, rows, read, course)
    share = max(found, key=lambda one: found[one])
    module.load_state_dict(tuning.mixed(original, tuned, share))
    return {
        "steps": course.steps, "half": course.half, "share": share, "losses": losses,
        "shares": {str(one): round(value, 4) for one, value in found.items()},
        "seconds": round(time.monotonic() - started),
    }  # fmt: skip


def _chosen(read: _Material, seed: int) -> list[int]:
    """Rows of the products that validation queries are compared with: the judged ones and a sample."""
    judged = {one for ratings in read.judged[1].ratings for one in ratings}
    rows = list(range(len(read.products.ids)))
    Random(seed).shuffle(rows)
    return sorted(sorted(rows, key=lambda row: read.products.ids[row] not in judged)[:CHOSEN])


def _quality(module: Any, texts: Texts, asked: Tokens, rows: list[int], read: _Material, course: Course) -> float:
    found = tuning.encode(module, [texts.products[row] for row in rows], course.half)
    products = Products([read.products.ids[row] for row in rows], found)
    return residual.measure(tuning.encode(module, asked, course.half), read.judged[1], products).quality


def _export(module: Any, base: Base, cache: Path, used: list[str], plan: Plan) -> Manifest:
    """The tuned weights as a folder like that of the base, and its export into a cache."""
    folder = cache / ".tuned"
    shutil.copytree(base.folder, folder, ignore=shutil.ignore_patterns("*.safetensors", "*.bin", "*.onnx", "onnx"))
    module.cpu().model.save_pretrained(str(folder))
    shutil.copyfile(base.tokenizer, folder / TOKENIZER)
    hashes = tuple(sorted({artifact.query_hash(query) for query in used}))
    origin = models.Tuned(base.manifest.source, hashes, plan.trained_on)
    return models.export(str(folder), models=cache, name=plan.name, tuned=origin)


def _measure(encoder: Encoder, read: _Material) -> dict[str, Any]:
    """What the vectors of an encoder find for validation and test queries beside those of the index."""
    rounded = to_int8(encoder.encode(read.passages, kind="passage")).astype(np.float32)
    products = Products(read.products.ids, rounded / np.maximum(np.linalg.norm(rounded, axis=1, keepdims=True), 1e-9))
    figures: dict[str, Any] = {}
    for part, judged, asked in zip(("validation", "test"), read.judged[1:], read.asked[1:], strict=True):
        vectors = encoder.encode(asked, kind="query")
        before, after = (
            residual.measure(judged.vectors, judged, read.products),
            residual.measure(vectors, judged, products),
        )
        figures[part] = adapter.compared(before, after)
    figures["cosine"] = {
        "queries": round(float(onnx.row_cosine(judged.vectors, vectors).mean()), 4),
        "products": round(float(onnx.row_cosine(read.products.vectors, products.vectors).mean()), 4),
    }
    return figures

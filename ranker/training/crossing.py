"""Train a cross-encoder for the top of the ranker's order, measure it, and keep it if it orders better.

It starts from the first layers of the text encoder's torch weights, with a head that gives nothing, and learns what to add to the ranker's score of
the products of a query: softmax over a few of them (ListNet, Cao et al. 2007), relevant ones by their gain and others of the ranker's best.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from etalage.core import artifact, onnx
from etalage.core.encoders import Encoder, cross, models
from etalage.core.encoders.cross import (
    DEPTH,
    IDS,
    KINDS,
    PRODUCT_TOKENS,
    QUERY_TOKENS,
    SCORE,
    CrossEncoder,
    CrossManifest,
    Pairs,
)
from etalage.core.encoders.text import tokenizer
from etalage.core.errors import ModelError
from etalage.core.records import Floats
from opensearch.engine import Generation, SearchEngine
from ranker import metrics
from ranker.cross import Passage
from ranker.rerank import Ranker
from ranker.scores import by_score
from ranker.training import adapter, dataset, report, tuning
from ranker.training.encoder import Base
from ranker.training.judgments import Judgments
from ranker.training.tuning import Tell
from ranker.understanding import Understanding

LAYERS: Final = 3
QUERIES, PRODUCTS, RELEVANT = 20, 6, 3
"""Queries of a step, products of each, and relevant ones among them at most."""

NEAR: Final = 30
"""Products of the ranker's order that others than relevant ones are drawn from."""

WORTH: Final = 0.002
"""nDCG@10 that must be gained for milliseconds of every search."""

WEIGHTS: Final = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
ALIKE: Final = 0.98
"""Least correlation of the int8 model's scores with the trained one's."""

_KEPT, _CHUNK, _TOGETHER, _CHECKED, _TIMED = 60, 500, 64, 512, 50


@dataclass(frozen=True, slots=True)
class Ranked:
    """A query's best products in the ranker's order, with its scores float32 [n] and their gains float32 [n]."""

    query: str
    ids: list[str]
    scores: Floats
    gains: Floats
    ratings: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train: as `encoder.Plan`; `ranked` is how candidates are brought, `ranker` scores them, `budget` is in milliseconds."""

    checkpoint: Path
    passage: Passage
    ranked: report.Plan
    ranker: Ranker
    budget: float = 30.0
    minutes: float = 10.0
    seed: int = 0
    force: bool = False
    resume: bool = False
    trained_on: str = ""


def network(folder: Path, layers: int = LAYERS) -> Any:
    """A torch module of (ids, mask, kinds) int64 [n, length] → scores float32 [n], all zero at first."""
    torch = onnx.extra("torch")
    model = models.network(folder, "mean").model
    try:
        model.encoder.layer = model.encoder.layer[:layers]
        width, model.pooler = model.config.hidden_size, None
    except AttributeError as error:
        raise ModelError(
            "a cross-encoder is made from BERT only",
            value=f"{folder} ({error})",
            remedy="Set ETALAGE_TEXT_MODEL to another encoder, and index again.",
        ) from None

    class Read(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.model, self.head = model, torch.nn.Linear(width, 1)
            torch.nn.init.zeros_(self.head.weight)
            torch.nn.init.zeros_(self.head.bias)

        def forward(self, ids: Any, kinds: Any, mask: Any = None) -> Any:
            mask = torch.ones_like(ids) if mask is None else mask
            hidden = self.model(input_ids=ids, attention_mask=mask, token_type_ids=kinds).last_hidden_state
            weights = mask.unsqueeze(-1).to(hidden.dtype)
            return self.head((hidden * weights).sum(1) / weights.sum(1))[:, 0]

    return Read().eval()


def train(
    engine: SearchEngine,
    index: str,
    encoder: Encoder,
    base: Base,
    judgments: Judgments,
    folder: Path,
    plan: Plan,
    tell: Tell = lambda doing: None,
) -> dict[str, Any]:
    """Train on most queries, choose the weight on some, report on others (`dataset.split_queries`, as the other trainers do), and write
    the cross-encoder into `folder` if the int8 model's nDCG@10 is higher with it on validation and test queries.

    Returns:
        `{cross, saved, refused, queries: {train, validation, test}, fit: {steps, half, losses, seconds}, depth, weight, weights,
        milliseconds, validation, test: {without, with, difference, p, low, high}, parity: {correlation, pairs}, bytes}`. `depth` is how many
        products are read within the budget, `weights` what each weight found on validation queries.

    Raises:
        ConfigError: torch, onnx or transformers is not installed.
        EngineError: nothing serves the index.
        FingerprintMismatch: it was built with another encoder.
        ModelError: too few judged queries, no fitting checkpoint, a pair that takes longer than the budget, or an int8 model too far from
            the trained one.
    """
    for module in ("torch", "onnx", "transformers"):
        onnx.extra(module)
    serving = dataset.serving(engine, index, encoder)
    texts = dataset.split_queries(dataset.answered(judgments.qrels), dataset.SHARES, plan.seed)
    adapter.enough(len(texts[0]), "a cross-encoder")
    parts = [ranked(engine, index, encoder, judgments, part, plan, tell) for part in texts]
    useful = [one for one in parts[0] if one.gains.any()]
    adapter.enough(len(useful), "a cross-encoder")
    tell("reading products")
    tokens = read(engine, serving.name, base, parts, plan)
    module = network(base.folder).to(tuning.device())
    tuning.freeze(module)
    about = f"cross-encoder, {serving.name}, {base.manifest.fingerprint}, {plan.ranker.manifest.name}, judgments {judgments.digest}, seed {plan.seed}"
    fitted = _fit(module, useful, tokens, about, plan, tell)
    tell("exporting")
    model = export(module, base.tokenizer)
    made = CrossEncoder(_manifest(serving, model, [*texts[0], *texts[1]], plan), model)
    tell("measuring")
    spent, parity = _pace(made, parts[2] or parts[1], tokens), _parity(module, made, parts[1], tokens)
    made = CrossEncoder(made.manifest.model_copy(update={"milliseconds": spent}), model)
    depth = made.manifest.depth(plan.budget)
    if depth < 2:
        raise ModelError(
            "reading takes longer than the budget",
            value=f"{spent} ms a product, {plan.budget} ms in all",
            remedy="Raise ETALAGE_CROSS_BUDGET_MS, or do without.",
        )
    found = [_scores(made, part, tokens, depth) for part in parts[1:]]
    weights = {weight: _ndcg(parts[1], found[0], weight, depth) for weight in WEIGHTS}
    weight = max(weights, key=lambda one: float(np.mean(weights[one])))
    figures: dict[str, Any] = {
        "queries": dict(zip(("train", "validation", "test"), (len(useful), len(parts[1]), len(parts[2])), strict=True)),
        "fit": fitted, "depth": depth, "weight": weight,
        "weights": {str(one): round(float(np.mean(values)), 4) for one, values in weights.items()},
        "milliseconds": spent,
        "validation": _compared(parts[1], found[0], weight, depth),
        "test": _compared(parts[2], found[1], weight, depth),
        "parity": parity, "bytes": len(model),
    }  # fmt: skip
    refused = worse(figures)
    saved = plan.force or not refused
    manifest = made.manifest.model_copy(update={"weight": weight, "metrics": figures})
    if saved:
        cross.save(folder, manifest, model)
    plan.checkpoint.unlink(missing_ok=True)
    return {"cross": manifest.name, "saved": saved, "refused": refused, **figures}


def worse(figures: Mapping[str, Any]) -> str:
    """On which queries nDCG@10 is not `WORTH` more with it; empty where it is on both."""
    for part in ("validation", "test"):
        if figures[part]["difference"] < WORTH:
            return f"nDCG@10 on {part} queries is not {WORTH} higher with it, which is what its time must bring"
    return ""


def ranked(
    engine: SearchEngine, index: str, encoder: Encoder, judgments: Judgments, texts: list[str], plan: Plan, tell: Tell
) -> list[Ranked]:
    """Queries with the candidates of a search in the ranker's order, at most `_KEPT`."""
    found: list[Ranked] = []
    for start in range(0, len(texts), _CHUNK):
        tell(f"ranking {start} of {len(texts)} queries")
        qrels = {text: judgments.qrels[text] for text in texts[start : start + _CHUNK]}
        groups = report.groups_of(engine, index, encoder, replace(judgments, qrels=qrels), plan.ranked)
        for group in groups:
            scores = plan.ranker.score(group.features)
            order = by_score(scores, group.ids)[:_KEPT]
            found.append(
                Ranked(group.query, [group.ids[row] for row in order], scores[order], group.gains[order], group.ratings)
            )
    return found


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids of queries as they are understood and of products, by text and id, and the texts themselves."""

    pairs: Pairs
    asked: Mapping[str, str]
    passages: Mapping[str, str]
    queries: Mapping[str, list[int]]
    products: Mapping[str, list[int]]

    def of(self, query: str, product: str) -> tuple[list[int], int]:
        """A pair (`Pairs.pair`)."""
        return self.pairs.pair(self.queries[query], self.products[product])


def read(engine: SearchEngine, generation: str, base: Base, parts: Sequence[Sequence[Ranked]], plan: Plan) -> Tokens:
    """The tokens of all queries and of the products that they found."""
    reader = plan.ranked.understanding or Understanding.plain()
    pairs = Pairs(tokenizer(base.tokenizer, 512))
    asked = {one.query: reader.read(one.query).text for part in parts for one in part}
    ids = sorted({one for part in parts for each in part for one in each.ids})
    passages: dict[str, str] = {}
    for start in range(0, len(ids), _CHUNK):
        sources = engine.get(generation, ids[start : start + _CHUNK])
        passages |= {one: plan.passage(sources[one]) if one in sources else "" for one in ids[start : start + _CHUNK]}
    return Tokens(
        pairs, asked, passages,
        {one: pairs.words(text, QUERY_TOKENS) for one, text in asked.items()},
        {one: pairs.words(text, PRODUCT_TOKENS) for one, text in passages.items()},
    )  # fmt: skip


def chosen(one: Ranked, generator: np.random.Generator) -> list[int]:
    """Rows of a query's products for a step: relevant ones, the nearer ones first, and others of its best."""
    relevant = np.flatnonzero(one.gains > 0)
    near = relevant[relevant < NEAR]
    drawn = near if len(near) >= RELEVANT else relevant
    drawn = generator.permutation(drawn)[:RELEVANT]
    others = np.flatnonzero(one.gains[:NEAR] <= 0)
    rows: list[int] = [*drawn.tolist(), *generator.permutation(others)[: PRODUCTS - len(drawn)].tolist()]
    return rows


def loss(module: Any, queries: Sequence[Ranked], tokens: Tokens, generator: np.random.Generator, half: bool) -> Any:
    """Mean cross-entropy of the softmax of ranker's and module's sums with the shares of gain: a scalar."""
    torch = onnx.extra("torch")
    rows = [chosen(one, generator) for one in queries]
    pairs = [tokens.of(one.query, one.ids[row]) for one, drawn in zip(queries, rows, strict=True) for row in drawn]
    scores = outputs(module, pairs, half).split([len(drawn) for drawn in rows])
    total = 0.0
    for one, drawn, added in zip(queries, rows, scores, strict=True):
        gains = torch.from_numpy(one.gains[drawn]).to(added.device)
        sums = torch.from_numpy(one.scores[drawn]).to(added.device) + added
        total = total - (gains / gains.sum() * torch.log_softmax(sums, 0)).sum()
    return total / len(queries)


def outputs(module: Any, pairs: Sequence[tuple[list[int], int]], half: bool = False) -> Any:
    """The module's scores of pairs as a tensor float32 [n]; pairs of like length go through it together."""
    torch = onnx.extra("torch")
    place = next(module.parameters()).device
    order = sorted(range(len(pairs)), key=lambda row: len(pairs[row][0]))
    found = []
    with torch.autocast(place.type, torch.bfloat16, enabled=half):
        for start in range(0, len(order), _TOGETHER):
            some = [pairs[row] for row in order[start : start + _TOGETHER]]
            ids, mask = tuning.pad([ids for ids, _ in some], place)
            begins = torch.tensor([[begin] for _, begin in some], device=place)
            kinds = (torch.arange(ids.shape[1], device=place)[None] >= begins).long() * mask
            found.append(module(ids, kinds, mask).float())
    return torch.cat(found)[np.argsort(order)]


def export(module: Any, tokenizer: Path) -> bytes:
    """The int8 ONNX model, which carries the tokenizer. Raises ConfigError, ModelError as `onnx.export` and `onnx.quantize`."""
    torch, package = onnx.extra("torch"), onnx.extra("onnx")
    ids = torch.ones(1, 9, dtype=torch.long)
    with TemporaryDirectory() as folder:
        fp32, int8 = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        dynamic = {IDS: {1: "tokens"}, KINDS: {1: "tokens"}}
        onnx.export(
            module.cpu(), (ids, torch.zeros_like(ids)), fp32, inputs=(IDS, KINDS), outputs=(SCORE,), dynamic=dynamic
        )
        onnx.quantize(fp32, int8)
        model = package.load(str(int8))
    package.helper.set_model_props(model, {cross.TOKENIZER: tokenizer.read_text(encoding="utf-8")})
    content: bytes = model.SerializeToString()
    return content


def _scores(made: CrossEncoder, part: Sequence[Ranked], tokens: Tokens, depth: int) -> list[Floats]:
    return [made.score(tokens.asked[one.query], [tokens.passages[each] for each in one.ids[:depth]]) for one in part]


def _ndcg(part: Sequence[Ranked], found: Sequence[Floats], weight: float, depth: int) -> list[float]:
    values = []
    for one, added in zip(part, found, strict=True):
        order = by_score(one.scores[:depth] + np.float32(weight) * added, one.ids[:depth])
        best = [*(one.ids[row] for row in order), *one.ids[depth:]][:10]
        values.append(metrics.ndcg(best, one.ratings))
    return values


def _compared(part: Sequence[Ranked], found: Sequence[Floats], weight: float, depth: int) -> dict[str, float]:
    without, after = (_ndcg(part, found, one, depth) for one in (0.0, weight))
    means = {"without": round(float(np.mean(without)), 4), "with": round(float(np.mean(after)), 4)}
    return {**means, **metrics.significance(after, without)}


def _fit(module: Any, training: Sequence[Ranked], tokens: Tokens, about: str, plan: Plan, tell: Tell) -> dict[str, Any]:
    """Train the module in place."""
    started = time.monotonic()

    def step_loss(step: int, half: bool) -> Any:
        generator = np.random.default_rng([plan.seed, step])
        rows = tuning.rows(step, len(training), min(QUERIES, len(training)), plan.seed)
        return loss(module, [training[row] for row in rows], tokens, generator, half)

    if plan.resume:
        course = tuning.saved(plan.checkpoint, about, plan.seed)
    else:
        whole = tuning.EPOCHS * math.ceil(len(training) / QUERIES)
        course = tuning.course(module, step_loss, whole, minutes=plan.minutes, seed=plan.seed, about=about)
    losses = tuning.steps(
        module, lambda step: step_loss(step, course.half), course, plan.checkpoint, resume=plan.resume, tell=tell
    )
    return {"steps": course.steps, "half": course.half, "losses": losses, "seconds": round(time.monotonic() - started)}


def _parity(module: Any, made: CrossEncoder, part: Sequence[Ranked], tokens: Tokens) -> dict[str, float]:
    """Correlation of int8 with fp32 scores of a sample of pairs, and how many. Raises ModelError where it is below `ALIKE`."""
    torch = onnx.extra("torch")
    pairs = [(one.query, each) for one in part for each in one.ids[:DEPTH]][:_CHECKED]
    with torch.no_grad():
        fp32 = outputs(module, [tokens.of(*pair) for pair in pairs]).numpy()
    int8 = np.concatenate([made.score(tokens.asked[query], [tokens.passages[each]]) for query, each in pairs])
    alike = float(np.corrcoef(fp32, int8)[0, 1]) if fp32.std() and int8.std() else 1.0
    if not alike >= ALIKE:
        raise ModelError(
            "the int8 cross-encoder is too far from the trained one",
            value=f"correlation {alike:.4f} (at least {ALIKE})",
            remedy="Train longer, or with another --seed.",
        )
    return {"correlation": round(alike, 5), "pairs": len(pairs)}


def _pace(made: CrossEncoder, part: Sequence[Ranked], tokens: Tokens) -> float:
    """Median milliseconds of one processor that a product takes, of queries' best: what else runs does not count."""
    took = []
    for one in part[:_TIMED]:
        texts = [tokens.passages[each] for each in one.ids[:DEPTH]]
        if texts:
            started = time.thread_time()
            made.score(tokens.asked[one.query], texts)
            took.append((time.thread_time() - started) * 1000 / len(texts))
    return round(max(float(np.median(took)), 0.001), 3) if took else 1.0


def _manifest(serving: Generation, model: bytes, used: Sequence[str], plan: Plan) -> CrossManifest:
    hashes = tuple(sorted({artifact.query_hash(query) for query in used}))
    return CrossManifest(
        fingerprint_text=serving.spec.fingerprint, dim_text=serving.spec.dim, model="", sha256=sha256(model).hexdigest(), seed=plan.seed,
        metrics={}, created_by="", layers=LAYERS, weight=1.0, milliseconds=1.0, queries=hashes, trained_on=plan.trained_on,
    )  # fmt: skip

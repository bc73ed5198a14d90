"""Train the small image tower of the sample shop (`python -m etalage.demo.tower`): pictures land where MiniLM puts the words for
them, so that words find pictures without any alignment.

The text tower is locked and only the picture's is trained (LiT, arXiv:2111.07991), with a symmetric contrastive loss (CLIP,
arXiv:2103.00020) over pairs of a generated shop: a query and a picture of what it asks for, or a listing and its own
picture. A picture that would answer another query of the batch is none of its negatives.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from etalage.core import onnx
from etalage.core.encoders import Encoder, image
from etalage.core.encoders.image_manifest import Preprocessing
from etalage.core.records import Floats
from etalage.core.settings import load
from etalage.demo.pictures import draw
from etalage.demo.queries import make_queries
from etalage.demo.shop import make_shop
from indexer import documents
from workers import parts

SIDE: Final = 64
SEEDS: Final = (201, 202, 203)
HELD_OUT: Final = 204
PREPARED: Final = Preprocessing(size=SIDE, crop=SIDE, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
_WIDTHS: Final = (16, 32, 64, 96)
_PRODUCTS: Final = 2400
_QUERIES: Final = 1500
_BATCH: Final = 256
_RATE: Final = 3e-3
_VISIBLE: Final = ("colour", "pattern")


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one shop teaches.

    Attributes:
        pictures: uint8 [n, 3, SIDE, SIDE].
        listings: float32 [n, d], the products' text vectors.
        queries: float32 [m, d].
        shown: bool [m, n], whether a product is of the query's kind, and of its colour and pattern where it names one.
        looks: bool [m], whether the query names one.
    """

    pictures: npt.NDArray[np.uint8]
    listings: Floats
    queries: Floats
    shown: npt.NDArray[np.bool_]
    looks: npt.NDArray[np.bool_]


def main() -> None:
    """Train on shops of several seeds, measure on another, and write the tower to the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=image.PACKAGED)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    encoder = parts.encoder_of(load())
    module = fit([lesson(seed, encoder, PREPARED) for seed in SEEDS], given.epochs, given.seed)
    with TemporaryDirectory() as folder:
        fp32, int8 = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        torch = onnx.extra("torch")
        onnx.export(
            module, [torch.zeros(1, 3, SIDE, SIDE)], fp32, inputs=["pictures"], outputs=["vectors"],
            dynamic={"pictures": {0: "n"}, "vectors": {0: "n"}},
        )  # fmt: skip
        onnx.quantize(fp32, int8)
        made = image.add(
            given.to,
            image.SAMPLE_SHOP,
            int8,
            preprocessing=PREPARED,
            source=f"generated sample shops, seeds {', '.join(map(str, SEEDS))}",
            paired_text=encoder.name,
        )
    # Nobody writes into a package that is installed.
    (given.to / f".{image.SAMPLE_SHOP}.lock").unlink(missing_ok=True)
    figures = measure(given.to, lesson(HELD_OUT, encoder, PREPARED))
    report = {"name": made.name, "fingerprint": made.fingerprint, "seed": HELD_OUT} | figures
    sys.stdout.buffer.write(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def lesson(
    seed: int, encoder: Encoder, how: Preprocessing, *, products: int = _PRODUCTS, queries: int = _QUERIES
) -> Lesson:
    """The pairs of the shop of a seed; a locked text encoder gives the vectors of its words."""
    shop = make_shop(seed, products)
    typed = make_queries(shop, queries)
    latents = [shop.latents[product.id] for product in shop.products]
    shown = np.zeros((len(typed), len(latents)), bool)
    looks = np.zeros(len(typed), bool)
    for row, query in enumerate(typed):
        wants = [(name, value) for name, value in query.intent.wants if name in _VISIBLE]
        looks[row] = bool(wants)
        shown[row] = [
            latent.kind in query.intent.kinds and all(latent.facets.get(name) == value for name, value in wants)
            for latent in latents
        ]
    # As the encoder will prepare them, before scaling.
    plain = how.model_copy(update={"scale": 1.0, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)})
    pictures = np.concatenate([image.prepare(draw(latent), plain) for latent in latents]).astype(np.uint8)
    listings = encoder.encode([documents.passage(documents.source(one)) for one in shop.products], kind="passage")
    asked = np.stack([encoder.encode_query(query.text) for query in typed])
    return Lesson(pictures, listings, asked, shown, looks)


def fit(lessons: list[Lesson], epochs: int, seed: int, size: int = _BATCH) -> Any:
    """The trained torch module: float32 [n, 3, SIDE, SIDE] → [n, d]."""
    torch = onnx.extra("torch")
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    module = network(lessons[0].queries.shape[1])
    scale = torch.nn.Parameter(torch.tensor(math.log(20.0)))
    steps = epochs * sum(len(one.pictures) for one in lessons) // size
    optimizer = torch.optim.AdamW([*module.parameters(), scale], lr=_RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
    module.train()
    for step in range(steps):
        one = lessons[step % len(lessons)]
        rows, texts, answered = batch(one, generator, size)
        pictures = torch.nn.functional.normalize(module(_varied(one.pictures[rows], generator, torch)), dim=1)
        logits = torch.from_numpy(texts) @ pictures.T * scale.exp().clamp(max=100)
        logits = logits.masked_fill(torch.from_numpy(answered), -1e4)
        own = torch.arange(len(rows))
        cross_entropy = torch.nn.functional.cross_entropy
        loss = (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return module.eval()


def network(dim: int) -> Any:
    """The untrained module: four convolutions of stride 2, the means of the picture's quarters, one matrix."""
    nn = onnx.extra("torch").nn
    layers: list[Any] = []
    for before, after in zip((3, *_WIDTHS[:-1]), _WIDTHS, strict=True):
        layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    # Pictures are SIDE / 16 = 4 × 4 here, so that means over 2 × 2 are the quarters.
    return nn.Sequential(*layers, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4 * _WIDTHS[-1], dim))


def batch(
    one: Lesson, generator: np.random.Generator, size: int
) -> tuple[npt.NDArray[np.int64], Floats, npt.NDArray[np.bool_]]:
    """Pictures' rows [b], the texts that belong to them [b, d], and which others would answer a text too [b, b]; two thirds
    of the texts are queries."""
    asked = generator.choice(len(one.queries), size * 2 // 3, replace=False)
    asked = asked[one.shown[asked].any(axis=1)]
    answers = np.array([generator.choice(np.flatnonzero(one.shown[row])) for row in asked])
    listed = generator.choice(len(one.pictures), size - len(asked), replace=False)
    rows = np.concatenate([answers, listed])
    answered = np.zeros((size, size), bool)
    answered[: len(asked)] = one.shown[asked][:, rows]
    np.fill_diagonal(answered, False)
    return rows, np.concatenate([one.queries[asked], one.listings[listed]]), answered


def _varied(pictures: npt.NDArray[np.uint8], generator: np.random.Generator, torch: Any) -> Any:
    """The model's input, mirrored, moved and lighted at random."""
    mirrored = np.where(generator.random((len(pictures), 1, 1, 1)) < 0.5, pictures[..., ::-1], pictures)
    down, across = generator.integers(-4, 5, 2)
    values = np.roll(mirrored, (down, across), (2, 3)).astype(np.float32) / 255
    values = np.clip(values * generator.uniform(0.9, 1.1, (len(pictures), 1, 1, 1)), 0, 1)
    return torch.from_numpy(((values - 0.5) / 0.25).astype(np.float32))


def measure(models: Path, one: Lesson) -> dict[str, float]:
    """How well words that name colour or pattern find pictures of a shop, by the tower in a folder, beside chance."""
    tower = image.load(models, image.SAMPLE_SHOP)
    vectors = tower.encode([np.ascontiguousarray(picture.transpose(1, 2, 0)) for picture in one.pictures])
    asked = one.looks & one.shown.any(axis=1)
    return {
        "queries": int(asked.sum()),
        "precision": round(precision(vectors, one), 3),
        "chance": round(float(one.shown[asked].mean()), 4),
    }


def precision(vectors: Floats, one: Lesson) -> float:
    """The share of a query's pictures among the nearest ones, as many as there are and at most ten, by vectors float32
    [n, d] of the pictures; the mean over queries that name colour or pattern."""
    found = []
    for row in np.flatnonzero(one.looks & one.shown.any(axis=1)):
        wanted = one.shown[row]
        best = np.argsort(-(vectors @ one.queries[row]), kind="stable")[: min(10, int(wanted.sum()))]
        found.append(wanted[best].mean())
    return float(np.mean(found))


if __name__ == "__main__":
    main()

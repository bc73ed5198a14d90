"""Tune a transformer on judged queries, with checkpoints, and mix the tuned weights with the original ones.

Every step is decided by the seed and its number alone, so that a run that goes on from a checkpoint ends as one that was never
interrupted. The word embeddings stay: judged queries hold few of the words.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from etalage.core import onnx
from etalage.core.errors import ModelError
from etalage.core.records import Floats
from ranker.training import contrastive
from ranker.training.contrastive import Lessons

BATCH: Final = 64
EPOCHS: Final = 10
"""Most passes over the queries."""

RATE: Final = 1e-4
SAVED: Final = 120.0
"""Seconds between checkpoints."""

_WARM, _DECAY, _NORM, _ANCHOR, _STILL = 0.1, 0.01, 1.0, 1.0, 16
_TOGETHER, _ENCODED = 64, 512

Tokens = Sequence[Sequence[int]]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Texts:
    """Token ids of n queries, of all products, and of texts that are to stay where they are, with their vectors float32 [k, d]."""

    queries: Tokens
    products: Tokens
    anchors: Tokens
    still: Floats


@dataclass(frozen=True, slots=True)
class Course:
    """How long to train: `steps` in all, in half precision (bfloat16) where that is faster; `about` is what a checkpoint must have
    been made for."""

    steps: int
    half: bool
    seed: int
    about: str


def device() -> Any:
    """The GPU, or else the processor."""
    torch = onnx.extra("torch")
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def pad(tokens: Tokens, place: Any) -> tuple[Any, Any]:
    """Token ids and mask of texts, int64 [n, longest] each."""
    torch = onnx.extra("torch")
    longest = max(map(len, tokens))
    ids, mask = np.zeros((len(tokens), longest), np.int64), np.zeros((len(tokens), longest), np.int64)
    for row, one in enumerate(tokens):
        ids[row, : len(one)], mask[row, : len(one)] = one, 1
    return torch.from_numpy(ids).to(place), torch.from_numpy(mask).to(place)


def vectors(module: Any, tokens: Tokens, half: bool) -> Any:
    """Vectors of texts as a tensor float32 [n, d], with what training needs to go back. Texts of like length go through the model
    together, so that little is padded."""
    torch = onnx.extra("torch")
    place = next(module.parameters()).device
    order = sorted(range(len(tokens)), key=lambda row: len(tokens[row]))
    with torch.autocast(place.type, torch.bfloat16, enabled=half):
        found = [
            module(*pad([tokens[row] for row in order[start : start + _TOGETHER]], place))
            for start in range(0, len(order), _TOGETHER)
        ]
    return torch.nn.functional.normalize(torch.cat(found).float()[np.argsort(order)], dim=1)


def encode(module: Any, tokens: Tokens, half: bool = False) -> Floats:
    """Vectors of texts: float32 [n, d]."""
    torch = onnx.extra("torch")
    order = sorted(range(len(tokens)), key=lambda row: len(tokens[row]))
    result: Floats | None = None
    with torch.no_grad():
        for start in range(0, len(order), _ENCODED):
            rows = order[start : start + _ENCODED]
            found = vectors(module, [tokens[row] for row in rows], half).cpu().numpy()
            if result is None:
                result = np.empty((len(tokens), found.shape[1]), np.float32)
            result[rows] = found
    return np.zeros((0, 0), np.float32) if result is None else result


def plan(module: Any, texts: Texts, lessons: Lessons, *, minutes: float, seed: int, about: str) -> Course:
    """As many steps as fit into the minutes by a few that are timed, at most `EPOCHS` passes; the module stays as it is."""
    none: list[list[int]] = [list(one)[:1] for one in lessons.irrelevant]
    return course(
        module,
        lambda step, half: _loss(module, texts, lessons, none, step, half, seed),
        EPOCHS * math.ceil(len(texts.queries) / _size(texts)),
        minutes=minutes,
        seed=seed,
        about=about,
    )


def course(
    module: Any, loss: Callable[[int, bool], Any], most: int, *, minutes: float, seed: int, about: str
) -> Course:
    """As many steps as fit into the minutes by a few of `loss` (of a step, in half precision or not) that are timed, at most `most`; the
    module stays as it is."""
    paces = {half: _pace(module, loss, half) for half in (False, True)}
    half = paces[True] < 0.8 * paces[False]
    return Course(max(1, min(most, int(60 * minutes / paces[half]))), half, seed, about)


def _size(texts: Texts) -> int:
    return min(BATCH, max(2, len(texts.queries) // 4))


def _pace(module: Any, loss: Callable[[int, bool], Any], half: bool) -> float:
    """Seconds of a step: the median of three."""
    took = []
    for step in range(3):
        started = time.monotonic()
        loss(step, half).backward()
        took.append(time.monotonic() - started)
        module.zero_grad(set_to_none=True)
    return max(float(np.median(took)), 1e-6)


def fit(
    module: Any,
    texts: Texts,
    lessons: Lessons,
    course: Course,
    checkpoint: Path,
    *,
    resume: bool = False,
    tell: Tell = lambda doing: None,
    seconds: float = SAVED,
) -> list[float]:
    """Train the module in place; the mean loss of each tenth of the steps that were done here.

    Args:
        checkpoint: written every some `seconds`, and at the end.
        resume: go on from it.

    Raises:
        ModelError: there is no checkpoint to go on from, or it is of another training.
    """
    hard = contrastive.mine(lessons)
    return steps(
        module,
        lambda step: _loss(module, texts, lessons, hard, step, course.half, course.seed),
        course,
        checkpoint,
        resume=resume,
        tell=tell,
        seconds=seconds,
    )


def steps(
    module: Any,
    loss: Callable[[int], Any],
    course: Course,
    checkpoint: Path,
    *,
    resume: bool = False,
    tell: Tell = lambda doing: None,
    seconds: float = SAVED,
) -> list[float]:
    """`fit` by any loss of a step's number."""
    torch = onnx.extra("torch")
    trained = [weights for weights in module.parameters() if weights.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=_DECAY)
    done = _resumed(checkpoint, module, optimizer, course) if resume else 0
    losses: list[float] = []
    saved = time.monotonic()
    for step in range(done, course.steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, course.steps)
        value = loss(step)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(trained, _NORM)
        optimizer.step()
        losses.append(float(value.detach()))
        tell(f"step {step + 1} of {course.steps}, loss {np.mean(losses[-50:]):.3f}")
        if time.monotonic() - saved >= seconds or step + 1 == course.steps:
            _save(checkpoint, module, optimizer, course, step + 1)
            saved = time.monotonic()
    return [round(float(part.mean()), 4) for part in np.array_split(losses, 10) if len(part)]


def rate(step: int, steps: int) -> float:
    """The learning rate of a step: rising over the first tenth, then falling to nothing."""
    warm = max(1, round(_WARM * steps))
    return RATE * min((step + 1) / warm, (steps - step) / max(1, steps - warm))


def _loss(module: Any, texts: Texts, lessons: Lessons, hard: list[list[int]], step: int, half: bool, seed: int) -> Any:
    """The loss of a step: of its queries, and of what is to stay."""
    torch = onnx.extra("torch")
    generator = np.random.default_rng([seed, step])
    one = contrastive.batch(rows(step, len(texts.queries), _size(texts), seed), lessons, hard, generator)
    asked = vectors(module, [texts.queries[row] for row in one.queries], half)
    found = vectors(module, [texts.products[row] for row in one.products], half)
    value = contrastive.loss(asked, found, one)
    still = generator.integers(0, len(texts.anchors), _STILL)
    kept = torch.from_numpy(texts.still[still]).to(asked.device)
    moved = vectors(module, [texts.anchors[row] for row in still], half)
    return value + _ANCHOR * (1 - (moved * kept).sum(1)).mean()


def rows(step: int, count: int, size: int, seed: int) -> list[int]:
    """The queries of a step: each once in a pass, in an order of the pass."""
    passes = math.ceil(count / size)
    order = np.random.default_rng([seed, step // passes, 1]).permutation(count)
    found: list[int] = order[step % passes * size :][:size].tolist()
    return found


def _save(path: Path, module: Any, optimizer: Any, course: Course, step: int) -> None:
    torch = onnx.extra("torch")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    content = {
        "about": course.about, "steps": course.steps, "half": course.half, "step": step,
        "module": module.state_dict(), "optimizer": optimizer.state_dict(),
    }  # fmt: skip
    with open(draft, "wb") as file:
        torch.save(content, file)
    draft.replace(path)


def saved(path: Path, about: str, seed: int) -> Course:
    """The course of the training that a checkpoint is of. Raises ModelError as `fit`."""
    content = _read(path, about)
    return Course(content["steps"], content["half"], seed, about)


def _resumed(path: Path, module: Any, optimizer: Any, course: Course) -> int:
    content = _read(path, course.about)
    module.load_state_dict(content["module"])
    optimizer.load_state_dict(content["optimizer"])
    step: int = content["step"]
    return step


def _read(path: Path, about: str) -> dict[str, Any]:
    torch = onnx.extra("torch")
    remedy = "Run it without --resume."
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelError("there is no checkpoint to go on from", value=path, remedy=remedy) from None
    # torch raises several classes for a damaged file, and pickle one of its own.
    except Exception as error:
        raise ModelError("the checkpoint cannot be read", value=f"{path} ({error})", remedy=remedy) from error
    if content.get("about") != about:
        raise ModelError(
            "the checkpoint is of another training", value=f"{content.get('about')}, not {about}", remedy=remedy
        )
    return content


def freeze(module: Any) -> None:
    """Keep the embeddings as they are."""
    for name, weights in module.named_parameters():
        weights.requires_grad = "embeddings." not in name


def mixed(original: Mapping[str, Any], tuned: Mapping[str, Any], share: float) -> dict[str, Any]:
    """Weights that go `share` of the way from the original to the tuned ones (WiSE-FT, Wortsman et al. 2022, arXiv:2109.01903)."""
    return {
        name: weights + share * (tuned[name] - weights) if weights.is_floating_point() else weights
        for name, weights in original.items()
    }

"""LightGBM's LambdaMART on the ranker's own rows, tuned by random search: the yardstick of every report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from etalage.core import onnx
from etalage.core.errors import ConfigError
from etalage.core.records import Floats
from ranker.training.dataset import Group

TRIALS: Final = 12
"""Settings that are tried at most; the first are always tried."""

FIRST: Final[Mapping[str, float]] = {
    "num_leaves": 15, "min_data_in_leaf": 50, "learning_rate": 0.05, "feature_fraction": 1.0, "lambda_l2": 0.0,
    "bagging_fraction": 1.0,
}  # fmt: skip
"""What tuning starts from."""

SPACE: Final[Mapping[str, Sequence[float]]] = {
    "num_leaves": (7, 15, 31, 63),
    "min_data_in_leaf": (20, 50, 100, 200),
    "learning_rate": (0.03, 0.05, 0.1),
    "feature_fraction": (0.3, 0.6, 1.0),
    "lambda_l2": (0.0, 1.0, 10.0),
    "bagging_fraction": (0.7, 1.0),
}

_ROUNDS: Final = 500
_PATIENCE: Final = 30


@dataclass(frozen=True, slots=True)
class Trees:
    """A fitted model, its settings, its nDCG@10 on the validation queries by LightGBM's own count, and how many settings were
    tried."""

    booster: Any
    settings: Mapping[str, float]
    validation: float
    tried: int

    def score(self, matrix: Floats) -> Floats:
        """Scores float32 [n] of features float32 [n, F]."""
        return np.asarray(self.booster.predict(matrix), np.float32)


def fit(
    training: Sequence[Group],
    validation: Sequence[Group],
    *,
    minutes: float = 1.0,
    seed: int = 0,
    settings: Mapping[str, float] | None = None,
) -> Trees | None:
    """The best of `FIRST` and of settings drawn from `SPACE`, by nDCG@10 on the validation queries, until `minutes` are over; or
    of `settings` alone. Each stops early by the same queries. None when LightGBM is not installed."""
    try:
        lightgbm = onnx.extra("lightgbm")
    except ConfigError:
        return None
    deadline = time.monotonic() + 60 * minutes
    rows, held = _dataset(lightgbm, training), _dataset(lightgbm, validation)
    held.reference = rows
    grades = max(int(_labels(one).max(initial=0)) for one in (*training, *validation)) + 1
    best: Trees | None = None
    for number, one in enumerate(_drawn(seed) if settings is None else (settings,)):
        if best is not None and time.monotonic() > deadline:
            break
        booster = lightgbm.train(
            _parameters(one, grades, seed), rows, _ROUNDS, valid_sets=[held],
            callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
        )  # fmt: skip
        found = float(booster.best_score["valid_0"]["ndcg@10"])
        tried = number + 1
        if best is None or found > best.validation:
            best = Trees(booster, one, found, tried)
        else:
            best = Trees(best.booster, best.settings, best.validation, tried)
    return best


def _drawn(seed: int) -> list[Mapping[str, float]]:
    generator = np.random.default_rng(seed)
    others = [{name: generator.choice(values).item() for name, values in SPACE.items()} for _ in range(TRIALS - 1)]
    return [FIRST, *others]


def _parameters(settings: Mapping[str, float], grades: int, seed: int) -> dict[str, Any]:
    return {
        "objective": "lambdarank", "metric": "ndcg", "eval_at": [10], "seed": seed, "verbosity": -1, "num_threads": 1,
        "deterministic": True, "feature_pre_filter": False, "label_gain": [2 ** (number / 4) - 1 for number in range(grades)],
        "bagging_freq": int(settings["bagging_fraction"] < 1), **settings, "num_leaves": int(settings["num_leaves"]),
        "min_data_in_leaf": int(settings["min_data_in_leaf"]),
    }  # fmt: skip


def _dataset(lightgbm: Any, groups: Sequence[Group]) -> Any:
    filled = [one for one in groups if len(one.ids)]
    return lightgbm.Dataset(
        np.concatenate([one.features for one in filled]),
        np.concatenate([_labels(one) for one in filled]),
        group=[len(one.ids) for one in filled],
        params={"feature_pre_filter": False, "verbosity": -1},
        free_raw_data=False,
    )


def _labels(group: Group) -> np.ndarray[Any, np.dtype[np.int64]]:
    """LightGBM wants integer labels; quarter ratings keep fractions."""
    return np.rint(4 * np.log2(1 + group.gains)).astype(np.int64)

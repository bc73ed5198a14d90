"""Rates of things that happened more or less often than was to be expected, drawn to their mean where little is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

WEAKEST: Final = 1.0
STRONGEST: Final = 1000.0
"""Bounds of the prior's strength, in expected clicks or purchases: a single click at most doubles a rate, and where products differ
by no more than chance, all have nearly the mean."""


@dataclass(frozen=True, slots=True)
class Rates:
    """A rate of each thing [n], NaN = unknown, with the mean and the prior's strength."""

    rates: Doubles
    mean: float | None = None
    prior: float | None = None


def expected(place: npt.NDArray[np.int64], clicks: Doubles, weights: Doubles, deepest: int) -> Doubles:
    """How likely a click is at each trial's place [m], whatever stands there."""
    shown = np.bincount(place, weights, deepest + 1)
    chances: Doubles = (np.bincount(place, clicks, deepest + 1) / np.where(shown > 0, shown, 1.0))[place]
    return chances


def drawn(
    of: npt.NDArray[np.integer[Any]], happened: Doubles, awaited: Doubles, variance: Doubles, trials: float, size: int
) -> Rates:
    """Rates of `size` things from what happened and what was expected of each trial [m], drawn to the mean by a gamma prior (Clayton
    and Kaldor 1987); `of` is which thing each trial is about."""
    found, hoped, noise = (np.bincount(of, one, size) for one in (happened, awaited, variance))
    known = np.bincount(of, minlength=size) > 0
    # Sums of things in an order that does not hang on which came first.
    excess = np.sort((found - hoped) ** 2 - noise).sum() / max(np.sort(hoped**2).sum(), 1e-300)
    prior = float(np.clip(1.0 / max(excess, 1e-9), WEAKEST, STRONGEST))
    mean = float(happened.sum() / trials)
    rates = np.minimum(mean * (found + prior) / (hoped + prior), 1.0)
    return Rates(np.where(known, rates, np.nan), mean, prior)

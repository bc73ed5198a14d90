"""Which keys lie side by side, on QWERTY keyboards and the German and French ones."""

from __future__ import annotations

from typing import Final

import numpy as np

from autocomplete.kernels.nearness import EDIT, Costs

_LAYOUTS: Final = (
    ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"),
    ("1234567890", "qwertzuiop", "asdfghjkl", "yxcvbnm"),
    ("1234567890", "azertyuiop", "qsdfghjklm", "wxcvbn"),
)
_SLANT: Final = 0.5
"""How far each row of keys lies to the right of the one above it, in keys."""

_REACH: Final = 1.2
_BESIDE: Final = 3
"""What a letter costs instead of one on a neighbouring key."""


def _costs() -> Costs:
    costs = np.full((128, 128), EDIT, np.int32)
    np.fill_diagonal(costs, 0)
    for rows in _LAYOUTS:
        where = {letter: (row, at + _SLANT * row) for row, keys in enumerate(rows) for at, letter in enumerate(keys)}
        for one, (row, at) in where.items():
            for other, (below, beside) in where.items():
                if one != other and abs(row - below) <= 1 and abs(at - beside) <= _REACH:
                    costs[ord(one), ord(other)] = _BESIDE
    return costs


COSTS: Final = _costs()
"""int32 [128, 128]: what typing one letter instead of another costs."""

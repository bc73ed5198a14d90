"""The small words of a title, which end its name: `Couch Slipcover for Sofas` is a slipcover, for sofas."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from etalage.core import text

Ids = npt.NDArray[np.uint32]
Roles = npt.NDArray[np.uint8]

NAME, ASIDE, PURPOSE, IN = range(4)
"""Roles of a word: part of a name; it ends a name; what follows is what the product is for; `in`."""
_SMALL: Final = (
    *((word, PURPOSE) for word in "for fits compatible suitable pour para passend".split()),
    *((word, ASIDE) for word in "with without from by including includes incl mit ohne avec sans con".split()),
    ("in", IN),
)
"""The small words that end a name. What follows a purpose says what the product is for; `in` ends a name only after a word, since `24 in.` is a
length. Surface forms: a `slim fit` is for nobody."""

_IDS: Final = np.array([0, *(text.token_id(word) for word, _ in _SMALL)], np.uint32)
_ROLES: Final = np.array([NAME, *(role for _, role in _SMALL)], np.uint8)
_SLOTS: Final = np.zeros(1 << 16, np.uint8)
_SLOTS[_IDS.astype(np.uint16)] = np.arange(len(_IDS))
"""Which small word an id may be, by its lower half: far faster than comparing with each."""


def roles(surfaces: Ids) -> Roles:
    """The role of each word behind the first place: uint8 like `surfaces` [.., width]."""
    at = _SLOTS[surfaces.astype(np.uint16)]
    maybe = np.nonzero(at)
    found = np.zeros(surfaces.shape, np.uint8)
    found[maybe] = np.where(_IDS[at[maybe]] == surfaces[maybe], _ROLES[at[maybe]], np.uint8(NAME))
    found[..., :1] = NAME
    return found

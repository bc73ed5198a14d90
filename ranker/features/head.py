"""Whether a product is the thing that was asked for, or something for it. English names end with their noun, and what they are for, come
with or are made of follows a small word: `Couch Slipcover for Sofas` is a slipcover."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from etalage.core import text
from etalage.core.records import Floats
from ranker.features.base import Context, Feature

Ids = npt.NDArray[np.uint32]
Roles = npt.NDArray[np.uint8]

_NONE, _ASIDE, _PURPOSE, _IN = range(4)
_SMALL: Final = (
    *((word, _PURPOSE) for word in "for fits compatible suitable pour para passend".split()),
    *((word, _ASIDE) for word in "with without from by including includes incl mit ohne avec sans con".split()),
    ("in", _IN),
)
"""The small words that end a name. What follows a purpose says what the product is for; `in` ends a name only after a word, since `24 in.` is a
length. Surface forms: a `slim fit` is for nobody."""

_IDS: Final = np.array([0, *(text.token_id(word) for word, _ in _SMALL)], np.uint32)
_ROLES: Final = np.array([_NONE, *(role for _, role in _SMALL)], np.uint8)
_SLOTS: Final = np.zeros(1 << 16, np.uint8)
_SLOTS[_IDS.astype(np.uint16)] = np.arange(len(_IDS))
"""Which small word an id may be, by its lower half: far faster than comparing with each."""


def _roles(surfaces: Ids) -> Roles:
    """The role of each word behind the first place: uint8 like `surfaces` [.., width]."""
    at = _SLOTS[surfaces.astype(np.uint16)]
    maybe = np.nonzero(at)
    roles = np.zeros(surfaces.shape, np.uint8)
    roles[maybe] = np.where(_IDS[at[maybe]] == surfaces[maybe], _ROLES[at[maybe]], np.uint8(_NONE))
    roles[..., :1] = _NONE
    return roles


def _asked(c: Context) -> int | None:
    """Which of the query's words is its noun: the last of its name; None without words."""
    roles = _roles(c.query.surfaces)
    if not len(roles):
        return None
    ends = np.flatnonzero(roles)
    return int(ends[0] if len(ends) else len(roles)) - 1


def _noun(c: Context) -> Floats:
    """1 / (1 + words between the query's noun and the end of the title's name); 0 where the name lacks it."""
    asked = _asked(c)
    near = np.zeros(c.size, np.float32)
    if asked is None:
        return near
    rows = np.flatnonzero(c.stem_in_title[:, asked])
    words = (c.records["kind"][rows] == text.NONE) & (c.title[rows] > 0)
    roles = _roles(c.records["surface"][rows])
    ends = roles > 0
    ends[:, 1:] &= (roles[:, 1:] != _IN) | words[:, :-1]
    places = np.arange(ends.shape[1])
    named = places < np.where(ends.any(axis=1), ends.argmax(axis=1), len(places))[:, None]
    words &= named
    behind = words.sum(axis=1, keepdims=True) - words.cumsum(axis=1)
    near[rows] = np.where(c.in_title[rows, asked] & named, 1.0 / (1.0 + behind), 0.0).max(axis=1, initial=0.0)
    return near


def _served(c: Context) -> Floats:
    """Whether the query's noun stands in what the product is for, and no other word of the query stands before that alone."""
    asked = _asked(c)
    served = np.zeros(c.size, np.float32)
    if asked is None:
        return served
    rows = np.flatnonzero(c.stem_in_title[:, asked])
    purpose = _roles(c.records["surface"][rows]) == _PURPOSE
    has = purpose.any(axis=1)
    rows, purpose = rows[has], purpose[has]
    ends, places, stands = purpose.argmax(axis=1)[:, None], c.in_title[rows], c.stem_in_title[rows]
    before = stands & (places.argmax(axis=2) < ends)
    behind = stands & (places.shape[2] - places[..., ::-1].argmax(axis=2) > ends)
    served[rows] = behind[:, asked] & ~np.any(before & ~behind, axis=1)
    return served


FEATURES = (
    Feature("noun", "head", 0.0, "how near the end of the title's name the query's noun stands", _noun),
    Feature("served", "head", 0.0, "the query's noun is what the product is for, by its title", _served),
)

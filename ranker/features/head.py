"""Whether a product is the thing that was asked for, or something for it. English names end with their noun, and what they are for, come
with or are made of follows a small word: `Couch Slipcover for Sofas` is a slipcover."""

from __future__ import annotations

import numpy as np

from etalage.core import text
from etalage.core.records import Floats
from ranker.features import bits, naming
from ranker.features.base import Context, Feature
from ranker.features.bits import Bits


def _asked(c: Context) -> int | None:
    """Which of the query's words is its noun: the last of its name; None without words."""
    roles = naming.roles(c.query.surfaces)
    if not len(roles):
        return None
    ends = np.flatnonzero(roles)
    return int(ends[0] if len(ends) else len(roles)) - 1


def _noun(c: Context) -> Floats:
    """1 / (1 + words between the query's noun and the end of the title's name); 0 where the name lacks it."""
    asked = _asked(c)
    if asked is None:
        return np.zeros(c.size, np.float32)
    words = (c.records["kind"] == text.NONE) & (c.title > 0)
    ends = c.title_roles > naming.NAME
    ends[:, 1:] &= (c.title_roles[:, 1:] != naming.IN) | words[:, :-1]
    named = _before(bits.packed(ends))
    last = bits.after_last(c.places[asked] & named).astype(np.uint64)
    behind = bits.packed(words) & named & ~((np.uint64(1) << last) - np.uint64(1)).astype(np.uint32)
    return np.where(last > 0, 1.0 / (1.0 + bits.count(behind)), 0.0).astype(np.float32)


def _served(c: Context) -> Floats:
    """Whether the query's noun stands in what the product is for, and no other word of the query stands before that alone."""
    asked = _asked(c)
    if asked is None:
        return np.zeros(c.size, np.float32)
    purpose = bits.packed(c.title_roles == naming.PURPOSE)
    before = (c.places & _before(purpose)) != 0
    behind = bits.after_last(c.places) > bits.first(purpose)
    return ((purpose != 0) & behind[asked] & ~np.any(before & ~behind, axis=0)).astype(np.float32)


def _before(places: Bits) -> Bits:
    """All places before the first of each set; all there are for an empty one."""
    return (places & (~places + np.uint32(1))) - np.uint32(1)


FEATURES = (
    Feature("noun", "head", 0.0, "how near the end of the title's name the query's noun stands", _noun),
    Feature("served", "head", 0.0, "the query's noun is what the product is for, by its title", _served),
)

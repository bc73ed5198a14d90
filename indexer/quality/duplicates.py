"""Products that are in the feed twice, or nearly: the same group for both, or only one of them.

Near duplicates are found by MinHash: a product's words and pairs of neighbouring words, title and start of the
description, are hashed `HASHES` ways, of each the smallest value is kept, and the share of equal values estimates the
Jaccard similarity. Products of one brand that agree in a band of values are compared.
"""

from __future__ import annotations

import unicodedata
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt

from etalage.core.records import Product
from etalage.core.text import fold, stems, token_id
from indexer.quality.rules import Rules
from indexer.quality.sketch import Bags, Hashes, Ints, Words, hash64, mixed

ALIKE: Final = 0.85
"""Smallest estimated similarity of near duplicates."""
PRICE_RATIO: Final = 3.0
DESCRIPTION: Final = 400
"""Characters of the description that are compared."""
HASHES, _BAND = 64, 4
_BATCH: Final = 4096
_WINDOW: Final = 48
"""In a crowded bucket a product is compared with so many that follow it, and with the first."""

Signatures = npt.NDArray[np.uint16]

_SEEDS: Final = mixed(np.arange(1, 2 * HASHES + 1, dtype=np.uint64)).reshape(2, HASHES)
_FACTORS: Final = _SEEDS[0] | np.uint64(1)
_NONE: Final = -1


def signatures(words: Words, ends: Ints) -> Signatures:
    """MinHash signatures [rows, HASHES] of bags of words; each keeps the last 16 bits of a 64-bit minimum."""
    made = np.zeros((len(ends) - 1, HASHES), np.uint16)
    filled = np.flatnonzero(np.diff(ends))
    if not len(filled):
        return made
    wide = words.astype(np.uint64)
    pairs = mixed((wide[:-1] << np.uint64(32)) | wide[1:])
    # A pair across the border of two rows becomes a word of the first row again, which changes no minimum.
    single = mixed(wide)
    last = ends[1:][filled] - 1
    pairs = np.append(pairs, np.uint64(0))
    pairs[last] = single[last]
    starts = ends[:-1][filled]
    for i in range(HASHES):
        hashed = np.minimum(single * _FACTORS[i] + _SEEDS[1, i], pairs * _FACTORS[i] + _SEEDS[1, i])
        made[filled, i] = (np.minimum.reduceat(hashed, starts) >> np.uint64(24)).astype(np.uint16)
    return made


@dataclass(frozen=True, slots=True)
class Twin:
    """What becomes of a product that others are like: its group, or the id of the one that stays."""

    rule: str
    group: str
    stays: str = ""


class Duplicates:
    """Sketches for the rules of this family: per product its id, two hashes, its price and a signature."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._ids: list[str] = []
        self._given: dict[str, str] = {}
        self._digest = array("Q")
        self._brand = array("Q")
        self._price = array("q")
        self._batch = Bags()
        self._signed: list[Signatures] = []

    def add(self, product: Product, title: list[int]) -> None:
        """`title`: the ids of the title's stems."""
        self._ids.append(product.id)
        if product.variant_group:
            self._given[product.id] = product.variant_group
        self._digest.append(_digest(product))
        if not self._rules.on("near_duplicates"):
            return
        self._brand.append(hash64(product.tenant, fold(product.brand)))
        self._price.append(_NONE if product.price is None else product.price)
        self._batch.add(title + [token_id(stem) for stem in stems(product.description[:DESCRIPTION])])
        if len(self._batch) == _BATCH:
            self._sign()

    def _sign(self) -> None:
        self._signed.append(signatures(*self._batch.arrays()))
        self._batch = Bags()

    def close(self) -> dict[str, Twin]:
        """What becomes of every product that has a twin, by id. Products are taken by id, not in the feed's order."""
        by_id = sorted(range(len(self._ids)), key=self._ids.__getitem__)
        # A product that is in the feed twice under one id is no twin of itself.
        order = np.array([i for n, i in enumerate(by_id) if not n or self._ids[by_id[n - 1]] != self._ids[i]], np.int64)
        same = np.arange(len(order))
        if self._rules.on("exact_duplicates") and len(order):
            digest = np.array(self._digest, np.uint64)[order]
            _, first, inverse = np.unique(digest, return_index=True, return_inverse=True)
            same = first[inverse]
        owner = self._owners(order, np.unique(same))
        return self._named([self._ids[i] for i in order], same, owner[same])

    def _owners(self, order: Ints, chosen: Ints) -> Ints:
        """For every product the first that it is nearly the same as: itself where there is none."""
        owner = np.arange(len(order))
        if not self._rules.on("near_duplicates") or len(chosen) < 2:
            return owner
        if len(self._batch):
            self._sign()
        rows = order[chosen]
        signed = np.concatenate(self._signed)[rows]
        brand, price = np.array(self._brand, np.uint64)[rows], np.array(self._price, np.int64)[rows]
        found = [_alike(one, other, signed, brand, price) for one, other in _candidates(signed, brand)]
        pairs = np.unique(np.concatenate(found)) if found else np.zeros(0, np.uint64)
        # Every member of a group is like its first one; members need not be like each other, and chains do not form.
        for pair in pairs.tolist():
            one, other = chosen[pair >> 32], chosen[pair & 0xFFFFFFFF]
            if owner[one] == one and owner[other] == other:
                owner[other] = one
        return owner

    def _named(self, ids: list[str], same: Ints, owner: Ints) -> dict[str, Twin]:
        quarantine = "exact_duplicates" in self._rules.quarantine
        copies = np.bincount(same, minlength=len(ids))
        by_owner = np.argsort(owner, kind="stable")
        starts = np.flatnonzero(np.diff(owner[by_owner], prepend=-1))
        found: dict[str, Twin] = {}
        for members in np.split(by_owner, starts[1:]):
            if len(members) < 2:
                continue
            name = self._group([ids[i] for i in members])
            alone = quarantine and all(same[i] == same[members[0]] for i in members)
            for i in members:
                exact = copies[same[i]] > 1
                if quarantine and same[i] != i:
                    found[ids[i]] = Twin("exact_duplicates", "", ids[same[i]])
                elif not alone and ids[i] not in self._given:
                    found[ids[i]] = Twin("exact_duplicates" if exact and not quarantine else "near_duplicates", name)
        return found

    def _group(self, ids: list[str]) -> str:
        """The group that the feed gives to some of these, when it gives one; else one named by the smallest id."""
        given = {self._given[id] for id in ids if id in self._given}
        return given.pop() if len(given) == 1 else f"dup:{ids[0]}"


def _digest(product: Product) -> int:
    """A hash of what makes two products the same. A title alone says too little, so then price and images count, too."""
    attributes = sorted((name, *values) for name, values in product.attributes.items())
    texts = [product.title, product.brand, product.description, *chain.from_iterable(attributes)]
    if not product.description and not attributes:
        texts += [str(product.price), product.currency, *product.images]
    plain = unicodedata.normalize("NFKC", "\0".join(texts)).casefold()
    return hash64(product.tenant, " ".join(plain.split()))


def _candidates(signed: Signatures, brand: Hashes) -> Iterator[tuple[Ints, Ints]]:
    """Pairs of rows (smaller, larger) of one brand that agree in a band."""
    bands = np.ascontiguousarray(signed).view(np.uint64)
    for band in range(HASHES // _BAND):
        keys = mixed(bands[:, band]) ^ brand
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
        first = np.repeat(starts, np.diff(np.append(starts, len(keys))))
        place = np.arange(len(keys))
        for step in range(1, _WINDOW + 1):
            held = np.flatnonzero(first[step:] == first[:-step])
            if not len(held):
                break
            yield order[held], order[held + step]
        crowded = place[place - first > _WINDOW]
        yield order[first[crowded]], order[crowded]


def _alike(one: Ints, other: Ints, signed: Signatures, brand: Hashes, price: Ints) -> Hashes:
    """Those of the pairs that are near duplicates, each as one number."""
    # Different brands can fall into one bucket by chance; rows without words agree in everything.
    kept = (brand[one] == brand[other]) & signed[one].any(axis=1)
    low, high = np.minimum(price[one], price[other]), np.maximum(price[one], price[other])
    kept &= (low == _NONE) | (high <= PRICE_RATIO * low)
    one, other = one[kept], other[kept]
    alike = (signed[one] == signed[other]).mean(axis=1) >= ALIKE
    return (one[alike].astype(np.uint64) << np.uint64(32)) | other[alike].astype(np.uint64)

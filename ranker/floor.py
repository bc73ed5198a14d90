"""How alike a query and a product must be, at least, for the vector alone to bring the product.

The nearest vectors of a query that the shop has nothing for are near to nothing. How alike texts are that have nothing to do with each
other depends on the encoder, so it is measured with it: queries and titles of different trades, each with each. A neighbour counts as
found where it is more alike than their mean by `DEVIATIONS` standard deviations. The encoder that only hashes words has no floor: it knows no
meaning that texts without a common word could share.
"""

from __future__ import annotations

from threading import Lock
from typing import Final

import numpy as np

from etalage.core.encoders import Encoder
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import ModelError
from ranker import adapt
from ranker.adapt import Adaptation

DEVIATIONS: Final = 3.0

_QUERIES: Final = (
    "garden hose", "running shoes", "usb cable", "office chair", "baby monitor", "coffee maker", "paint brush", "winter jacket",
    "dog food", "electric guitar", "shower curtain", "laptop", "wedding ring", "car battery", "yoga mat", "board game", "led bulb",
    "kitchen knife", "sunglasses", "tent",
)  # fmt: skip
_TITLES: Final = (
    "Ceramic dinner plate set, 12 pieces, white", "Wireless optical mouse with 3 buttons", "Men's cotton polo shirt, navy blue",
    "Stainless steel hex bolts M8, pack of 50", "Moisturising face cream for dry skin, 50 ml", "Children's wooden train set",
    "Laser printer toner cartridge, black", "Oak bookshelf with five shelves", "Mountain bike helmet, size L",
    "Organic green tea, 20 bags", "Digital bathroom scale", "Leather wallet with coin pocket", "Acoustic ceiling panel",
    "Fishing rod, 2.4 m", "Pruning shears", "Inkjet photo paper A4", "Vacuum cleaner bags, pack of 5",
    "Women's ankle boots, brown suede", "External hard drive 2 TB", "Aquarium filter pump",
)  # fmt: skip


class Floor:
    """The least cosine of neighbours, for an encoder and what moves its query vectors; measured once for each. Thread-safe."""

    def __init__(self, encoder: Encoder, adaptation: Adaptation | None = None) -> None:
        self._encoder, self._adaptation = encoder, adaptation
        self._known: dict[str, float] = {}
        self._lock = Lock()

    def now(self) -> float | None:
        """The least cosine, without an adapter that cannot be used; None where the encoder cannot, or hashes words."""
        if isinstance(self._encoder, HashingEncoder):
            return None
        with self._lock:
            try:
                return self._measured(self._adaptation)
            except ModelError:
                pass
            try:
                return self._measured(None)
            except ModelError:
                return None

    def _measured(self, adaptation: Adaptation | None) -> float:
        used = None if adaptation is None else adaptation.current(self._encoder.fingerprint)
        name = "" if used is None else used.manifest.name
        if name not in self._known:
            self._known[name] = measured(self._encoder, adaptation)
        return self._known[name]


def measured(encoder: Encoder, adaptation: Adaptation | None = None) -> float:
    """Mean and deviations of the cosines of unrelated queries and titles, each with each.

    Raises:
        ModelError: encoder or adapter failed.
    """
    queries = np.stack([adapt.encode(encoder, one, adaptation).near for one in _QUERIES])
    cosines = queries @ encoder.encode(_TITLES, kind="passage").T
    return float(cosines.mean() + DEVIATIONS * cosines.std())

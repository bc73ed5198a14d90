"""Which products are clicked for a query more often than others at the same places: associations of queries and products.

The unit is one client with one product for one query, and clicks are compared with those that the places lead one to expect, as for
a product's click rate (`signals`); here each pair of query and product has a rate of its own. What is kept is its logarithm
over the mean: above zero for what is clicked more than others.
Queries count by their different stems, in whatever order, and only their hashes are kept: the file tells nobody what was typed.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import orjson

from etalage.core.errors import EngineError
from etalage.core.records import Floats
from ranker.behaviour import checked
from ranker.behaviour.rates import Doubles, drawn
from ranker.behaviour.sightings import bag

log = logging.getLogger(__name__)

VERSION: Final = 1
CLIENTS: Final = 2
"""Clients that must have clicked a product for a query before it counts as found by it: one alone could be its seller."""

LEAST: Final = 0.05
"""Strength beyond which a product is clicked more than others."""

DEEP: Final = 50
"""Products kept for a query, those with the most to say."""

_MAGIC: Final = b"ETALAGE-ASSOCIATIONS"


@dataclass(frozen=True, slots=True)
class Associated:
    """What is known of a query's products: ids, and float32 log rates over the mean, largest first; `found` of them were clicked
    by `CLIENTS` or more, more often than others."""

    ids: tuple[str, ...] = ()
    strengths: tuple[float, ...] = ()
    found: int = 0

    def of(self, ids: Sequence[str]) -> Floats:
        """The strengths of some products: float32 [n], 0 where nothing is known."""
        if not self.ids:
            return np.zeros(len(ids), np.float32)
        known = dict(zip(self.ids, self.strengths, strict=True))
        return np.fromiter((known.get(one, 0.0) for one in ids), np.float32, len(ids))


NOTHING: Final = Associated()


@dataclass(frozen=True, slots=True)
class Associations:
    """All that is known of a shop's queries: hash of the words (`sightings.bag`) → `Associated`."""

    queries: Mapping[int, Associated] = field(default_factory=dict)

    def about(self, stems: Iterable[int]) -> Associated:
        """What is known of the query with these stem ids."""
        return self.queries.get(bag(stems), NOTHING)


def compute(
    queries: npt.NDArray[np.uint64],
    products: npt.NDArray[np.uint32],
    clicks: Doubles,
    awaited: Doubles,
    weights: Doubles,
    ids: Sequence[str],
) -> Associations:
    """The associations of units that were seen.

    Args:
        queries, products: [m], hashes of words (0: none) and numbers of products.
        clicks, awaited, weights: [m], what happened and was expected, both weighted, and the weights.
        ids: the id of each product number.
    """
    pairs, at = np.unique(np.stack([queries, products.astype(np.uint64)]), axis=1, return_inverse=True)
    at = at.reshape(-1)
    size = pairs.shape[1]
    made = drawn(at, clicks, awaited, awaited * (weights - awaited), float(weights.sum()), size)
    if not made.mean:
        return Associations()
    strengths = np.log(np.maximum(made.rates, 1e-9) / made.mean).astype(np.float32)
    clients = np.bincount(at[clicks > 0], minlength=size)
    found: dict[int, Associated] = {}
    starts = np.flatnonzero(np.r_[True, pairs[0, 1:] != pairs[0, :-1]]) if size else np.zeros(0, int)
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), size], strict=True):
        if pairs[0, start]:
            found[int(pairs[0, start])] = _kept(
                [ids[number] for number in pairs[1, start:end].tolist()], strengths[start:end], clients[start:end]
            )
    return Associations(found)


def _kept(ids: list[str], strengths: Floats, clients: npt.NDArray[np.int64]) -> Associated:
    """The `DEEP` that say most, what was found by enough clients first."""
    sure = (clients >= CLIENTS) & (strengths > LEAST)
    most = sorted(range(len(ids)), key=lambda row: (-abs(float(strengths[row])), ids[row]))[:DEEP]
    rows = sorted(most, key=lambda row: (not sure[row], -float(strengths[row]), ids[row]))
    return Associated(
        tuple(ids[row] for row in rows),
        tuple(float(f"{strengths[row]:.3g}") for row in rows),
        int(sure[rows].sum()),
    )


def write(path: Path, associations: Associations) -> None:
    """Replace the file, in one step."""
    known = sorted(associations.queries.items())
    ids = sorted({id for _, one in known for id in one.ids})
    number = {id: at for at, id in enumerate(ids)}
    buffer = io.BytesIO()
    np.savez(
        buffer,
        queries=np.array([key for key, _ in known], np.uint64),
        sizes=np.array([len(one.ids) for _, one in known], np.uint32),
        found=np.array([one.found for _, one in known], np.uint32),
        products=np.array([number[id] for _, one in known for id in one.ids], np.uint32),
        strengths=np.array([value for _, one in known for value in one.strengths], np.float32),
        ids=np.frombuffer(orjson.dumps(ids), np.uint8),
    )
    checked.write(path, _MAGIC, VERSION, buffer.getvalue())


def read(path: Path) -> Associations:
    """What the file holds; nothing where there is none.

    Raises:
        EngineError: it cannot be read, is damaged, or of another version.
    """
    remedy = "Remove it, and run `etalage signals refresh`."
    body = checked.read(path, _MAGIC, VERSION, "the file of associations", remedy)
    if body is None:
        return Associations()
    with np.load(io.BytesIO(body)) as arrays:
        ids = orjson.loads(arrays["ids"].tobytes())
        ends = np.cumsum(arrays["sizes"]).tolist()
        products, strengths = arrays["products"].tolist(), arrays["strengths"].tolist()
        known = {
            key: Associated(tuple(ids[number] for number in products[start:end]), tuple(strengths[start:end]), found)
            for key, start, end, found in zip(
                arrays["queries"].tolist(), [0, *ends], ends, arrays["found"].tolist(), strict=False
            )
        }
    return Associations(known)


class Watched:
    """The associations of a path: read when they are first asked for, and again once the file changed. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loaded: tuple[tuple[int, int], Associations] | None = None

    def about(self, stems: Iterable[int]) -> Associated:
        """What is known of the query with these stem ids; nothing, with a warning in the log, where the file cannot be used."""
        try:
            stat = self._path.stat()
        except OSError:
            return NOTHING
        stamp, loaded = (stat.st_mtime_ns, stat.st_ino), self._loaded
        if loaded is None or loaded[0] != stamp:
            try:
                loaded = (stamp, read(self._path))
            except EngineError as error:
                log.warning("searching without what was clicked before: %s", error)
                loaded = (stamp, Associations())
            self._loaded = loaded
        return loaded[1].about(stems)

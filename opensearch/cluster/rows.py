"""Feature records, vectors and titles of hits, kept beside the client.

A search then brings only ids and revisions; what is not held at that revision is fetched by one more request. Measured with
19,406 products and 200 candidates on two cores: p50 2.9 ms with every row held, 4.3 ms with the rows in each answer (base64
both ways), 7 ms when none is held yet.
"""

from __future__ import annotations

import threading
from binascii import a2b_base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from opensearch.cluster.documents import layout
from opensearch.engine import IndexSpec

CAPACITY: Final = 65_536
"""Documents held per generation: about 1 KB each with vectors of 384 dimensions."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A document as the node numbers its changes."""

    id: str
    seq_no: int
    primary_term: int


Fetch = Callable[[list[str]], Iterable[tuple[str, Revision]]]
"""Brings the `record` values (base64) of ids, with the revision each was read at."""


class Rows:
    """Rows of one generation. Thread-safe. The oldest give way when it is full."""

    def __init__(self, spec: IndexSpec, capacity: int = CAPACITY) -> None:
        self._kind = layout(spec.dim, spec.dim_image)
        self._capacity = capacity
        self._rows = np.zeros(capacity, self._kind)
        self._titles: list[str] = [""] * capacity
        self._holds: list[Revision | None] = [None] * capacity
        self._slots: dict[str, int] = {}
        self._next = 0
        self._guard = threading.Lock()

    def read(self, wanted: Sequence[Revision], fetch: Fetch) -> tuple[npt.NDArray[np.void], list[str], list[int]]:
        """Rows (`documents.layout`) and titles of `wanted`, and the positions in `wanted` that they are of.

        A document that was removed since the search has none.
        """
        rows = np.zeros(len(wanted), self._kind)
        titles: list[str | None] = [None] * len(wanted)
        with self._guard:
            slots = [self._held(one) for one in wanted]
            at = np.array([-1 if slot is None else slot for slot in slots], np.int64)
            held = at >= 0
            rows[held] = self._rows[at[held]]
            for number, slot in enumerate(slots):
                if slot is not None:
                    titles[number] = self._titles[slot]
        missing = {wanted[number].id: number for number in np.flatnonzero(~held).tolist()}
        if missing:
            for blob, revision in fetch(list(missing)):
                number = missing[revision.id]
                row, title = self._parsed(blob)
                rows[number], titles[number] = row, title
                self._keep(revision, row, title)
        known = [number for number, title in enumerate(titles) if title is not None]
        if len(known) < len(wanted):
            rows = rows[known]
        return rows, [title for title in titles if title is not None], known

    def _held(self, wanted: Revision) -> int | None:
        slot = self._slots.get(wanted.id)
        return slot if slot is not None and self._holds[slot] == wanted else None

    def _parsed(self, blob: str) -> tuple[npt.NDArray[np.void], str]:
        # The node leaves the padding out; more than is needed does no harm.
        raw = a2b_base64(blob + "==")
        return np.frombuffer(raw, self._kind, 1)[0], raw[self._kind.itemsize :].decode()

    def _keep(self, revision: Revision, row: npt.NDArray[np.void], title: str) -> None:
        with self._guard:
            slot = self._slots.get(revision.id)
            if slot is None:
                slot, self._next = self._next, (self._next + 1) % self._capacity
                old = self._holds[slot]
                if old is not None:
                    del self._slots[old.id]
                self._slots[revision.id] = slot
            self._rows[slot], self._titles[slot], self._holds[slot] = row, title, revision

"""Feature records, vectors and titles of hits, kept beside the client.

A search then brings only ids and revisions; what is not held at that revision is fetched by one more request. So a
process that goes on searching brings all rows once (`Filling`).
"""

from __future__ import annotations

import logging
import threading
import time
from binascii import a2b_base64
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from etalage.core.errors import EngineError
from opensearch.cluster.documents import layout
from opensearch.engine import IndexSpec

log = logging.getLogger(__name__)

_WORTH: Final = 8
"""Searches that lacked rows before all are brought: a command that searches once needs few."""


class Revision(NamedTuple):
    """A document as the node numbers its changes."""

    id: str
    seq_no: int
    primary_term: int


Fetch = Callable[[list[str]], Iterable[tuple[str, Revision]]]
"""Brings the `record` values (base64) of ids, with the revision each was read at."""

Pages = Generator[Iterable[tuple[str, Revision]], None, None]
"""What `Fetch` brings, of all documents, page by page."""


class Rows:
    """Rows of one generation, at most `capacity`. Thread-safe. The oldest give way when it is full."""

    def __init__(self, spec: IndexSpec, capacity: int) -> None:
        self._kind = layout(spec.dim, spec.dim_image)
        self._capacity = capacity
        # As bytes: numpy takes ten times as long to gather rows of fields.
        self._rows = np.zeros((capacity, self._kind.itemsize), np.uint8)
        self._titles: list[str] = [""] * capacity
        self._holds: list[Revision | None] = [None] * capacity
        self._slots: dict[Revision, int] = {}
        self._places: dict[str, int] = {}
        self._next = 0
        self._lacked = 0
        self._guard = threading.Lock()

    def read(self, wanted: Sequence[Revision], fetch: Fetch) -> tuple[npt.NDArray[np.void], list[str], list[int]]:
        """Rows (`documents.layout`) and titles of `wanted`, and the positions in `wanted` that they are of.

        A document that was removed since the search has none.
        """
        with self._guard:
            slots = [self._slots.get(one, -1) for one in wanted]
            raw = self._rows.take(np.array(slots, np.intp), axis=0)
            titles = [self._titles[slot] for slot in slots]
            missing = {wanted[number].id: number for number, slot in enumerate(slots) if slot < 0}
            self._lacked += bool(missing)
        if not missing:
            return raw.view(self._kind)[:, 0], titles, list(range(len(wanted)))
        gone = set(missing.values())
        for blob, revision in fetch(list(missing)):
            number = missing[revision.id]
            raw[number], titles[number] = row, title = self._parsed(blob)
            self._keep(revision, row, title)
            gone.discard(number)
        known = [number for number in range(len(wanted)) if number not in gone]
        return raw[known].view(self._kind)[:, 0], [titles[number] for number in known], known

    def worth_filling(self) -> bool:
        """Whether it is time to `hold` all rows; once."""
        with self._guard:
            worth = self._lacked >= _WORTH
            self._lacked = -(1 << 62) if worth else self._lacked
        return worth

    def hold(self, found: Iterable[tuple[str, Revision]]) -> bool:
        """Keep the rows of documents of which none is held, as `Fetch` brings them; False when it is full."""
        for blob, revision in found:
            if len(self._places) >= self._capacity:
                return False
            if revision.id not in self._places:
                self._keep(revision, *self._parsed(blob))
        return True

    def _parsed(self, blob: str) -> tuple[npt.NDArray[np.uint8], str]:
        # The node leaves the padding out; more than is needed does no harm.
        raw = a2b_base64(blob + "==")
        return np.frombuffer(raw, np.uint8, self._kind.itemsize), raw[self._kind.itemsize :].decode()

    def _keep(self, revision: Revision, row: npt.NDArray[np.uint8], title: str) -> None:
        with self._guard:
            slot = self._places.get(revision.id)
            if slot is None:
                slot, self._next = self._next, (self._next + 1) % self._capacity
            old = self._holds[slot]
            if old is not None:
                del self._slots[old], self._places[old.id]
            self._slots[revision] = self._places[revision.id] = slot
            self._rows[slot], self._titles[slot], self._holds[slot] = row, title, revision


class Filling:
    """Brings all rows in the background, so that later searches need no second request."""

    def __init__(self) -> None:
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, rows: Rows, pages: Pages) -> None:
        """Let `rows` hold what `pages` bring, until it is full; what fails leaves the rest to searches."""
        thread = threading.Thread(target=self._fill, args=(rows, pages), name="fill", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _fill(self, rows: Rows, pages: Pages) -> None:
        try:
            with closing(pages):
                started = time.monotonic()
                for page in pages:
                    # It rests as long as it worked: searches go on meanwhile.
                    if not rows.hold(page) or self._ending.wait(time.monotonic() - started):
                        return
                    started = time.monotonic()
        except EngineError as error:
            log.info("rows are left to be fetched by searches: %s", error)

    def close(self) -> None:
        """End, after the page that is being brought."""
        self._ending.set()
        for thread in self._threads:
            thread.join(1.0)

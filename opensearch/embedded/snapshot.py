"""What a search of the embedded engine reads: immutable files derived from the truth, replaced as a whole.

A snapshot is a pure function of a generation's documents. It is written into a temporary folder, flushed, renamed, and
only then named by the `CURRENT` file, so that a kill at any point leaves the last complete one in place. Readers keep
the files of an older snapshot mapped until they notice the new one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import orjson

from etalage.core import durable
from etalage.core.errors import EngineError
from etalage.core.records import RECORD, RECORD_VERSION, Floats, cosine
from etalage.core.text import stems
from opensearch import checks, fields, lacking
from opensearch.embedded import dsl, postings, vectors
from opensearch.embedded.arrays import mapped
from opensearch.embedded.columns import Exact, Strings
from opensearch.embedded.dsl import catalog
from opensearch.embedded.store import Store
from opensearch.engine import Candidates, Filter, IndexSpec, InStock, Lacks, Lists, Not, Range, Request, Term

VERSION: Final = 2
_CURRENT: Final = "CURRENT"
_FLUSHES: Final = 16
_OF_NUMBERS: Final = frozenset(("records", *catalog.OF_NUMBERS))
"""Files, by the beginning of their names, that hold numbers."""



def build(store: Store, generation: str, folder: Path, exact_limit: int) -> None:
    """Make the snapshot of a generation as it is now and let `CURRENT` name it; nothing to do when it is current."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "build.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _build(store, generation, folder, exact_limit)


def _build(store: Store, generation: str, folder: Path, exact_limit: int) -> None:
    db = store.connection()
    db.execute("BEGIN")
    try:
        number, seq, words, spec = db.execute(
            "SELECT number, seq, words, spec FROM generations WHERE name = ?", (generation,)
        ).fetchone()
        current = read_current(folder)
        if current is not None and current["seq"] == seq:
            return
        # Where only numbers changed since, the rest of the files is the same.
        same = folder / str(current["name"]) if current is not None and current.get("words") == words else None
        rows = db.execute(
            "SELECT id, source, terms, record, vec_text, vec_image FROM documents WHERE generation = ? AND seq > ?"
            " ORDER BY id",
            (number, current["seq"] if current is not None and same is not None else -1),
        ).fetchall()
    finally:
        db.execute("COMMIT")
    dims = orjson.loads(spec)
    name = f"{seq:012d}-{uuid4().hex[:8]}"
    draft = folder / f"draft-{name}"
    draft.mkdir()
    try:
        if same is None:
            _write(rows, dims["dim"], dims["dim_image"], draft, exact_limit)
        else:
            _renumber(rows, same, draft)
        _flush(draft)
        draft.rename(folder / name)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _publish(folder, {"version": VERSION, "record": RECORD_VERSION, "seq": seq, "words": words, "name": name})


def _write(rows: list[tuple[Any, ...]], dim: int, dim_image: int, folder: Path, exact_limit: int) -> None:
    sources = [orjson.loads(row[1]) for row in rows]
    Strings.build([row[0] for row in rows], folder, "ids")
    Strings.build([source["title"] for source in sources], folder, "titles")
    # Terms that an older version wrote are made again.
    terms = [
        row[2] if postings.readable(row[2]) else postings.analyze(source)
        for row, source in zip(rows, sources, strict=True)
    ]
    postings.build(terms, folder)
    catalog.build(sources, [row[1] for row in rows], folder)
    np.save(folder / "records.npy", np.frombuffer(b"".join(row[3] for row in rows), RECORD))
    for name, width, column in (("vec_text", dim, 4), ("vec_image", dim_image, 5)):
        matrix = np.zeros((len(rows), width), np.int8)
        for number, row in enumerate(rows):
            if row[column]:
                matrix[number] = np.frombuffer(row[column], np.int8)
        vectors.Vectors.build(matrix, folder, name, exact_limit)
    exact = [fields.keywords(source) for source in sources]
    for name in fields.KEYWORD:
        Exact.build([values[name] for values in exact], folder, f"exact-{name}")


def _renumber(rows: list[tuple[Any, ...]], before: Path, folder: Path) -> None:
    """Write a snapshot in which `rows` have other numbers than in the one before; its other files are shared with it."""
    for path in before.iterdir():
        if path.stem.partition("-")[0] not in _OF_NUMBERS:
            os.link(path, folder / path.name)
    ids = Strings(before, "ids")
    places = [place for row in rows if (place := ids.find(row[0])) is not None]
    if len(places) < len(rows):
        raise EngineError(
            "the snapshot lacks a document that the truth has", value=before.name, remedy=f"Remove {before} and try again."
        )
    kept = np.load(before / "records.npy")
    kept[places] = np.frombuffer(b"".join(row[3] for row in rows), RECORD)
    np.save(folder / "records.npy", kept)
    catalog.renumber(places, [orjson.loads(row[1]) for row in rows], [row[1] for row in rows], before, folder)


def _flush(folder: Path) -> None:
    # Side by side, since a file system writes many at once in hardly more time than one.
    with ThreadPoolExecutor(_FLUSHES, thread_name_prefix="flush") as pool:
        for _ in pool.map(_synced, folder.iterdir()):
            pass
    _synced(folder)


def _synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(folder: Path, manifest: Mapping[str, object]) -> None:
    """Let `CURRENT` name a snapshot, then remove the folders that no manifest named since the one before it."""
    before = read_current(folder)
    durable.replace(folder / _CURRENT, orjson.dumps(manifest))
    keep = {manifest["name"], before["name"] if before else None}
    for path in folder.iterdir():
        if path.is_dir() and path.name not in keep:
            shutil.rmtree(path, ignore_errors=True)


def read_current(folder: Path) -> dict[str, object] | None:
    """The manifest that `CURRENT` holds, or None before the first snapshot of this version; one of an older version is
    made again from the truth.

    Raises:
        EngineError: it was written by a newer version, or the truth holds other feature records.
    """
    try:
        manifest: dict[str, object] = orjson.loads((folder / _CURRENT).read_bytes())
    except FileNotFoundError:
        return None
    version, record = manifest.get("version"), manifest.get("record")
    if isinstance(version, int) and version < VERSION and record == RECORD_VERSION:
        return None
    if (version, record) != (VERSION, RECORD_VERSION):
        raise EngineError(
            "the index was written by another version of Etalage",
            value=f"snapshot {manifest.get('version')}, this one reads {VERSION}",
            remedy="Index the catalog again with `etalage index FILE --full`.",
        )
    return manifest


class Snapshot:
    """An open snapshot. Thread-safe: nothing changes after opening."""

    def __init__(self, folder: Path, generation: str, spec: IndexSpec) -> None:
        self.generation, self.name, self._spec = generation, folder.name, spec
        # Every search returns hundreds of these: decoding them once is worth the memory.
        self._ids = Strings(folder, "ids").all()
        self._titles = Strings(folder, "titles").all()
        self.size = len(self._ids)
        self._records = mapped(folder / "records.npy")
        # Rows of bytes: numpy takes ten times as long to gather rows of fields.
        self._bytes = self._records.view(np.uint8).reshape(self.size, RECORD.itemsize)
        self._postings = postings.Postings(folder, self.size)
        self._vectors = {name: vectors.Vectors(folder, name) for name in ("vec_text", "vec_image")}
        self._exact = {name: Exact(folder, f"exact-{name}") for name in fields.KEYWORD}
        self._numbers = {name: np.ascontiguousarray(self._records[name]) for name in fields.NUMERIC}
        self._weights = np.fromiter(fields.TEXT.values(), np.float32)
        self.catalog = catalog.Catalog(
            folder,
            generation,
            self._ids,
            self._titles,
            self._postings,
            self._exact,
            self._vectors,
            {"vec_text": spec.dim, "vec_image": spec.dim_image},
        )

    def candidates(self, request: Request) -> Candidates:
        """Answer one retrieval; see `SearchEngine.candidates`."""
        checks.request(request)
        checks.dimension(request, self._spec, self.generation)
        mask = self._mask(request.filters)
        scores = self._postings.scores(stems(request.text))
        lexical = self._weights @ scores
        if request.shop is None:
            order, kept = lexical, None
            matched = self._matched(request, lexical, mask)
        else:
            shop = dsl.lexical(self.catalog, request.shop, mask, request.timeout)
            order, mask, kept = shop.scores, shop.allowed, shop.kept
            matched = np.zeros(self.size, bool) if request.lists is Lists.VECTOR else shop.matched
        near = self._near(request, mask)
        also = self._also(request, mask, near)
        union = matched.copy()
        union[near] = union[also] = True
        aggregations = {} if request.shop is None else shop.aggregations(union)
        facets = {name: self._exact[name].counts(union, request.facet_size) for name in request.facets}
        if kept is not None:
            matched, near, also, union = matched & kept, near[kept[near]], also[kept[also]], union & kept
        first = np.concatenate([near, also])
        window = self._order(request, order, matched, first, union)[request.start : request.start + request.size]
        is_near = np.zeros(self.size, bool)
        is_near[near] = True
        # A shop's match may have none of the text's words, and a neighbour that it does not match may have some.
        shown = matched if request.shop is None or request.lists is Lists.VECTOR else union
        return Candidates(
            ids=[self._ids[row] for row in window.tolist()],
            near=is_near[window],
            lexical=np.where(shown[window], lexical[window], 0).astype(np.float32),
            fields=np.ascontiguousarray(scores[:, window].T),
            vectors=self._vectors[request.vector_field].rows[window],
            records=self._bytes.take(window, axis=0).view(RECORD)[:, 0],
            titles=[self._titles[row] for row in window.tolist()],
            total=int(union.sum()),
            generation=self.generation,
            spec=self._spec,
            facets=facets,
            aggregations=aggregations,
            pictures=self._vectors["vec_image"].rows[window, : None if request.pictures else 0],
            groups=self._groups(request.collapse, window),
        )

    def _mask(self, filters: tuple[Filter, ...]) -> npt.NDArray[np.bool_] | None:
        mask: npt.NDArray[np.bool_] | None = None
        for one in filters:
            passed = self._passed(one)
            mask = passed if mask is None else mask & passed
        return mask

    def _passed(self, one: Filter) -> npt.NDArray[np.bool_]:
        passed: npt.NDArray[np.bool_]
        if isinstance(one, Term):
            return self._exact[one.name].mask(one.values, self.size)
        if isinstance(one, InStock):
            stock = self._numbers["stock"]
            passed = np.isnan(stock) | (stock > 0)
            return passed
        if isinstance(one, Lacks):
            return dsl.fitting(self.catalog, lacking.clause(one.text))
        if isinstance(one, Not):
            inner = self._mask(one.filters)
            return np.zeros(self.size, bool) if inner is None else ~inner
        if isinstance(one, Range):
            numbers = self._numbers[one.name]
            passed = ~np.isnan(numbers)
            if one.low is not None:
                passed &= numbers > np.float32(one.low) if one.open_low else numbers >= np.float32(one.low)
            if one.high is not None:
                passed &= numbers < np.float32(one.high) if one.open_high else numbers <= np.float32(one.high)
            return passed
        mask = np.zeros(self.size, bool)
        mask[self._rows(one.ids)] = True
        return mask

    def _groups(self, name: str, window: npt.NDArray[np.int64]) -> Sequence[str]:
        """The value of a field for each row of the window."""
        if not name:
            return ()
        exact = self._exact[name]
        codes = exact.edge(self.size, last=False)[window]
        return ["" if code < 0 else exact.values[code] for code in codes.tolist()]

    def _rows(self, ids: Sequence[str]) -> list[int]:
        """Rows of those of `ids` that exist."""
        rows = [bisect_left(self._ids, value) for value in ids]
        return [row for row, value in zip(rows, ids, strict=True) if self._ids[row : row + 1] == [value]]

    def _matched(self, request: Request, lexical: Floats, mask: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
        if request.lists is Lists.VECTOR:
            return np.zeros(self.size, bool)
        matched = lexical > 0 if request.text else np.ones(self.size, bool)
        return matched if mask is None else matched & mask

    def _near(self, request: Request, mask: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.int64]:
        if request.vector is None or request.lists is Lists.LEXICAL:
            return np.zeros(0, np.int64)
        held = self._vectors[request.vector_field]
        rows = held.nearest(request.vector, request.k, mask)
        return rows if request.floor is None else rows[cosine(request.vector, held.rows[rows]) >= request.floor]

    def _also(
        self, request: Request, mask: npt.NDArray[np.bool_] | None, near: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Rows of the further candidates that are not near, by id."""
        if not request.also or request.lists is Lists.LEXICAL:
            return np.zeros(0, np.int64)
        rows = np.setdiff1d(np.array(self._rows(request.also), np.int64), near)
        return rows if mask is None else rows[mask[rows]]

    def _order(
        self,
        request: Request,
        lexical: Floats,
        matched: npt.NDArray[np.bool_],
        first: npt.NDArray[np.int64],
        union: npt.NDArray[np.bool_],
    ) -> npt.NDArray[np.int64]:
        """Rows in the order of the answer, at least as deep as the window; `first` precede the lexical matches."""
        deep = request.start + request.size
        if request.sort is not None:
            numbers = self._numbers[request.sort.name]
            keys = np.where(np.isnan(numbers), -np.inf, numbers if request.sort.descending else -numbers)
            rows = np.flatnonzero(union)
            return rows[vectors.top(keys[rows], min(deep, len(rows)))]
        rest = matched.copy()
        rest[first] = False
        rows = np.flatnonzero(rest)
        return np.concatenate([first, rows[vectors.top(lexical[rows], min(deep, len(rows)))]])

"""From a feed to chunks in the job table: every row is read, cleaned and judged before anything is written."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Final

import orjson

from etalage.core.errors import CatalogError, ConfigError
from etalage.core.records import Product
from indexer import clean, documents, sources
from indexer.between import Between, Cleaned
from indexer.identities import Identities
from indexer.ledger import Entry
from indexer.mapping import FeedMapping
from indexer.quality import RULES, Findings, Rules, Survey
from opensearch.engine import IndexSpec
from opensearch.fields import SIGNALS
from opensearch.jobs import JobTable

_SHOWN: Final = 20
_LONG: Final = 2000

Progress = Callable[[str, int], None]
"""Called with a stage and how many rows are through it."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to index.

    Attributes:
        overrides: field → column.
        max_bad: rows that may be bad, a share such as `5%` or a number.
        full: build a new generation even where a diff would do.
        chunk: products in one chunk.
        quarantine: file for bad rows (JSON Lines), if any.
        force: remove products that the feed lacks, however many.
        rules: the rules of data quality that are on.
        pictures: where the feed's relative pictures lie, for those who encode them.
        keep: generations that are kept, the serving one included.
        signals: numbers of products, by id, for what the feed leaves empty (`fields.SIGNALS`, in that order).
        signals_digest: what tells them from others.
    """

    overrides: Mapping[str, str] = field(default_factory=dict)
    max_bad: str = "5%"
    full: bool = False
    chunk: int = 256
    quarantine: Path | None = None
    force: bool = False
    rules: Rules = field(default_factory=Rules)
    pictures: str = ""
    keep: int = 2
    signals: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    signals_digest: str = ""


@dataclass
class Tally:
    """What a feed holds, as it was read: counts, the first reasons of bad rows, every good id, and what the rules found."""

    read: int = 0
    good: int = 0
    bad: int = 0
    chunks: int = 0
    reasons: list[str] = field(default_factory=list)
    ids: Identities = field(default_factory=Identities)
    quality: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Staged:
    """A row, and the product that it became or why it did not."""

    row: sources.Row
    entry: Entry | None
    reason: str


def bad_limit(given: str) -> Callable[[int, int], bool]:
    """Whether (bad, read) rows are too many, from `5%` or `100`. Raises ConfigError."""
    text = given.strip()
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = -1.0
    if number < 0 or number != number or (text.endswith("%") and number > 100):
        raise ConfigError("--max-bad is neither a share nor a count", value=given, remedy="Write `5%` or `100`.")
    return (lambda bad, read: bad > read * number / 100) if text.endswith("%") else (lambda bad, read: bad > number)


def stage(
    jobs: JobTable, job: str, path: Path, mapping: FeedMapping, spec: IndexSpec, options: Options, progress: Progress
) -> Tally:
    """Good rows go to the job table in chunks, bad ones to the quarantine file."""
    tally, waiting = Tally(), list[Entry]()
    quarantine = _opened(options.quarantine) if options.quarantine else None
    try:
        for one in rows(path, mapping, spec, options, tally, progress):
            if one.entry is None:
                if quarantine is not None:
                    quarantine.write(_bad(one) + b"\n")
                continue
            waiting.append(one.entry)
            if len(waiting) == options.chunk:
                jobs.add(job, tally.chunks, packed(waiting))
                tally.chunks, waiting = tally.chunks + 1, []
        if waiting:
            jobs.add(job, tally.chunks, packed(waiting))
            tally.chunks += 1
    finally:
        if quarantine is not None:
            quarantine.close()
    return tally


def _bad(one: Staged) -> bytes:
    bad = {"line": one.row.line, "reason": one.reason, "row": one.row.values}
    try:
        return orjson.dumps(bad, default=str)
    except TypeError:
        # Nested too deeply to be written, or with halves of surrogate pairs.
        return orjson.dumps(bad | {"row": ascii(one.row.values)[:_LONG]})


def _opened(quarantine: Path) -> IO[bytes]:
    try:
        quarantine.parent.mkdir(parents=True, exist_ok=True)
        return open(quarantine, "wb")
    except OSError as error:
        raise ConfigError(
            f"the file for bad rows cannot be written ({error.strerror})", value=quarantine, remedy="Choose another."
        ) from error


def rows(
    path: Path, mapping: FeedMapping, spec: IndexSpec, options: Options, tally: Tally, progress: Progress
) -> Iterator[Staged]:
    """Every row of a feed, counted in `tally`. The rows are gone through twice where a rule of data quality looks at the
    whole: the second time as they were kept, or, of a large feed, read again."""
    surveyed = options.rules.on(*RULES)
    with closing(Between()) as between:
        findings = _surveyed(path, mapping, options.rules, progress, tally.ids, between)
        if surveyed and between.whole:
            found = between.rows()
        else:
            tally.ids = Identities()
            found = _cleaned(path, mapping, tally.ids)
        for one in found:
            tally.read += 1
            entry, reason = _judged(one, findings, spec, options.signals)
            if entry is None:
                tally.bad += 1
                tally.reasons += [f"line {one.row.line}: {reason}"][: _SHOWN - len(tally.reasons)]
            else:
                tally.good += 1
            if tally.read % options.chunk == 0:
                progress("read", tally.read)
            yield Staged(one.row, entry, reason)
    tally.quality = findings.report()


def _surveyed(
    path: Path, mapping: FeedMapping, rules: Rules, progress: Progress, ids: Identities, between: Between
) -> Findings:
    survey = Survey(rules)
    if rules.on(*RULES):
        for number, one in enumerate(_cleaned(path, mapping, ids), 1):
            product = one.product
            if product is not None:
                one = replace(one, mended=survey.add(product))
            # What may be put aside later is shown with the values that the feed has.
            between.add(one, raw=product is None or bool(product.vec_image or rules.quarantine))
            if number % 1000 == 0:
                progress("survey", number)
    return survey.close()


def _judged(
    one: Cleaned, findings: Findings, spec: IndexSpec, signals: Mapping[str, Sequence[float | None]]
) -> tuple[Entry | None, str]:
    product = one.product
    if product is None:
        return None, one.reason
    if product.vec_image and len(product.vec_image) != spec.dim_image:
        return None, f"the image vector has {len(product.vec_image)} components, the first had {spec.dim_image}"
    judged, notes = findings.apply(product, one.mended)
    if judged is None:
        return None, next((note.text for note in notes if note.action == "quarantined"), "refused by a rule")
    return Entry(documents.source(_with(judged, signals.get(judged.id, ()))), judged.vec_image), ""


def _with(product: Product, signals: Sequence[float | None]) -> Product:
    """A product with the signals that its feed does not give."""
    given = zip(SIGNALS, signals, strict=False)
    found: dict[str, Any] = {name: value for name, value in given if getattr(product, name) is None}
    return replace(product, **found) if found else product


def _cleaned(path: Path, mapping: FeedMapping, ids: Identities) -> Iterator[Cleaned]:
    for row in sources.read(path):
        if row.fault:
            yield Cleaned(row, None, row.fault)
            continue
        try:
            product = clean.product(row.values, mapping)
        except clean.BadRow as error:
            yield Cleaned(row, None, str(error))
            continue
        first = ids.first(product.id, row.line)
        if first != row.line:
            yield Cleaned(row, None, f"the id {product.id} repeats line {first}")
        else:
            yield Cleaned(row, product, "")


def refuse_dirty(tally: Tally, max_bad: str, path: Path) -> None:
    """Raise CatalogError when no row is good, or too many are bad."""
    shown = "; ".join(tally.reasons[:3])
    if not tally.good:
        raise CatalogError(
            "the feed has no good row" if tally.read else "the feed has no rows",
            value=shown or path,
            remedy="Check it.",
        )
    if bad_limit(max_bad)(tally.bad, tally.read):
        raise CatalogError(
            f"{tally.bad} of {tally.read} rows are bad, nothing was changed",
            value=shown,
            remedy="Correct them, correct the columns with --map, or allow more with --max-bad.",
        )


def packed(entries: list[Entry]) -> bytes:
    """Entries as the payload of a chunk: a line of their ids, and one of all else."""
    ids = orjson.dumps([one.source["id"] for one in entries])
    whole = orjson.dumps([{"source": one.source, "image": one.image} for one in entries])
    return zlib.compress(ids + b"\n" + whole, 3)


def unpacked(payload: bytes, version: int = 0) -> list[Entry]:
    """The entries of a chunk, with the version of their job."""
    _, _, whole = zlib.decompress(payload).rpartition(b"\n")
    return [Entry(one["source"], one["image"], version) for one in orjson.loads(whole)]


def ids_of(payload: bytes) -> list[str]:
    """The ids of a chunk's entries."""
    ids, _, whole = zlib.decompress(payload).rpartition(b"\n")
    # The jobs of older versions have no line of ids.
    return orjson.loads(ids) if ids else [one["source"]["id"] for one in orjson.loads(whole)]

"""From a feed to chunks in the job table: every row is read, cleaned and judged before anything is written."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import orjson

from etalage.core.errors import CatalogError, ConfigError
from etalage.core.records import Product
from indexer import clean, documents, sources
from indexer.identities import Identities
from indexer.ledger import Entry
from indexer.mapping import FeedMapping
from indexer.quality import RULES, Findings, Rules, Survey
from opensearch.engine import IndexSpec
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
    """Every row of a feed, counted in `tally`. The feed is read twice where a rule of data quality looks at the whole."""
    findings = _surveyed(path, mapping, options.rules, progress)
    for row, product, reason in _products(path, mapping, tally.ids):
        tally.read += 1
        entry = None
        if product is not None:
            entry, reason = _judged(product, findings, spec)
        if entry is None:
            tally.bad += 1
            tally.reasons += [f"line {row.line}: {reason}"][: _SHOWN - len(tally.reasons)]
        else:
            tally.good += 1
        if tally.read % options.chunk == 0:
            progress("read", tally.read)
        yield Staged(row, entry, reason)
    tally.quality = findings.report()


def _surveyed(path: Path, mapping: FeedMapping, rules: Rules, progress: Progress) -> Findings:
    survey = Survey(rules)
    if rules.on(*RULES):
        for number, (_, product, _) in enumerate(_products(path, mapping, Identities()), 1):
            if product is not None:
                survey.add(product)
            if number % 1000 == 0:
                progress("survey", number)
    return survey.close()


def _judged(product: Product, findings: Findings, spec: IndexSpec) -> tuple[Entry | None, str]:
    if product.vec_image and len(product.vec_image) != spec.dim_image:
        return None, f"the image vector has {len(product.vec_image)} components, the first had {spec.dim_image}"
    judged, notes = findings.apply(product)
    if judged is None:
        return None, next((note.text for note in notes if note.action == "quarantined"), "refused by a rule")
    return Entry(documents.source(judged), judged.vec_image), ""


def _products(path: Path, mapping: FeedMapping, ids: Identities) -> Iterator[tuple[sources.Row, Product | None, str]]:
    for row in sources.read(path):
        if row.fault:
            yield row, None, row.fault
            continue
        try:
            product = clean.product(row.values, mapping)
        except clean.BadRow as error:
            yield row, None, str(error)
            continue
        first = ids.first(product.id, row.line)
        if first != row.line:
            yield row, None, f"the id {product.id} repeats line {first}"
        else:
            yield row, product, ""


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
    """Entries as the payload of a chunk."""
    return zlib.compress(orjson.dumps([{"source": one.source, "image": one.image} for one in entries]), 3)


def unpacked(payload: bytes, version: int = 0) -> list[Entry]:
    """The entries of a chunk, with the version of their job."""
    return [Entry(one["source"], one["image"], version) for one in orjson.loads(zlib.decompress(payload))]

"""Changes to single products, applied at once: whole products, patches, removals.

Each change has a moment; of two changes of a product the later one holds, in whichever order they come, and a job whose feed
is older does not undo it. They go to the generation that serves and to those that a job is building.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from etalage.core.encoders import Encoder
from etalage.core.errors import EngineError, FingerprintMismatch, QueryError
from etalage.core.records import Product
from indexer import clean, documents, ledger, reindex, staging
from indexer.ledger import Entry
from indexer.looks import Looks
from indexer.mapping import NAMES, FeedMapping
from opensearch import fields
from opensearch.engine import Generation, SearchEngine
from opensearch.jobs import Letter

OP: Final = "op"
VERSION: Final = "version"
"""Columns of a change beside the product's: what to do, and when it was so (milliseconds since 1970)."""

CANONICAL: Final = FeedMapping({name: name for name in NAMES})
"""Rows that are written as products are: prices in minor units."""

MAX_VERSION: Final = 2**53


class Op(StrEnum):
    """What to do with a product: `upsert` replaces it whole, `patch` the fields that are given, `delete` removes it. A change
    that does not say patches a product that is stored, and makes one that is not."""

    UPSERT = "upsert"
    PATCH = "patch"
    DELETE = "delete"
    AUTO = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One change; `fields` are cleaned, as `clean.patch` gives them, and have the id."""

    op: Op
    fields: Mapping[str, Any]
    version: int

    @property
    def id(self) -> str:
        return str(self.fields["id"])


@dataclass(slots=True)
class Result:
    """What became of a change: `created`, `updated`, `deleted`, `unchanged` (nothing to remove), `stale` (a later change was
    there), or `refused`, for a reason. `picture` is why the picture could not be used."""

    id: str
    result: str
    reason: str = ""
    picture: str = ""


@dataclass(slots=True)
class Applied:
    """Results in the order of the changes, and how many vectors were computed."""

    results: list[Result]
    encoded_text: int = 0
    encoded_image: int = 0

    def counts(self) -> dict[str, int]:
        """How many changes came to what."""
        found: dict[str, int] = {}
        for one in self.results:
            found[one.result] = found.get(one.result, 0) + 1
        return found


def read(row: Mapping[str, Any], mapping: FeedMapping, now: int) -> Change:
    """The change that a row says. Raises clean.BadRow with the reason."""
    given = str(row.get(OP) or "").strip().lower()
    if given not in tuple(Op):
        raise clean.BadRow(f"the op is not upsert, patch or delete: {given[:40]}")
    version = row.get(VERSION)
    try:
        moment = now if version in (None, "") else int(str(version))
    except ValueError:
        moment = 0
    if not 0 < moment <= MAX_VERSION:
        raise clean.BadRow(f"the version is no time in milliseconds: {str(version)[:40]}")
    column = mapping.columns.get("id", "id")
    # Of what is to go, the id alone counts.
    kept = [column] if given == Op.DELETE else [name for name in row if name not in (OP, VERSION)]
    return Change(Op(given), clean.patch({name: row.get(name) for name in kept}, mapping), moment)


def apply(
    engine: SearchEngine, encoder: Encoder, index: str, changes: Sequence[Change], looks: Looks | None = None
) -> Applied:
    """Apply changes; durable and to be found when it returns.

    A product may be changed several times: in the order of the moments, and of those at the same moment, as they come.

    Raises:
        QueryError: nothing was indexed yet.
        FingerprintMismatch: the index was built with another encoder; nothing was changed.
        EngineError: it was written by another version; nothing was changed.
        EngineError, ModelError: applying failed; those that were applied are applied again without harm.
    """
    targets = _targets(engine, index)
    _verify(targets[0], encoder, looks, changes)
    applied = Applied([Result(one.id, "") for one in changes])
    for some in _rounds(changes):
        _apply(engine, encoder, targets, {at: changes[at] for at in some}, applied, looks)
    # One that is built is refreshed when it is whole.
    engine.refresh(targets[0].name)
    written = [one.id for one in applied.results if one.result not in ("refused", "stale")]
    if written:
        engine.jobs.exhume(index, max(one.version for one in changes), written)
    return applied


def _targets(engine: SearchEngine, index: str) -> list[Generation]:
    """The serving generation, and those that jobs are building."""
    building = {job.generation for job in engine.jobs.unfinished(index)}
    found = [one for one in engine.generations(index) if one.serving or one.name in building]
    if not any(one.serving for one in found):
        raise QueryError(
            "there is no such index", value=index, remedy="Index a whole feed first, with `etalage index FILE`."
        )
    return sorted(found, key=lambda one: not one.serving)


def _verify(serving: Generation, encoder: Encoder, looks: Looks | None, changes: Sequence[Change]) -> None:
    """Refuse to mix vectors of different encoders, or to lose those of pictures."""
    spec = serving.spec
    mine = looks.encoder.fingerprint if looks is not None else ""
    pictures = any(one.fields.get("images") for one in changes) and spec.fingerprint_image != mine
    if spec.schema != fields.SCHEMA_VERSION:
        raise EngineError(
            "the index was written by another version of Etalage",
            value=f"schema {spec.schema}, this one writes {fields.SCHEMA_VERSION}",
            remedy="Index the catalog again with `etalage index FILE`.",
        )
    if spec.fingerprint != encoder.fingerprint or (pictures and spec.fingerprint_image):
        was = spec.model if spec.fingerprint != encoder.fingerprint else spec.model_image
        name = "ETALAGE_TEXT_MODEL" if was == spec.model else "ETALAGE_IMAGE_MODEL"
        raise FingerprintMismatch(
            "the index was built with another encoder",
            value=was,
            remedy=f"Set {name} to it, or index a whole feed again.",
        )


def _rounds(changes: Sequence[Change]) -> Iterable[list[int]]:
    """The places of changes, so that each product comes once in a round, its earliest first."""
    rounds: list[list[int]] = []
    seen: dict[str, int] = {}
    for at in sorted(range(len(changes)), key=lambda at: changes[at].version):
        number = seen.get(changes[at].id, 0)
        seen[changes[at].id] = number + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(at)
    return rounds


def _apply(
    engine: SearchEngine,
    encoder: Encoder,
    targets: Sequence[Generation],
    changes: Mapping[int, Change],
    applied: Applied,
    looks: Looks | None,
) -> None:
    """Apply changes of different products."""
    serving = targets[0]
    ids = [one.id for one in changes.values()]
    rows, sources = engine.ledger(serving.name, ids), engine.get(serving.name, ids)
    entries: dict[int, Entry] = {}
    for at, one in changes.items():
        row = rows.get(one.id)
        if row is not None and row.version > one.version:
            applied.results[at].result = "stale"
        elif one.op is Op.DELETE:
            for target in targets:
                engine.delete(target.name, [one.id], version=one.version)
            applied.results[at].result = "deleted" if row is not None else "unchanged"
        else:
            try:
                entries[at] = _entry(one, sources.get(one.id), serving)
            except clean.BadRow as error:
                applied.results[at].result, applied.results[at].reason = "refused", str(error)
    for target in targets:
        seeing = looks if target.spec.fingerprint_image else None
        found = ledger.changes(engine, target.name, encoder, [*entries.values()], seeing, rewrite=True)
        outcomes = dict(zip(entries, reindex.write(engine, target.name, found), strict=True)) if entries else {}
        if target is not serving:
            continue
        applied.encoded_text += found.encoded_text
        applied.encoded_image += found.encoded_image
        pictures = dict(found.bad_pictures)
        for at, outcome in outcomes.items():
            result = applied.results[at]
            result.result = "refused" if outcome.reason else "stale" if outcome.stale else "updated"
            if result.result == "updated" and outcome.id not in rows:
                result.result = "created"
            result.reason, result.picture = outcome.reason, pictures.get(outcome.id, "")


def _entry(change: Change, stored: Mapping[str, Any] | None, serving: Generation) -> Entry:
    """The whole product after a change. Raises clean.BadRow."""
    given = dict(change.fields)
    whole = change.op is Op.UPSERT or (change.op is Op.AUTO and stored is None)
    if change.op is Op.PATCH and stored is None:
        raise clean.BadRow("there is no such product to patch")
    vector = given.pop("vec_image", ())
    if vector and len(vector) != serving.spec.dim_image:
        raise clean.BadRow(f"the image vector has {len(vector)} components, the index has {serving.spec.dim_image}")
    if whole and not given.get("title"):
        unknown = "there is no such product, and to make one " if stored is None else ""
        raise clean.BadRow(f"{unknown}the title is missing")
    attributes = {**({} if whole or stored is None else stored.get("attributes", {})), **given.get("attributes", {})}
    # A product that is replaced is still the one that shoppers knew.
    kept = fields.RATES if whole else NAMES
    before = {name: value for name, value in (stored or {}).items() if name in kept}
    merged = before | given | {"attributes": {name: tuple(one) for name, one in attributes.items() if one}}
    keep = not whole and not vector and "images" not in given
    return Entry(documents.source(Product(**merged)), vector, change.version, keep_image=keep)


def _fields(entry: Entry) -> dict[str, Any]:
    """The fields of a product whose source was made from them."""
    return {name: entry.source[name] for name in entry.source if name in NAMES} | {"vec_image": tuple(entry.image)}


def redrive(
    engine: SearchEngine, encoder: Encoder, index: str, letters: Iterable[Letter], looks: Looks | None = None
) -> Applied:
    """Write products again that the engine refused, as they were then; those that it takes are no longer kept."""
    entries = [(one, staging.unpacked(one.payload, one.moment)[0]) for one in letters]
    changes = [Change(Op.UPSERT, _fields(entry), letter.moment) for letter, entry in entries]
    return apply(engine, encoder, index, changes, looks)

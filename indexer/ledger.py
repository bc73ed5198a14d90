"""What has to be done for each product of a chunk, by comparing hashes with what the engine holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from etalage.core.encoders import Encoder
from etalage.core.records import Document, Floats
from indexer import documents
from indexer.looks import Looks, Seen
from indexer.pictures import BadPicture
from opensearch.engine import LedgerRow, SearchEngine


@dataclass(frozen=True, slots=True)
class Entry:
    """A product: its source, its image vector (empty without one), and when it was so (`Document.version`). With
    `keep_image`, the image vector of what is stored stays, whatever it was made from."""

    source: Mapping[str, Any]
    image: Sequence[float] = ()
    version: int = 0
    keep_image: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """Documents to write, counts (products that are as stored, vectors computed), and pictures that cannot be used, with
    the product's id and the reason."""

    documents: list[Document]
    unchanged: int
    encoded_text: int
    encoded_image: int
    bad_pictures: list[tuple[str, str]]


@dataclass(slots=True)
class _Wanted:
    """An entry with its hashes, and what its image vector is made from."""

    entry: Entry
    content: str
    encoded: str
    given: Floats | None
    picture: Seen | None
    row: LedgerRow | None

    @property
    def id(self) -> str:
        return str(self.entry.source["id"])

    def same(self, part: int) -> bool:
        """Whether the text (0) or the image (1) was encoded before."""
        return self.row is not None and documents.parts(self.row.encoded)[part] == documents.parts(self.encoded)[part]


def changes(
    engine: SearchEngine,
    generation: str,
    encoder: Encoder,
    entries: Sequence[Entry],
    looks: Looks | None = None,
    *,
    rewrite: bool = False,
) -> Changes:
    """The documents of `entries` that differ from the stored ones; of text and picture only what changed is encoded again.

    Args:
        looks: what finds and encodes the pictures of entries without a vector of their own; None leaves them out.
        rewrite: whether those that are as stored are written too, for their version.

    Raises:
        EngineError, ModelError: reading or encoding failed.
    """
    rows = engine.ledger(generation, [entry.source["id"] for entry in entries])
    pictures, bad = _pictures([one for one in entries if not _keeps(one, rows)], looks)
    wanted = [_wanted(entry, encoder, pictures, rows.get(entry.source["id"])) for entry in entries]
    changed = [one for one in wanted if rewrite or one.row is None or one.row.content != one.content]
    kept = _stored(engine, generation, [one for one in changed if one.row is not None])
    texts, new_texts = _texts(encoder, changed, kept)
    images, new_images, unseen = _images(looks, changed, kept)
    for one in changed:
        if one.id in unseen:
            one.content, one.encoded = documents.hashes(one.entry.source, encoder.fingerprint, b"")
    found = [
        documents.document(one.entry.source, one.content, one.encoded, text, image, one.entry.version)
        for one, text, image in zip(changed, texts, images, strict=True)
    ]
    return Changes(found, len(entries) - len(changed), new_texts, new_images, [*bad, *unseen.items()])


def compare(
    engine: SearchEngine, generation: str | None, encoder: Encoder, entries: Sequence[Entry], looks: Looks | None
) -> dict[str, int]:
    """What `changes` would do, without doing it: `{new, changed, unchanged, text, image}`, the last two being vectors to
    compute. Without a generation everything is new."""
    rows = engine.ledger(generation, [entry.source["id"] for entry in entries]) if generation else {}
    pictures, _ = _pictures(entries, looks)
    wanted = [_wanted(entry, encoder, pictures, rows.get(entry.source["id"])) for entry in entries]
    touched = [one for one in wanted if one.row is None or one.row.content != one.content]
    new = sum(one.row is None for one in wanted)
    return {
        "new": new,
        "changed": len(touched) - new,
        "unchanged": len(wanted) - len(touched),
        "text": sum(not one.same(0) for one in touched),
        "image": sum(not one.same(1) for one in touched if one.picture is not None or one.given is not None),
    }


def picture_of(entry: Entry) -> str:
    """The reference of the picture that stands for a product: its first one; empty when it has a vector of its own."""
    images = entry.source.get("images") or ()
    return str(images[0]) if images and not entry.image else ""


def _keeps(entry: Entry, rows: Mapping[str, LedgerRow]) -> bool:
    return entry.keep_image and entry.source["id"] in rows


def _pictures(entries: Sequence[Entry], looks: Looks | None) -> tuple[dict[str, Seen], list[tuple[str, str]]]:
    """Each product's picture, by its id, and those that are not to be found."""
    if looks is None:
        return {}, []
    references = {str(entry.source["id"]): name for entry in entries if (name := picture_of(entry))}
    found = looks.find(references.values())
    seen = {id: one for id, name in references.items() if isinstance(one := found[name], Seen)}
    bad = [(id, str(why)) for id, name in references.items() if isinstance(why := found[name], BadPicture)]
    return seen, bad


def _wanted(entry: Entry, encoder: Encoder, pictures: Mapping[str, Seen], row: LedgerRow | None) -> _Wanted:
    given, picture = documents.unit(list(entry.image)), pictures.get(str(entry.source["id"]))
    if row is not None and entry.keep_image:
        kept = documents.hashes(entry.source, encoder.fingerprint, b"", documents.parts(row.encoded)[1])
        return _Wanted(entry, *kept, None, None, row)
    image = given.tobytes() if given is not None else picture.identity.encode() if picture is not None else b""
    return _Wanted(entry, *documents.hashes(entry.source, encoder.fingerprint, image), given, picture, row)


Kept = Mapping[str, tuple[Floats | None, Floats | None]]


def _stored(engine: SearchEngine, generation: str, changed: Sequence[_Wanted]) -> Kept:
    """The vectors of those whose text or picture is as it was."""
    ids = [one.id for one in changed if one.same(0) or one.same(1)]
    return engine.vectors(generation, ids) if ids else {}


def _texts(encoder: Encoder, changed: Sequence[_Wanted], kept: Kept) -> tuple[list[Floats], int]:
    """The text vector of each, and how many were encoded."""
    found = {one.id: vector for one in changed if one.same(0) and (vector := kept[one.id][0]) is not None}
    fresh = [one for one in changed if one.id not in found]
    if fresh:
        encoded = encoder.encode([documents.passage(one.entry.source) for one in fresh], kind="passage")
        found |= dict(zip((one.id for one in fresh), np.asarray(encoded, np.float32), strict=True))
    return [found[one.id] for one in changed], len(fresh)


def _images(
    looks: Looks | None, changed: Sequence[_Wanted], kept: Kept
) -> tuple[list[Floats | None], int, dict[str, str]]:
    """The image vector of each, how many are new, and the ids and reasons of those that cannot be decoded."""
    found: dict[str, Floats | None] = {}
    fresh: dict[str, Seen] = {}
    new = 0
    for one in changed:
        if one.given is None and one.picture is None and not one.entry.keep_image:
            continue
        if one.same(1) and (vector := kept[one.id][1]) is not None:
            found[one.id] = vector if one.given is None else one.given
        elif one.given is not None:
            found[one.id], new = one.given, new + 1
        elif one.picture is not None:
            fresh[one.id] = one.picture
    encoded = looks.encode(fresh) if looks is not None and fresh else {}
    bad = {id: str(one) for id, one in encoded.items() if isinstance(one, BadPicture)}
    found |= {id: one for id, one in encoded.items() if not isinstance(one, BadPicture)}
    return [found.get(one.id) for one in changed], new + len(encoded) - len(bad), bad

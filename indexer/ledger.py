"""What has to be done for each product of a chunk, by comparing hashes with what the engine holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from etalage.core.encoders import Encoder
from etalage.core.records import Document, Floats
from indexer import documents
from opensearch.engine import SearchEngine


@dataclass(frozen=True, slots=True)
class Entry:
    """A product of the feed: its source, and its image vector (empty without one)."""

    source: Mapping[str, Any]
    image: Sequence[float]


@dataclass(frozen=True, slots=True)
class Changes:
    """Documents to write, and counts: products that are as stored, vectors computed."""

    documents: list[Document]
    unchanged: int
    encoded_text: int
    encoded_image: int


def changes(engine: SearchEngine, generation: str, encoder: Encoder, entries: Sequence[Entry]) -> Changes:
    """The documents of `entries` that differ from the stored ones; only texts that changed are encoded again.

    Raises:
        EngineError, ModelError: reading or encoding failed.
    """
    images = [documents.unit(list(entry.image)) for entry in entries]
    hashes = [
        documents.hashes(entry.source, encoder.fingerprint, b"" if image is None else image.tobytes())
        for entry, image in zip(entries, images, strict=True)
    ]
    stored = engine.ledger(generation, [entry.source["id"] for entry in entries])
    changed = [
        at for at, entry in enumerate(entries)
        if (row := stored.get(entry.source["id"])) is None or row.content != hashes[at][0]
    ]  # fmt: skip
    same_text = {
        at for at in changed
        if (row := stored.get(entries[at].source["id"])) is not None and row.encoded == hashes[at][1]
    }  # fmt: skip
    vectors = _vectors(engine, generation, encoder, entries, changed, same_text)
    found = [documents.document(entries[at].source, *hashes[at], vectors[at], images[at]) for at in changed]
    fresh = [at for at in changed if at not in same_text]
    with_image = sum(images[at] is not None for at in fresh)
    return Changes(found, len(entries) - len(changed), len(fresh), with_image)


def _vectors(
    engine: SearchEngine,
    generation: str,
    encoder: Encoder,
    entries: Sequence[Entry],
    changed: Sequence[int],
    same_text: set[int],
) -> dict[int, Floats]:
    """The text vector of each changed entry, by position: the stored one where the text is the same."""
    kept = engine.vectors(generation, [entries[at].source["id"] for at in same_text]) if same_text else {}
    found = {at: vector for at in same_text if (vector := kept[entries[at].source["id"]][0]) is not None}
    fresh = [at for at in changed if at not in found]
    if fresh:
        encoded = encoder.encode([documents.passage(entries[at].source) for at in fresh], kind="passage")
        found |= dict(zip(fresh, np.asarray(encoded, np.float32), strict=True))
    return found

"""What a generation's index looks like, and how a document is stored in it and read back.

What a search needs of a hit is one binary value (`record`): feature record, int8 vectors and title, read without touching
stored fields. `_source` is kept whole: with a filter on it the node stores all of it once more for recovery, vectors too
(8.7 KB instead of 5.1 KB a product).
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from etalage.core.records import RECORD, RECORD_VERSION, Document, Floats, days, record_of, to_int8
from opensearch import fields
from opensearch.engine import IndexSpec

KEYWORD_LIMIT: Final = 8191
"""Longest exact value in characters; the node cannot index a longer one."""

_TERM_BYTES: Final = 32_000


@lru_cache(maxsize=16)
def _template(name: str) -> bytes:
    # By path: another distribution (opensearch-protobufs) also has a top-level package of this name.
    return (Path(__file__).parent.parent / "templates" / f"{name}.json").read_bytes()


def template(name: str, *, shards: int | None = None, replicas: int = 0) -> dict[str, Any]:
    """The settings and mappings of `templates/<name>.json`, with the numbers of shards and replicas."""
    body: dict[str, Any] = orjson.loads(_template(name))
    body["settings"]["index"]["number_of_replicas"] = replicas
    if shards is not None:
        body["settings"]["index"]["number_of_shards"] = shards
    return body


def index_body(index: str, spec: IndexSpec, *, shards: int, replicas: int) -> dict[str, Any]:
    """The settings and mappings of a new generation of `index`."""
    body = template("products", shards=shards, replicas=replicas)
    body["settings"]["index"]["analysis"] = orjson.loads(_template("analysis"))
    body["settings"]["index"]["similarity"]["default"] |= {"k1": fields.K1, "b": fields.B}
    properties = body["mappings"]["properties"]
    properties["text"] = {"properties": {name: {"type": "text", "analyzer": "etalage"} for name in fields.TEXT}}
    properties |= {name: {"type": "keyword", "ignore_above": KEYWORD_LIMIT} for name in fields.KEYWORD}
    properties |= {name: {"type": "double"} for name in fields.NUMERIC}
    for name, dim in (("vec_text", spec.dim), ("vec_image", spec.dim_image)):
        if dim:
            properties[name] = orjson.loads(_template("vector")) | {"dimension": dim}
    body["mappings"]["_meta"] = {"etalage": {"index": index, "spec": asdict(spec), "record": RECORD_VERSION}}
    return body


@lru_cache(maxsize=64)
def layout(dim: int, dim_image: int) -> np.dtype[np.void]:
    """The fixed part of `record`: feature record and int8 vectors. The title follows."""
    return np.dtype([("record", RECORD), ("vec_text", "i1", (dim,)), ("vec_image", "i1", (dim_image,))])


def stored(document: Document, spec: IndexSpec) -> bytes:
    """The JSON body that is indexed for a document; an all-zero vector counts as none.

    Raises:
        ValueError, TypeError: a text is no valid Unicode, or a value no JSON.
    """
    source = document.source
    row = np.zeros((), layout(spec.dim, spec.dim_image))
    row["record"] = record_of(source)
    body: dict[str, Any] = {"id": document.id, "source": dict(source)}
    body |= {"content": document.content, "encoded": document.encoded}
    for name, vector in (("vec_text", document.vec_text), ("vec_image", document.vec_image)):
        if vector is not None and vector.any():
            row[name] = to_int8(vector)
            body[name] = np.ascontiguousarray(vector, np.float32)
    body["record"] = b2a_base64(row.tobytes() + source["title"].encode(), newline=False).decode()
    body["text"] = {name: value for name, value in fields.texts(source).items() if value}
    body |= {name: values for name, values in fields.keywords(source).items() if values}
    body |= numbers(source)
    body["attributes"] = _attributes(source.get("attributes") or {})
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)


def numbers(source: Mapping[str, Any]) -> dict[str, float]:
    """The known, finite numbers of `fields.NUMERIC`."""
    found = {name: source.get(name) for name in fields.NUMERIC if name != "created"}
    found["created"] = days(source.get("created_at", ""))
    return {name: float(value) for name, value in found.items() if value is not None and np.isfinite(value)}


def _attributes(attributes: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The attributes that fit into terms of the node."""
    return {
        name: kept
        for name, values in attributes.items()
        if (kept := [value for value in values if len(f"{name}={value}".encode()) < _TERM_BYTES])
    }


def unit(values: Sequence[float] | None) -> Floats | None:
    """A stored vector as float32 of unit length, or None."""
    if values is None:
        return None
    vector = np.asarray(values, np.float32)
    scaled: Floats = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return scaled

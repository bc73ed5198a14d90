"""What a generation's index looks like, and how a document is stored in it and read back.

What a search needs of a hit is one binary value (`record`): feature record, int8 vectors and title, read without touching
stored fields. `_source` is kept whole: with a filter on it the node stores all of it once more for recovery, vectors too.
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

from etalage.core.records import RECORD, RECORD_VERSION, Document, Floats, record_of, to_int8
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
    exact = {"type": "keyword", "ignore_above": KEYWORD_LIMIT}
    words = {"type": "text", "analyzer": "etalage"}
    properties |= {name: dict(exact) for name in ("id", *fields.EXACT.values(), "category")}
    for name, path in fields.PATHS.items():
        field, _, inner = path.partition(".")
        properties[field] = properties[name] | {"fields": {inner: words}} if inner else dict(words)
    properties["title"]["fields"] = {"keyword": exact}
    for name in ("brand", "category"):
        properties[name]["fields"]["keyword"] = exact
    properties |= {name: {"type": "double"} for name in fields.NUMERIC}
    properties |= {name: {"type": "date"} for name in fields.DATES}
    properties |= {name: {"type": "keyword", "index": False, "doc_values": False} for name in fields.UNSEARCHED}
    body["settings"]["index"]["query"] = {
        "default_field": [f"{path}^{fields.TEXT[name]}" for name, path in fields.PATHS.items()]
    }
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
    body = fields.stored(source) | {"id": document.id}
    body |= {"content": document.content, "encoded": document.encoded}
    for name, vector in (("vec_text", document.vec_text), ("vec_image", document.vec_image)):
        if vector is not None and vector.any():
            row[name] = to_int8(vector)
            # Cosines know no length, so that whole numbers do: a third of the digits to write, carry, read and keep.
            body[name] = np.ascontiguousarray(row[name])
    body["record"] = b2a_base64(row.tobytes() + source["title"].encode(), newline=False).decode()
    if source.get("attributes"):
        body["attributes"] = _attributes(source["attributes"])
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)


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

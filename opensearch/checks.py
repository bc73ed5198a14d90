"""What both engines refuse, said in the same words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from etalage.core.errors import FingerprintMismatch, QueryError
from etalage.core.records import Document
from opensearch import fields
from opensearch.engine import MAX_WINDOW, Filter, IndexSpec, Not, Range, Request, Term

MAX_ID: Final = 512
"""Longest id in bytes of UTF-8."""

VECTORS: Final = ("vec_text", "vec_image")


def request(asked: Request) -> None:
    """Raise QueryError for a window past `MAX_WINDOW` or an unknown field."""
    if asked.start < 0 or asked.size < 0 or asked.start + asked.size > MAX_WINDOW:
        raise QueryError(
            f"a search reaches at most hit {MAX_WINDOW}",
            value=f"from {asked.start}, size {asked.size}",
            remedy="Ask for less, or narrow the search with filters.",
        )
    filters = list(_inner(asked.filters))
    names: list[tuple[str, str, tuple[str, ...]]] = [
        ("filter", one.name, fields.KEYWORD) for one in filters if isinstance(one, Term)
    ]
    names += [("range", one.name, fields.NUMERIC) for one in filters if isinstance(one, Range)]
    names += [("facet", name, fields.KEYWORD) for name in asked.facets]
    names += [("sort", asked.sort.name, fields.NUMERIC)] if asked.sort else []
    names += [("collapse", asked.collapse, fields.SINGLE)] if asked.collapse else []
    names += [("vector", asked.vector_field, VECTORS)]
    for use, name, known in names:
        if name not in known:
            raise QueryError(f"there is no field to {use} by", value=name, remedy=f"Use one of: {', '.join(known)}.")


def _inner(filters: Iterable[Filter]) -> Iterator[Filter]:
    for one in filters:
        yield from _inner(one.filters) if isinstance(one, Not) else (one,)


def dimension(asked: Request, spec: IndexSpec, generation: str) -> None:
    """Raise FingerprintMismatch when the query's vector does not fit the field that it is compared with."""
    dim = spec.dim if asked.vector_field == "vec_text" else spec.dim_image
    if asked.vector is not None and asked.vector.shape != (dim,):
        raise FingerprintMismatch(
            f"the query's vector has {asked.vector.size} dimensions, {asked.vector_field} has {dim}",
            value=generation,
            remedy="Search with the encoder that the index was built with, or index again with `--full`.",
        )


def document(one: Document, spec: IndexSpec) -> str:
    """Why a document cannot be stored, or an empty string."""
    if reason := identifier(one.id):
        return reason
    for name, vector, dim in (("vec_text", one.vec_text, spec.dim), ("vec_image", one.vec_image, spec.dim_image)):
        if vector is None:
            continue
        if vector.shape != (dim,):
            return f"{name} has {vector.shape[0] if vector.ndim == 1 else vector.shape} dimensions, the index has {dim}"
        if not np.isfinite(vector).all():
            return f"{name} holds a number that is not finite"
    return ""


def identifier(one: str) -> str:
    """Why an id cannot be stored, or an empty string."""
    try:
        fits = 0 < len(one.encode()) <= MAX_ID
    except UnicodeEncodeError:
        return "the id is not valid Unicode"
    return "" if fits else f"the id must have 1 to {MAX_ID} bytes"

"""`knn`: the documents whose vectors are nearest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from etalage.core.records import Floats, cosine
from opensearch.embedded.dsl import body, schema
from opensearch.embedded.dsl.clauses import Clause, Match, Nothing, Run
from opensearch.embedded.dsl.reader import Reader, options
from opensearch.embedded.dsl.schema import Kind
from opensearch.engine import MAX_WINDOW


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbours(Clause):
    """The `k` nearest of those that `filter` matches, or all at least as near as `least`; scores are (1 + cosine) /
    2."""

    field: str
    vector: Floats
    k: int | None = None
    least: float | None = None
    filter: Clause | None = None

    def inner(self) -> Iterable[Clause]:
        return () if self.filter is None else (self.filter,)

    def match(self, run: Run) -> Match:
        vectors = run.catalog.vectors[self.field]
        mask = None if self.filter is None else self.filter.find(run).mask
        found = run.none()
        if self.k is not None:
            rows = vectors.nearest(self.vector, self.k, mask)
        else:
            rows = np.flatnonzero(vectors.known if mask is None else vectors.known & mask)
        scores = (1 + cosine(self.vector, vectors.rows[rows])) / 2
        if self.least is not None:
            rows, scores = rows[scores >= self.least], scores[scores >= self.least]
        found.mask[rows], found.scores[rows] = True, scores
        return found


def knn(reader: Reader, value: object, at: str) -> Clause:
    name, inside = body.single(value, at)
    place = f"{at}.{name}"
    known = ["vector", "k", "filter", "min_score", "max_distance", "method_parameters", "rescore", "expand_nested_docs"]
    found, shared = options(inside, place, known)
    field = schema.find(name)
    if field is None or field.kind is not Kind.VECTOR:
        raise body.wrong("this field holds no vectors", at, name, "Use vec_text or vec_image.")
    vector = _vector(found.get("vector"), f"{place}.vector")
    dim = reader.dims[field.column]
    if not dim:
        return Nothing(**shared)
    if vector.shape != (dim,):
        raise body.wrong(
            f"the vector has {vector.size} dimensions, {name} has {dim}",
            f"{place}.vector",
            vector.size,
            "Encode the query with the encoder that the index was built with.",
        )
    if not vector.any():
        raise body.wrong("a vector of zeros is near to nothing", f"{place}.vector", f"{dim} zeros")
    given = [name for name in ("k", "min_score", "max_distance") if name in found]
    if len(given) != 1:
        raise body.wrong("exactly one of k, min_score and max_distance is expected", place, given)
    arguments: dict[str, Any] = {}
    if given == ["k"]:
        arguments["k"] = body.whole(found["k"], f"{place}.k", 1, MAX_WINDOW)
    elif given == ["min_score"]:
        arguments["least"] = body.number(found["min_score"], f"{place}.min_score")
    else:
        # The distance is 1 - cosine, so that the score is (2 - distance) / 2.
        arguments["least"] = 1 - body.number(found["max_distance"], f"{place}.max_distance") / 2
    if found.get("filter") is not None:
        arguments["filter"] = reader.query(found["filter"], f"{place}.filter")
    return Neighbours(field=field.column, vector=vector, **arguments, **shared)


def _vector(value: object, at: str) -> Floats:
    """A vector of finite numbers as float32. Raises QueryError."""
    numbers = [body.number(one, place) for one, place in body.several(value, at)]
    with np.errstate(over="ignore"):
        vector: Floats = np.array(numbers, np.float32)
    if not np.isfinite(vector).all():
        raise body.wrong("numbers that a float32 can hold are expected", at, value)
    return vector

"""Reads a query as JSON into clauses, and refuses what is wrong with its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from opensearch.embedded.dsl import body, schema
from opensearch.embedded.dsl.clauses import Clause
from opensearch.embedded.dsl.schema import Field, Kind

MAX_DEPTH: Final = 50
MAX_CLAUSES: Final = 1024

Read = Callable[["Reader", Any, str], Clause]
"""Reads what stands under a clause's name: `(reader, value, its place)`. Raises QueryError."""


class Reader:
    """Reads the queries of one request.

    Attributes:
        now: milliseconds since 1970, for date math.
        dims: the dimension of each vector field, 0 where the index has none.
    """

    def __init__(self, known: Mapping[str, Read], dims: Mapping[str, int], now: int) -> None:
        self._known, self.dims, self.now = known, dims, now
        self._depth, self._clauses = 0, 0

    def query(self, value: object, at: str) -> Clause:
        """A clause.

        Raises:
            QueryError: it is not valid, not known, nested too deep, or one too many.
        """
        name, inside = body.single(value, at)
        if name not in self._known:
            raise body.unknown("query clause", name, at, list(self._known))
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise body.wrong(f"a query is nested at most {MAX_DEPTH} levels deep", at, name, "Write it flatter.")
        self.count(1, at)
        found = self._known[name](self, inside, f"{at}.{name}")
        self._depth -= 1
        return found

    def queries(self, value: object, at: str) -> tuple[Clause, ...]:
        """One clause or a list of them. Raises QueryError."""
        return tuple(self.query(one, place) for one, place in body.listed(value, at))

    def count(self, clauses: int, at: str) -> None:
        """Raise QueryError when the request has more than `MAX_CLAUSES` clauses; each term of a text counts."""
        self._clauses += clauses
        if self._clauses > MAX_CLAUSES:
            raise body.wrong(
                f"a request has at most {MAX_CLAUSES} clauses", at, self._clauses, "Search for fewer words or values."
            )

    def field(self, name: object, at: str) -> Field | None:
        """The searchable field of a name, None when there is none.

        Raises:
            QueryError: the field is only shown, or a vector.
        """
        found = schema.find(body.string(name, at))
        if found is not None and found.kind is Kind.SHOWN:
            raise body.wrong("this field is only shown, it cannot be searched", at, name, "Search by another field.")
        if found is not None and found.kind is Kind.VECTOR:
            raise body.wrong("this field holds vectors", at, name, "Use a knn clause.")
        return found


def named(shared: Mapping[str, Any], at: str) -> dict[str, Any]:
    """The parameters `boost` and `_name` as arguments of a clause. Raises QueryError."""
    found: dict[str, Any] = {}
    if "boost" in shared:
        found["boost"] = body.boost(shared["boost"], f"{at}.boost")
    if "_name" in shared:
        found["name"] = body.string(shared["_name"], f"{at}._name")
    return found


def options(value: object, at: str, known: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters of a clause, and `boost` and `_name` as arguments of it. Raises QueryError for others."""
    found = body.mapping(value, at)
    body.only(found, at, [*known, "boost", "_name"])
    return found, named(found, at)


def by_field(
    value: object, at: str, main: str, known: Sequence[str]
) -> tuple[str, dict[str, Any], dict[str, Any], str]:
    """A clause of the form `{field: value}` or `{field: {main: value, ...}}`.

    Returns:
        the field's name, the parameters, the arguments of every clause, and the place of the parameters.

    Raises:
        QueryError: it has another form.
    """
    name, inside = body.single(value, at)
    place = f"{at}.{name}"
    if not isinstance(inside, Mapping):
        return name, {main: inside}, {}, place
    found, shared = options(inside, place, [main, *known])
    if main not in found:
        raise body.wrong(f"{main} is missing", place, inside)
    return name, found, shared, place

"""The arrays of a snapshot that requests in OpenSearch's language read."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from etalage.core.text import fold
from opensearch import fields
from opensearch.embedded.arrays import mapped
from opensearch.embedded.columns import NONE, Exact, Strings
from opensearch.embedded.dsl.dates import millis
from opensearch.embedded.postings import Postings
from opensearch.embedded.vectors import Vectors

Mask = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]
Moments = npt.NDArray[np.int64]

_EXTRA: Final = ("names", "titles")
"""Exact values beside `fields.KEYWORD`: the names of the category's path, and titles."""

OF_NUMBERS: Final = ("sources", "numbers", "moments")
"""Files, by the beginning of their names, that change with a price."""


def build(sources: Sequence[Mapping[str, Any]], blobs: Sequence[bytes], folder: Path) -> None:
    """Write what is needed beside the snapshot's other files, given each document's source and its JSON, in row
    order."""
    Strings.build_bytes(blobs, folder, "sources")
    Exact.build([list(source.get("category", ())) for source in sources], folder, "exact-names")
    Exact.build([[source["title"]] for source in sources], folder, "exact-titles")
    numbers = np.full((len(fields.NUMERIC), len(sources)), np.nan)
    moments = np.full((len(fields.DATES), len(sources)), NONE)
    _fill(numbers, moments, range(len(sources)), sources)
    np.save(folder / "numbers.npy", numbers)
    np.save(folder / "moments.npy", moments)


def renumber(
    places: Sequence[int], sources: Sequence[Mapping[str, Any]], blobs: Sequence[bytes], before: Path, folder: Path
) -> None:
    """Write the files of `OF_NUMBERS` as they are in the folder `before`, but with other documents in the rows `places`."""
    kept = Strings(before, "sources").all_bytes()
    for place, blob in zip(places, blobs, strict=True):
        kept[place] = blob
    Strings.build_bytes(kept, folder, "sources")
    numbers, moments = np.load(before / "numbers.npy"), np.load(before / "moments.npy")
    numbers[:, places], moments[:, places] = np.nan, NONE
    _fill(numbers, moments, places, sources)
    np.save(folder / "numbers.npy", numbers)
    np.save(folder / "moments.npy", moments)


def _fill(numbers: Doubles, moments: Moments, places: Sequence[int], sources: Sequence[Mapping[str, Any]]) -> None:
    for row, source in zip(places, sources, strict=True):
        for column, name in enumerate(fields.NUMERIC):
            value = source.get(name)
            if value is not None:
                numbers[column, row] = value
        for column, name in enumerate(fields.DATES):
            if value := source.get(name):
                found = millis(value)
                moments[column, row] = NONE if found is None else found


class Catalog:
    """One generation's documents. A document is a row; rows are in the order of ids. Every file is opened at once,
    because the folder may be removed while a reader goes on.

    Attributes:
        exact: keyword fields by `fields.KEYWORD` and `names`, `titles`.
        numbers: numbers as they were given, NaN where unknown.
        moments: times in milliseconds since 1970, `NONE` where unknown.
        vectors: by field; a dimension of 0 in `dims` means that the index has no such vectors.
    """

    def __init__(
        self,
        folder: Path,
        generation: str,
        ids: list[str],
        titles: list[str],
        postings: Postings,
        exact: Mapping[str, Exact],
        vectors: Mapping[str, Vectors],
        dims: Mapping[str, int],
    ) -> None:
        self.generation, self.ids, self.titles, self.size = generation, ids, titles, len(ids)
        self.postings, self.vectors, self.dims = postings, vectors, dims
        self.exact = dict(exact) | {name: Exact(folder, f"exact-{name}") for name in _EXTRA}
        self.numbers: dict[str, Doubles] = dict(zip(fields.NUMERIC, mapped(folder / "numbers.npy"), strict=True))
        self.moments: dict[str, Moments] = dict(zip(fields.DATES, mapped(folder / "moments.npy"), strict=True))
        self._sources = Strings(folder, "sources")

    def source(self, row: int) -> dict[str, Any]:
        """A document as OpenSearch shows it: the product and its derived fields."""
        found = fields.stored(orjson.loads(self._sources.raw(row)))
        return {name: value for name, value in found.items() if name not in fields.INTERNAL}

    def row(self, id: str) -> int | None:
        """The row of a document, or None."""
        at = bisect_left(self.ids, id)
        return at if self.ids[at : at + 1] == [id] else None

    @cached_property
    def folded(self) -> list[str]:
        """Titles as prefixes are compared with them."""
        return [fold(title) for title in self.titles]

    @cached_property
    def attribute_values(self) -> dict[str, list[int]]:
        """The codes of `attrs` by value, whatever the name."""
        found: dict[str, list[int]] = {}
        for code, pair in enumerate(self.exact["attrs"].values):
            # A name may hold an equals sign as well as a value may.
            cut = pair.find("=")
            while cut >= 0:
                found.setdefault(pair[cut + 1 :], []).append(code)
                cut = pair.find("=", cut + 1)
        return found

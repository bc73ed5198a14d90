"""The interface that both engines implement, and the records that pass through it.

`embedded/` keeps everything in one folder, `cluster.py` talks to OpenSearch. One contract suite runs on both; whatever it
does not pin down is not part of the interface.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from anyio import to_thread

from etalage.core.records import Document, Floats
from opensearch import fields
from opensearch.jobs import JobTable

MAX_WINDOW: Final = 10_000
"""Deepest hit that can be asked for (`start` + `size`), as on OpenSearch."""


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """What a generation was built with; a change of any of these means a new generation.

    `fingerprint` identifies the encoder of `vec_text` (dimension `dim`); `dim_image` is 0 without image vectors;
    they come with the feed when `fingerprint_image`, of the encoder of pictures, is empty.
    """

    model: str
    fingerprint: str
    dim: int
    dim_image: int = 0
    schema: int = fields.SCHEMA_VERSION
    model_image: str = ""
    fingerprint_image: str = ""


@dataclass(frozen=True, slots=True)
class Generation:
    """One build of an index. `name` is unique, e.g. `products-000002`; at most one per index is `serving`."""

    name: str
    index: str
    spec: IndexSpec
    serving: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one written document; `reason` is empty when it was stored, or when it is `stale`: what is stored, or
    was removed, is newer."""

    id: str
    reason: str = ""
    retryable: bool = False
    stale: bool = False


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """The hashes and the version of a stored document (see `Document`)."""

    content: str
    encoded: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class Term:
    """Keeps products whose keyword field (`fields.KEYWORD`) has any of `values`."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """Keeps products whose number (`fields.NUMERIC`) lies in [low, high]; a bound may be None, and excluded when
    `open_low`/`open_high`. Unknown numbers are left out."""

    name: str
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False


@dataclass(frozen=True, slots=True)
class InStock:
    """Keeps products whose stock is above zero or unknown."""


@dataclass(frozen=True, slots=True)
class Ids:
    """Keeps the products with these ids."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lacks:
    """Leaves out products of which title, brand, category or attributes have the words of `text` side by side, in any form,
    unless they say that it is missing (`lacking.clause`)."""

    text: str


@dataclass(frozen=True, slots=True)
class Not:
    """Leaves out the products that all of `filters` would keep."""

    filters: tuple[Filter, ...]


Filter = Term | Range | InStock | Ids | Lacks | Not


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop's own OpenSearch query as the source of lexical candidates.

    Attributes:
        query: the query as the shop wrote it: what it matches is lexical, in the order of its scores.
        constraints: clauses of the query DSL that hold for every candidate, those brought by vectors too.
        post_filter: a clause that holds for the candidates and the total, and not for aggregations.
        aggregations: counted over lexical matches and nearest vectors under the constraints; the node's own form.
        min_score: matches of `query` that score less are left out.
    """

    query: Mapping[str, Any]
    constraints: tuple[Mapping[str, Any], ...] = ()
    post_filter: Mapping[str, Any] | None = None
    aggregations: Mapping[str, Any] = field(default_factory=dict)
    min_score: float | None = None


@dataclass(frozen=True, slots=True)
class Sort:
    """Orders by a number instead of by score; unknown numbers last, ties by id."""

    name: str
    descending: bool = False


class Lists(StrEnum):
    """Which candidates are wanted."""

    BOTH = "both"
    LEXICAL = "lexical"
    VECTOR = "vector"


@dataclass(frozen=True, slots=True)
class Request:
    """One retrieval.

    `text` is the query; empty means every product matches. `vector` float32 [dim] unit length or None (BM25 only).
    Order of the answer: the `k` nearest by cosine first, then those of `also`, by id, then the lexical matches by score, ties by
    id; `sort` replaces that order. `also` are ids of further candidates, which count as found if they pass the filters; `Lists.LEXICAL`
    ignores them. Vectors whose cosine is below `floor` are not near. `start` and `size` cut the window. With `Lists.LEXICAL` or `VECTOR` only that list is brought. Query terms
    are alternatives (OR). `vector_field` is what `vector` is compared with, `vec_text` or `vec_image`. With `shop`, its query
    decides what matches and in which order, and `text` only gives the scores of the fields (`Candidates.lexical` and
    `fields`). `timeout` is how many seconds the answer may take. `pictures` also brings the candidates' image vectors.
    `collapse` is a field of `fields.SINGLE` whose values are told for every candidate (`Candidates.groups`); it leaves none out.
    """

    text: str
    vector: Floats | None = None
    k: int = 100
    start: int = 0
    size: int = 200
    filters: tuple[Filter, ...] = ()
    facets: tuple[str, ...] = ()
    sort: Sort | None = None
    lists: Lists = Lists.BOTH
    facet_size: int = 10
    vector_field: str = "vec_text"
    shop: Shop | None = None
    timeout: float | None = None
    pictures: bool = False
    also: tuple[str, ...] = ()
    floor: float | None = None
    collapse: str = ""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The answer, columns of equal length n in the order of `Request`.

    Attributes:
        ids: the documents' ids.
        near: bool [n], whether the document is among the k nearest vectors.
        lexical: float32 [n], the lexical score (Σ weight × field BM25), 0 without a match.
        fields: float32 [n, len(fields.TEXT)], BM25 per text field, unweighted, 0 without a match.
        vectors: int8 [n, dim], the stored vectors of `vector_field` (`records.to_int8`); zero rows where there is none.
        records: `records.RECORD` [n].
        titles: the documents' titles.
        total: lexical matches ∪ k nearest ∪ `also`, under the filters.
        facets: name → [(value, count)], most frequent first, ties by value.
        aggregations: what `Shop.aggregations` gave, as a node answers.
        generation: the generation that answered, and what it was built with (`spec`).
        pictures: int8 [n, dim_image], the stored image vectors where they were asked for, zero rows where there is none; else
            [n, 0].
        groups: with `Request.collapse`, each candidate's value of that field, "" where it has none; else nothing.
    """

    ids: list[str]
    near: npt.NDArray[np.bool_]
    lexical: Floats
    fields: Floats
    vectors: npt.NDArray[np.int8]
    records: npt.NDArray[np.void]
    titles: list[str]
    total: int
    generation: str
    spec: IndexSpec
    facets: Mapping[str, list[tuple[str, int]]] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    aggregations: Mapping[str, Any] = field(default_factory=dict)
    pictures: npt.NDArray[np.int8] = field(default_factory=lambda: np.zeros((0, 0), np.int8))
    groups: Sequence[str] = ()

    def take(self, rows: Sequence[int]) -> Candidates:
        """The candidates of `rows` alone, in that order."""
        at = np.array(rows, np.int64)
        return replace(
            self,
            ids=[self.ids[row] for row in rows],
            near=self.near[at],
            lexical=self.lexical[at],
            fields=self.fields[at],
            vectors=self.vectors[at],
            records=self.records[at],
            titles=[self.titles[row] for row in rows],
            pictures=self.pictures[at],
            groups=[self.groups[row] for row in rows] if self.groups else (),
        )


class SearchEngine(ABC):
    """Stores generations of documents and answers retrievals. Thread-safe for reading.

    Every method may raise `EngineUnavailable` or `EngineTimeout` (retryable) besides what it names.
    """

    name: str

    @property
    @abstractmethod
    def jobs(self) -> JobTable:
        """The job table (chunks of indexing work)."""

    @abstractmethod
    def check(self) -> dict[str, Any]:
        """What the engine is and whether it answers: `{"engine", "version", ...}`."""

    # generations
    @abstractmethod
    def create(self, index: str, spec: IndexSpec) -> Generation:
        """A new, empty generation that does not serve yet."""

    @abstractmethod
    def generations(self, index: str) -> list[Generation]:
        """All generations of an index, oldest first."""

    def serving(self, index: str) -> Generation | None:
        """The generation that answers searches, or None."""
        return next((g for g in self.generations(index) if g.serving), None)

    def spec(self, index: str) -> IndexSpec | None:
        """What the serving generation was built with, as searches see it at the moment; None when there is none."""
        serving = self.serving(index)
        return None if serving is None else serving.spec

    @abstractmethod
    def swap(self, index: str, generation: str) -> None:
        """Let `generation` serve `index`, in one atomic step. Raises EngineError if it does not exist."""

    @abstractmethod
    def drop(self, generation: str) -> None:
        """Delete a generation that does not serve. Raises EngineError if it serves. Unknown names are ignored."""

    # documents
    @abstractmethod
    def write(self, generation: str, documents: Sequence[Document]) -> list[Outcome]:
        """Insert or replace documents, durable on return; one outcome each, in order. A document whose vector has
        another dimension than the spec's gets a reason and is not stored. One with a version below that of the stored
        document, or of its removal within the last day, is left out (`stale`); one without a version is always stored.
        Raises EngineError for an unknown generation."""

    @abstractmethod
    def delete(self, generation: str, ids: Iterable[str], *, version: int = 0) -> int:
        """Remove documents; the number that existed. With a version, those of a higher one stay, and an older write does
        not bring the others back for a day."""

    @abstractmethod
    def ledger(self, generation: str, ids: Sequence[str]) -> dict[str, LedgerRow]:
        """The hashes and versions of those of `ids` that exist."""

    @abstractmethod
    def ids(self, generation: str) -> Iterator[str]:
        """Every document's id, in no particular order (reads what was written, also before `refresh`)."""

    @abstractmethod
    def get(self, generation: str, ids: Sequence[str], *, timeout: float | None = None) -> dict[str, dict[str, Any]]:
        """The sources of those of `ids` that exist. `timeout` are the seconds to wait for a node, past which EngineTimeout is raised."""

    @abstractmethod
    def vectors(self, generation: str, ids: Sequence[str]) -> dict[str, tuple[Floats | None, Floats | None]]:
        """The text and image vectors (float32, unit length) of those of `ids` that exist."""

    @abstractmethod
    def count(self, generation: str) -> int:
        """The number of documents written."""

    @abstractmethod
    def mark(self, generation: str) -> str:
        """What changes with every write: as long as it is the same, so are the documents."""

    @abstractmethod
    def refresh(self, generation: str) -> None:
        """Make everything written so far searchable."""

    # search
    @abstractmethod
    def candidates(self, index: str, request: Request) -> Candidates:
        """Retrieve from the serving generation of `index`, or from the generation of that name. Raises QueryError for an unknown field or a window past `MAX_WINDOW`,
        EngineError when the index does not exist, FingerprintMismatch when the vector's dimension differs."""

    # OpenSearch's own requests, read only
    @abstractmethod
    def search(
        self, index: str, body: Mapping[str, Any], *, timeout: float | None = None, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """OpenSearch's answer to a `_search` body, from the serving generation of `index` or the generation of that name.

        Args:
            timeout: seconds; a body's own `timeout` is for the caller to turn into this.
            params: URL parameters of `_search`.

        Raises:
            QueryError: the body is not valid, or asks for something that this engine does not know (it names the clause
                and its path).
            EngineError: the index does not exist.
        """

    async def search_async(
        self, index: str, body: Mapping[str, Any], *, timeout: float | None = None, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """`search` for an event loop: in a thread, unless all that there is to do is to wait for a node."""
        return await to_thread.run_sync(partial(self.search, index, body, timeout=timeout, params=params))

    async def close_async(self) -> None:
        """Close what `search_async` has open, before its event loop ends."""
        return None

    @abstractmethod
    def tally(self, index: str, body: Mapping[str, Any], *, timeout: float | None = None) -> int:
        """How many documents a `_count` body matches. Raises as `search` does."""

    @abstractmethod
    def document(self, index: str, id: str, *, timeout: float | None = None) -> dict[str, Any] | None:
        """One document as `GET /{index}/_doc/{id}` answers it, or None."""

    @abstractmethod
    def version(self) -> str:
        """The version of OpenSearch that it is, or whose requests it understands."""

    @abstractmethod
    def health(self) -> dict[str, Any]:
        """What `GET /_cluster/health` answers."""

    # behaviour
    @abstractmethod
    def append_events(self, kind: str, documents: Sequence[Mapping[str, Any]]) -> int:
        """Store UBI documents of `kind` (`queries` or `events`), each with an `id` key; those already stored are
        skipped. The number added."""

    @abstractmethod
    def events(self, kind: str, since: str = "") -> Iterator[dict[str, Any]]:
        """UBI documents of `kind` with `timestamp` ≥ `since`, by timestamp."""

    @abstractmethod
    def forget(self, kind: str, ids: Iterable[str]) -> int:
        """Remove UBI documents of `kind`, also what is left of them in the engine's files; how many there were."""

    @abstractmethod
    def close(self) -> None:
        """Release files, threads and connections."""

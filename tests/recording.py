"""An engine that notes what reaches it and answers from a script: the interface once more, without a store."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from etalage.core import records
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.records import Document, Floats
from etalage.core.settings import load
from etalage.http.app import create_app
from opensearch import fields
from opensearch.engine import Candidates, Generation, IndexSpec, LedgerRow, Outcome, Request, SearchEngine
from opensearch.jobs import JobTable
from workers import parts

from .asgi import Door

SOURCES: dict[str, dict[str, Any]] = {
    "p1": {"id": "p1", "title": "red shoe", "brand": "Acme", "price": 1000, "content": "h1", "vec_text": [1]},
    "p2": {"id": "p2", "title": "blue shoe", "brand": "Bolt", "price": 2000, "content": "h2", "vec_text": [2]},
}


class RecordingEngine(SearchEngine):
    """Serves two products in a generation of each index.

    Attributes:
        calls: what it was asked, in order: `(method, arguments)`. What the server asks by itself (`serving`,
            `generations`, the store of UBI queries) is not among them.
        stored: the UBI documents that were stored.
        fail: raised by the next search of any kind.
    """

    name = "recording"

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.stored: list[Mapping[str, Any]] = []
        self.fail: Exception | None = None
        self._lock = threading.Lock()

    def _note(self, method: str, **told: Any) -> None:
        with self._lock:
            self.calls.append((method, told))
            fail, self.fail = self.fail, None
        if fail is not None:
            raise fail

    def bodies(self) -> list[Mapping[str, Any]]:
        """The bodies of the searches that reached it."""
        return [told["body"] for method, told in self.calls if method == "search"]

    def check(self) -> dict[str, Any]:
        return {"engine": self.name, "version": 1}

    def generations(self, index: str) -> list[Generation]:
        encoder = HashingEncoder()
        spec = IndexSpec(encoder.name, encoder.fingerprint, encoder.dim)
        return [Generation(f"{index}-000001", index, spec, serving=True)]

    def candidates(self, index: str, request: Request) -> Candidates:
        self._note("candidates", index=index, request=request)
        ids = list(SOURCES)[request.start : request.start + request.size]
        many = len(ids)
        vectors = np.stack(
            [records.to_int8(HashingEncoder().encode_query(SOURCES[one]["title"])) for one in ids or ["p1"]]
        )
        return Candidates(
            ids,
            np.ones(many, bool),
            np.arange(many, 0, -1, np.float32) if many else np.zeros(0, np.float32),
            np.zeros((many, len(fields.TEXT)), np.float32),
            vectors[:many],
            np.array([records.record_of(SOURCES[one]) for one in ids], records.RECORD),
            [SOURCES[one]["title"] for one in ids],
            2,
            f"{index}-000001",
            self.generations(index)[0].spec,
            aggregations={name: {"value": 1} for name in (request.shop.aggregations if request.shop else {})},
        )

    def search(
        self,
        index: str,
        body: Mapping[str, Any],
        *,
        timeout: float | None = None,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        self._note("search", index=index, body=body, timeout=timeout, params=params)
        wanted = body.get("query", {}).get("ids", {}).get("values", list(SOURCES))
        hits: list[dict[str, Any]] = [
            {"_index": f"{index}-000001", "_id": one, "_score": 1.0, "_source": dict(SOURCES[one])}
            for one in wanted[: int(body.get("size", 10))]
            if one in SOURCES
        ]
        for hit in hits:
            if body.get("_source") is False:
                del hit["_source"]
            if "sort" in body:
                hit["sort"] = [1]
        return {
            "took": 1,
            "timed_out": False,
            "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
            "hits": {"total": {"value": 2, "relation": "eq"}, "max_score": 1.0, "hits": hits},
        }

    def tally(self, index: str, body: Mapping[str, Any], *, timeout: float | None = None) -> int:
        self._note("tally", index=index, body=body, timeout=timeout)
        return 2

    def document(self, index: str, id: str, *, timeout: float | None = None) -> dict[str, Any] | None:
        self._note("document", index=index, id=id, timeout=timeout)
        found = {"_index": f"{index}-000001", "_id": id, "_version": 1, "found": True}
        return found | {"_source": dict(SOURCES[id])} if id in SOURCES else None

    def version(self) -> str:
        return "3.6.0"

    def health(self) -> dict[str, Any]:
        self._note("health")
        return {"cluster_name": "recording", "status": "green"}

    def append_events(self, kind: str, documents: Sequence[Mapping[str, Any]]) -> int:
        with self._lock:
            self.stored += documents
        return len(documents)

    def close(self) -> None:
        """Nothing is open."""

    # What writes is never called by a search; when it is, the test has found a hole.
    def _never(self, method: str) -> NoReturn:
        self.calls.append((method, {}))
        raise AssertionError(f"{method} reached the engine")

    @property
    def jobs(self) -> JobTable:
        self._never("jobs")

    def create(self, index: str, spec: IndexSpec) -> Generation:
        self._never("create")

    def swap(self, index: str, generation: str) -> None:
        self._never("swap")

    def drop(self, generation: str) -> None:
        self._never("drop")

    def write(self, generation: str, documents: Sequence[Document]) -> list[Outcome]:
        self._never("write")

    def delete(self, generation: str, ids: Iterable[str], *, version: int = 0) -> int:
        self._never("delete")

    def ledger(self, generation: str, ids: Sequence[str]) -> dict[str, LedgerRow]:
        self._never("ledger")

    def ids(self, generation: str) -> Iterator[str]:
        self._never("ids")

    def get(self, generation: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        self._never("get")

    def vectors(self, generation: str, ids: Sequence[str]) -> dict[str, tuple[Floats | None, Floats | None]]:
        self._never("vectors")

    def count(self, generation: str) -> int:
        self._never("count")

    def mark(self, generation: str) -> str:
        self._never("mark")

    def refresh(self, generation: str) -> None:
        self._never("refresh")

    def events(self, kind: str, since: str = "") -> Iterator[dict[str, Any]]:
        self._never("events")

    def forget(self, kind: str, ids: Iterable[str]) -> int:
        self._never("forget")


@contextmanager
def serving(engine: RecordingEngine, home: Path, **settings: Any) -> Iterator[Door]:
    """The application over `engine`, with the hashing encoder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "engine_of", lambda _: engine)
        # The node's address is never called: the engine is in its place.
        made = load(home=home, text_model="hashing", opensearch_url="http://127.0.0.1:9", **settings)
        with Door(create_app(made)) as door:
            yield door


@pytest.fixture
def door(served: tuple[Door, RecordingEngine]) -> Door:
    """The door that a module has `served`."""
    return served[0]


@pytest.fixture
def engine(served: tuple[Door, RecordingEngine]) -> RecordingEngine:
    """Its engine, with nothing noted and nothing that fails."""
    served[1].calls.clear()
    served[1].fail = None
    return served[1]

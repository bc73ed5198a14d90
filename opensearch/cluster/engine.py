"""The cluster engine: generations are indices `<index>-000001`, the index's name is an alias on the one that serves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from etalage.core.errors import EngineError, EngineTimeout, FingerprintMismatch
from etalage.core.records import RECORD_VERSION, Document, Floats
from etalage.core.settings import Settings
from opensearch import checks, fields
from opensearch.cluster import behaviour, documents, pipelines, search
from opensearch.cluster.client import Client, Missing, Refused
from opensearch.cluster.jobs import ClusterJobs
from opensearch.cluster.rows import Filling, Pages, Revision, Rows
from opensearch.engine import Candidates, Generation, IndexSpec, LedgerRow, Outcome, Request, SearchEngine
from opensearch.jobs import JobTable

SEQUENCES: Final = "etalage-sequences"
"""Index whose documents' versions number the generations, so that a number is never used twice."""

_RETRYABLE: Final = (429, 503)
_CONFLICT: Final = 409
_PAGE: Final = 250
"""Rows brought at a time: a third of a megabyte, which a search beside it hardly notices."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class _Opened:
    """A generation with what its index says besides."""

    generation: Generation
    record: int
    shards: int


class ClusterEngine(SearchEngine):
    """An engine over the node that `settings.opensearch_url` names. Make it after a fork, not before."""

    name = "opensearch"

    def __init__(self, settings: Settings) -> None:
        self._client = Client(settings)
        self._shards, self._replicas = settings.shards, settings.replicas
        self._jobs = ClusterJobs(self._client, replicas=settings.replicas)
        self._serving: dict[str, _Opened] = {}
        self._rows: dict[str, Rows] = {}
        self._held, self._filling = settings.held, Filling()
        self._ready: set[str] = set()

    @property
    def jobs(self) -> JobTable:
        return self._jobs

    def check(self) -> dict[str, Any]:
        """See `SearchEngine.check`. Raises EngineError for anything but OpenSearch 3 with the k-NN plugin."""
        about = self._client.call("GET")["version"]
        version = str(about["number"])
        if about.get("distribution") != "opensearch" or not version.startswith("3."):
            raise EngineError(
                "this is not an OpenSearch 3 node",
                value=f"{about.get('distribution', 'unknown')} {version} at {self._client.url}",
                remedy="Use OpenSearch 3, or unset ETALAGE_OPENSEARCH_URL for the embedded engine.",
            )
        plugins = {one["component"] for one in self._client.call("GET", "_cat", "plugins", params={"format": "json"})}
        if "opensearch-knn" not in plugins:
            raise EngineError(
                "the node lacks the k-NN plugin",
                value=self._client.url,
                remedy="Install opensearch-knn and restart it.",
            )
        health = self._client.call("GET", "_cluster", "health")
        return {
            "engine": self.name,
            "version": version,
            "url": self._client.url,
            "nodes": health["number_of_nodes"],
            "status": health["status"],
        }

    # generations
    def create(self, index: str, spec: IndexSpec) -> Generation:
        self._ensure(SEQUENCES, "sequence")
        body = documents.index_body(index, spec, shards=self._shards, replicas=self._replicas)
        while True:
            turn = self._client.call("PUT", SEQUENCES, "_doc", index, body={"index": index})
            name = f"{index}-{turn['_version']:06d}"
            # Taken only when an index was made by hand or restored from a snapshot.
            if not self._client.call("HEAD", name):
                self._client.call("PUT", name, body=body, long=True)
                return Generation(name, index, spec, serving=False)

    def _ensure(self, index: str, template: str) -> None:
        if index not in self._ready:
            self._client.ensure(index, documents.template(template, replicas=self._replicas))
            self._ready.add(index)

    def generations(self, index: str) -> list[Generation]:
        found = self._client.call("GET", f"{index}-*", params={"expand_wildcards": "open"})
        opened = [self._opened(name, about) for name, about in found.items() if re.search(r"-\d{6,}$", name)]
        mine = [one.generation for one in opened if one is not None and one.generation.index == index]
        return sorted(mine, key=lambda one: int(one.name.rpartition("-")[2]))

    def spec(self, index: str) -> IndexSpec | None:
        return self._open(index).generation.spec

    @staticmethod
    def _opened(name: str, about: Mapping[str, Any]) -> _Opened | None:
        """A generation from an index's description; None for an index of another kind."""
        meta = about["mappings"].get("_meta", {}).get("etalage")
        if meta is None:
            return None
        spec, index = IndexSpec(**meta["spec"]), meta["index"]
        shards = int(about["settings"]["index"]["number_of_shards"])
        return _Opened(Generation(name, index, spec, index in about["aliases"]), meta["record"], shards)

    def _known(self, generation: str) -> Generation:
        """Raises EngineError when there is no such generation: writing would make an index of that name."""
        about: Mapping[str, Any] = {}
        if _NAME.fullmatch(generation):
            with suppress(Missing):
                about = self._client.call("GET", generation)
        opened = self._opened(generation, about[generation]) if generation in about else None
        if opened is None:
            raise EngineError("there is no such generation", value=generation, remedy="Index the catalog again.")
        return opened.generation

    def swap(self, index: str, generation: str) -> None:
        if self._known(generation).index != index:
            raise EngineError(
                f"this generation is not one of {index!r}", value=generation, remedy="Name one of its own."
            )
        old = [one.name for one in self.generations(index) if one.serving and one.name != generation]
        pipelines.inherit(self._client, old, generation)
        actions: list[dict[str, Any]] = [{"remove": {"index": one, "alias": index}} for one in old]
        actions.append({"add": {"index": generation, "alias": index}})
        self._client.call("POST", "_aliases", body={"actions": actions}, long=True)
        self._serving.pop(index, None)

    def drop(self, generation: str) -> None:
        try:
            known = self._known(generation)
        except EngineError as error:
            if error.retryable:
                raise
            return
        if known.serving:
            raise EngineError(
                "this generation serves searches", value=generation, remedy="Let another one serve before dropping."
            )
        try:
            self._client.call("DELETE", generation, long=True)
        except Missing:
            return

    # documents
    def write(self, generation: str, documents_: Sequence[Document]) -> list[Outcome]:
        spec = self._known(generation).spec
        outcomes = [Outcome(one.id, checks.document(one, spec)) for one in documents_]
        bodies: dict[int, bytes] = {}
        for number, one in enumerate(documents_):
            if outcomes[number].reason:
                continue
            try:
                bodies[number] = documents.stored(one, spec)
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                outcomes[number] = Outcome(one.id, f"it cannot be stored ({error})")
        answers = self._client.bulk(
            ({"index": _action(generation, documents_[number].id, documents_[number].version)}, body)
            for number, body in bodies.items()
        )
        for number, answer in zip(bodies, answers, strict=True):
            if answer["status"] == _CONFLICT:
                outcomes[number] = replace(outcomes[number], stale=True)
            elif "error" in answer:
                deepest = answer["error"].get("caused_by") or answer["error"]
                outcomes[number] = Outcome(
                    documents_[number].id, str(deepest.get("reason")), answer["status"] in _RETRYABLE
                )
        return outcomes

    def delete(self, generation: str, ids: Iterable[str], *, version: int = 0) -> int:
        self._known(generation)
        # One id that cannot be stored would have the node refuse the whole request.
        wanted = [one for one in ids if not checks.identifier(one)]
        answers = self._client.bulk(({"delete": _action(generation, one, version)}, None) for one in wanted)
        for answer in answers:
            if "error" in answer and answer["status"] != _CONFLICT:
                raise EngineError(
                    f"a document could not be removed ({answer['error'].get('reason')})",
                    value=answer["_id"],
                    remedy="Try again.",
                )
        return sum(answer.get("result") == "deleted" for answer in answers)

    def _read(
        self, generation: str, ids: Sequence[str], source: Any, timeout: float | None = None
    ) -> dict[str, dict[str, Any]]:
        return {one["_id"]: one["_source"] for one in self._documents(generation, ids, source, timeout)}

    def _documents(
        self, generation: str, ids: Sequence[str], source: Any, timeout: float | None = None
    ) -> list[dict[str, Any]]:
        try:
            found = self._client.documents(
                generation, [one for one in dict.fromkeys(ids) if not checks.identifier(one)], source, timeout
            )
        except Missing:
            self._known(generation)
            raise
        if not found:
            self._known(generation)
        return found

    def ledger(self, generation: str, ids: Sequence[str]) -> dict[str, LedgerRow]:
        return {
            one["_id"]: LedgerRow(one["_source"]["content"], one["_source"]["encoded"], one["_version"])
            for one in self._documents(generation, ids, ["content", "encoded"])
        }

    def ids(self, generation: str) -> Iterator[str]:
        self.refresh(generation)
        hits = self._client.scan(
            generation,
            {"match_all": {}},
            ["_doc"],
            size=5000,
            _source=False,
            stored_fields="_none_",
            docvalue_fields=["id"],
        )
        return (hit["fields"]["id"][0] for hit in hits)

    def get(self, generation: str, ids: Sequence[str], *, timeout: float | None = None) -> dict[str, dict[str, Any]]:
        hidden = {"excludes": [*fields.DERIVED, *fields.INTERNAL]}
        return self._read(generation, ids, hidden, timeout)

    def vectors(self, generation: str, ids: Sequence[str]) -> dict[str, tuple[Floats | None, Floats | None]]:
        found = self._read(generation, ids, ["vec_text", "vec_image"])
        return {
            key: (documents.unit(one.get("vec_text")), documents.unit(one.get("vec_image")))
            for key, one in found.items()
        }

    def count(self, generation: str) -> int:
        self.refresh(generation)
        return int(self._client.call("GET", generation, "_count")["count"])

    def mark(self, generation: str) -> str:
        try:
            answer = self._client.call("GET", generation, "_stats", "indexing", params={"level": "shards"})
        except Missing:
            self._known(generation)
            raise
        shards = answer["indices"][generation]["shards"]
        found = {name: max(copy["seq_no"]["max_seq_no"] for copy in copies) for name, copies in shards.items()}
        return ",".join(f"{name}:{found[name]}" for name in sorted(found, key=int))

    def refresh(self, generation: str) -> None:
        try:
            self._client.refresh(generation)
        except Missing:
            self._known(generation)
            raise

    # search
    def candidates(self, index: str, request: Request) -> Candidates:
        checks.request(request)
        opened = self._open(index)
        while True:
            found, fault = None, None
            try:
                found = self._retrieve(index, opened, request)
            except (Missing, Refused, FingerprintMismatch) as error:
                fault = error
            answered = found is not None and found.generation == opened.generation.name
            if found is not None and answered and found.ids:
                return found
            # Nothing found, or an error: another process may have swapped since the generation was looked up.
            current = self._open(index, again=True)
            if current == opened:
                if fault is not None:
                    raise fault
                if found is not None and answered:
                    return found
            opened = current

    def _open(self, index: str, *, again: bool = False) -> _Opened:
        """The serving generation, as it was last looked up."""
        known = self._serving.get(index)
        if known is not None and not again:
            return known
        about: Mapping[str, Any] = {}
        if _NAME.fullmatch(index):
            with suppress(Missing):
                about = self._client.call("GET", index)
        found = [one for name, described in about.items() if (one := self._opened(name, described)) is not None]
        asked = [
            one
            for one in found
            if one.generation.name == index or (one.generation.serving and one.generation.index == index)
        ]
        if len(asked) != 1:
            raise EngineError(
                "there is no such index", value=index, remedy="Make it with `etalage index FILE`, or check the URL."
            )
        if asked[0].record != RECORD_VERSION:
            raise EngineError(
                "the index was written by another version of Etalage",
                value=f"record {asked[0].record}, this one reads {RECORD_VERSION}",
                remedy="Index the catalog again with `etalage index FILE --full`.",
            )
        if asked[0] != known:
            self._serving[index] = asked[0]
            names = {one.generation.name for one in self._serving.copy().values()}
            for name in self._rows.keys() - names:
                self._rows.pop(name, None)
        return asked[0]

    def _retrieve(self, index: str, opened: _Opened, request: Request) -> Candidates:
        """Answer from `opened`; the answer names another generation when that one serves by now."""
        generation = opened.generation
        checks.dimension(request, generation.spec, generation.name)
        params = search.params(request, opened.shards)
        path = (index, "_search")
        if opened.shards == 1 or not search.wants_near(request):
            answer = self._ask(path, search.body(request, None), params, request)
            return self._columns(answer, request, opened)
        near = search.near_ids(self._ask(path, search.near_body(request), params, request), request.floor)
        if request.sort is not None or request.start >= len(near.ids):
            answer = self._ask(path, search.body(request, near), params, request)
            return self._columns(answer, request, opened)
        whole = replace(request, start=0, size=max(request.start + request.size, len(near.ids)))
        answer = self._ask(path, search.body(whole, near), params, request)
        found = search.reorder(self._columns(answer, whole, opened), near)
        return found.take(range(len(found.ids))[request.start : request.start + request.size])

    def _ask(self, path: tuple[str, ...], body: Any, params: Mapping[str, Any], request: Request) -> dict[str, Any]:
        answer = self._client.search(*path, body=body, params=params, timeout=request.timeout)
        if answer.get("timed_out"):
            raise EngineTimeout(
                "OpenSearch did not finish in time", value=f"{request.timeout} s", remedy="Allow more time."
            )
        return answer

    def _columns(self, answer: Mapping[str, Any], request: Request, opened: _Opened) -> Candidates:
        generation = opened.generation
        served = next((hit["_index"] for hit in answer["hits"]["hits"]), generation.name)
        if served != generation.name:
            # Another one serves by now; its rows have another shape, and the caller asks again.
            answer = {**answer, "hits": {**answer["hits"], "hits": []}}

        def fetch(ids: list[str]) -> list[tuple[str, Revision]]:
            copies = {"preference": search.params(request, opened.shards)["preference"]}
            body, path = search.rows_body(ids), (served, "_search")
            answer = self._client.search(*path, body=body, params=copies, timeout=request.timeout)
            return search.rows_found(answer["hits"]["hits"])

        rows = self._rows.get(generation.name)
        if rows is None:
            rows = self._rows.setdefault(generation.name, Rows(generation.spec, self._held))
        found = search.columns(answer, request, replace(generation, name=served), rows, fetch)
        if rows.worth_filling():
            self._filling.start(rows, self._all_rows(generation.name))
        return found

    def _all_rows(self, generation: str) -> Pages:
        every: dict[str, Any] = {"match_all": {}}
        with closing(self._client.scan(generation, every, [{"id": "asc"}], size=_PAGE, **search.ROWS)) as hits:
            while page := list(islice(hits, _PAGE)):
                yield search.rows_found(page)

    # OpenSearch's own requests
    def search(
        self,
        index: str,
        body: Mapping[str, Any],
        *,
        timeout: float | None = None,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        return self._client.search(index, "_search", body=body, params=params, timeout=timeout)

    async def search_async(
        self,
        index: str,
        body: Mapping[str, Any],
        *,
        timeout: float | None = None,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        return await self._client.post(index, "_search", body=body, params=params, timeout=timeout)

    async def close_async(self) -> None:
        await self._client.close_async()

    def tally(self, index: str, body: Mapping[str, Any], *, timeout: float | None = None) -> int:
        # By a search, since `_count` reads some queries that are not valid for ever, and a thread of the node with it.
        counted = {**body, "size": 0, "track_total_hits": True}
        return int(self._client.search(index, "_search", body=counted, timeout=timeout)["hits"]["total"]["value"])

    def document(self, index: str, id: str, *, timeout: float | None = None) -> dict[str, Any] | None:
        params = {"_source_excludes": ",".join(fields.INTERNAL)}
        try:
            found: dict[str, Any] = self._client.call("GET", index, "_doc", id, params=params, timeout=timeout)
        except Missing as error:
            if error.answer is not None and "error" in error.answer:
                raise
            return None
        return found

    def version(self) -> str:
        return str(self._client.call("GET")["version"]["number"])

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = self._client.call("GET", "_cluster", "health")
        return found

    # behaviour
    def append_events(self, kind: str, documents: Sequence[Mapping[str, Any]]) -> int:
        return behaviour.append(self._client, self._ubi(kind), documents)

    def events(self, kind: str, since: str = "") -> Iterator[dict[str, Any]]:
        return behaviour.read(self._client, self._ubi(kind), since)

    def forget(self, kind: str, ids: Iterable[str]) -> int:
        return behaviour.forget(self._client, self._ubi(kind), ids)

    def _ubi(self, kind: str) -> str:
        index = f"ubi_{kind}"
        self._ensure(index, "ubi")
        return index

    def close(self) -> None:
        self._filling.close()
        self._client.close()


def _action(generation: str, id: str, version: int) -> dict[str, Any]:
    """What a line of a `_bulk` says of a document; with a version, the node keeps the higher one."""
    action: dict[str, Any] = {"_index": generation, "_id": id}
    return action | {"version": version, "version_type": "external_gte"} if version else action

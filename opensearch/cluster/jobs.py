"""The job table in OpenSearch: every change names the revision it was read at, so that a lease has exactly one holder.

Documents are read by id, which sees every earlier write; searches over them refresh first. A chunk's state and its payload
are separate documents, so that a lease does not rewrite the payload.
"""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final
from uuid import uuid4

import orjson

from etalage.core.errors import EngineError
from opensearch.cluster import documents
from opensearch.cluster.client import Client
from opensearch.jobs import MAX_ATTEMPTS, UNFINISHED, Chunk, Job, JobState, JobTable, Letter, Progress

JOBS: Final = "etalage-jobs"
CHUNKS: Final = "etalage-chunks"
LETTERS: Final = "etalage-dead-letters"

_PAYLOADS_AT_ONCE: Final = 16
_CONFLICT: Final = 409
_TRIES: Final = 8

Row = dict[str, Any]


class ClusterJobs(JobTable):
    """Jobs and chunks of one cluster. Leases end by the clocks of the workers, which must agree within seconds."""

    def __init__(self, client: Client, *, replicas: int) -> None:
        self._client, self._replicas = client, replicas
        self._ready = False

    def _ensure(self) -> None:
        if not self._ready:
            self._client.ensure(JOBS, documents.template("jobs", replicas=self._replicas))
            self._client.ensure(CHUNKS, documents.template("chunks", replicas=self._replicas))
            self._client.ensure(LETTERS, documents.template("letters", replicas=self._replicas))
            self._ready = True

    # revisions
    def _change(self, index: str, key: str, change: Callable[[Row], Row | None]) -> Row | None:
        """Replace a document by what `change` makes of it, once, against the revision it was read at.

        Returns what was written; None when there is no such document or `change` declines.
        """
        self._ensure()
        mark = uuid4().hex
        for _ in range(_TRIES):
            found = self._client.documents(index, [key])
            if not found:
                return None
            row: Row = found[0]["_source"]
            if row.get("mark") == mark:
                # An answer was lost and the repeated request met its own write.
                return row
            new = change(row)
            if new is None:
                return None
            new = new | {"mark": mark}
            action = {"_index": index, "_id": key}
            revision = {"if_seq_no": found[0]["_seq_no"], "if_primary_term": found[0]["_primary_term"]}
            refresh = "true" if index == JOBS else "false"
            answer = self._client.bulk([({"index": action | revision}, new)], refresh=refresh)[0]
            if "error" not in answer:
                return new
            if answer["status"] != _CONFLICT:
                raise _unwritten(answer)
        raise EngineError("a job changes too often to be changed", value=key, remedy="Run fewer workers on one chunk.")

    def _put(self, rows: Sequence[tuple[str, str, Row]], *, refresh: bool) -> None:
        answers = self._client.bulk(
            (({"index": {"_index": index, "_id": key}}, row) for index, key, row in rows),
            refresh="true" if refresh else "false",
        )
        for answer in answers:
            if "error" in answer:
                raise _unwritten(answer)

    # jobs
    def open(self, job: Job) -> None:
        self._ensure()
        self._clear(job.id)
        row = asdict(job) | {"state": JobState.PLANNING.value, "chunks": 0, "opened": time.time_ns()}
        row["plan"] = _dumped(job.plan)
        self._put([(JOBS, job.id, row)], refresh=True)

    def _clear(self, job: str) -> None:
        """Remove a job's chunks."""
        self._client.refresh(CHUNKS)
        query = {"query": {"term": {"job": job}}}
        self._client.call(
            "POST",
            CHUNKS,
            "_delete_by_query",
            body=query,
            params={"conflicts": "proceed", "refresh": "true"},
            long=True,
        )

    def get(self, job: str) -> Job | None:
        self._ensure()
        found = self._client.documents(JOBS, [job])
        return _job(found[0]["_source"]) if found else None

    def unfinished(self, index: str) -> list[Job]:
        self._ensure()
        query = {"bool": {"filter": [{"term": {"index": index}}, {"terms": {"state": [*UNFINISHED]}}]}}
        self._client.refresh(JOBS)
        return [_job(hit["_source"]) for hit in self._client.scan(JOBS, query, [{"opened": "asc"}, {"id": "asc"}])]

    def recent(self, limit: int = 20) -> list[Job]:
        self._ensure()
        self._client.refresh(JOBS)
        body = {"size": limit, "sort": [{"opened": "desc"}, {"id": "asc"}]}
        return [_job(hit["_source"]) for hit in self._client.call("POST", JOBS, "_search", body=body)["hits"]["hits"]]

    def turn(self, job: str, before: JobState, after: JobState) -> bool:
        changed = self._change(JOBS, job, lambda row: row | {"state": after.value} if row["state"] == before else None)
        return changed is not None

    def start(self, job: str, chunks: int, plan: Mapping[str, Any]) -> None:
        self._change(
            JOBS, job, lambda row: row | {"state": JobState.RUNNING.value, "chunks": chunks, "plan": _dumped(plan)}
        )

    def finish(self, job: str, state: JobState) -> None:
        self._change(JOBS, job, lambda row: row | {"state": state.value})
        self._clear(job)

    # chunks
    def add(self, job: str, number: int, payload: bytes) -> None:
        self._ensure()
        about = {"job": job, "number": number}
        content = about | {"kind": "payload", "payload": b64encode(payload).decode()}
        chunk = about | {"kind": "chunk", "state": "waiting", "until": 0.0, "attempt": 0, "owner": "", "reason": ""}
        # The payload first: a chunk that can be leased has one.
        self._put([(CHUNKS, _payload_key(job, number), content), (CHUNKS, _key(job, number), chunk)], refresh=False)

    def lease(self, job: str, number: int, owner: str, seconds: float) -> Chunk | None:
        def take(row: Row) -> Row | None:
            now = time.time()
            if not (row["state"] == "waiting" or (row["state"] == "leased" and row["until"] <= now)):
                return None
            if row["attempt"] >= MAX_ATTEMPTS:
                reason = row["reason"] or f"leased {MAX_ATTEMPTS} times without completing"
                return row | {"state": "dead", "reason": reason}
            held = {"state": "leased", "owner": owner, "until": now + seconds, "attempt": row["attempt"] + 1}
            return row | held

        row = self._change(CHUNKS, _key(job, number), take)
        if row is None or row["state"] != "leased":
            return None
        found = self._client.documents(CHUNKS, [_payload_key(job, number)])
        return Chunk(job, number, row["attempt"], b64decode(found[0]["_source"]["payload"])) if found else None

    def complete(self, job: str, number: int, owner: str, result: Mapping[str, Any]) -> bool:
        def done(row: Row) -> Row | None:
            held = row["state"] == "leased" and row["owner"] == owner
            return row | {"state": "done", "result": _dumped(result)} if held else None

        return self._change(CHUNKS, _key(job, number), done) is not None

    def fail(self, job: str, number: int, owner: str, reason: str, *, retry: bool) -> None:
        def back(row: Row) -> Row | None:
            held = row["state"] == "leased" and row["owner"] == owner
            return row | {"state": "waiting" if retry else "dead", "reason": reason, "until": 0.0} if held else None

        self._change(CHUNKS, _key(job, number), back)

    def release(self, job: str, owner: str | None = None) -> None:
        def free(row: Row) -> Row | None:
            if row["state"] != "leased" or (owner is not None and row["owner"] != owner):
                return None
            return row | {"state": "waiting", "until": 0.0} | ({"attempt": 0} if owner is None else {})

        for row in self._scan(job, "chunk", {"term": {"state": "leased"}}, _source=["number"]):
            self._change(CHUNKS, _key(job, row["number"]), free)

    def _scan(self, job: str, kind: str, *filters: Mapping[str, Any], **body: Any) -> Iterator[Row]:
        """Rows of one kind by number, as written up to now."""
        self._ensure()
        self._client.refresh(CHUNKS)
        query = {"bool": {"filter": [{"term": {"job": job}}, {"term": {"kind": kind}}, *filters]}}
        return (hit["_source"] for hit in self._client.scan(CHUNKS, query, [{"number": "asc"}], **body))

    def available(self, job: str, limit: int = 1000) -> Sequence[int]:
        expired = [{"term": {"state": "leased"}}, {"range": {"until": {"lte": time.time()}}}]
        free = {"bool": {"should": [{"term": {"state": "waiting"}}, {"bool": {"filter": expired}}]}}
        found: list[int] = []
        for row in self._scan(job, "chunk", free, _source=["number"]):
            if len(found) >= limit:
                break
            found.append(int(row["number"]))
        return found

    def progress(self, job: str) -> Progress:
        self._ensure()
        self._client.refresh(CHUNKS)
        query = {"bool": {"filter": [{"term": {"job": job}}, {"term": {"kind": "chunk"}}]}}
        body = {"size": 0, "query": query, "aggs": {"states": {"terms": {"field": "state"}}}}
        buckets = self._client.call("POST", CHUNKS, "_search", body=body)["aggregations"]["states"]["buckets"]
        counts = {one["key"]: int(one["doc_count"]) for one in buckets}
        reasons: tuple[str, ...] = ()
        if counts.get("dead"):
            dead = self._scan(job, "chunk", {"term": {"state": "dead"}}, _source=["reason"])
            reasons = tuple(row["reason"] for row in dead)
        waiting, leased, done, dead_count = (counts.get(state, 0) for state in ("waiting", "leased", "done", "dead"))
        return Progress(waiting, leased, done, dead_count, reasons)

    def results(self, job: str) -> Iterator[Mapping[str, Any]]:
        rows = self._scan(job, "chunk", {"term": {"state": "done"}}, _source=["result"])
        return (orjson.loads(row["result"]) for row in rows)

    def payloads(self, job: str) -> Iterator[bytes]:
        rows = self._scan(job, "payload", _source=["payload"], size=_PAYLOADS_AT_ONCE)
        return (b64decode(row["payload"]) for row in rows)

    # dead letters
    def bury(self, index: str, moment: int, letters: Sequence[tuple[str, str, bytes]]) -> None:
        self._ensure()
        about = {"index": index, "moment": moment}
        self._put(
            [
                (LETTERS, f"{index}/{id}", about | {"id": id, "reason": reason, "payload": b64encode(payload).decode()})
                for id, reason, payload in letters
            ],
            refresh=False,
        )

    def letters(self, index: str) -> Iterator[Letter]:
        self._ensure()
        self._client.refresh(LETTERS)
        hits = self._client.scan(LETTERS, {"term": {"index": index}}, [{"id": "asc"}])
        rows = (hit["_source"] for hit in hits)
        return (Letter(row["id"], row["reason"], row["moment"], b64decode(row["payload"])) for row in rows)

    def exhume(self, index: str, until: int, ids: Sequence[str] | None = None) -> int:
        self._ensure()
        self._client.refresh(LETTERS)
        which: list[Any] = [{"term": {"index": index}}, {"range": {"moment": {"lte": until}}}]
        which += [] if ids is None else [{"terms": {"id": list(ids)}}]
        query = {"query": {"bool": {"filter": which}}}
        answer = self._client.call(
            "POST",
            LETTERS,
            "_delete_by_query",
            body=query,
            params={"conflicts": "proceed", "refresh": "true"},
            long=True,
        )
        return int(answer["deleted"])


def _key(job: str, number: int) -> str:
    return f"{job}#{number}"


def _payload_key(job: str, number: int) -> str:
    return f"{job}#{number}#payload"


def _dumped(value: Mapping[str, Any]) -> str:
    """JSON values as one string: the node need not know their names."""
    return orjson.dumps(dict(value)).decode()


def _job(row: Row) -> Job:
    state, plan = JobState(row["state"]), orjson.loads(row["plan"])
    return Job(row["id"], row["index"], row["generation"], row["source"], state, row["chunks"], plan)


def _unwritten(answer: Mapping[str, Any]) -> EngineError:
    return EngineError(
        f"the job table could not be written ({answer['error'].get('reason')})",
        value=answer["_id"],
        remedy="Try again.",
    )

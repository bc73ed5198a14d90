"""What shoppers did, in the indices of the UBI standard: `ubi_queries` and `ubi_events`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from etalage.core.errors import EngineError
from opensearch.cluster.client import Client


def append(client: Client, index: str, documents: Sequence[Mapping[str, Any]]) -> int:
    """Store documents that are not stored yet; how many. Raises EngineError for one that the node does not take."""
    answers = client.bulk(({"create": {"_index": index, "_id": one["id"]}}, one) for one in documents)
    for answer in answers:
        if "error" in answer and answer["status"] != 409:
            raise EngineError(
                f"an event could not be stored ({answer['error'].get('reason')})",
                value=answer["_id"],
                remedy="Correct it, then send the events again; those already stored are skipped.",
            )
    return sum(answer["status"] == 201 for answer in answers)


def read(client: Client, index: str, since: str) -> Iterator[dict[str, Any]]:
    """Documents since a moment, by time."""
    client.refresh(index)
    query: dict[str, Any] = {"range": {"timestamp": {"gte": since}}} if since else {"match_all": {}}
    hits = client.scan(index, query, [{"timestamp": {"order": "asc", "missing": "_first"}}, {"id": "asc"}])
    return (hit["_source"] for hit in hits)


def forget(client: Client, index: str, ids: Iterable[str]) -> int:
    """Remove documents, from the files of the index too; how many there were."""
    answers = client.bulk(({"delete": {"_index": index, "_id": id}}, None) for id in ids)
    client.refresh(index)
    client.call("POST", index, "_forcemerge", params={"only_expunge_deletes": "true"}, long=True)
    return sum(answer.get("result") == "deleted" for answer in answers)

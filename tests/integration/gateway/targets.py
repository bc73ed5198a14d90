"""What the requests are sent to, and the requests as bytes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
import orjson

from .requests import Recorded

OFF: Final = {"etalage": {"rank": "off"}}
PATIENCE: Final = 30.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A request for one target: what any HTTP client needs."""

    method: str
    path: str
    params: Mapping[str, str]
    body: Any
    """JSON, a list of JSON lines, a text, or None."""

    @property
    def content(self) -> bytes | None:
        """The body's bytes."""
        if self.body is None:
            return None
        if isinstance(self.body, str):
            return self.body.encode()
        if isinstance(self.body, list):
            return b"".join(orjson.dumps(line) + b"\n" for line in self.body)
        return orjson.dumps(self.body)

    @property
    def content_type(self) -> str:
        return "application/x-ndjson" if isinstance(self.body, list) else "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and the JSON that came with it; None when nothing did."""

    status: int
    body: Any


def sent(recorded: Recorded, index: str, *, off: bool = False) -> Sent:
    """The request to `index`; with `off`, ranking is turned off where the request can say so."""
    body = copy.deepcopy(recorded.body)
    operation = recorded.path.rpartition("/")[2]
    if isinstance(body, list):
        for line in body[::2]:
            if "index" in line:
                line["index"] = line["index"].replace("{index}", index)
        if off:
            for line in body[1::2]:
                line["ext"] = OFF
    elif off and operation in ("_search", "_count") and (body is None or isinstance(body, dict)):
        body = (body or {}) | {"ext": OFF}
    params = {name: value.replace("{index}", index) for name, value in recorded.params.items()}
    return Sent(recorded.method, recorded.path.replace("{index}", index), params, body)


@dataclass(frozen=True, slots=True)
class Target:
    """A server that holds the shop."""

    url: str
    index: str
    client: httpx.Client

    def ask(self, recorded: Recorded, *, off: bool = False) -> Reply:
        """The answer to a request."""
        one = sent(recorded, self.index, off=off)
        answer = self.client.request(
            one.method,
            f"{self.url}{one.path}",
            params=dict(one.params),
            content=one.content,
            headers={"content-type": one.content_type} if one.body is not None else {},
        )
        return Reply(answer.status_code, orjson.loads(answer.content) if answer.content else None)

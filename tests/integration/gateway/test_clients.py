"""The same requests by opensearch-py, the JavaScript client and curl: all get the same answers."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import opensearchpy
import orjson
import pytest
from opensearchpy.exceptions import TransportError

from ...conftest import unavailable
from . import compare
from .requests import REQUESTS, Recorded
from .targets import Reply, Sent, Target, sent

pytestmark = [pytest.mark.node, pytest.mark.worker]

JS = Path(__file__).parent / "js"
CLIENT = "@opensearch-project/opensearch"
NO_CALL = {"unknown-parameter": "its methods take known parameters only", "broken-json": "it writes the JSON itself"}
"""What a client library cannot be made to send."""

Answers = dict[str, Reply]
Client = Callable[[Target, bool], Answers]


def call(one: Sent) -> tuple[str, dict[str, Any]]:
    """The method of a client for a request, and its arguments."""
    index, _, operation = one.path.strip("/").partition("/")
    args: dict[str, Any] = {"index": index} if operation and index != "_cluster" else {}
    if one.body is not None:
        args["body"] = one.body
    if operation.startswith("_doc/"):
        return "get", args | {"id": operation.removeprefix("_doc/")}
    names = {"_search": "search", "_count": "count", "_msearch": "msearch", "health": "cluster.health"}
    return names[operation or index] if operation or index else "info", args


def expressible() -> list[Recorded]:
    return [one for one in REQUESTS if one.name not in NO_CALL]


def plainly(target: Target, off: bool) -> Answers:
    """By HTTP alone, as the other tests ask."""
    return {one.name: target.ask(one, off=off) for one in REQUESTS}


def python(target: Target, off: bool) -> Answers:
    """By opensearch-py."""
    answers = {}
    with opensearchpy.OpenSearch(target.url, timeout=30, max_retries=0) as client:
        for recorded in expressible():
            one = sent(recorded, target.index, off=off)
            api, args = call(one)
            method: Any = client
            for part in api.split("."):
                method = getattr(method, part)
            try:
                answers[recorded.name] = Reply(200, method(params=dict(one.params), **args))
            except TransportError as error:
                answers[recorded.name] = Reply(int(error.status_code), error.info)
    return answers


def javascript(target: Target, off: bool) -> Answers:
    """By the JavaScript client."""
    calls = []
    for recorded in expressible():
        one = sent(recorded, target.index, off=off)
        api, args = call(one)
        calls.append({"name": recorded.name, "api": api, "args": {**args, **one.params}})
    given = orjson.dumps({"node": target.url, "calls": calls})
    ran = subprocess.run(["node", "run.mjs"], cwd=JS, input=given, capture_output=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    return {one["name"]: Reply(one["status"], one["body"]) for one in orjson.loads(ran.stdout)}


def curl(target: Target, off: bool) -> Answers:
    """By curl, gzipped: one process that sends everything."""
    blocks = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        for number, recorded in enumerate(REQUESTS):
            one = sent(recorded, target.index, off=off)
            query = f"?{urlencode(one.params)}" if one.params else ""
            lines = [f'url = "{target.url}{one.path}{query}"', f'request = "{one.method}"', "compressed", "silent"]
            lines += [f'output = "{folder / f"{number}.out"}"', 'write-out = "%{http_code}\\n"']
            if one.content is not None:
                (folder / f"{number}.in").write_bytes(one.content)
                lines += [f'data-binary = "@{folder / f"{number}.in"}"', f'header = "Content-Type: {one.content_type}"']
            blocks.append("\n".join(lines))
        told = "\nnext\n".join(blocks).encode()
        ran = subprocess.run(["curl", "--config", "-"], input=told, capture_output=True, timeout=60, check=True)
        bodies = [orjson.loads((folder / f"{number}.out").read_bytes()) for number in range(len(REQUESTS))]
    statuses = [int(line) for line in ran.stdout.split()]
    return {one.name: Reply(status, body) for one, status, body in zip(REQUESTS, statuses, bodies, strict=True)}


@pytest.fixture(scope="module")
def installed() -> None:
    """The JavaScript client of the version in package.json, installed once."""
    wanted = orjson.loads((JS / "package.json").read_bytes())["dependencies"][CLIENT]
    with suppress(FileNotFoundError):
        if orjson.loads((JS / "node_modules" / CLIENT / "package.json").read_bytes())["version"] == wanted:
            return
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        unavailable("js", "node and npm are not installed")
        return
    words = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    ran = subprocess.run(words, cwd=JS, capture_output=True, timeout=300, check=False)
    if ran.returncode:
        unavailable("js", ran.stderr.decode()[-500:])


@pytest.fixture(scope="module", params=["over_node", "in_folder"])
def door(request: pytest.FixtureRequest) -> Iterator[Target]:
    yield request.getfixturevalue(request.param)


@pytest.fixture(scope="module", params=[False, True], ids=["ranked", "off"])
def expected(request: pytest.FixtureRequest, door: Target) -> tuple[bool, Answers]:
    return request.param, plainly(door, request.param)


@pytest.fixture(params=[python, javascript, curl], ids=lambda one: one.__name__)
def by(request: pytest.FixtureRequest) -> Client:
    """One of the clients."""
    if request.param is javascript:
        request.getfixturevalue("installed")
    if request.param is curl and shutil.which("curl") is None:
        unavailable("curl", "it is not installed")
    return request.param


NEIGHBOURS = {one.name for one in REQUESTS if one.within > 1e-4}
"""Searches by vector: a node's graph is approximate, and a busy node was seen to bring another neighbour the next time."""


def test_clients_get_the_same(by: Client, door: Target, expected: tuple[bool, Answers]) -> None:
    off, wanted = expected
    found = by(door, off)
    assert len(found) >= len(REQUESTS) - len(NO_CALL)
    for name, reply in found.items():
        assert reply.status == wanted[name].status, (name, reply)
        if name in NEIGHBOURS and reply.status == 200:
            assert compare.parts(reply.body)[0]["hits"].get("total") == compare.parts(wanted[name].body)[0]["hits"].get(
                "total"
            ), name
        else:
            assert steady(reply.body) == steady(wanted[name].body), name


def steady(body: Any) -> Any:
    """An answer without what changes from one time to the next."""
    return compare.visible(
        body, ("timings", "took_ms", "engine", "number_of_pending_tasks", "task_max_waiting_in_queue_millis")
    )

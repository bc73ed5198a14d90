"""The client against a real server on the loopback address that answers as told."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
import trustme
from pydantic import SecretStr

from etalage.core.errors import ConfigError, EngineError, EngineTimeout, EngineUnavailable
from etalage.core.settings import Settings
from opensearch.cluster import ClusterEngine, client
from opensearch.cluster.client import ATTEMPTS, Client, Missing, Refused

Ask = Callable[[Client], Any]


class Server:
    """Answers requests with the (status, body) pairs of `answers`, the last one again and again; `None` never answers.

    A body is JSON values, or a plain text.
    """

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any] | None] = [(200, {})]
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.release = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                outer.seen.append((self.command, self.path, dict(self.headers.items()), body))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                if answer is None:
                    outer.release.wait(30)
                    self.close_connection = True
                    return
                plain = isinstance(answer[1], str)
                content = answer[1].encode() if plain else orjson.dumps(answer[1])
                self.send_response(answer[0])
                self.send_header("content-type", "text/plain" if plain else "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def secure(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on."""
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def close(self) -> None:
        self.release.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def posted(made: Client, *path: str, **more: Any) -> Any:
    async def once() -> Any:
        try:
            return await made.post(*path, **more)
        finally:
            await made.close_async()

    return asyncio.run(once())


@pytest.fixture(params=["call", "search", "post"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """All ways to ask: in a thread, with and without the client library, and on an event loop."""
    if request.param == "call":
        return lambda made: made.call("POST", "a", "_search", body={})
    if request.param == "search":
        return lambda made: made.search("a", "_search", body={})
    return lambda made: posted(made, "a", "_search", body={})


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Client]]:
    monkeypatch.setattr(client, "_FIRST_PAUSE", 0.001)
    made: list[Client] = []

    def connecting(url: str, **more: Any) -> Client:
        made.append(Client(Settings(opensearch_url=url, **more)))
        return made[-1]

    yield connecting
    for one in made:
        one.close()


def failed(reason: str, **more: Any) -> dict[str, Any]:
    return {"error": {"type": "t", "reason": "outer", "root_cause": [{"reason": reason}], **more}, "status": 1}


def test_an_answer_is_parsed_and_the_path_quoted(server: Server, connect: Callable[..., Client]) -> None:
    server.answers = [(200, {"a": [1, "é"]})]
    found = connect(server.url).call("POST", "a b", "x/y", body={"q": "ü"}, params={"p": "1"})
    assert found == {"a": [1, "é"]}
    method, path, _, body = server.seen[0]
    assert (method, path, orjson.loads(body)) == ("POST", "/a%20b/x%2Fy?p=1", {"q": "ü"})


def test_an_event_loop_asks_the_same(server: Server, connect: Callable[..., Client]) -> None:
    server.answers = [(200, {"a": [1, "é"]})]
    found = posted(connect(server.url), "a b,c", "_search", body={"q": "ü"}, params={"p": "1 &"})
    assert found == {"a": [1, "é"]}
    method, path, headers, body = server.seen[0]
    assert (method, path, orjson.loads(body)) == ("POST", "/a%20b,c/_search?p=1+%26", {"q": "ü"})
    assert headers["content-type"] == "application/json"


def test_a_path_in_the_url_stands_in_front(server: Server, connect: Callable[..., Client], ask: Ask) -> None:
    ask(connect(f"{server.url}/search/"))
    assert server.seen[0][1] == "/search/a/_search"


def test_a_refused_connection_is_unavailable_and_names_the_url(connect: Callable[..., Client], ask: Ask) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(EngineUnavailable, match="cannot be reached") as caught:
        ask(connect(url))
    assert caught.value.value == url
    assert caught.value.retryable
    assert "ETALAGE_OPENSEARCH_URL" in caught.value.remedy


@pytest.mark.parametrize("status", [429, 502, 503])
def test_an_overloaded_node_is_asked_again(
    server: Server, connect: Callable[..., Client], ask: Ask, status: int
) -> None:
    server.answers = [(status, failed("busy")), (status, failed("busy")), (200, {"ok": True})]
    assert ask(connect(server.url)) == {"ok": True}
    assert len(server.seen) == 3


def test_a_node_that_stays_overloaded_is_unavailable(server: Server, connect: Callable[..., Client], ask: Ask) -> None:
    server.answers = [(429, failed("queue is full"))]
    with pytest.raises(EngineUnavailable, match="queue is full"):
        ask(connect(server.url))
    assert len(server.seen) == ATTEMPTS


def test_no_answer_is_a_timeout_and_is_not_repeated(server: Server, connect: Callable[..., Client], ask: Ask) -> None:
    server.answers = [None]
    with pytest.raises(EngineTimeout, match=r"within 0\.2 s") as caught:
        ask(connect(server.url, opensearch_timeout=0.2))
    assert caught.value.value == server.url
    assert caught.value.retryable
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda made: made.call("POST", "a", "_search", body={}, timeout=0.2),
        lambda made: made.search("a", "_search", body={}, timeout=0.2),
        lambda made: posted(made, "a", "_search", body={}, timeout=0.2),
        lambda made: made.documents("a", ["x"], timeout=0.2),
    ],
)
def test_a_request_may_have_less_time_than_the_setting(
    server: Server, connect: Callable[..., Client], ask: Ask
) -> None:
    server.answers = [None]
    with pytest.raises(EngineTimeout, match=r"within 0\.[12]"):
        ask(connect(server.url, opensearch_timeout=5.0))


@pytest.mark.parametrize(("status", "kind"), [(400, Refused), (404, Missing), (403, EngineError), (500, EngineError)])
def test_the_nodes_reason_is_told(
    server: Server, connect: Callable[..., Client], ask: Ask, status: int, kind: type[EngineError]
) -> None:
    server.answers = [(status, failed("outer", caused_by={"reason": "mid", "caused_by": {"reason": "the deepest"}}))]
    with pytest.raises(kind, match="the deepest") as caught:
        ask(connect(server.url))
    assert str(status) in caught.value.reason
    assert not caught.value.retryable
    assert len(server.seen) == 1


def test_a_request_that_a_node_cannot_follow_is_refused(
    server: Server, connect: Callable[..., Client], ask: Ask
) -> None:
    """A node answers some mistakes with a 500; what fails in the node itself stays the node's."""
    cause = {"type": "search_exception", "reason": "cannot use `collapse` in conjunction with `rescore`"}
    answer = {"error": {"type": "search_phase_execution_exception", "root_cause": [cause]}, "status": 500}
    server.answers = [(500, answer)]
    with pytest.raises(Refused, match="in conjunction") as caught:
        ask(connect(server.url))
    assert caught.value.answer == answer | {"status": 400}
    answer["error"]["root_cause"] = [cause, {"type": "i_o_exception", "reason": "disk"}]
    with pytest.raises(EngineError) as caught:
        ask(connect(server.url))
    assert not isinstance(caught.value, Refused)


def test_credentials_are_sent_and_never_shown(server: Server, connect: Callable[..., Client], ask: Ask) -> None:
    server.answers = [(401, "Unauthorized")]
    made = connect(server.url, opensearch_user="shop", opensearch_password=SecretStr("hunter2"))
    with pytest.raises(EngineError, match="ETALAGE_OPENSEARCH_USER") as caught:
        ask(made)
    assert server.seen[0][2]["authorization"] == "Basic c2hvcDpodW50ZXIy"
    assert "hunter2" not in str(caught.value)
    inline = connect(server.url.replace("//", "//shop:hunter2@"))
    with pytest.raises(EngineError) as caught:
        ask(inline)
    assert server.seen[1][2]["authorization"] == "Basic c2hvcDpodW50ZXIy"
    assert "hunter2" not in str(caught.value)


def test_a_plain_server_behind_https_is_no_trusted_connection(
    server: Server, connect: Callable[..., Client], ask: Ask
) -> None:
    with pytest.raises(EngineError) as caught:
        ask(connect(server.url.replace("http:", "https:")))
    assert caught.value.value == server.url.replace("http:", "https:")
    assert caught.value.remedy


def test_a_node_behind_tls_is_asked_when_it_can_be_trusted(
    server: Server, connect: Callable[..., Client], ask: Ask, tmp_path: Path
) -> None:
    authority, bundle = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.secure(context)
    assert ask(connect(server.url, opensearch_ca=bundle)) == {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # urllib3 warns of what was asked for
        assert ask(connect(server.url, opensearch_verify=False)) == {}
    with pytest.raises(EngineError, match="no trusted connection") as caught:
        ask(connect(server.url))
    assert "ETALAGE_OPENSEARCH_CA" in caught.value.remedy


def test_a_missing_certificate_file_is_told(connect: Callable[..., Client], ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.pem") as caught:
        connect("https://127.0.0.1:1", opensearch_ca=tmp_path / "none.pem")
    assert "ETALAGE_OPENSEARCH_CA" in caught.value.remedy


@pytest.mark.parametrize("text", ["<html>a proxy</html>", "{"])
def test_an_answer_that_is_not_json_is_told(
    server: Server, connect: Callable[..., Client], ask: Ask, text: str
) -> None:
    for status in (200, 500):
        server.answers = [(status, text)]
        with pytest.raises(EngineError) as caught:
            ask(connect(server.url))
        assert caught.value.value == server.url


def test_bulk_keeps_the_order_and_splits_what_is_large(server: Server, connect: Callable[..., Client]) -> None:
    item = [{"index": {"_id": "x", "status": 201}}]
    server.answers = [(200, {"items": item * 2}), (200, {"items": item})]
    big = b'{"t":"' + b"x" * (5 << 20) + b'"}'
    answers = connect(server.url).bulk([({"index": {"_id": str(n)}}, big) for n in range(3)])
    assert len(answers) == 3
    assert [body.count(b"\n") for *_, body in server.seen] == [4, 2]
    assert server.seen[0][2]["content-type"] == "application/x-ndjson"


@pytest.mark.parametrize(
    "version", [{"number": "7.10.2"}, {"distribution": "opensearch", "number": "2.19.1"}, {"number": "8.1.0"}]
)
def test_another_server_is_refused(server: Server, version: dict[str, str]) -> None:
    server.answers = [(200, {"version": version})]
    engine = ClusterEngine(Settings(opensearch_url=server.url))
    with pytest.raises(EngineError, match=version["number"]) as caught:
        engine.check()
    engine.close()
    assert "OpenSearch 3" in caught.value.remedy


def test_a_node_without_knn_is_refused(server: Server) -> None:
    server.answers = [
        (200, {"version": {"distribution": "opensearch", "number": "3.6.0"}}),
        (200, [{"component": "analysis-icu"}]),
    ]
    engine = ClusterEngine(Settings(opensearch_url=server.url))
    with pytest.raises(EngineError, match="k-NN"):
        engine.check()
    engine.close()

"""Readiness while it stops, the breaker in front of the engine, and the server process."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from etalage.core.errors import EngineUnavailable
from etalage.core.settings import load
from etalage.http.app import create_app
from etalage.http.breaker import State
from etalage.http.server import Server


@pytest.fixture
def served(client: TestClient) -> Iterator[TestClient]:
    """The served shop in an application of its own."""
    with TestClient(create_app(client.app.state.shop.settings), raise_server_exceptions=False) as made:  # type: ignore[attr-defined]
        yield made


def test_readyz_is_a_503_while_stopping(served: TestClient) -> None:
    assert served.get("/readyz").status_code == 200
    served.app.state.stopping = True  # type: ignore[attr-defined]
    answer = served.get("/readyz")
    assert (
        answer.status_code == 503 and "stopping" in answer.json()["error"]["reason"] and answer.json()["status"] == 503
    )
    assert served.get("/healthz").status_code == 200 and served.get("/v1/search").status_code == 200


def test_the_flag_is_up_when_the_application_ends(tmp_path: Path) -> None:
    app = create_app(load(home=tmp_path, text_model="hashing", opensearch_url=""))
    with TestClient(app):
        assert app.state.stopping is False
    assert app.state.stopping is True


def test_an_engine_that_is_away_opens_the_breaker(served: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def away(*_: Any) -> Any:
        asked.append(1)
        raise EngineUnavailable("OpenSearch cannot be reached", remedy="Start the node.")

    searcher, breaker = served.app.state.shop.searcher, served.app.state.breaker  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr(searcher, "search", away)
        answers = [served.get("/v1/search") for _ in range(8)]
    assert [one.status_code for one in answers] == [503] * 8 and len(asked) == 5
    assert all(one.headers["retry-after"] == "1" for one in answers)
    assert answers[-1].json()["error"]["type"] == "engine_unavailable"
    assert breaker.state is State.OPEN
    assert served.post("/v1/events", json={"action_name": "click", "timestamp": 1}).status_code == 503
    monkeypatch.setattr(breaker, "_clock", lambda: float("inf"))
    assert served.get("/v1/search").status_code == 200 and breaker.state is State.CLOSED


def test_wrong_requests_do_not_open_it(served: TestClient) -> None:
    for _ in range(10):
        assert served.get("/v1/search?filter=colour:red").status_code == 400
    assert served.app.state.breaker.state is State.CLOSED  # type: ignore[attr-defined]


def server(tmp_path: Path, **settings: Any) -> Server:
    chosen = load(home=tmp_path, text_model="hashing", opensearch_url="", **settings)
    return Server(create_app(chosen), chosen, "127.0.0.1", 0)


def test_settings_reach_the_server(tmp_path: Path) -> None:
    config = server(tmp_path, grace=7, keep_alive=33).config
    assert (config.timeout_graceful_shutdown, config.timeout_keep_alive, config.server_header) == (7, 33, False)
    assert config.access_log is False and config.h11_max_incomplete_event_size == 32768


def test_term_without_drain_stops_at_once(tmp_path: Path) -> None:
    made = server(tmp_path)
    made.started = True
    made.handle_exit(signal.SIGTERM, None)
    assert made.should_exit and made._state.stopping


class Loop:
    """An event loop that keeps what it is asked to do later."""

    def __init__(self) -> None:
        self.later: list[tuple[float, Any]] = []

    def call_soon_threadsafe(self, function: Any) -> None:
        function()

    def call_later(self, seconds: float, function: Any, *arguments: Any) -> None:
        self.later.append((seconds, lambda: function(*arguments)))


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    made = Loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: made)
    return made


def test_term_with_drain_turns_readyz_first(tmp_path: Path, loop: Loop) -> None:
    made = server(tmp_path, drain=5.0)
    made.started = True
    made.handle_exit(signal.SIGTERM, None)
    assert made._state.stopping and not made.should_exit
    ((seconds, stop),) = loop.later
    assert seconds == 5.0
    stop()
    assert made.should_exit


@pytest.mark.parametrize(
    "signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM], [signal.SIGTERM, signal.SIGINT]]
)
def test_ctrl_c_or_a_second_signal_does_not_wait(tmp_path: Path, loop: Loop, signals: list[int]) -> None:
    made = server(tmp_path, drain=5.0)
    made.started = True
    for number in signals:
        made.handle_exit(number, None)
    assert made.should_exit and made._captured_signals == signals

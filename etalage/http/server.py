"""The process that serves an application until it is told to stop, and then stops in order."""

from __future__ import annotations

import asyncio
import signal
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI

from etalage.core.settings import Settings
from etalage.http.access import MAX_HEADERS

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class Server(uvicorn.Server):
    """On TERM, `/readyz` answers 503; `drain` seconds later, when no balancer sends requests any more, the socket closes,
    and running requests get `grace` seconds to end. INT (Ctrl-C), or a second TERM, does not wait."""

    def __init__(self, app: FastAPI, settings: Settings, host: str, port: int) -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="warning",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=settings.keep_alive,
            timeout_graceful_shutdown=settings.grace,
            h11_max_incomplete_event_size=2 * MAX_HEADERS,
        )
        super().__init__(config)
        self._state, self._drain = app.state, settings.drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called on INT and TERM."""
        first = not self._state.stopping
        self._state.stopping = True
        if sig == signal.SIGTERM and first and self._drain and self.started:
            self._captured_signals.append(sig)
            asyncio.get_running_loop().call_soon_threadsafe(self._stop_later)
            return
        super().handle_exit(sig, frame)

    def _stop_later(self) -> None:
        asyncio.get_running_loop().call_later(self._drain, setattr, self, "should_exit", True)

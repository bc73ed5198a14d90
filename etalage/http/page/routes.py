"""The files of the shop's page: the client of completions, its styles, and a page to try it on.

They are the same for everyone and hold nothing of a shop, so no key is asked for, and pages of any origin may load them.
"""

from __future__ import annotations

from hashlib import blake2b
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

TYPES: Final = {
    "suggest.js": "text/javascript; charset=utf-8",
    "suggest.css": "text/css; charset=utf-8",
    "suggest.html": "text/html; charset=utf-8",
}

PATHS: Final = frozenset(f"/v1/{name}" for name in TYPES)
"""Where they are served."""

MAX_AGE: Final = 3600
"""Seconds for which a browser need not ask again."""


def routes() -> list[Route]:
    """The routes of `PATHS`."""
    return [_route(name, kind) for name, kind in TYPES.items()]


def _route(name: str, kind: str) -> Route:
    content = files(__package__).joinpath(name).read_bytes()
    headers = {
        "content-type": kind,
        "cache-control": f"public, max-age={MAX_AGE}",
        "etag": f'W/"{blake2b(content, digest_size=12).hexdigest()}"',
        "access-control-allow-origin": "*",
        "x-content-type-options": "nosniff",
    }

    async def serve(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers)

    return Route(f"/v1/{name}", serve, include_in_schema=False)

"""Fetch a picture from the web, without trusting the feed that names it.

Only hosts of an allow-list are asked, on addresses that were checked and are then connected to, so that no second
look-up can lead elsewhere.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import quote, urljoin, urlsplit

import httpx

from etalage.core.errors import shorten

REDIRECTS: Final = 3

_BLOCK: Final = 1 << 16
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_BINARY: Final = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class BadPicture(ValueError):
    """Why a picture is not used."""


def too_large(max_bytes: int) -> str:
    """The reason for a picture that is."""
    return f"the picture is larger than {max_bytes:,} bytes"


class Web:
    """Fetches pictures by URL; safe to use from several threads.

    Args:
        hosts: names that may be asked; "*" for any.
        private: whether addresses that are not public may be asked.
        max_bytes: the most that is read.
        timeout: seconds for one picture, redirects included.
    """

    def __init__(self, hosts: Collection[str], *, private: bool, max_bytes: int, timeout: float) -> None:
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts)
        self._private = private
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._tls: ssl.SSLContext | None = None

    def fetch(self, url: str) -> bytes:
        """The body that the URL leads to. Raises BadPicture."""
        deadline = time.monotonic() + self._timeout
        try:
            for _ in range(REDIRECTS + 1):
                body, target = self._ask(url, deadline)
                if target is None:
                    return body
                url = urljoin(url, target)
        except TimeoutError:
            raise BadPicture(f"the server did not deliver within {self._timeout:g} s") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, BadPicture):
                raise
            raise BadPicture(
                f"the server cannot be asked ({shorten(str(error), 80) or type(error).__name__})"
            ) from None
        raise BadPicture(f"the server redirects more than {REDIRECTS} times")

    def _ask(self, url: str, deadline: float) -> tuple[bytes, str | None]:
        """The body, or where the server redirects to."""
        scheme, host, port, path = self._parts(url)
        with self._connect(host, port, deadline) as plain:
            plain.settimeout(_left(deadline))
            wire = _Wire(self._secure(plain, host) if scheme == "https" else plain, deadline)
            try:
                connection = http.client.HTTPConnection(host, port)
                connection.sock = wire
                shown = f"[{host}]" if ":" in host else host
                usual = port == (443 if scheme == "https" else 80)
                connection.request(
                    "GET",
                    path,
                    headers={
                        "Host": shown if usual else f"{shown}:{port}",
                        "User-Agent": "etalage",
                        "Accept": "image/*",
                        # An encoded body could grow without bound when it is decoded.
                        "Accept-Encoding": "identity",
                        "Connection": "close",
                    },
                )
                with connection.getresponse() as response:
                    if response.status in _MOVED and (target := response.headers.get("Location")):
                        return b"", target
                    return self._body(response), None
            finally:
                wire.socket.close()

    def _parts(self, url: str) -> tuple[str, str, int, str]:
        """Scheme, host, port and path of a URL that may be asked."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            raise BadPicture(f"the scheme is {parts.scheme[:20]!r}, not http or https")
        if parts.username is not None or parts.password is not None:
            raise BadPicture("the URL has a user name or password")
        if not parts.hostname:
            raise BadPicture("the URL has no host")
        host = parts.hostname.rstrip(".").lower()
        if not host.isascii():
            host = host.encode("idna").decode()
        if "*" not in self._hosts and host not in self._hosts:
            raise BadPicture(f"the host {host[:60]} is not on the list of allowed hosts")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]|")
        return parts.scheme, host, port, f"{path}?{query}" if query else path

    def _connect(self, host: str, port: int, deadline: float) -> socket.socket:
        """A connection to an address of the host, all of which were checked."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        if not self._private:
            for *_, where in found:
                if not public(ipaddress.ip_address(str(where[0]).partition("%")[0])):
                    raise BadPicture(f"the host {host[:60]} is at {where[0]}, which is no public address")
        failure: OSError = OSError("it has no address")
        for rest, (family, kind, protocol, _, where) in zip(range(len(found), 0, -1), found, strict=True):
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(_left(deadline) / rest)
                connection.connect(where)
                return connection
            except OSError as error:
                connection.close()
                failure = error
        raise failure

    def _secure(self, plain: socket.socket, host: str) -> ssl.SSLSocket:
        if self._tls is None:
            self._tls = httpx.create_ssl_context(trust_env=False)
        return self._tls.wrap_socket(plain, server_hostname=host)

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        if response.status != 200:
            raise BadPicture(f"the server answered with status {response.status}")
        kind = response.headers.get_content_type() if "Content-Type" in response.headers else ""
        if not kind.startswith("image/") and kind not in _BINARY:
            page = "a web page" if kind in ("text/html", "application/xhtml+xml") else kind[:60]
            raise BadPicture(f"the server sent {page}, not a picture")
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise BadPicture("the server sent an encoded body, which was not asked for")
        claimed = response.length
        if claimed is not None and claimed > self._max_bytes:
            raise BadPicture(too_large(self._max_bytes))
        body = bytearray()
        while block := response.read(_BLOCK):
            body += block
            if len(body) > self._max_bytes:
                raise BadPicture(too_large(self._max_bytes))
        if claimed is not None and len(body) < claimed:
            raise BadPicture(f"the server sent {len(body):,} of {claimed:,} bytes")
        return bytes(body)


def public(address: Address) -> bool:
    """Whether an address is one of the public internet, whatever it is wrapped in."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None or address in _NAT64:
            return public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        tunnelled = [address.sixtofour, *(address.teredo or ())]
        if address.is_site_local or not all(public(one) for one in tunnelled if one is not None):
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Wire:
    """What `http.client` needs of a socket; each read gets the time that is left, so that dripping bytes gain none."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self.socket = connection
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self.socket.settimeout(_left(self._deadline))
        self.socket.sendall(data)

    def makefile(self, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self.socket, self._deadline), _BLOCK)

    def close(self) -> None:
        """Called before the answer is read; the socket is closed by who opened it."""


class _Reading(io.RawIOBase):
    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._socket = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(_left(self._deadline))
        return self._socket.recv_into(buffer)

"""The web gives pictures of allowed hosts on public addresses, whatever a server answers."""

from __future__ import annotations

import http.server
import io
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from PIL import Image

from indexer import fetching
from indexer.pictures import BadPicture, PictureSource


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), (255, 0, 0)).save(file, "PNG")
    return file.getvalue()


PNG = png()
Answer = bytes | Callable[[Callable[[bytes], Any], threading.Event], None]


def answer(body: bytes = PNG, kind: str = "image/png", status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    if kind:
        lines.append(f"Content-Type: {kind}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def moved(to: str, status: str = "302 Found") -> bytes:
    return answer(b"", status=status, Location=to)


class Shop:
    """A server that answers each path with bytes or with what a function sends, and notes what it was asked."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str]] = []
        self.over = threading.Event()
        shop = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shop.asked.append((self.path, self.headers["Host"]))
                given = shop.answers[self.path]
                with suppress(OSError):  # the client hangs up as soon as it has seen enough
                    if isinstance(given, bytes):
                        self.wfile.write(given)
                    else:
                        given(self.wfile.write, shop.over)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                pass  # a client that hangs up in the handshake

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def url(self, path: str = "/p.png", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def shop() -> Iterator[Shop]:
    server = Shop()
    yield server
    server.close()


def local(**options: Any) -> PictureSource:
    return PictureSource(**{"hosts": ("127.0.0.1",), "private": True, "max_bytes": 10_000, "timeout": 5} | options)


def test_a_url_gives_its_picture(shop: Shop) -> None:
    shop.answers["/a%20b.png?size=1&name=%C3%A9"] = answer(Content_Length=str(len(PNG)))
    source = local()
    reference = shop.url("/a b.png?size=1&name=é#part")
    assert source.read(reference) == PNG
    assert source.load(reference).image.getpixel((0, 0)) == (255, 0, 0)
    assert set(shop.asked) == {("/a%20b.png?size=1&name=%C3%A9", f"127.0.0.1:{shop.port}")}


@pytest.mark.parametrize("kind", ["image/png", "IMAGE/jpeg; q=1", "application/octet-stream", ""])
def test_the_type_may_be_of_a_picture_or_missing(shop: Shop, kind: str) -> None:
    shop.answers["/p.png"] = answer(kind=kind)
    assert local().read(shop.url()) == PNG


def test_a_chunked_body_is_put_together(shop: Shop) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (PNG[:10], PNG[10:], b""))
    shop.answers["/p.png"] = answer(chunks, Transfer_Encoding="chunked")
    assert local().read(shop.url()) == PNG


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (answer(b"<p>Hello", "text/html; charset=utf-8"), "sent a web page, not a picture"),
        (answer(b"{}", "application/json"), "sent application/json, not a picture"),
        (answer(status="404 Not Found"), "answered with status 404"),
        (answer(status="500 Oops"), "answered with status 500"),
        (answer(status="302 Found"), "answered with status 302"),
        (answer(Content_Encoding="gzip"), "encoded body"),
        (answer(bytes(10_001)), "larger than 10,000 bytes"),
        (answer(Content_Length="10001"), "larger than 10,000 bytes"),
        (answer(Content_Length="5000"), f"sent {len(PNG)} of 5,000 bytes"),
        (answer(b"5\r\nab", Transfer_Encoding="chunked"), "cannot be asked"),
        (answer(b"zz\r\nab", Transfer_Encoding="chunked"), "cannot be asked"),
        (b"", "cannot be asked"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "cannot be asked"),
        (b"\x1b[2J\r\n", r"cannot be asked \(\?\[2J\)"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500, "cannot be asked"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, "cannot be asked"),
    ],
)
def test_what_is_not_a_whole_picture_is_refused(shop: Shop, given: bytes, match: str) -> None:
    shop.answers["/p.png"] = given
    with pytest.raises(BadPicture, match=f"{match}.*: http://127.0.0.1"):
        local().read(shop.url())


def test_a_drawing_is_fetched_and_then_named(shop: Shop) -> None:
    shop.answers["/p.svg"] = answer(b"<svg/>", "image/svg+xml")
    with pytest.raises(BadPicture, match="SVG drawing"):
        local().load(shop.url("/p.svg"))


def test_an_endless_body_is_cut_off(shop: Shop) -> None:
    def endless(write: Callable[[bytes], Any], over: threading.Event) -> None:
        write(answer(b""))
        while not over.is_set():
            write(bytes(4096))

    shop.answers["/p.png"] = endless
    with pytest.raises(BadPicture, match="larger than 10,000 bytes"):
        local().read(shop.url())


def dripping(start: bytes, drop: bytes) -> Answer:
    def drip(write: Callable[[bytes], Any], over: threading.Event) -> None:
        write(start)
        while not over.wait(0.02):
            write(drop)

    return drip


@pytest.mark.parametrize(
    "given",
    [
        dripping(answer(b""), b"x"),
        dripping(answer(b"", Content_Length="5000"), b"x"),
        dripping(answer(b"", Transfer_Encoding="chunked"), b"1\r\nx\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        dripping(b"", b""),
    ],
)
def test_a_dripping_server_gains_no_time(shop: Shop, given: Answer) -> None:
    shop.answers["/p.png"] = given
    start = time.monotonic()
    with pytest.raises(BadPicture, match=r"did not deliver within 0\.2 s"):
        local(timeout=0.2).read(shop.url())
    assert time.monotonic() - start < 3


def test_redirects_share_the_time(shop: Shop) -> None:
    shop.answers["/p.png"] = moved("/slow")
    shop.answers["/slow"] = dripping(answer(b""), b"x")
    with pytest.raises(BadPicture, match="did not deliver"):
        local(timeout=0.2).read(shop.url())


def test_three_redirects_are_followed(shop: Shop) -> None:
    shop.answers |= {
        "/p.png": moved("/1", "301 Moved Permanently"),
        "/1": moved("2?x=/", "307 Temporary Redirect"),
        "/2?x=/": moved(shop.url("/3"), "308 Permanent Redirect"),
        "/3": answer(),
    }
    assert local().read(shop.url()) == PNG
    shop.answers["/3"] = moved("/4")
    with pytest.raises(BadPicture, match="redirects more than 3 times"):
        local().read(shop.url())
    assert "/4" not in {path for path, _ in shop.asked}


def test_a_circle_of_redirects_ends(shop: Shop) -> None:
    shop.answers["/p.png"] = moved("/p.png")
    with pytest.raises(BadPicture, match="redirects more than 3 times"):
        local().read(shop.url())
    assert len(shop.asked) == 4


@pytest.mark.parametrize(
    ("target", "match"),
    [
        ("http://10.0.0.1/p.png", "at 10.0.0.1, which is no public address"),
        ("http://169.254.169.254/latest/meta-data/", "at 169.254.169.254, which is no public address"),
        ("http://[::1]/p.png", "at ::1, which is no public address"),
        ("//127.0.0.2/p.png", "at 127.0.0.2, which is no public address"),
        ("file:///etc/passwd", "scheme is 'file'"),
        ("data:image/png;base64,AAAA", "scheme is 'data'"),
        ("http://user@127.0.0.1/", "user name or password"),
        ("http://[::1", "cannot be asked"),
    ],
)
def test_a_redirect_is_checked_like_the_first_url(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, target: str, match: str
) -> None:
    public = fetching.public
    monkeypatch.setattr(fetching, "public", lambda address: str(address) == "127.0.0.1" or public(address))
    shop.answers["/p.png"] = moved(target)
    with pytest.raises(BadPicture, match=match):
        local(hosts="*", private=False).read(shop.url())
    assert len(shop.asked) == 1


def test_a_redirect_to_another_host_needs_the_list(shop: Shop) -> None:
    shop.answers["/p.png"] = moved(shop.url("/q.png", "localhost"))
    shop.answers["/q.png"] = answer()
    with pytest.raises(BadPicture, match="the host localhost is not on the list"):
        local().read(shop.url())
    assert local(hosts=("127.0.0.1", "localhost")).read(shop.url()) == PNG


# Hosts and addresses


NOT_PUBLIC = """
127.0.0.1 127.1 2130706433 0x7f000001 0x7f.0.0.1 0177.0.0.1 127。0。0。1 １２７.0.0.1 localhost LOCALHOST.
0.0.0.0 0 10.1.2.3 172.16.0.1 192.168.1.1 100.64.0.1 169.254.169.254 192.0.2.1 224.0.0.1 240.0.0.1
255.255.255.255
[::] [::1] [::127.0.0.1] [::ffff:127.0.0.1] [::ffff:a9fe:a9fe] [64:ff9b::127.0.0.1] [2002:7f00:1::]
[fe80::1] [fc00::1] [fec0::1] [ff02::1] [2001:db8::1]
"""


@pytest.mark.parametrize("host", NOT_PUBLIC.split())
def test_addresses_that_are_not_public_are_refused(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: Any) -> None:
        raise AssertionError("connected")

    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(BadPicture, match="no public address"):
        PictureSource(hosts="*").read(f"http://{host}/p.png")


@pytest.mark.parametrize("address", "8.8.8.8 ::ffff:8.8.8.8 2606:4700::1 64:ff9b::8.8.8.8 2002:808:808::".split())
def test_public_addresses_are_public(address: str) -> None:
    assert fetching.public(ipaddress.ip_address(address))


def test_teredo_shows_the_address_inside() -> None:
    """The client's address is written with every bit turned: 127.0.0.1 is 80ff:fffe."""
    assert not fetching.public(ipaddress.ip_address("2001:0:808:808:0:0:80ff:fffe"))


def resolving(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[list[str]]], port: int = 0) -> list[str]:
    """Answer look-ups of names from a list of answers each, which are used up; returns the names looked up."""
    asked: list[str] = []

    def look_up(host: str, _port: int, **_: Any) -> list[Any]:
        asked.append(host)
        answers = names[host].pop(0)
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port or _port))
            for one in answers
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["2606:4700::1111", "::1"]])
def test_a_name_with_any_private_address_is_refused(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> None:
    resolving(monkeypatch, {"cdn.example": [addresses]})
    with pytest.raises(BadPicture, match=f"the host cdn.example is at {addresses[-1]}, which is no public address"):
        PictureSource(hosts=["cdn.example"]).read("https://cdn.example/p.png")


def test_the_address_that_was_checked_is_the_one_connected_to(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name's second answer is an address of the local network; it must never be asked for."""
    monkeypatch.setattr(fetching, "public", lambda address: str(address) == "127.0.0.1")
    asked = resolving(monkeypatch, {"cdn.example": [["127.0.0.1"], ["10.0.0.1"]]}, shop.port)
    shop.answers["/p.png"] = answer()
    assert PictureSource(hosts=["CDN.example."]).read("http://cdn.example/p.png") == PNG
    assert asked == ["cdn.example"] and shop.asked == [("/p.png", "cdn.example")]


def test_the_next_address_is_tried(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, {"cdn.example": [["127.0.0.2", "127.0.0.1"], []]}, shop.port)
    shop.answers["/p.png"] = answer()
    source = local(hosts="cdn.example")
    assert source.read("http://cdn.example/p.png") == PNG
    with pytest.raises(BadPicture, match="it has no address"):
        source.read("http://cdn.example/p.png")


@pytest.mark.parametrize(
    ("reference", "match"),
    [
        ("http://other.example/p.png", "host other.example is not on the list"),
        ("http://cdn.example.evil.example/p.png", "not on the list"),
        ("http://evil.example#@cdn.example/p.png", "not on the list"),
        ("http://evil.example\\@cdn.example/p.png", "not on the list|user name"),
        ("http://me:secret@cdn.example/p.png", "user name or password: http://…@cdn.example"),
        ("ftp://cdn.example/p.png", "scheme is 'ftp', not http or https"),
        ("file:///etc/passwd", "scheme is 'file'"),
        ("gopher://cdn.example/", "scheme is 'gopher'"),
        ("http:///p.png", "has no host"),
        ("http://cdn.example:99999/p.png", "cannot be asked"),
        ("http://cdn.example:x/p.png", "cannot be asked"),
        ("http://[cdn.example/p.png", "cannot be asked"),
        ("http://" + "é" * 80 + "/p.png", "cannot be asked"),
    ],
)
def test_urls_that_may_not_be_asked_are_refused(monkeypatch: pytest.MonkeyPatch, reference: str, match: str) -> None:
    resolving(monkeypatch, {})
    with pytest.raises(BadPicture, match=match) as caught:
        PictureSource(hosts=["cdn.example"]).read(reference)
    assert "secret" not in str(caught.value)


def test_without_a_list_no_host_is_asked(shop: Shop) -> None:
    with pytest.raises(BadPicture, match="not on the list"):
        PictureSource(private=True).read(shop.url())
    assert shop.asked == []


def test_a_server_that_is_not_there_is_said(shop: Shop) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(BadPicture, match=r"cannot be asked .*refused"):
            local().read(f"http://127.0.0.1:{free.getsockname()[1]}/p.png")
    with pytest.raises(BadPicture, match="cannot be asked"):
        local().read(shop.url(scheme="https"))


def test_proxies_of_the_environment_are_not_used(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    shop.answers["/p.png"] = answer()
    assert local().read(shop.url()) == PNG


def test_the_certificate_must_be_of_the_host_that_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, certificate = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("cdn.example").configure_cert(context)
    shop = Shop(context)
    try:
        shop.answers["/p.png"] = answer()
        resolving(monkeypatch, {name: [["127.0.0.1"]] * 2 for name in ("cdn.example", "other.example")})
        source = local(hosts=("cdn.example", "other.example"))
        with pytest.raises(BadPicture, match="certificate verify failed"):
            source.read(shop.url(host="cdn.example", scheme="https"))
        trusting = ssl.create_default_context(cafile=certificate)
        monkeypatch.setattr(fetching.httpx, "create_ssl_context", lambda **_: trusting)
        source = local(hosts=("cdn.example", "other.example"))
        assert source.read(shop.url(host="cdn.example", scheme="https")) == PNG
        with pytest.raises(BadPicture, match="certificate verify failed.*mismatch"):
            source.read(shop.url(host="other.example", scheme="https"))
        assert shop.asked == [("/p.png", f"cdn.example:{shop.port}")]
    finally:
        shop.close()

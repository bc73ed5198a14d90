"""The files of the page: how large the client is, what it never does, and who may load it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from etalage.core.settings import load
from etalage.http import keys, page
from etalage.http.access import need
from etalage.http.app import create_app
from etalage.http.page.routes import PATHS

from ....asgi import Door

CLIENT = files(page).joinpath("suggest.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A shop that asks for keys."""
    home = tmp_path_factory.mktemp("home")
    keys.append(home / "keys.json", keys.new("shop", ["search"])[1])
    with Door(create_app(load(home=home, text_model="hashing", keys=home / "keys.json"))) as door:
        yield door


def test_the_client_is_smaller_than_three_kilobytes() -> None:
    assert len(CLIENT.encode()) < 3072


def test_the_client_never_makes_markup_of_text_nor_needs_others() -> None:
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "import ",
        "require(",
    ):
        assert word not in CLIENT


@pytest.mark.parametrize(
    ("name", "kind"), [("suggest.js", "text/javascript"), ("suggest.css", "text/css"), ("suggest.html", "text/html")]
)
def test_files_are_for_everyone_and_are_kept(door: Door, name: str, kind: str) -> None:
    answer = door.ask("GET", f"/v1/{name}")
    assert answer.status == 200 and answer.headers["content-type"] == f"{kind}; charset=utf-8"
    assert answer.body == files(page).joinpath(name).read_bytes()
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    again = door.ask("GET", f"/v1/{name}", headers=[(b"if-none-match", answer.headers["etag"].encode())])
    assert (again.status, again.body) == (304, b"") and again.headers["etag"] == answer.headers["etag"]
    assert door.ask("GET", f"/v1/{name}", headers=[(b"if-none-match", b'"other"')]).status == 200
    assert door.ask("POST", f"/v1/{name}").status == 405


def test_only_these_files_are_served_without_a_key(door: Door) -> None:
    assert {"/v1/suggest.js", "/v1/suggest.css", "/v1/suggest.html"} == PATHS
    assert all(need("GET", path, "products").open for path in PATHS)
    for path in ("/v1/suggest", "/v1/suggest.js/", "/v1/suggest.py", "/v1/routes.py", "/v1/page/suggest.js"):
        assert door.ask("GET", path).status == 401


def test_what_is_installed_has_the_files() -> None:
    project = (Path(__file__).parents[4] / "pyproject.toml").read_text(encoding="utf-8")
    for ending in ("*.js", "*.css", "*.html"):
        assert f'"{ending}"' in project

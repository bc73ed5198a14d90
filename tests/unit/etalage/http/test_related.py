"""Related queries in the answer of `/v1/search`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from fastapi.testclient import TestClient

from autocomplete.related import FILE
from etalage.http.routes import Shop
from workers import parts


@pytest.fixture
def file(client: TestClient) -> Iterator[Path]:
    """The file of the served shop, as a build wrote it before and after, and read anew."""
    shop: Shop = client.app.state.shop  # type: ignore[attr-defined]
    shop.related = parts.related_of(shop.settings)
    path = parts.completions_folder(shop.settings) / FILE
    before = path.read_bytes()
    yield path
    path.write_bytes(before)
    shop.related = parts.related_of(shop.settings)


def test_a_first_page_with_words_has_them(client: TestClient, file: Path) -> None:
    file.write_bytes(orjson.dumps({"red shoe": ["blue shoe", "lamp"]}))
    for words in ("Red shoe", "red shoe!"):
        assert client.get("/v1/search", params={"q": words}).json()["related"] == ["blue shoe", "lamp"]
    assert client.post("/v1/search", json={"q": "red shoe"}).json()["related"] == ["blue shoe", "lamp"]
    for given in ({"q": "red shoe", "from": 1}, {"q": "blue chair"}, {"q": ""}, {"like": "p1"}):
        answer = client.post("/v1/search", json=given)
        assert answer.status_code == 200 and "related" not in answer.json()


@pytest.mark.parametrize("content", [None, b"{"])
def test_a_missing_or_broken_file_is_no_error(client: TestClient, file: Path, content: bytes | None) -> None:
    file.unlink() if content is None else file.write_bytes(content)
    answer = client.get("/v1/search", params={"q": "red shoe"})
    assert answer.status_code == 200 and answer.json()["hits"] and "related" not in answer.json()

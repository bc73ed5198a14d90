"""Changes to single products over HTTP, and searches by picture."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from etalage.core.encoders import image, maps
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.settings import load
from etalage.http.app import create_app
from etalage.http.routes import MAX_CHANGES
from indexer import reindex
from opensearch.embedded import EmbeddedEngine
from workers import parts

from ....towers import SMALL, write_model

ROWS = [
    {"id": "a", "title": "red shoe", "price": 1000, "images": ["a.png"]},
    {"id": "b", "title": "blue lamp", "price": 2000, "images": ["b.png"]},
    {"id": "c", "title": "old chair", "price": 3000},
]


def painted(colour: tuple[int, int, int]) -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", (20, 20), colour).save(kept, "PNG")
    return kept.getvalue()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("models")
    image.add(folder, "tiny", write_model(folder / "tower.onnx"), preprocessing=SMALL)
    image.add(folder, "other", write_model(folder / "o.onnx", weight=2.0), preprocessing=SMALL)
    return folder


@pytest.fixture
def home(tmp_path: Path, models: Path) -> Path:
    """A home with three products, of which two have pictures."""
    for name, colour in (("a.png", (255, 0, 0)), ("b.png", (0, 0, 255))):
        (tmp_path / name).write_bytes(painted(colour))
    feed = tmp_path / "feed.jsonl"
    feed.write_bytes(b"\n".join(map(orjson.dumps, ROWS)))
    settings = load(home=tmp_path / "home", text_model="hashing", opensearch_url="", models=models, image_model="tiny")
    engine, encoder = EmbeddedEngine(settings), HashingEncoder()
    looks = parts.looks_of(settings, str(tmp_path))
    job = reindex.plan(engine, encoder, "products", feed, reindex.Options(), looks=looks)
    assert reindex.work(engine, encoder, job.id, 0, "test", 60, lambda root: looks)
    assert reindex.finish(engine, job)["encoded"] == {"text": 3, "image": 2}
    engine.close()
    assert looks is not None
    looks.close()
    return tmp_path


def served(home: Path, models: Path, **more: Any) -> TestClient:
    given = {"image_model": "tiny", "pictures": home, "text_model": "hashing", "opensearch_url": ""} | more
    settings = load(home=home / "home", models=models, **given)
    return TestClient(create_app(settings), raise_server_exceptions=False)


@pytest.fixture
def client(home: Path, models: Path) -> Iterator[TestClient]:
    with served(home, models) as made:
        yield made


def change(client: TestClient, body: Any, status: int = 200) -> Any:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    answer = client.post("/v1/products", content=content)
    assert answer.status_code == status, answer.text
    return answer.json()


def ids(client: TestClient, q: str) -> list[str]:
    return [hit["id"] for hit in client.get("/v1/search", params={"q": q}).json()["hits"]]


def test_changes_are_found_by_the_next_search(client: TestClient) -> None:
    told = change(client, [{"id": "a", "title": "green boot"}, {"id": "n", "title": "net"}, {"id": "c", "op": "delete"}])
    assert told == {
        "received": 3, "refused": 0,
        "results": [{"id": "a", "result": "updated"}, {"id": "n", "result": "created"}, {"id": "c", "result": "deleted"}],
    }  # fmt: skip
    assert ids(client, "boot")[0] == "a" and ids(client, "net")[0] == "n" and "c" not in ids(client, "chair")


def test_one_or_one_a_line_will_do(client: TestClient) -> None:
    assert change(client, {"id": "a", "price": 1})["results"] == [{"id": "a", "result": "updated"}]
    lines = b'{"id": "a", "price": 2}\n{"id": "b", "price": 3}\n'
    assert [one["result"] for one in change(client, lines)["results"]] == ["updated", "updated"]
    found = client.get("/v1/search", params={"q": "", "sort": "price"}).json()
    assert [hit["id"] for hit in found["hits"]] == ["a", "b", "c"]


def test_each_has_a_result_of_its_own(client: TestClient) -> None:
    told = change(
        client,
        [{"id": "a", "price": "dear"}, {"id": "b", "colour": "red"}, {"price": 1}, {"id": "x"}, {"id": "b", "stock": 4}],
    )
    assert (told["received"], told["refused"]) == (5, 4)
    reasons = [one.get("reason", "") for one in told["results"]]
    for reason, words in zip(reasons, ("not a number", "no field colour", "id is missing", "title is missing", ""), strict=True):
        assert words in reason
    assert told["results"][4] == {"id": "b", "result": "updated"}


def test_an_older_change_is_told_as_stale(client: TestClient) -> None:
    change(client, {"id": "a", "price": 7, "version": 4_000_000_000_000})
    told = change(client, {"id": "a", "price": 8})
    assert told["results"] == [{"id": "a", "result": "stale"}] and told["refused"] == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[1]", b'"a"', b"\xff"])
def test_a_body_without_products_is_refused(client: TestClient, body: bytes) -> None:
    assert change(client, body, 400)["error"]["type"] == "query_error"


def test_too_many_are_refused_and_none_is_changed(client: TestClient) -> None:
    told = change(client, [{"id": "a", "price": 1}] * (MAX_CHANGES + 1), 400)
    assert str(MAX_CHANGES) in told["error"]["reason"]
    assert client.get("/v1/search", params={"q": "", "filter": "price:..1"}).json()["total"] == 0


def test_before_anything_is_indexed_they_are_refused(tmp_path: Path, models: Path) -> None:
    with served(tmp_path, models, image_model="") as fresh:
        assert "no such index" in change(fresh, {"id": "a", "title": "t"}, 400)["error"]["reason"]
        assert "no such index" in change(fresh, {"id": "a", "price": "x"}, 400)["error"]["reason"]


def test_a_new_picture_is_encoded(client: TestClient, home: Path) -> None:
    (home / "c.png").write_bytes(painted((0, 255, 0)))
    assert change(client, {"id": "c", "images": ["c.png"]})["results"] == [{"id": "c", "result": "updated"}]
    green = b64encode(painted((0, 250, 0))).decode()
    assert client.post("/v1/search", json={"image": green}).json()["hits"][0]["id"] == "c"
    (result,) = change(client, {"id": "c", "images": ["none.png"]})["results"]
    assert result["result"] == "updated" and "none.png" in result["picture"]


# pictures
def looked(client: TestClient, **body: Any) -> list[str]:
    answer = client.post("/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.json()["hits"]]


def test_a_picture_finds_what_looks_like_it(client: TestClient) -> None:
    for colour, wanted in (((250, 10, 10), "ab"), ((10, 10, 250), "ba")):
        encoded = b64encode(painted(colour)).decode()
        assert looked(client, image=encoded) == looked(client, image=f"data:image/png;base64,{encoded}") == [*wanted]


def test_words_and_a_picture_go_together(client: TestClient) -> None:
    assert set(looked(client, q="chair", image=b64encode(painted((255, 0, 0))).decode())) == {"a", "b", "c"}


def test_what_looks_like_a_product_is_found_without_itself(client: TestClient) -> None:
    assert looked(client, like="a") == ["b"]
    # Without a picture, by its text.
    assert set(looked(client, like="c")) <= {"a", "b"}
    assert looked(client, like="a", size=1, **{"from": 1}) == []


class Alignment:
    """In place of what is learnt from a catalog: red words are red."""

    def check(self, fingerprint_text: str, fingerprint_image: str, dim_image: int) -> None:
        assert fingerprint_text == HashingEncoder.fingerprint and fingerprint_image and dim_image == 6

    def query(self, vector: Any) -> Any:
        red = float(vector @ HashingEncoder().encode_query("red")) > 0.5
        return np.array([1, 0, 0] * 2 if red else [0, 0, 1] * 2, np.float32)


def test_words_find_pictures_by_what_was_learnt(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    told = client.post("/v1/search", json={"looks": "red"}).json()["error"]
    assert "etalage train align" in told["remedy"]
    monkeypatch.setattr(maps.Watched, "now", lambda self: Alignment())
    assert (looked(client, looks="red"), looked(client, looks="blue")) == (["a", "b"], ["b", "a"])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"image": "%%%"}, "base64"),
        ({"image": b64encode(b"no picture").decode()}, "picture cannot be used"),
        ({"image": b64encode(b"<svg/>").decode()}, "SVG"),
        ({"like": "nobody"}, "no such product"),
        ({"like": "a", "q": "red"}, "without [q]"),
        ({"like": "a", "image": "aa"}, "exclude each other"),
        ({"looks": "red", "image": "aa"}, "exclude each other"),
        ({"looks": " "}, "no words"),
    ],
)
def test_what_is_no_picture_or_product_is_refused(client: TestClient, body: dict[str, Any], told: str) -> None:
    answer = client.post("/v1/search", json=body)
    assert answer.status_code == 400 and told in answer.json()["error"]["reason"]


def test_another_encoder_of_pictures_is_refused(home: Path, models: Path) -> None:
    picture = b64encode(painted((255, 0, 0))).decode()
    with served(home, models, image_model="other") as client:
        answer = client.post("/v1/search", json={"image": picture})
        assert answer.status_code == 409 and "tiny" in answer.json()["error"]["reason"]
        assert change(client, {"id": "a", "images": ["b.png"]}, 409)["error"]["type"] == "fingerprint_mismatch"
        assert change(client, {"id": "a", "price": 1})["refused"] == 0
    with served(home, models, image_model="") as client:
        # The index knows the one that it was built with.
        assert client.post("/v1/search", json={"image": picture}).json()["hits"][0]["id"] == "a"

"""`/v1/suggest`: what it takes, what it answers, and who may keep it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from autocomplete import shelf
from autocomplete.complete import Completer, Completion
from autocomplete.index import columns
from autocomplete.querylog import Entry
from etalage.core.errors import ConfigError
from etalage.core.settings import load
from etalage.http import keys, suggest
from etalage.http.app import create_app

from .conftest import settings_in

ENTRIES = [
    Entry("sofa bed", 9.0, "query", "Home > Sofas"),
    Entry("Sofas", 8.0, "category", "Home > Sofas"),
    Entry("sofa cover", 7.0, "phrase", "Home > Covers"),
    Entry("Söderhamn sofa", 6.0, "product", "Home > Sofas", note="p7"),
    Entry("sofa table", 5.0, "query", "Home > Tables", sold_out=True),
    Entry("红色沙发", 4.0),
    Entry("كنبة حمراء", 3.0),
]


def build(home: Path, entries: list[Entry]) -> None:
    shelf.write(home / "completions" / "products", columns(entries), {})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home = tmp_path_factory.mktemp("suggest")
    build(home, ENTRIES)
    with TestClient(create_app(settings_in(home)), raise_server_exceptions=False) as made:
        yield made


def asked(client: TestClient, **params: Any) -> dict[str, Any]:
    """The same by GET and by POST."""
    by_get = client.get("/v1/suggest", params={name: str(value).lower() if value is True else value for name, value in params.items()})  # fmt: skip
    by_post = client.post("/v1/suggest", json=params)
    assert by_get.status_code == by_post.status_code == 200, (by_get.text, by_post.text)
    found: dict[str, Any] = by_get.json()
    assert found | {"took_ms": 0} == by_post.json() | {"took_ms": 0}
    return found


def texts(answer: dict[str, Any]) -> list[str]:
    return [one["text"] for one in answer["completions"]]


def refused(answer: Any, *words: str) -> None:
    assert answer.status_code == 400 and answer.json()["error"]["type"] == "query_error", answer.text
    for word in words:
        assert word in answer.json()["error"]["reason"]


# what it answers
def test_completions_with_categories_and_products_beside_them(served: TestClient) -> None:
    found = asked(served, q="so")
    assert texts(found) == ["sofa bed", "Sofas", "sofa cover", "Söderhamn sofa", "sofa table"]
    assert found["completions"][0] == {
        "text": "sofa bed", "score": 9.0, "type": "query", "match": "typed", "category": "Home > Sofas"
    }  # fmt: skip
    assert found["categories"] == [{"text": "Sofas", "category": "Home > Sofas"}]
    assert found["products"] == [{"id": "p7", "title": "Söderhamn sofa"}]
    assert "category" not in asked(served, q="红")["completions"][0]


def test_how_a_completion_was_found_is_told(served: TestClient) -> None:
    found = asked(served, q="sofq bed")
    assert [(one["text"], one["match"]) for one in found["completions"]] == [("sofa bed", "near")]
    assert asked(served, q="hongse")["completions"][0]["text"] == "红色沙发"


def test_what_is_wanted(served: TestClient) -> None:
    assert texts(asked(served, q="so", size=2)) == ["sofa bed", "Sofas"]
    assert texts(asked(served, q="so", category="Home > Sofas")) == ["sofa bed", "Sofas", "Söderhamn sofa"]
    assert texts(asked(served, q="so", category="Garden")) == []
    assert texts(asked(served, q="so", in_stock=True)) == ["sofa bed", "Sofas", "sofa cover", "Söderhamn sofa"]
    assert texts(asked(served, q="so", type="category,product")) == ["Sofas", "Söderhamn sofa"]
    several = served.get("/v1/suggest?q=so&type=category&type=product").json()
    assert texts(several) == ["Sofas", "Söderhamn sofa"]
    assert texts(served.post("/v1/suggest", json={"q": "so", "type": ["phrase"]}).json()) == ["sofa cover"]


@pytest.mark.parametrize(
    "prefix",
    ["", " ", "x" * 5000, "so" + "fa " * 3000, "\x00\x1b[31m", "🦊", "sofa 🛋", "\u202eafos", "'; drop table--"],
)
def test_any_prefix_is_answered(served: TestClient, prefix: str) -> None:
    assert len(asked(served, q=prefix)["completions"]) <= 10


def test_right_to_left_and_emoji_find_what_they_should(served: TestClient) -> None:
    assert texts(asked(served, q="كن")) == ["كنبة حمراء"]
    assert texts(asked(served, q="sofa b 🛋")) == texts(asked(served, q="sofa b")) == ["sofa bed"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("size=0", ("query.size", "0")),
        ("size=101", ("query.size", "101")),
        ("size=ten", ("query.size", "ten")),
        ("in_stock=perhaps", ("query.in_stock", "perhaps")),
        ("type=pet", ("no such type", "pet")),
        ("type=query,brand,pet", ("no such type", "pet")),
        ("category=" + "x" * 1001, ("query.category",)),
        ("&".join(["q=a"] * 201), ("more than 200 parameters",)),
    ],
)
def test_wrong_parameters_are_refused(served: TestClient, query: str, words: tuple[str, ...]) -> None:
    refused(served.get(f"/v1/suggest?{query}"), *words)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", ("not JSON",)),
        (b"[]", ("not a JSON object",)),
        (b'"so"', ("not a JSON object",)),
        (b'{"q": 7}', ("body.q",)),
        (b'{"prefix": "so"}', ("body.prefix",)),
        (b'{"size": 0}', ("body.size",)),
        (b'{"type": [7]}', ("body.type.0",)),
        (b'{"q": "\\ud800"}', ("not JSON",)),
    ],
)
def test_wrong_bodies_are_refused(served: TestClient, body: bytes, words: tuple[str, ...]) -> None:
    refused(served.post("/v1/suggest", content=body), *words)


def test_other_methods_and_unknown_parameters(served: TestClient) -> None:
    assert served.head("/v1/suggest").status_code == served.put("/v1/suggest").status_code == 405
    assert served.get("/v1/suggest?q=so&_=1234").status_code == 200


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(["q", "size", "category", "type", "in_stock", "x"]), st.text(max_size=30)))
def test_nothing_is_answered_with_a_server_error(served: TestClient, params: dict[str, str]) -> None:
    assert served.get("/v1/suggest", params=params).status_code in (200, 400)
    assert served.post("/v1/suggest", json=params).status_code in (200, 400)


# who may keep it
def test_an_answer_has_a_tag_and_may_be_kept_for_a_while(served: TestClient) -> None:
    first = served.get("/v1/suggest?q=so")
    assert first.headers["cache-control"] == "public, max-age=30"
    assert re.fullmatch(r"complete;dur=\d+\.\d{3}", first.headers["server-timing"])
    tag = first.headers["etag"]
    assert served.get("/v1/suggest?q=so").headers["etag"] == tag != served.get("/v1/suggest?q=sof").headers["etag"]
    for given_tag in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        again = served.get("/v1/suggest?q=so", headers={"if-none-match": given_tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert served.get("/v1/suggest?q=so", headers={"if-none-match": '"other"'}).status_code == 200
    posted = served.post("/v1/suggest", json={"q": "so"}).headers
    assert posted["cache-control"] == "private, no-store" and "etag" not in posted


@pytest.mark.parametrize("name", ["after", "viewed", "earlier", "liked"])
def test_what_one_shopper_is_told_is_kept_by_nobody(served: TestClient, name: str) -> None:
    answer = served.get(f"/v1/suggest?q=so&{name}=Home", headers={"if-none-match": "*"})
    assert answer.status_code == 200 and texts(answer.json())
    assert answer.headers["cache-control"] == "private, no-store" and "etag" not in answer.headers


def test_long_answers_are_packed_for_those_who_read_it(tmp_path: Path) -> None:
    build(tmp_path, [Entry(f"sofa number {number}", 1.0 + number) for number in range(100)])
    with TestClient(create_app(settings_in(tmp_path))) as client:
        packed, plain = (
            client.get("/v1/suggest?q=so&size=100", headers={"accept-encoding": one}) for one in ("gzip", "identity")
        )
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert packed.json()["completions"] == plain.json()["completions"] and len(texts(plain.json())) == 100


def test_a_defect_is_an_answer_and_damaged_files_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    build(tmp_path, ENTRIES)
    (tmp_path / "damaged" / "completions" / "products").mkdir(parents=True)
    with TestClient(create_app(settings_in(tmp_path / "damaged"))) as client:
        missing = client.get("/v1/suggest?q=so")
        assert missing.status_code == 502 and "no completions" in missing.json()["error"]["reason"]
    with TestClient(create_app(settings_in(tmp_path)), raise_server_exceptions=False) as client:

        def fail(self: Completer, prefix: str, *rest: object) -> None:
            raise KeyError(f"{prefix} hush")

        monkeypatch.setattr(Completer, "complete", fail)
        broken = client.get("/v1/suggest?q=so", headers={"x-opaque-id": "one"})
        assert broken.status_code == 503 and broken.json()["error"]["type"] == "internal_error"
        assert broken.headers["x-opaque-id"] == "one" and "so hush" not in caplog.text


def test_it_has_completed_before_anybody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tmp_path, ENTRIES)
    warmed = list[Path]()
    monkeypatch.setattr(Completer, "warm", lambda self: warmed.append(tmp_path))
    with TestClient(create_app(settings_in(tmp_path))) as client:
        assert warmed == [tmp_path]
        assert client.get("/v1/suggest?q=so").status_code == 200 and warmed == [tmp_path]
    with TestClient(create_app(settings_in(tmp_path / "none"))) as client:
        assert client.get("/v1/suggest?q=so").status_code == 200 and warmed == [tmp_path]
        build(tmp_path / "none", ENTRIES)
        assert texts(client.get("/v1/suggest?q=so").json()) and warmed == [tmp_path] * 2


def test_of_all_who_wait_one_compiles_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    build(tmp_path, ENTRIES)
    begun, going = list[int](), Event()
    monkeypatch.setattr(suggest, "_SHORT", 0.0)
    monkeypatch.setattr(Completer, "warm", lambda self: (begun.append(1), going.wait()))
    completions = suggest.Completions(lambda: Completer.open(tmp_path / "completions" / "products"))

    async def several() -> list[list[Completion]]:
        asked = [asyncio.ensure_future(completions.answer("sofa b", 1)) for _ in range(3)]
        while "compiled" not in caplog.text:
            await asyncio.sleep(0)
        going.set()
        return await asyncio.gather(*asked)

    assert [[one.text for one in found] for found in asyncio.run(several())] == [["sofa bed"]] * 3
    assert begun == [1] and caplog.text.count("compiled") == 1


def test_other_completions_have_another_tag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_LOOK", 0.0)
    build(tmp_path, ENTRIES)
    with TestClient(create_app(settings_in(tmp_path))) as client:
        before = client.get("/v1/suggest?q=so").headers["etag"]
        build(tmp_path, [Entry("sole", 1.0)])
        after = client.get("/v1/suggest?q=so", headers={"if-none-match": before})
    assert after.status_code == 200 and texts(after.json()) == ["sole"]


def test_behind_keys_nobody_else_may_keep_it(tmp_path: Path) -> None:
    key, entry = keys.new("page", ["suggest"])
    build(tmp_path, ENTRIES)
    keys.append(tmp_path / "keys.json", entry)
    chosen = settings_in(tmp_path).model_copy(update={"keys": tmp_path / "keys.json"})
    with TestClient(create_app(chosen)) as client:
        assert client.get("/v1/suggest?q=so").status_code == 401
        answer = client.get("/v1/suggest?q=so", headers={"x-api-key": key})
        assert answer.status_code == 200 and answer.headers["cache-control"] == "private, max-age=30"
        assert client.get("/v1/suggest?q=so", headers={"if-none-match": "*"}).status_code == 401


def test_before_completions_were_built_nothing_is_kept(fresh: TestClient) -> None:
    answer = fresh.get("/v1/suggest?q=so")
    assert answer.json()["completions"] == [] and answer.headers["cache-control"] == "private, no-store"
    assert "etag" not in answer.headers


def test_a_note_is_of_what_changed_last(tmp_path: Path) -> None:
    shelf.write(tmp_path, columns([Entry("sofa", 2.0, "product", note="old")]), {})
    shelf.write(tmp_path, columns([Entry("sofa", 3.0, "product", note="new")]), {}, shelf.RECENT)
    completer = Completer.open(tmp_path)
    (found,) = completer.complete("so")
    assert completer.note(found) == "new"
    assert completer.note(found._replace(text="unknown")) == ""


# pages of other origins
def test_pages_of_other_origins_may_ask_where_that_is_set(tmp_path: Path) -> None:
    key, entry = keys.new("page", ["suggest"])
    build(tmp_path, ENTRIES)
    keys.append(tmp_path / "keys.json", entry)
    more = {"keys": tmp_path / "keys.json", "origins": "https://shop.example"}
    asking = {"origin": "https://shop.example", "access-control-request-method": "GET"}
    with TestClient(create_app(settings_in(tmp_path).model_copy(update=more))) as client:
        before = client.options("/v1/suggest", headers=asking | {"access-control-request-headers": "x-api-key"})
        assert before.status_code == 200 and "X-Api-Key" in before.headers["access-control-allow-headers"]
        answer = client.get("/v1/suggest?q=so", headers={"origin": asking["origin"], "x-api-key": key})
        assert answer.headers["access-control-allow-origin"] == asking["origin"] and "Origin" in answer.headers["vary"]
        assert "ETag" in answer.headers["access-control-expose-headers"]
        other = client.options("/v1/suggest", headers=asking | {"origin": "https://other.example"})
        assert other.status_code == 400 and "access-control-allow-origin" not in other.headers
        refusal = client.get("/v1/suggest?q=so", headers={"origin": asking["origin"]})
        assert refusal.status_code == 401 and refusal.headers["access-control-allow-origin"] == asking["origin"]


def test_without_that_setting_no_other_origin_may(served: TestClient) -> None:
    answer = served.get("/v1/suggest?q=so", headers={"origin": "https://shop.example"})
    assert answer.status_code == 200 and "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("given", "kept"), [("", None), ("*", "*"), (" https://a.example/ , http://b", "https://a.example,http://b")]
)
def test_origins_are_read(given: str, kept: str | None) -> None:
    assert load(origins=given).origins == kept


def test_what_is_no_origin_is_refused() -> None:
    with pytest.raises(ConfigError, match="https://"):
        load(origins="shop.example")


# what is not told
def test_what_was_typed_is_neither_logged_nor_counted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    build(tmp_path, [Entry("hush", 1.0)])
    ours = {"suggest": {"hush": {"prefix": "hush", "completion": {"field": "suggest"}}}}
    chosen = settings_in(tmp_path).model_copy(update={"log": "json"})
    with TestClient(create_app(chosen)) as client:
        answers = [
            client.get("/v1/suggest?q=hush&after=hush&viewed=hush"),
            client.get("/v1/suggest?q=hush&size=hush"),
            client.get("/v1/suggest?type=hush"),
            client.post("/v1/suggest", json={"q": "hush", "earlier": ["hush"]}),
            client.post("/v1/suggest", json={"hush": 1}),
            client.post("/products/_search", json=ours),
        ]
        metrics = client.get("/metrics").text
    told = capfd.readouterr().err
    assert [one.status_code for one in answers] == [200, 400, 400, 200, 400, 200]
    assert told.count('"route":"/v1/suggest"') == 5 and "hush" not in told
    assert 'etalage_requests_total{route="/v1/suggest",status="200"} 2.0' in metrics and "hush" not in metrics

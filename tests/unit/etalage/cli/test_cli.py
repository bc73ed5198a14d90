"""The command line as people run it: a process, its exit code, one JSON document on stdout, a sentence on stderr."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from etalage.core.settings import load
from opensearch.embedded import EmbeddedEngine
from opensearch.embedded.lock import writer
from opensearch.engine import IndexSpec

from .conftest import GOOD, Run, process, refused


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, indexed: tuple[Path, dict[str, Any]]) -> Path:
    """A home with three products, indexed by the command itself."""
    return shutil.copytree(indexed[0] / "home", tmp_path_factory.mktemp("shop") / "home")


def test_index_tells_what_it_did(indexed: tuple[Path, dict[str, Any]]) -> None:
    summary = indexed[1]
    assert {name: summary[name] for name in ("index", "generation", "read", "indexed", "removed", "quarantined")} == {
        "index": "products", "generation": "products-000001", "read": 3, "indexed": 3, "removed": 0, "quarantined": 0
    }  # fmt: skip
    assert summary["encoded"] == {"text": 3, "image": 0}
    assert summary["mapping"]["columns"]["id"] == "sku" and summary["mapping"]["columns"]["title"] == "name"


# what works
def test_search_finds(shop: Path) -> None:
    result = process("search", "blue lamp", "--json", home=shop)
    assert result.code == 0 and result.stderr == ""
    answer = result.document
    assert answer["hits"][0]["id"] == "b" and answer["degraded"] == []
    assert {one["value"]: one["count"] for one in answer["facets"]["brand"]} == {"Acme": 2, "Bolt": 1}


def test_search_for_people_is_a_table(etalage: Run, shop: Path) -> None:
    result = etalage("search", "blue lamp", "--explain", home=shop)
    assert result.code == 0
    told = result.stdout.decode()
    assert "blue lamp" in told and "BM25" in told and "3 found in" in told and "lexical" in told
    assert "Matches “blue lamp” in the title" in told and "  fused = " in told
    plain = etalage("search", "blue lamp", "--language", "de", home=shop).stdout.decode()
    assert "Enthält „blue lamp“ im Titel" in plain and "  fused = " not in plain


def test_search_says_what_it_searched_for(etalage: Run, shop: Path) -> None:
    told = etalage("search", "lamp under 12", home=shop).stdout.decode()
    assert "searched for: lamp (under 12 → price:..1200; nothing matched under price:..1200)" in " ".join(told.split())
    assert "searched for:" not in etalage("search", "lamp", home=shop).stdout.decode()
    assert "searched for:" not in etalage("search", "lamp under 12", "--no-understand", home=shop).stdout.decode()
    told = etalage("search", "zzz", home=shop).stdout.decode()
    assert "no product has the words zzz; the nearest in meaning:" in " ".join(told.split())
    answer = etalage("search", "red under 6 eur", "--json", home=shop).document
    assert [hit["id"] for hit in answer["hits"]] == ["c"] and answer["understood"][0]["step"] == "price"


def test_search_tells_related_queries(etalage: Run, shop: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(shop, home)
    assert "related" not in etalage("search", "blue lamp", "--json", home=home).document
    (home / "completions" / "products").mkdir(parents=True, exist_ok=True)
    (home / "completions" / "products" / "related.json").write_bytes(
        b'{"blue lamp": ["red [lamp]", "shade"], "lamp": ["bulb"]}'
    )
    assert "related: red [lamp], shade" in etalage("search", "Blue lamp", home=home).stdout.decode()
    assert etalage("search", "blue lamp", "--json", home=home).document["related"] == ["red [lamp]", "shade"]
    assert etalage("search", "lamp under 12", "--json", home=home).document["related"] == ["bulb"]
    assert "related" not in etalage("search", "blue lamp", "--from", "1", home=home).stdout.decode()


def test_search_shows_each_value_once(shop: Path, etalage: Run) -> None:
    hits = etalage("search", "", "--collapse", "brand", "--json", home=shop).document["hits"]
    assert [hit["id"] for hit in hits] == ["b", "c"]


def test_an_empty_query_browses_by_popularity(etalage: Run, shop: Path) -> None:
    answer = etalage("search", "", "--json", home=shop).document
    assert [hit["id"] for hit in answer["hits"]] == ["b", "c", "a"]
    assert answer["total"] == 3


def test_filters_sort_and_paging(etalage: Run, shop: Path) -> None:
    words = ("search", "red", "--filter", "brand:Acme", "--filter", "in_stock", "--sort", "price", "--json")
    assert [hit["id"] for hit in etalage(*words, home=shop).document["hits"]] == ["c", "a"]
    second = etalage(*words, "--from", 1, "--size", 1, home=shop).document
    assert [hit["id"] for hit in second["hits"]] == ["a"] and second["total"] == 2


def test_suggest_completes_brands(etalage: Run, shop: Path) -> None:
    found = etalage("suggest", "ac", "--json", home=shop).document["completions"]
    assert [(one["text"].lower(), one["type"]) for one in found] == [("acme", "brand")]


def test_doctor_names_every_part(etalage: Run, shop: Path) -> None:
    result = etalage("doctor", "--json", home=shop)
    assert result.code == 0
    found = result.document
    assert found["ok"] is True
    assert [one["part"] for one in found["checks"]] == [
        "home", "engine", "index", "encoder", "pictures", "adapter", "ranker", "completions", "signals", "broker"
    ]  # fmt: skip


def test_doctor_fails_where_nothing_is_indexed(etalage: Run, tmp_path: Path) -> None:
    result = etalage("doctor", "--json", home=tmp_path / "new")
    assert result.code == 1
    wrong = {one["part"]: one["detail"] for one in result.document["checks"] if not one["ok"]}
    assert set(wrong) == {"index", "completions"}
    assert "etalage index FILE" in wrong["index"]


# feeds that cannot be indexed
WIDE = b'{"id":"a","title":"x","vec_image":[1,2]}\n{"id":"b","title":"y","vec_image":[1,2,3]}\n'
FEEDS = {
    "missing": (None, "catalog_error", ("No such file", "Check the path")),
    "binary": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "catalog_error", ("binary file",)),
    "not UTF-8": ("id,title\n1,Möbel\n".encode("latin-1"), "catalog_error", ("not UTF-8",)),
    "empty": (b"", "catalog_error", ("the feed is empty",)),
    "only a header": (b"id,title\n", "catalog_error", ("no readable row",)),
    "no title": (b"id,foo\n1,x\n", "catalog_error", ("no column for the title", "id, foo", "--map title=COLUMN")),
    "no id": (b"title,foo\nx,y\n", "catalog_error", ("no column for the id", "--map id=COLUMN")),
    "duplicate ids": (b"id,title\na,x\na,y\nb,z\n", "catalog_error", ("1 of 3", "line 3: the id a repeats line 2")),
    "duplicate header": (b"id,title,title\na,x,y\n", "catalog_error", ("names a column twice", "title")),
    "broken JSON": (b'{"id":"a","title":"x"}\n{"id":"b",\n', "catalog_error", ("line 2: is not JSON", "--max-bad")),
    "JSON array": (b'[{"id":"a","title":"x"}]', "catalog_error", ("one JSON array", "one object a line")),
    "vector dimension": (WIDE, "catalog_error", ("line 2", "has 3 components, the first had 2")),
    "NaN price": (b"id,title,price\na,x,NaN\nb,y,1\n", "catalog_error", ("line 2: the price is not a number: NaN",)),
    "infinite price": (b"id,title,price\na,x,inf\nb,y,1\n", "catalog_error", ("the price is not a number: inf",)),
    "negative price": (b"id,title,price\na,x,-3\nb,y,1\n", "catalog_error", ("the price is below zero: -3",)),
    "damaged gzip": (b"\x1f\x8b\x08\x00rubbish", "catalog_error", ("damaged",)),
}


@pytest.mark.parametrize("name", FEEDS)
def test_a_wrong_feed_is_refused(etalage: Run, name: str, tmp_path: Path) -> None:
    content, kind, told = FEEDS[name]
    feed = tmp_path / "feed"
    if content is not None:
        feed.write_bytes(content)
    refused(etalage("index", feed, "--json", home=tmp_path / "home"), kind, *told)
    engine = EmbeddedEngine(load(home=tmp_path / "home"))
    assert engine.generations("products") == [] and engine.jobs.unfinished("products") == []
    engine.close()


def test_a_folder_is_no_feed(tmp_path: Path) -> None:
    refused(process("index", tmp_path, "--json", home=tmp_path / "home"), "catalog_error", "Is a directory")


def test_a_refused_feed_leaves_the_catalog_as_it_was(etalage: Run, shop: Path, tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text("id,title,price\na,x,NaN\nb,y,1\n")
    refused(etalage("index", feed, "--json", home=shop), "catalog_error", "nothing was changed")
    answer = etalage("search", "red shoe", "--json", home=shop).document
    assert answer["hits"][0]["id"] == "a" and answer["total"] == 3


def test_bad_rows_can_be_put_up_with_and_are_kept_apart(etalage: Run, tmp_path: Path) -> None:
    feed, home = tmp_path / "feed.csv", tmp_path / "home"
    feed.write_text("id,title,price\na,shoe,NaN\nb,lamp,1.50\nb,other,2\n")
    result = etalage("index", feed, "--max-bad", 2, "--json", home=home)
    assert result.code == 0, result.stderr
    assert (result.document["read"], result.document["indexed"], result.document["quarantined"]) == (3, 1, 2)
    kept = [orjson.loads(line) for line in (home / "quarantine.jsonl").read_bytes().splitlines()]
    assert [(one["line"], one["row"]["id"]) for one in kept] == [(2, "a"), (4, "b")]
    assert kept[0]["reason"] == "the price is not a number: NaN"


# searches that cannot be answered
def test_a_query_of_5000_characters_is_refused(etalage: Run, shop: Path) -> None:
    refused(etalage("search", "x" * 5000, "--json", home=shop), "query_error", "5,000 characters", "Shorten it")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--filter", "colour:red"), ("no such field: colour", "brand, category")),
        (("--filter", "price:cheap"), ("a bound is not a number",)),
        (("--filter", "price:nan..5"), ("a bound is not a number",)),
        (("--sort", "title"), ("no such field: title",)),
        (("--sort", "price:down"), ("asc or desc",)),
        (("--from", "9999", "--size", "5"), ("at most hit 10000",)),
    ],
)
def test_wrong_search_options(etalage: Run, shop: Path, words: tuple[str, ...], told: tuple[str, ...]) -> None:
    refused(etalage("search", "red", *words, "--json", home=shop), "query_error", *told)


def test_searching_before_indexing_says_what_to_run(etalage: Run, tmp_path: Path) -> None:
    refused(etalage("search", "x", "--json", home=tmp_path), "engine_error", "no such index", "etalage index FILE")


def test_suggesting_before_indexing_says_what_to_run(etalage: Run, tmp_path: Path) -> None:
    refused(etalage("suggest", "x", "--json", home=tmp_path), "engine_error", "completions", "etalage index FILE")


# encoders
def test_an_unknown_model_is_refused_when_indexing(etalage: Run, tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text(GOOD)
    result = etalage(
        "index", feed, "--json", home=tmp_path / "home", ETALAGE_TEXT_MODEL="nope", ETALAGE_MODELS=str(tmp_path)
    )
    refused(result, "model_not_found", "nope", "ETALAGE_TEXT_MODEL", "hashing")


def test_an_unknown_model_searches_by_words_and_says_so(shop: Path, tmp_path: Path) -> None:
    result = process("search", "shoe", "--json", home=shop, ETALAGE_TEXT_MODEL="nope", ETALAGE_MODELS=str(tmp_path))
    assert result.code == 0
    assert result.document["degraded"] == ["vectors"] and [one["id"] for one in result.document["hits"]] == ["a"]
    assert "vectors are off: no such text encoder" in result.stderr


@pytest.mark.parametrize(
    ("dim", "told"),
    [
        (256, ("encoded by other-model (0123abcd)", "hashing", "etalage index FILE", "ETALAGE_TEXT_MODEL")),
        (384, ("256 dimensions, vec_text has 384", "encoder", "--full")),
    ],
)
def test_a_model_changed_since_indexing_is_refused(
    etalage: Run, dim: int, told: tuple[str, ...], tmp_path: Path
) -> None:
    engine = EmbeddedEngine(load(home=tmp_path))
    made = engine.create("products", IndexSpec("other-model", "0123abcd", dim))
    engine.refresh(made.name)
    engine.swap("products", made.name)
    engine.close()
    refused(etalage("search", "shoe", "--json", home=tmp_path), "fingerprint_mismatch", *told)


# engine, broker, writer
@pytest.mark.parametrize("command", ["search", "index"])
def test_an_engine_that_is_down(etalage: Run, command: str, tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text(GOOD)
    result = etalage(command, feed, "--json", home=tmp_path / "home", ETALAGE_OPENSEARCH_URL="http://127.0.0.1:9")
    refused(result, "engine_unavailable", "http://127.0.0.1:9", "ETALAGE_OPENSEARCH_URL")


def test_a_broker_that_is_down(etalage: Run, tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text(GOOD)
    result = etalage("index", feed, "--json", home=tmp_path / "home", ETALAGE_BROKER="redis://127.0.0.1:9/0")
    refused(result, "engine_unavailable", "the broker cannot be reached", "redis://127.0.0.1:9/0", "ETALAGE_BROKER")


def test_a_second_writer_is_refused_and_told_who_writes(etalage: Run, tmp_path: Path) -> None:
    feed, home = tmp_path / "feed.csv", tmp_path / "home"
    feed.write_text(GOOD)
    with writer(home):
        refused(etalage("index", feed, "--json", home=home), "writer_busy", f"pid {os.getpid()} in {home}")


def test_a_home_that_is_a_file(etalage: Run, tmp_path: Path) -> None:
    feed, home = tmp_path / "feed.csv", tmp_path / "home"
    feed.write_text(GOOD)
    home.write_text("not a folder")
    refused(etalage("index", feed, "--json", home=home), "engine_unavailable", str(home), "--home")
    refused(etalage("search", "x", "--json", home=home), "engine_unavailable", str(home), "--home")
    wrong = {one["part"] for one in etalage("doctor", "--json", home=home).document["checks"] if not one["ok"]}
    assert {"home", "engine", "index"} <= wrong


# wrong usage
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--max-bad", "many"), ("--max-bad", "many", "5%")),
        (("--map", "title"), ("FIELD=COLUMN", "title=product_name")),
        (("--map", "titel=name"), ("unknown field: titel", "Did you mean title")),
        (("--index", "Not Valid"), ("--index", "Not Valid", "lower-case")),
    ],
)
def test_wrong_options_end_with_2(etalage: Run, words: tuple[str, ...], told: tuple[str, ...], tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text(GOOD)
    refused(etalage("index", feed, *words, "--json", home=tmp_path / "home"), "config_error", *told, code=2)


def test_a_wrong_environment_variable_ends_with_2(etalage: Run, tmp_path: Path) -> None:
    result = etalage("search", "x", "--json", home=tmp_path, ETALAGE_THREADS="0")
    refused(result, "config_error", "ETALAGE_THREADS", "0", code=2)


def test_an_unknown_column_is_answered_with_near_ones(etalage: Run, tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text(GOOD)
    result = etalage("index", feed, "--map", "title=nam", "--json", home=tmp_path / "home")
    refused(result, "catalog_error", "unknown column: nam", "The feed has name")


@pytest.mark.parametrize(
    "words", [("nonsense",), ("search",), ("search", "x", "--size", "-1"), ("search", "x", "--wrong")]
)
def test_what_the_parser_refuses_ends_with_2(etalage: Run, words: tuple[str, ...]) -> None:
    result = etalage(*words)
    assert result.code == 2 and result.stdout == b""
    assert "Usage:" in result.stderr and "Traceback" not in result.stderr


def test_without_json_an_error_is_one_line_on_stderr(etalage: Run, tmp_path: Path) -> None:
    result = etalage("index", tmp_path / "none.csv", home=tmp_path / "home")
    assert result.code == 1 and result.stdout == b""
    assert result.stderr.strip().splitlines()[-1].startswith("etalage: the feed cannot be read (No such file")


# events
def test_events_import(etalage: Run, shop: Path, tmp_path: Path) -> None:
    good = {"query_id": "q1", "user_query": "red shoe", "timestamp": "2024-05-01T10:00:00Z", "client_id": "c1"}
    file = tmp_path / "events.jsonl"
    file.write_bytes(orjson.dumps(good) + b"\nnot json\n")
    refused(etalage("events", "import", file, "--json", home=shop), "catalog_error", "1 of 2", "line 2: is not JSON")
    result = etalage("events", "import", file, "--max-bad", "1", "--json", home=shop)
    assert result.code == 0, result.stderr
    assert {name: result.document[name] for name in ("read", "added", "duplicates", "quarantined")} == {
        "read": 2, "added": 1, "duplicates": 0, "quarantined": 1
    }  # fmt: skip
    again = etalage("events", "import", file, "--max-bad", "1", "--json", home=shop).document
    assert (again["added"], again["duplicates"]) == (0, 1)


def test_a_plain_log_and_what_is_forgotten_of_it(etalage: Run, shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "queries.txt"
    file.write_text("zigzag shoe\t9\n")
    refused(etalage("events", "import", file, "--json", home=shop), "catalog_error", "don't say who", "--trusted")
    assert etalage("events", "import", file, "--trusted", "--json", home=shop).document["added"] == 1
    assert [one["text"] for one in etalage("suggest", "zig", "--json", home=shop).document["completions"]] == [
        "zigzag shoe"
    ]
    refused(etalage("events", "forget", "--json", home=shop), "config_error", "not clear", "--client", code=2)
    gone = etalage("events", "forget", "--query", "Zigzag SHOE", "--json", home=shop).document
    assert (gone["queries"], gone["events"], gone["listed"]) == (0, 0, 1)
    assert etalage("suggest", "zig", "--json", home=shop).document["completions"] == []

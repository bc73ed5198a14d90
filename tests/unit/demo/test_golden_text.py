"""What is written for the plugin's tests: every kind of text, and what it becomes here."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from etalage.core import text
from etalage.core.encoders.hashing import HashingEncoder
from etalage.demo import golden_text
from ranker.query import MAX_TERMS


def test_a_text_is_described_as_it_is_read() -> None:
    assert golden_text.described(" MX-500  shoes\n") == {
        "text": " MX-500  shoes\n",
        "normalized": "MX-500 shoes",
        "compact": "mx500shoes",
        "tokens": [
            ["mx", "mx", text.NONE, text.token_id("mx"), text.token_id("mx")],
            ["500", "500", text.NUMBER, text.token_id("500"), text.token_id("500")],
            ["shoes", "shoe", text.NONE, text.token_id("shoes"), text.token_id("shoe")],
        ],
        "query": {
            "text": "MX-500 shoes",
            "stems": [text.token_id(stem) for stem in ("mx", "500", "shoe")],
            "surfaces": [text.token_id(surface) for surface in ("mx", "500", "shoes")],
            "kinds": [text.NONE, text.NUMBER, text.NONE],
            "models": [text.token_id(model) for model in ("mx500", "mx500shoes", "500", "500shoes")],
            "number": "mx500shoes",
        },
    }


def test_a_query_is_cut_and_one_too_long_is_refused() -> None:
    assert len(golden_text.described("a1 " * 40)["query"]["stems"]) == MAX_TERMS
    assert golden_text.described("é" * 1001)["query"] is None


def test_queries_have_vectors() -> None:
    asked, other = golden_text.lines(["red shoe"], ["red shoe"], HashingEncoder())
    assert asked["vector"] == asked["hashing"] == HashingEncoder().encode_query("red shoe").tolist()
    assert "vector" not in other and "hashing" not in other
    assert "vector" not in next(golden_text.lines(["red shoe"], [], None))


def test_the_file_holds_the_shops_and_odd_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden_text, "ENCODED", 3)
    golden_text.main([str(tmp_path / "golden.jsonl"), "--models", str(tmp_path / "none")])
    head, *lines = [json.loads(line) for line in (tmp_path / "golden.jsonl").read_text("ascii").splitlines()]
    assert head == {"encoder": None, "fingerprint": None, "runtime": version("onnxruntime")}
    assert len(lines) > 1200 and set(golden_text.ODD) <= {line["text"] for line in lines}
    assert 3 <= sum("hashing" in line for line in lines) <= 5
    assert {kind for line in lines for _, _, kind, _, _ in line["tokens"]} == {text.NONE, text.NUMBER, text.MODEL}
    assert {line["query"] is None for line in lines} == {True, False}

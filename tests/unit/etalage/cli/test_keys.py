"""`etalage keys new`: what it prints and writes."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from etalage.cli import main
from etalage.http import keys


def run(monkeypatch: pytest.MonkeyPatch, capfdbinary: Any, *words: object) -> tuple[int, bytes, str]:
    """The exit code of the command in this process, and what it printed."""
    monkeypatch.setattr(sys, "argv", ["etalage", "keys", "new", *map(str, words)])
    capfdbinary.readouterr()
    code: Any = 0
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    told = capfdbinary.readouterr()
    return code, told.out, told.err.decode()


def test_a_key_is_printed_once_and_its_entry_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: Any
) -> None:
    path = tmp_path / "keys.json"
    words = (
        "--name",
        "shop",
        "--scope",
        "search",
        "--scope",
        "suggest",
        "--index",
        "shoes",
        "--rate",
        5,
        "--file",
        path,
    )
    code, out, err = run(monkeypatch, capfdbinary, *words)
    key, shown = out.decode().splitlines()
    assert code == 0 and "added to" in err and key not in err and key not in path.read_text()
    assert orjson.loads(shown) == orjson.loads(path.read_bytes())[0] == {
        "name": "shop", "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": ["search", "suggest"],
        "indexes": ["shoes"], "rate": 5.0,
    }  # fmt: skip
    assert keys.Keys(keys.read(path)).find(key.encode()) is not None
    code, out, err = run(monkeypatch, capfdbinary, *words)
    assert code == 2 and out == b"" and "a key of that name" in err


def test_as_json(monkeypatch: pytest.MonkeyPatch, capfdbinary: Any) -> None:
    code, out, _ = run(monkeypatch, capfdbinary, "--name", "a", "--scope", "events", "--burst", 3, "--json")
    document = orjson.loads(out)
    assert code == 0 and document["entry"]["scopes"] == ["events"] and document["entry"]["burst"] == 3
    assert document["entry"]["sha256"] == hashlib.sha256(document["key"].encode()).hexdigest()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--scope", "search"), "--name"), (("--name", "a"), "--scope"), (("--name", "a", "--scope", "all"), "--scope"),
        (("--name", "a/b", "--scope", "search"), "--name is not valid"),
        (("--name", "a", "--scope", "search", "--rate", "-1"), "--rate is not valid"),
        (("--name", "a", "--scope", "search", "--index", "a*"), "--index is not valid"),
    ],
)  # fmt: skip
def test_wrong_options(words: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch, capfdbinary: Any) -> None:
    code, out, err = run(monkeypatch, capfdbinary, *words)
    assert code == 2 and out == b"" and told in err

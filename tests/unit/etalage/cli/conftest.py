"""The command line, run as people run it: a process, or the same entry in this one."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from etalage.cli import main

GOOD = (
    "sku,name,price,brand,category,stock,popularity\n"
    "a,red shoe,10.50,Acme,Goods > Shoes,3,1\n"
    "b,blue lamp,20.00,Bolt,Goods > Lamps,0,5\n"
    "c,red chair,5.25,Acme,Goods > Chairs,,3\n"
)


@dataclass(frozen=True)
class Result:
    """What a command printed and how it ended."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on stdout; fails when there is not exactly one."""
        found = orjson.loads(self.stdout)
        assert isinstance(found, dict) and self.stdout.count(b"\n") == 1 and self.stdout.endswith(b"\n")
        return found


Run = Callable[..., Result]


def environment_of(given: dict[str, str]) -> dict[str, str]:
    """This process's environment without its own settings, with the hashing encoder and what is given."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("ETALAGE_")}
    return variables | {"ETALAGE_TEXT_MODEL": "hashing"} | given


def words_of(words: tuple[object, ...], home: Path | None) -> list[str]:
    return [str(word) for word in words] + (["--home", str(home)] if home else [])


def process(*words: object, home: Path | None = None, **environment: str) -> Result:
    """Run `python -m etalage` as people do."""
    done = subprocess.run(
        [sys.executable, "-m", "etalage", *words_of(words, home)],
        env=environment_of(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    return Result(done.returncode, done.stdout, done.stderr.decode())


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with `good.csv` and the `home` that the command indexed it in, to be copied by who uses it; what the command told."""
    folder = tmp_path_factory.mktemp("indexed")
    (folder / "good.csv").write_text(GOOD)
    result = process("index", folder / "good.csv", "--json", home=folder / "home")
    assert result.code == 0, result.stderr
    return folder, result.document


@pytest.fixture
def etalage(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Runs the same entry in this process, which spares a start of Python for each of many wrong inputs."""

    def run(*words: object, home: Path | None = None, **environment: str) -> Result:
        variables = environment_of(environment)
        for name in [name for name in os.environ if name not in variables]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        for name in ("opensearch", "kombu.connection", "httpx"):  # `main` quiets them; other tests may listen
            monkeypatch.setattr(logging.getLogger(name), "level", logging.getLogger(name).level)
        monkeypatch.setattr(sys, "argv", ["etalage", *words_of(words, home)])
        capfdbinary.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        told = capfdbinary.readouterr()
        return Result(code, told.out, told.err.decode())

    return run


def refused(result: Result, kind: str, *told: str, code: int = 1) -> None:
    """The command failed with an error of `kind` that says `told`, on stdout as JSON and on stderr as a sentence."""
    assert result.code == code, result.stderr
    error = result.document["error"]
    assert error["type"] == kind
    assert error["remedy"], "every error says what to do"
    whole = f"{error['reason']}. {error['remedy']}"
    assert f"etalage: {whole}" in result.stderr
    assert "Traceback" not in result.stderr
    for words in told:
        assert words in whole

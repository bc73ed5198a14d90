"""Key files, keys, and token buckets on a clock that the tests move."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from etalage.core.errors import ConfigError
from etalage.http import keys
from etalage.http.keys import Bucket, Key, Keys, Scope

DIGEST = hashlib.sha256(b"secret").hexdigest()


def entry(**more: Any) -> dict[str, Any]:
    return {"name": "web", "sha256": DIGEST, "scopes": ["search"]} | more


def write(folder: Path, document: Any) -> Path:
    path = folder / "keys.json"
    path.write_bytes(document if isinstance(document, bytes) else orjson.dumps(document))
    return path


def test_a_file_of_keys(tmp_path: Path) -> None:
    given = [
        entry(),
        entry(name="log.1", sha256="0" * 64, scopes=["events", "suggest"], indexes=["shoes", "hats"], rate=5, burst=9),
    ]
    web, log = keys.read(write(tmp_path, given))
    assert (web.scopes, web.indexes, web.rate, web.burst) == ((Scope.SEARCH,), ("*",), None, None)
    assert (log.scopes, log.indexes) == ((Scope.EVENTS, Scope.SUGGEST), ("shoes", "hats"))
    assert (log.rate, log.burst) == (5.0, 9)
    assert web.covers("anything") and log.covers("hats") and not log.covers("hat") and not log.covers("*")


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"{", "not JSON"),
        (b"", "not JSON"),
        ({}, "valid list"),
        ([], "holds no key"),
        (["web"], "0"),
        ([{"name": "web"}], "0.sha256: Field required"),
        ([entry(), entry(name="b", sha256="00")], "1.sha256"),
        ([entry(sha256=DIGEST.upper())], "0.sha256"),
        ([entry(name="")], "0.name"),
        ([entry(name="a b")], "0.name"),
        ([entry(name="web\n")], "0.name"),
        ([entry(name="x" * 65)], "0.name"),
        ([entry(name=5)], "0.name"),
        ([entry(scopes=[])], "0.scopes"),
        ([entry(scopes=["admin"])], "0.scopes.0"),
        ([entry(scopes="search")], "0.scopes"),
        ([entry(indexes=[])], "0.indexes"),
        ([entry(indexes=["shoes-*"])], "0.indexes.0"),
        ([entry(indexes=["a,b"])], "0.indexes.0"),
        ([entry(rate=0)], "0.rate"),
        ([entry(rate="5")], "0.rate"),
        ([entry(rate=True)], "0.rate"),
        ([entry(burst=0)], "0.burst"),
        ([entry(burst=1.5)], "0.burst"),
        ([entry(key="secret")], "0.key"),
        ([entry(), entry(sha256="0" * 64)], "two entries of the key file have one name"),
        ([entry(), entry(name="b")], "two entries of the key file have one sha256"),
    ],
)
def test_a_broken_file_is_refused_with_what_is_wrong(tmp_path: Path, document: Any, told: str) -> None:
    path = write(tmp_path, document)
    with pytest.raises(ConfigError) as caught:
        keys.read(path)
    assert told in caught.value.reason and str(path) in str(caught.value.value) and caught.value.remedy
    assert DIGEST not in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(ConfigError, match="the key file cannot be read .*ETALAGE_KEYS"):
            keys.read(path)


def test_a_key_is_found_by_what_a_client_sends() -> None:
    ring = Keys([Key(**entry())])
    found = ring.find(b"secret")
    assert found is not None and found.name == "web"
    for wrong in (b"", b"secre", b"secret ", b"Secret", DIGEST.encode(), b"\xff"):
        assert ring.find(wrong) is None


def test_a_bucket_by_hand() -> None:
    now = 0.0
    bucket = Bucket(2.0, 3, clock=lambda: now)
    assert [bucket.take() for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    now = 0.25
    assert bucket.take() == pytest.approx(0.25)
    now = 0.5
    assert bucket.take() == 0.0 and bucket.take() == pytest.approx(0.5)
    now = 100.0  # never fuller than its size
    assert [bucket.take() for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_a_bucket_in_debt() -> None:
    now = 0.0
    bucket = Bucket(2.0, 3, clock=lambda: now)
    assert bucket.take() == 0.0
    bucket.spend(9)
    assert bucket.take() == pytest.approx(4.0)
    now = 4.0
    assert bucket.take() == 0.0 and bucket.take() == pytest.approx(0.5)


def test_each_key_has_its_own_bucket_and_a_burst_of_its_rate_rounded_up() -> None:
    now = 0.0
    fast, slow, free = (Key(**entry(name=name, sha256=name * 64, **rate)) for name, rate in (
        ("a", {"rate": 1.5}), ("b", {"rate": 0.1}), ("c", {})
    ))  # fmt: skip
    ring = Keys([fast, slow, free], clock=lambda: now)
    assert [bool(ring.take(fast)) for _ in range(3)] == [False, False, True]
    assert ring.take(slow) == 0.0 and ring.take(slow) == pytest.approx(10.0)
    assert not any(ring.take(free) for _ in range(1000))


def test_a_new_key_opens_what_its_entry_says(tmp_path: Path) -> None:
    key, made = keys.new("shop", ["search", "suggest"], ["shoes"], rate=2.5, burst=4)
    assert key.startswith("etl_") and len(key) > 40 and key not in str(keys.entry(made))
    path = tmp_path / "keys.json"
    keys.append(path, made)
    other, second = keys.new("log", ["events"])
    keys.append(path, second)
    assert keys.read(path) == [made, second] and key != other
    found = Keys(keys.read(path)).find(key.encode())
    assert found == made
    assert keys.entry(second) == {
        "name": "log", "sha256": hashlib.sha256(other.encode()).hexdigest(), "scopes": ["events"], "indexes": ["*"]
    }  # fmt: skip
    assert [one.name for one in tmp_path.iterdir()] == ["keys.json"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"name": "a b"}, "--name"), ({"scopes": []}, "--scope "), ({"scopes": ["x"]}, "--scope "), ({"rate": 0}, "--rate"),
        ({"rate": float("nan")}, "--rate"), ({"burst": 0}, "--burst"), ({"indexes": ["a*"]}, "--index "),
    ],
)  # fmt: skip
def test_wrong_arguments_of_a_new_key(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        keys.new(**{"name": "web", "scopes": ["search"]} | arguments)
    assert caught.value.reason.startswith(told)


def test_a_key_is_not_added_to_a_broken_file_nor_under_a_name_that_is_taken(tmp_path: Path) -> None:
    _, made = keys.new("web", ["search"])
    with pytest.raises(ConfigError, match="not JSON"):
        keys.append(write(tmp_path, b"{"), made)
    path = write(tmp_path, [])
    keys.append(path, made)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="a key of that name: web"):
        keys.append(path, keys.new("web", ["events"])[1])
    assert path.read_bytes() == before
    with pytest.raises(ConfigError, match="cannot be written"):
        keys.append(tmp_path / "no" / "keys.json", made)


def test_entries_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Key(**entry()).name = "other"  # type: ignore[misc]

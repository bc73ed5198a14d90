"""The file of signals: what comes back, what is refused, and which changes are too small."""

from __future__ import annotations

from pathlib import Path

import pytest

from etalage.core.errors import EngineError
from ranker.behaviour import kept
from ranker.behaviour.kept import Kept
from ranker.behaviour.signals import Numbers


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "products"
    assert kept.read(path) == Kept()
    kept.write(path, Kept({"a": (1.0, 0.5, None)}, ({"b": (2.0, None, None)},)))
    found = kept.read(path)
    assert (found.numbers, list(found.before)) == ({"a": (1.0, 0.5, None)}, [{"b": (2.0, None, None)}])
    kept.write(path, Kept({"a": (1.0, 0.25, None)}))
    assert kept.read(path).digest not in ("", found.digest)
    assert [one.name for one in path.parent.iterdir()] == ["products"]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[:-2],
        lambda content: b"",
        lambda content: content.replace(b"SIGNALS 1", b"SIGNALS 2"),
        lambda content: content.replace(b"1.0", b"2.0"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, change: object) -> None:
    path = tmp_path / "products"
    kept.write(path, Kept({"a": (1.0, 0.5, None)}))
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(EngineError, match="file of signals") as caught:
        kept.read(path)
    assert "etalage signals refresh" in caught.value.remedy


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cannot be read"):
        kept.read(tmp_path)


def test_small_changes_are_none() -> None:
    old = Kept({"a": (100.0, 0.2, None), "b": (0.0, None, None), "gone": (1.0, None, None)})
    now = kept.settled(old, {"a": Numbers(95.0, 0.211, 0.1), "b": Numbers(0.001), "new": Numbers(1.0)})
    assert now.numbers == {"a": (100.0, 0.211, 0.1), "b": (0.001, None, None), "new": (1.0, None, None)}
    # What was replaced is remembered: all of it, until every product has its numbers.
    assert list(now.before) == [old.numbers]
    assert list(now.ever("a")) == [(100.0, 0.211, 0.1), (100.0, 0.2, None)] and list(now.ever("none")) == []
    for _ in range(5):
        now = kept.settled(now, {"a": Numbers(now.numbers["a"][0] or 0.0, 0.2)})
    assert len(now.before) == 2 and kept.settled(now, {}).before[0] == now.numbers
    for number in range(9):
        now = kept.settled(now, {"a": Numbers(float(2**number))})
    assert len(now.before) == 11 and len(now.short().before) == kept.BEFORE and now.short().before[0] == now.before[0]

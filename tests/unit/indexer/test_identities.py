"""Ids are told apart exactly, by the line that had each first, in little memory."""

from __future__ import annotations

import subprocess
import sys
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import identities
from indexer.identities import Identities

MOST = 40
"""Bytes that an id may take."""

MEASURED = """
import resource
from pathlib import Path
from indexer.identities import Identities

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

seen = Identities()
before = resident()
for line in range({count}):
    seen.first(f"product-{{line}}", line)
print((resident() - before) / len(seen))
"""


def test_a_new_id_is_first_on_its_own_line() -> None:
    seen = Identities()
    assert [seen.first(id, line) for line, id in enumerate(["a", "b", "a", "", "b", "c"], 1)] == [1, 2, 1, 4, 2, 6]
    assert len(seen) == 4


def test_a_line_may_be_far_down() -> None:
    seen = Identities()
    assert seen.first("a", 2**48 - 1) == 2**48 - 1 == seen.first("a", 7)


def test_halves_of_surrogate_pairs_are_ids_too() -> None:
    seen = Identities()
    assert [seen.first(id, line) for line, id in enumerate(["\ud800", "\ud801", "\ud800", "?"])] == [0, 1, 0, 3]


@given(st.lists(st.text(max_size=4) | st.integers(0, 50).map(str), max_size=300))
def test_it_tells_what_a_dictionary_tells(ids: list[str]) -> None:
    seen, expected = Identities(), dict[str, int]()
    for line, id in enumerate(ids, 1):
        assert seen.first(id, line) == expected.setdefault(id, line)
    assert len(seen) == len(expected)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**48 - 1)), max_size=60))
def test_keys_that_look_like_each_others_ends_are_told_apart(rows: list[tuple[int, int]]) -> None:
    """Keys and lines of few different bytes, so that a key is often found where none begins."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identities, "blake2b", Alike)
        seen, expected = Identities(), dict[bytes, int]()
        for id, line in rows:
            line %= 4
            key = Alike(str(id).encode(), digest_size=17).digest()
            assert seen.first(str(id), line) == expected.setdefault(key, line)
        assert len(seen) == len(expected)


class Alike:
    """A hash of zeros and one other byte."""

    def __init__(self, data: bytes, *, digest_size: int) -> None:
        self._digest = bytes(digest_size - 5) + bytes([int(data)]) + bytes(4)

    def digest(self) -> bytes:
        return self._digest


def test_many_ids_share_an_array() -> None:
    """All ids whose hash ends alike: they share a few arrays."""
    ids = [str(n) for n in range(2**18) if blake2b(str(n).encode(), digest_size=17).digest()[-1] == 0]
    seen = Identities()
    assert [seen.first(id, line) for line, id in enumerate(ids)] == list(range(len(ids)))
    assert [seen.first(id, 0) for id in ids] == list(range(len(ids)))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_an_id_takes_little_memory() -> None:
    told = subprocess.run(
        [sys.executable, "-c", MEASURED.format(count=1_000_000)], capture_output=True, text=True, check=True
    )
    assert float(told.stdout) <= MOST, told.stdout

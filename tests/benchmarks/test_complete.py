"""Completing a prefix in the process, beside a trie and a sorted array that hold the same candidates."""

from __future__ import annotations

import csv
import gzip
import os
import random
import shutil
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from heapq import nsmallest
from pathlib import Path
from typing import Any, Final

import marisa_trie
import numpy as np
import pytest

from autocomplete import rank, shelf
from autocomplete.complete import Completer
from autocomplete.context import Context
from autocomplete.index import Columns
from autocomplete.shelf import Shelf
from autocomplete.typed import key

from .conftest import DATA, interleaved, note, p50, p99

PER_ROUND: Final = 4000
MANY: Final = int(os.environ.get("ETALAGE_CANDIDATES", "1000000"))
_EXACT: Final = (50.0, 150.0)
_TYPOS: Final = 1500.0
_LARGE: Final = 400.0
_WORDS: Final = 200_000
_SYLLABLES: Final = [
    first + vowel for first in "bcdfghjklmnprstvwz" for vowel in ("a", "e", "i", "o", "u", "ar", "en", "il", "or")
]


def texts() -> list[str]:
    """Queries of Taobao and Home Depot where their data lies beside the project, else phrases of pseudo-words."""
    chinese, english = DATA / "zh" / "taobao_queries.tsv.gz", DATA / "homedepot" / "judgments.csv.gz"
    if not (chinese.exists() and english.exists()):
        return list(phrases(112_800))
    with gzip.open(chinese, "rt", encoding="utf-8") as lines:
        found = [line.rstrip("\n").split("\t")[-1] for line in lines]
    with gzip.open(english, "rt", encoding="utf-8") as rows:
        found += [row["search_term"] for row in csv.DictReader(rows)]
    by_key = {key(text): text for text in found if 0 < len(key(text).encode()) <= 240}
    return list(by_key.values())


def phrases(count: int) -> Iterator[str]:
    """Distinct phrases of two to four different pseudo-words, whose frequencies follow Zipf's law."""
    generator = np.random.default_rng(1)
    words = list(
        {"".join(_SYLLABLES[at] for at in row) for row in generator.integers(0, len(_SYLLABLES), (_WORDS * 2, 3))}
    )
    words = sorted(words)[:_WORDS]
    generator.shuffle(words)
    share = 1.0 / np.arange(1, len(words) + 1)
    seen: set[str] = set()
    while len(seen) < count:
        sizes = generator.integers(2, 5, 100_000)
        drawn, at = generator.choice(len(words), int(sizes.sum()), p=share / share.sum()).tolist(), 0
        for size in sizes.tolist():
            chosen = dict.fromkeys(drawn[at : at + size])
            at += size
            text = " ".join([words[one] for one in chosen])
            if len(chosen) == size and text not in seen and len(seen) < count:
                seen.add(text)
                yield text


def weights(count: int) -> list[float]:
    """Made-up popularity, Pareto distributed: no log of these queries with frequencies is to be had."""
    generator = random.Random(5)
    return [generator.paretovariate(1.1) for _ in range(count)]


def prefixes(keys: Sequence[str], change: Callable[[str, random.Random], str] | None = None) -> Iterator[str]:
    """The beginnings of random candidates, of one letter and more, each once; `change` makes a typing error."""
    generator, seen = random.Random(3), set[str]()
    while True:
        text = generator.choice(keys)
        prefix = text[: generator.randint(1, len(text))]
        if change is not None:
            prefix = change(prefix, generator)
        if prefix and prefix not in seen:
            seen.add(prefix)
            yield prefix


def mistyped(prefix: str, generator: random.Random) -> str:
    """One letter missing, doubled, replaced or changed with the next, behind the first; empty for what is too short or not Latin."""
    if len(prefix) < 4 or not prefix.isascii():
        return ""
    at = generator.randrange(1, len(prefix) - 1)
    letter = generator.choice("abcdefghijklmnopqrstuvwxyz")
    return generator.choice([
        prefix[:at] + prefix[at + 1 :],
        prefix[:at] + prefix[at] + prefix[at:],
        prefix[:at] + letter + prefix[at + 1 :],
        prefix[:at] + prefix[at + 1] + prefix[at] + prefix[at + 2 :],
    ])  # fmt: skip


class Trie:
    """marisa-trie: all keys of a prefix, then the best ten of them."""

    def __init__(self, keys: Sequence[str], scores: Sequence[float]) -> None:
        self._trie = marisa_trie.Trie(keys)
        self._scores = np.empty(len(keys))
        for text, score in zip(keys, scores, strict=True):
            self._scores[self._trie[text]] = score

    def complete(self, prefix: str) -> list[str]:
        found = self._trie.keys(prefix)
        return nsmallest(10, found, key=lambda text: -self._scores[self._trie[text]])


class Sorted:
    """A sorted array: the range of a prefix, then the best ten of it by partition."""

    def __init__(self, keys: Sequence[str], scores: Sequence[float]) -> None:
        order = sorted(range(len(keys)), key=keys.__getitem__)
        self._keys = [keys[at] for at in order]
        self._scores = np.array([scores[at] for at in order])

    def complete(self, prefix: str) -> list[str]:
        low = bisect_left(self._keys, prefix)
        high = bisect_left(self._keys, prefix + "\U0010ffff", low)
        scores = self._scores[low:high]
        best = np.argpartition(-scores, 10)[:10] if len(scores) > 10 else np.arange(len(scores))
        return [self._keys[low + at] for at in best[np.argsort(-scores[best], kind="stable")].tolist()]


@pytest.fixture(scope="module")
def candidates() -> tuple[list[str], list[float]]:
    found = [key(text) for text in texts()]
    return found, weights(len(found))


@pytest.fixture(scope="module")
def completer(tmp_path_factory: pytest.TempPathFactory, candidates: tuple[list[str], list[float]]) -> Completer:
    folder = tmp_path_factory.mktemp("completions")
    shelf.write(folder, Columns(candidates[0], np.array(candidates[1], np.float32)), {})
    made = Completer.open(folder)
    for prefix in ("a", "a b", "zzqqy"):
        made.complete(prefix)
    return made


@pytest.mark.parametrize("peer", [Trie, Sorted])
def test_exact_prefixes(
    benchmark: Any, completer: Completer, candidates: tuple[list[str], list[float]], peer: type[Trie | Sorted]
) -> None:
    """Ours also finds words inside, in any order."""
    other, typed = peer(*candidates), prefixes(candidates[0])
    ours, theirs = interleaved(
        benchmark, [completer.complete, other.complete], [lambda: next(typed), lambda: next(typed)], PER_ROUND
    )
    name = peer.__name__.lower()
    note(f"complete_beside_{name}", p50(ours) * 1000, p50(theirs) * 1000, "us")
    note(f"complete_beside_{name}_p99", p99(ours) * 1000, p99(theirs) * 1000, "us")
    if peer is Trie:
        note("complete_exact", p50(ours) * 1000, _EXACT[0], "us")
        note("complete_exact_p99", p99(ours) * 1000, _EXACT[1], "us")


def test_typing_errors(benchmark: Any, completer: Completer, candidates: tuple[list[str], list[float]]) -> None:
    typed, plain = prefixes(candidates[0], mistyped), prefixes(candidates[0])
    ours, _ = interleaved(
        benchmark, [completer.complete, completer.complete], [lambda: next(typed), lambda: next(plain)], PER_ROUND // 4
    )
    note("complete_typos_p99", p99(ours) * 1000, _TYPOS, "us")


def test_after_another_query(benchmark: Any, tmp_path: Path, candidates: tuple[list[str], list[float]]) -> None:
    """The same prefixes after three queries of the visit, with the packaged model, and without: what the context costs. Each candidate leads to
    one of 100 made-up categories."""
    keys, scores = candidates
    paths = [f"Department {len(text) % 10} > Category {len(text.encode()) % 10}" for text in keys]
    shelf.write(tmp_path, Columns(keys, np.array(scores, np.float32), categories=paths), {})
    completer, generator = Completer.open(tmp_path, rank.load(tmp_path / "none")), random.Random(6)

    def follow(prefix: str) -> object:
        return completer.complete(prefix, context=Context(tuple(visit)))

    visit = [generator.choice(keys) for _ in range(3)]
    typed = prefixes(keys)
    ours, plain = interleaved(
        benchmark, [follow, completer.complete], [lambda: next(typed), lambda: next(typed)], PER_ROUND // 2
    )
    note("complete_after", p50(ours) * 1000, p50(plain) * 1000, "us")
    note("complete_after_p99", p99(ours) * 1000, p99(plain) * 1000, "us")


def test_many(benchmark: Any, tmp_path: Path) -> None:
    """`ETALAGE_CANDIDATES` generated ones (1,000,000): built, opened, asked."""
    found = list(phrases(MANY))
    scores = np.random.default_rng(2).pareto(1.1, MANY).astype(np.float32) + 1
    started = time.perf_counter()
    shelf.write(tmp_path, Columns(found, scores), {})
    built = time.perf_counter() - started
    size = sum(path.stat().st_size for path in tmp_path.glob("*.etg"))
    started = time.perf_counter()
    Shelf(tmp_path).indexes()
    opened = time.perf_counter() - started
    completer, typed = Completer.open(tmp_path), prefixes(found)
    ours, _ = interleaved(
        benchmark, [completer.complete, completer.complete], [lambda: next(typed), lambda: next(typed)], PER_ROUND
    )
    note("complete_many", p50(ours) * 1000, _EXACT[0], "us")
    note("complete_many_p99", p99(ours) * 1000, _LARGE, "us")
    note("complete_many_bytes", size / MANY, 80.0, "bytes")
    note("complete_many_build", built, 900.0 * MANY / 1e7, "s")
    note("complete_many_open", opened * 1000, 10.0, "ms")
    shutil.rmtree(tmp_path)

"""How good completions are: queries that were typed are typed again, letter by letter, and looked for among ten completions."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from autocomplete import build, keyboard, shelf
from autocomplete.complete import Completer
from autocomplete.context import Context
from autocomplete.index import Index
from autocomplete.kernels.compiled import Real, Whole
from autocomplete.kernels.nearness import EDIT
from autocomplete.querylog import Policy
from autocomplete.rank import Ranking
from autocomplete.replay import Asked, Log
from autocomplete.shop import Shop
from autocomplete.typed import key
from etalage.core.errors import QueryError
from etalage.core.paired import significance

POPULAR, PLAIN, OURS = "most_popular", "no_context", "etalage"
"""Methods that are always measured: the most popular of the beginning, and ours without and with the context."""

DEPTH: Final = 10
"""Completions that are looked at."""

LENGTHS: Final = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20)
"""Lengths of prefixes that are told apart."""

MISTYPED: Final = 4
"""Letters of the shortest prefix that is also typed with an error."""

Method = Callable[[str, Asked], Sequence[str]]
"""What completes: from a prefix, and the query that it is of (its context counts, its text must not), to at most `DEPTH` texts."""


Peers = Callable[[Index], Mapping[str, Method]]
"""Makes further methods that complete from the same candidates."""


def replay(log: Log, shop: Shop, policy: Policy, ranking: Ranking, peers: Peers = lambda _: {}) -> dict[str, Any]:
    """Build completions of the first part of a log and measure how well they foresee the other one.

    Returns:
        `{queries, prefixes, known, parted, completions, methods, in_visit, by_length, typos, significance}`: `known` is the share of the
        queries that are completions, for others every method fails; `methods` and `in_visit` are measures by method (`measure`), of
        all queries and of those that follow another one in the same visit; `by_length` is `mrr@10` by method and letters
        typed; `typos` what `forgiven` tells; `significance` the paired test of `OURS` and `POPULAR`.

    Raises:
        QueryError: no query after the first part has two letters.
    """
    with TemporaryDirectory() as folder:
        build.build(Path(folder), log.queries, log.events, log.listed, shop, policy)
        index = shelf.Shelf(Path(folder)).indexes()[0]
        completer = Completer.open(Path(folder), ranking)
        asked = [one for one in log.after if len(key(one.text)) > 1]
        if not asked:
            raise QueryError("there are no queries to measure with", value=0, remedy="Give a log of more days.")
        methods: dict[str, Method] = {
            POPULAR: most_popular(log.before, index),
            PLAIN: lambda typed, _: _texts(completer, typed, Context()),
            OURS: lambda typed, one: _texts(completer, typed, one.context),
            **peers(index),
        }
        ranks = {name: ranks_of(method, asked, index) for name, method in methods.items()}
        counts = np.array([one.count for one in asked], np.float64)
        known = np.array([index.number(key(one.text)) >= 0 for one in asked])
        visit = counts * np.array([bool(one.context.queries) for one in asked])
        return {
            "queries": len(asked),
            "prefixes": sum(len(key(one.text)) - 1 for one in asked),
            "known": round(float(counts @ known / counts.sum()), 4),
            "parted": log.parted,
            "completions": len(index),
            "methods": {name: summary(found, counts) for name, found in ranks.items()},
            "in_visit": {name: summary(found, visit) for name, found in ranks.items()} if visit.any() else {},
            "by_length": {name: by_length(found, counts) for name, found in ranks.items()},
            "typos": forgiven(asked, methods[OURS], index),
            "significance": significance(reciprocal(ranks[OURS]).tolist(), reciprocal(ranks[POPULAR]).tolist()),
        }


def _texts(completer: Completer, typed: str, context: Context) -> list[str]:
    return [one.text for one in completer.complete(typed, DEPTH, context=context)]


def forgiven(asked: Sequence[Asked], method: Method, index: Index, seed: int = 0) -> dict[str, float]:
    """What typing errors cost: the method's mean reciprocal rank for prefixes of at least `MISTYPED` letters as they are and with one
    error after the first letter, and the share that is kept: `{exact, mistyped, kept}`. Queries that are no completions are left out."""
    rng = random.Random(seed)
    sums, total = [0.0, 0.0], 0.0
    for one in asked:
        text = key(one.text)
        pairs = [(text[:size], mistype(text[:size], rng)) for size in range(MISTYPED, len(text))]
        if not pairs or index.number(text) < 0:
            continue
        goal = _target(index, one)
        for side in (0, 1):
            found = [_rank(method(pair[side], one), goal) for pair in pairs]
            sums[side] += one.count * sum(1 / rank for rank in found if rank) / len(pairs)
        total += one.count
    exact, mistyped = (value / total if total else 0.0 for value in sums)
    return {
        "exact": round(exact, 4),
        "mistyped": round(mistyped, 4),
        "kept": round(mistyped / exact, 4) if exact else 0.0,
    }


def mistype(prefix: str, rng: random.Random) -> str:
    """A prefix with one slip of the keys after its first letter: two letters swapped, one left out, doubled, or a neighbouring key."""
    while True:
        at = rng.randrange(1, len(prefix))
        letter, kind = prefix[at], rng.randrange(4)
        beside = [
            chr(code) for code in range(97, 123) if ord(letter) < 128 and 0 < keyboard.COSTS[ord(letter), code] < EDIT
        ]
        if kind == 0 and at + 1 < len(prefix):
            typed = prefix[:at] + prefix[at + 1] + letter + prefix[at + 2 :]
        elif kind == 1 and at + 1 < len(prefix):
            typed = prefix[:at] + prefix[at + 1 :]
        elif kind == 2:
            typed = prefix[: at + 1] + prefix[at:]
        else:
            typed = prefix[:at] + rng.choice(beside or ["x"]) + prefix[at + 1 :]
        if key(typed) != key(prefix):
            return typed


def most_popular(asked: Iterable[Asked], index: Index) -> Method:
    """Completions that start with the prefix by how often they were asked for (Bar-Yossef and Kraus, WWW 2011), of those that are
    in the index."""
    counts = defaultdict[str, float](float)
    for one in asked:
        if index.number(key(one.text)) >= 0:
            counts[_target(index, one)] += one.count
    best = defaultdict[str, list[str]](list)
    for text in sorted(counts, key=lambda text: (-counts[text], text)):
        for size in range(len(text) + 1):
            if len(best[text[:size]]) < DEPTH:
                best[text[:size]].append(text)
    return lambda typed, _: best.get(typed, ())


def _target(index: Index, one: Asked) -> str:
    """The key of the completion that a query leads to, its own where there is none."""
    number = index.number(key(one.text))
    return index.keys(np.array([number], np.int64))[0] if number >= 0 else key(one.text)


def ranks_of(method: Method, asked: Iterable[Asked], index: Index) -> list[Whole]:
    """For each query its rank at every length of what is typed of it, from one letter to all but one; 0 where it is not among the first
    `DEPTH`. A completion counts as the query where it is what the query leads to in the index (perhaps in another spelling)."""
    found = []
    for one in asked:
        text, goal = key(one.text), _target(index, one)
        found.append(np.array([_rank(method(text[:size], one), goal) for size in range(1, len(text))], np.int64))
    return found


def _rank(found: Sequence[str], goal: str) -> int:
    return next((rank for rank, text in enumerate(found[:DEPTH], 1) if text == goal or key(text) == goal), 0)


def reciprocal(ranks: Sequence[Whole]) -> Real:
    """The mean reciprocal rank of each query over its prefixes."""
    return np.array([np.divide(1.0, one, out=np.zeros(len(one)), where=one > 0).mean() for one in ranks])


def summary(ranks: Sequence[Whole], counts: Real) -> dict[str, float]:
    """The measures of a method from the ranks of the queries, by the length of what was typed of each.

    Every query counts alike, however long it is, as often as it was asked. `mrr@10` is the mean reciprocal rank among the ten
    (Bar-Yossef and Kraus, WWW 2011), `success@k` the share of prefixes with the query among the first k, `keystrokes_saved` the
    share of keys that need not be pressed by one who takes the query where that is soonest: letters, arrows down to it and
    Enter (minimum keystrokes, Duan and Hsu, WWW 2011).
    """
    figures = {"mrr@10": reciprocal(ranks)}
    for k in (1, 3, 10):
        figures[f"success@{k}"] = np.array([((one > 0) & (one <= k)).mean() for one in ranks])
    figures["keystrokes_saved"] = np.array([_saved(one) for one in ranks])
    return {name: round(float(counts @ values / counts.sum()), 4) for name, values in figures.items()}


def _saved(ranks: Whole) -> float:
    letters = len(ranks) + 1
    least = min((size + rank for size, rank in enumerate(ranks.tolist(), 1) if rank), default=letters)
    return max(0.0, 1 - (least + 1) / (letters + 1))


def by_length(ranks: Sequence[Whole], counts: Real) -> dict[str, float]:
    """`mrr@10` by the letters typed."""
    found = {}
    for size in LENGTHS:
        some = [
            (1 / one[size - 1] if one[size - 1] else 0.0, count)
            for one, count in zip(ranks, counts, strict=True)
            if len(one) >= size
        ]
        if some:
            found[str(size)] = round(
                float(np.average([value for value, _ in some], weights=[count for _, count in some])), 4
            )
    return found

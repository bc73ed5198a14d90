"""Completions under load while their file is swapped: no error, flat memory, and times as without swaps.

Twenty seconds with a swap every two; `make soak N=minutes` for as long as wanted, with a swap every minute and figures that must hold.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import numpy as np
import orjson
import pytest

from autocomplete import shelf
from autocomplete.index import Columns, columns
from autocomplete.querylog import TYPES, Entry
from etalage.demo.shop import make_shop

from ..load import Load, Seen, get, post
from ..process import Served, serving

pytestmark = pytest.mark.worker

MINUTES: Final = float(os.environ.get("ETALAGE_SOAK", "0"))
SECONDS, EVERY = (MINUTES * 60, 60.0) if MINUTES else (20.0, 2.0)
PEAK, QUIET = (30.0, 120.0) if MINUTES else (3.0, 4.0)
"""Seconds for which the peak is measured, and what it is like without swaps."""
COMPLETIONS: Final = 50_000 if MINUTES else 5_000
CLIENTS, SHARE = 8, 0.7
WORSE: Final = 3.0
"""How much longer the 99th percentile may be than without swaps."""
GROWTH: Final = 1.1
"""How much more memory of its own the server may hold at the end."""


def entries(count: int) -> list[Entry]:
    """Phrases of the sample shop's titles."""
    generator, found = random.Random(5), dict[str, Entry]()
    products = make_shop(7, count // 4).products
    while len(found) < count:
        product = generator.choice(products)
        words = product.title.lower().split()
        size = generator.randint(2, 4)
        at = generator.randrange(max(len(words) - size, 1))
        text, score = " ".join(words[at : at + size]), float(generator.randint(1, 1000))
        sold_out = generator.random() < 0.1
        found[text] = Entry(text, score, generator.choice(TYPES[:4]), " > ".join(product.category), sold_out=sold_out)
    return list(found.values())


def versions(given: list[Entry]) -> list[Columns]:
    """Two states of the completions: nine tenths of them each, and other scores."""
    generator, made = random.Random(6), []
    for _ in range(2):
        kept = [replace(one, score=one.score * generator.uniform(0.5, 2)) for one in given if generator.random() < 0.9]
        made.append(columns(kept))
    return made


def reads(given: list[Entry], count: int = 4000) -> list[str]:
    """What shoppers and frontends ask, mixed: prefixes, some mistyped, some narrowed; by GET, by POST, and as OpenSearch's `suggest`."""
    generator, found = random.Random(7), []
    for number in range(count):
        one = generator.choice(given)
        prefix = one.text[: generator.randint(1, len(one.text))]
        if number % 10 == 0 and len(prefix) > 3:
            at = generator.randrange(1, len(prefix))
            prefix = prefix[:at] + generator.choice("aeiou") + prefix[at + 1 :]
        params: dict[str, str | int] = {"q": prefix, "size": 10}
        if number % 5 == 1:
            params |= {"in_stock": "true", "category": one.category}
        if number % 10 == 2:
            params["type"] = "query,brand"
        if number % 10 == 3:
            body = {"suggest": {"a": {"prefix": prefix, "completion": {"field": "suggest", "size": 10}}}}
            found.append(post("/products/_search", orjson.dumps(body)))
        elif number % 10 == 4:
            found.append(post("/v1/suggest", orjson.dumps({"q": prefix})))
        else:
            found.append(get(f"/v1/suggest?{urlencode(params)}"))
    return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path, list[Columns], list[str]]]:
    """A server over completions, their folder, what they alternate between, and what is asked."""
    home = tmp_path_factory.mktemp("soak")
    folder, given = home / "completions" / "products", entries(COMPLETIONS)
    states = versions(given)
    shelf.write(folder, states[0], {})
    with serving(home) as served:
        yield served, folder, states, reads(given)


def memory(served: Served) -> int:
    """KiB of memory that are the server's own, without files that it maps."""
    lines = Path(f"/proc/{served.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def mapped(served: Served) -> int:
    """Files of completions that the server holds."""
    lines = Path(f"/proc/{served.process.pid}/maps").read_text().splitlines()
    return len({line.split()[5] for line in lines if ".etg" in line})


def p99(seen: Seen) -> float:
    return float(np.quantile(seen.times, 0.99))


def test_swapping_under_load(shop: tuple[Served, Path, list[Columns], list[str]]) -> None:
    served, folder, states, asked = shop
    # Completions are built beside the server, by a process that leaves it the cores.
    with ProcessPoolExecutor(1, get_context("spawn"), os.nice, (19,)) as builder:
        builder.submit(shelf.write, folder, states[0], {}).result()
        warm = Load(served.url, asked, seconds=2, clients=CLIENTS).seen()
        peak = Load(served.url, asked, seconds=PEAK, clients=CLIENTS).seen().rate
        rate = peak * SHARE
        quiet = Load(served.url, asked, seconds=QUIET, clients=CLIENTS, rate=rate).seen()
        before, swapped = memory(served), list[float]()
        load, begun = Load(served.url, asked, seconds=SECONDS, clients=CLIENTS, rate=rate), time.monotonic()
        while (spent := time.monotonic() - begun) < SECONDS:
            if spent >= (len(swapped) + 1) * EVERY:
                builder.submit(shelf.write, folder, states[(len(swapped) + 1) % 2], {}).result()
                swapped.append(time.monotonic() - begun)
            time.sleep(0.05)
        seen, after, held = load.seen(), memory(served), mapped(served)
    told = {
        "seconds": SECONDS, "swaps": len(swapped), "completions": COMPLETIONS, "peak_a_second": round(peak),
        "asked_a_second": round(rate), "answered": len(seen.times), "errors": len(seen.errors),
        "p50_ms": round(float(np.median(seen.times)), 2), "p99_ms": round(p99(seen), 2),
        "p99_in_the_second_after_a_swap_ms": round(after_swaps(seen, swapped), 2), "quiet_p50_ms": round(float(np.median(quiet.times)), 2),
        "quiet_p99_ms": round(p99(quiet), 2), "longest_ms": round(max(seen.times), 1), "memory_before_kib": before,
        "memory_after_kib": after, "files": held,
    }  # fmt: skip
    print(orjson.dumps(told).decode())
    assert not [*warm.errors, *quiet.errors, *seen.errors]
    assert len(swapped) >= SECONDS / EVERY - 2 and len(seen.times) > 0.9 * rate * SECONDS
    assert after < GROWTH * before and held <= 2
    if MINUTES:
        assert p99(seen) <= WORSE * p99(quiet)


def after_swaps(seen: Seen, swapped: list[float]) -> float:
    """The 99th percentile of what was asked in the second after a swap, when the server opens the new file."""
    at, ends = np.array(seen.at), np.array(swapped)
    near = ((at[:, None] >= ends) & (at[:, None] < ends + 1)).any(axis=1)
    return float(np.quantile(np.array(seen.times)[near], 0.99))

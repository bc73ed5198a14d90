"""Train the model for completions that ships with the package, on the visits of generated sample shops
(`python -m etalage.demo.completions`)."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson

from autocomplete import build, rank, shelf, training
from autocomplete.querylog import Policy
from autocomplete.replay import Log, by_time
from autocomplete.shop import Names
from autocomplete.shop import Shop as Asked
from autocomplete.training import Sample
from etalage.core import artifact
from etalage.demo.queries import make_queries
from etalage.demo.shop import Shop, make_shop
from etalage.demo.shoppers import simulate

SIZES: Final = ((400, 4100), (2000, 12_000))
"""Different queries and visits of the shops: that of the tour, and one where more is typed."""

_LATER: Final = 0.4
"""Share of the queries that is learnt from, the last ones; completions are made of the others."""


class Sampled(Asked):
    """What a build asks a sample shop: names and categories."""

    def __init__(self, shop: Shop) -> None:
        self._paths = {one.id: one.category for one in shop.products}
        self._brands = Counter(one.brand for one in shop.products if one.brand)

    def told(self, products: Sequence[str]) -> Mapping[str, tuple[Sequence[str], bool]]:
        return {one: (self._paths[one], True) for one in products if one in self._paths}

    def brands(self) -> Names:
        return self._brands.most_common()

    def paths(self) -> Names:
        return Counter(" > ".join(path) for path in self._paths.values()).most_common()


def log_of(seed: int, queries: int, visits: int, share: float) -> tuple[Log, Sampled]:
    """The log of a sample shop, parted so that `share` of its queries come after, and what the shop knows."""
    shop = make_shop(seed)
    sampled = Sampled(shop)
    documents: list[dict[str, Any]] = list(simulate(shop, make_queries(shop, queries), seed, sessions=visits))
    return by_time(documents, sampled, share), sampled


def samples(seed: int, queries: int, visits: int) -> list[Sample]:
    """What is learnt from one sample shop."""
    log, sampled = log_of(seed, queries, visits, _LATER)
    with TemporaryDirectory() as folder:
        build.build(Path(folder), log.queries, log.events, log.listed, sampled, Policy())
        return training.samples(shelf.Shelf(Path(folder)).indexes()[0], log.after, seed)


def main() -> None:
    """Make shops of several seeds, train one model on all, and write it to the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[101])
    parser.add_argument("--spared", type=int, default=109, help="seed of the shops that the model is measured with")
    parser.add_argument("--to", type=Path, default=rank.STARTER)
    given = parser.parse_args()
    learnt = [one for seed in given.seeds for size in SIZES for one in samples(seed, *size)]
    spared = [one for size in SIZES for one in samples(given.spared, *size)]
    told = f"generated sample shops, seeds {', '.join(map(str, given.seeds))}"
    made, figures = training.train(learnt, spared, told)
    artifact.write(given.to, made.manifest, made.model, made.weights)
    sys.stdout.buffer.write(orjson.dumps(figures, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    main()

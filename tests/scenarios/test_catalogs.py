"""What shoppers type in two real catalogs, with the default encoder and the packaged ranker: `icecat.yaml`, `homedepot.yaml`.

The catalogs are cut for speed: products whose titles have some words, and every so many of the others.
"""

from __future__ import annotations

import csv
import gzip
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from etalage.core.encoders.manifest import TOKENIZER
from etalage.core.errors import EtalageError
from etalage.core.settings import load
from opensearch.embedded import EmbeddedEngine
from workers import parts

from ..conftest import unavailable
from .serving import Served, check, serve

pytestmark = pytest.mark.data

DATA = Path(os.environ.get("ETALAGE_DATA", "../shared/data"))
FEEDS = {"icecat": DATA / "icecat" / "products.jsonl.gz", "homedepot": DATA / "homedepot" / "products.csv.gz"}
OF_A_WORD = 60
"""Products that each word brings."""
OTHERS = 800
"""Products beside them, at equal distances."""

TOLD: Mapping[str, Mapping[str, Any]] = {
    name: yaml.safe_load((Path(__file__).parent / f"{name}.yaml").read_text(encoding="utf-8")) for name in FEEDS
}
CASES = [(name, scenario) for name, told in TOLD.items() for scenario in told["scenarios"]]


def products(name: str) -> list[dict[str, Any]]:
    """The products of a catalog as the index keeps them, with the fields that both feeds have and the price where there is one."""
    with gzip.open(FEEDS[name], "rt", encoding="utf-8") as file:
        if name == "homedepot":
            return [{"id": row["product_uid"], "title": row["product_title"]} for row in csv.DictReader(file)]
        rows = [orjson.loads(line) for line in file]
    return [
        {"id": str(row["id"]), "title": row["title"], "brand": row.get("supplier") or ""}
        | ({"price": int(row["price"])} if row.get("price") else {})
        | ({"attributes": {"colour": [colour]}} if (colour := row.get("attr_t_product_colour")) else {})
        for row in rows
    ]


def cut(every: list[dict[str, Any]], words: list[str]) -> list[dict[str, Any]]:
    """The first products of each word, and some of the others, in the order of the feed."""
    taken: Counter[str] = Counter()
    kept = set(range(0, len(every), len(every) // OTHERS))
    for row, product in enumerate(every):
        for word in words:
            if taken[word] < OF_A_WORD and word in product["title"].lower():
                taken[word] += 1
                kept.add(row)
    return [every[row] for row in sorted(kept)]


@pytest.fixture(scope="module")
def catalogs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Served]]:
    for name, feed in FEEDS.items():
        if not feed.exists():
            unavailable("data", f"no {name} (ETALAGE_DATA)")
    home = tmp_path_factory.mktemp("catalogs")
    settings = load(home=home, opensearch_url="")
    try:
        encoder = parts.encoder_of(settings)
    except EtalageError as error:
        unavailable("data", f"no encoder: {error}")
        raise
    lexicon = settings.models / settings.text_model / TOKENIZER
    engine = EmbeddedEngine(settings)
    yield {
        name: serve(engine, name, home, encoder, cut(products(name), told["words"]), lexicon)
        for name, told in TOLD.items()
    }
    engine.close()


@pytest.mark.parametrize(("name", "scenario"), CASES, ids=[f"{name}-{one['name']}" for name, one in CASES])
def test_catalogs(catalogs: Mapping[str, Served], name: str, scenario: Mapping[str, Any]) -> None:
    check(catalogs[name], scenario)

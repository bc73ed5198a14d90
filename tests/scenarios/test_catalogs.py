"""What shoppers type in two real catalogs, with the default encoder and the packaged ranker: `electronics.yaml` (Icecat) and
`home_improvement.yaml` (Home Depot). They hold nothing of the catalogs but everyday words: an article number is looked up.

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
FEEDS = {
    "electronics": DATA / "icecat" / "products.jsonl.gz",
    "home_improvement": DATA / "homedepot" / "products.csv.gz",
}
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
        if name == "home_improvement":
            return [{"id": row["product_uid"], "title": row["product_title"]} for row in csv.DictReader(file)]
        rows = [orjson.loads(line) for line in file]
    return [
        {"id": str(row["id"]), "title": row["title"], "brand": row.get("supplier") or ""}
        | ({"price": int(row["price"])} if row.get("price") else {})
        | ({"attributes": {"colour": [colour]}} if (colour := row.get("attr_t_product_colour")) else {})
        for row in rows
    ]


def numbered(rows: list[dict[str, Any]]) -> Mapping[str, str]:
    """The first title's word of letters and digits, six or more, that no other title has, and how that title begins."""
    found = Counter(word for row in rows for word in set(row["title"].lower().split()))
    for row in rows:
        maker, *words = row["title"].lower().split()
        for word in words:
            if len(word) >= 6 and word.isalnum() and not word.isalpha() and not word.isdigit() and found[word] == 1:
                return {"number": word, "maker": maker}
    raise AssertionError("no title has an article number")


def asked(scenario: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, Any]:
    """The scenario with the names in their places."""
    return {
        key: value.format_map(names) if isinstance(value, str)
        else [one.format_map(names) if isinstance(one, str) else one for one in value] if isinstance(value, list)
        else value
        for key, value in scenario.items()
    }  # fmt: skip


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
def catalogs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, tuple[Served, Mapping[str, str]]]]:
    for name, feed in FEEDS.items():
        if not feed.exists():
            unavailable("data", f"no {name} (ETALAGE_DATA)")
    home = tmp_path_factory.mktemp("catalogs")
    settings = load(home=home, opensearch_url="")
    try:
        encoder = parts.encoder_of(settings)
    except EtalageError as error:
        unavailable("encoder", str(error))
        raise
    lexicon = settings.models / settings.text_model / TOKENIZER
    engine = EmbeddedEngine(settings)
    shown = {name: cut(products(name), told["words"]) for name, told in TOLD.items()}
    yield {name: (serve(engine, name, home, encoder, rows, lexicon), numbered(rows)) for name, rows in shown.items()}
    engine.close()


@pytest.mark.parametrize(("name", "scenario"), CASES, ids=[f"{name}-{one['name']}" for name, one in CASES])
def test_catalogs(
    catalogs: Mapping[str, tuple[Served, Mapping[str, str]]], name: str, scenario: Mapping[str, Any]
) -> None:
    served, names = catalogs[name]
    check(served, asked(scenario, names))

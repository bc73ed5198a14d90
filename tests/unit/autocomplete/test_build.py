"""Completions built from a log and a catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autocomplete.build import build, seed
from autocomplete.complete import Completer
from autocomplete.querylog import BRAND, CATEGORY, QUERY, Entry, Policy

NOW = datetime(2024, 5, 15, tzinfo=UTC)
Names = Sequence[tuple[str, int]]


def crowd(text: str, shoppers: int = 3) -> list[Mapping[str, Any]]:
    return [
        {"query_id": "q", "user_query": text, "client_id": f"c{number}", "timestamp": "2024-05-15T00:00:00Z"}
        for number in range(shoppers)
    ]


def built(
    folder: Path,
    queries: list[Mapping[str, Any]],
    brands: Names = (),
    categories: Names = (),
    policy: Policy = Policy(),
) -> tuple[dict[str, Any], list[Entry]]:
    summary = build(folder, queries, [], brands, categories, NOW, policy)
    return summary, [Entry(one.text, one.score, one.type) for one in Completer.open(folder).complete("", 100)]


# the catalog's names
def test_names_score_by_their_share_of_products() -> None:
    brands, categories = [("Acme", 4), ("Bolt", 2)], [("Home > Lamps", 10), ("Home", 20)]
    assert seed(brands, categories, 8.0) == [
        Entry("acme", 8.0, BRAND), Entry("home", 8.0, CATEGORY),
        Entry("bolt", 4.0, BRAND), Entry("lamps", 4.0, CATEGORY),
    ]  # fmt: skip


def test_of_equal_names_the_better_stays() -> None:
    assert seed([("Lamps", 1)], [("A > Lamps", 1), ("B > Lamps", 2)], 1.0) == [Entry("lamps", 1.0, CATEGORY)]
    assert seed([("Lamps", 2), ("X1", 1)], [("Lamps", 1), ("Rugs", 9)], 1.0)[:2] == [
        Entry("lamps", 1.0, BRAND), Entry("rugs", 1.0, CATEGORY)
    ]  # fmt: skip


def test_names_of_one_letter_and_no_names() -> None:
    assert seed([("X", 3)], [("Home > Y", 2)], 1.0) == seed([], [], 1.0) == []


# both
def test_a_new_shop_completes_its_names(tmp_path: Path) -> None:
    summary, found = built(tmp_path, [], [("Acme", 2)], [("Home > Lamps", 1)])
    assert summary == {"completions": 2, "from_log": 0, "from_catalog": 2, "dropped": {}}
    assert found == [Entry("acme", 0.5, BRAND), Entry("lamps", 0.5, CATEGORY)]


def test_names_stand_behind_what_is_typed_most(tmp_path: Path) -> None:
    summary, found = built(tmp_path, [*crowd("red shoe", 8), *crowd("rug", 3), *crowd("rare", 1)], [("Acme", 2)])
    assert summary == {"completions": 3, "from_log": 2, "from_catalog": 1, "dropped": {"too few shoppers": 1}}
    assert found == [Entry("red shoe", 8.0), Entry("acme", 4.0, BRAND), Entry("rug", 3.0)]


def test_a_name_that_is_typed_counts_as_typed(tmp_path: Path) -> None:
    summary, found = built(tmp_path, crowd("nestle"), [("Nestlé", 2), ("Acme", 2)])
    assert (summary["from_log"], summary["from_catalog"]) == (1, 1)
    assert [(one.text, one.type) for one in found] == [("nestle", QUERY), ("acme", BRAND)]


def test_names_that_fold_alike_count_once(tmp_path: Path) -> None:
    summary, found = built(tmp_path, [], [("Nestlé", 2), ("Nestle", 1)])
    assert summary["completions"] == summary["from_catalog"] == len(found) == 1
    assert found == [Entry("nestlé", 0.5, BRAND)]


def test_blocked_texts_are_no_names_either(tmp_path: Path) -> None:
    policy = Policy(blocked=frozenset({"knives"}))
    summary, found = built(tmp_path, crowd("spoon"), [("Acme Knives", 3), ("Acme", 1)], [("Home > Knives", 9)], policy)
    assert summary["from_catalog"] == 1
    assert {one.text for one in found} == {"spoon", "acme"}


def test_an_empty_shop_and_one_built_anew(tmp_path: Path) -> None:
    summary, found = built(tmp_path, [])
    assert (summary, found) == ({"completions": 0, "from_log": 0, "from_catalog": 0, "dropped": {}}, [])
    assert [one.text for one in built(tmp_path, crowd("rug"))[1]] == ["rug"]
    assert [one.text for one in built(tmp_path, crowd("mug"))[1]] == ["mug"]

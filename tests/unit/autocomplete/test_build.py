"""Completions built from a log and a catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autocomplete.build import build
from autocomplete.catalog import names as seed
from autocomplete.complete import Completer, Wanted
from autocomplete.querylog import BRAND, CATEGORY, PHRASE, QUERY, Entry, Policy
from autocomplete.shop import Found, Shop

NOW = datetime(2024, 5, 15, tzinfo=UTC)
Names = Sequence[tuple[str, int]]


class Named(Shop):
    """A shop of names alone."""

    def __init__(self, brands: Names, categories: Names) -> None:
        self._names = (brands, categories)

    def brands(self) -> Names:
        return self._names[0]

    def paths(self) -> Names:
        return self._names[1]


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
    policy: Policy = Policy(shoppers=3),
) -> tuple[dict[str, Any], list[Entry]]:
    summary = build(folder, queries, [], [], Named(brands, categories), policy, NOW)
    return summary, [Entry(one.text, round(one.score, 5), one.type) for one in Completer.open(folder).complete("", 100)]


# the catalog's names
def test_names_score_by_their_share_of_products() -> None:
    brands, categories = [("Acme", 4), ("Bolt", 2)], [("Home > Lamps", 10), ("Home", 20)]
    assert seed(brands, categories, 8.0) == [
        Entry("acme", 8.0, BRAND, popularity=1.0), Entry("home", 8.0, CATEGORY, "Home", 1.0),
        Entry("bolt", 4.0, BRAND, popularity=0.5), Entry("lamps", 4.0, CATEGORY, "Home > Lamps", 0.5),
    ]  # fmt: skip


def test_of_equal_names_the_better_stays() -> None:
    def told(brands: Names, categories: Names) -> list[tuple[str, float, str, str]]:
        return [(one.text, one.score, one.type, one.category) for one in seed(brands, categories, 1.0)]

    assert told([("Lamps", 1)], [("A > Lamps", 1), ("B > Lamps", 2)]) == [("lamps", 1.0, CATEGORY, "B > Lamps")]
    assert told([("Lamps", 2), ("X1", 1)], [("Lamps", 1), ("Rugs", 9)])[:2] == [
        ("lamps", 1.0, BRAND, ""), ("rugs", 1.0, CATEGORY, "Rugs")
    ]  # fmt: skip


def test_names_of_one_letter_and_no_names() -> None:
    assert seed([("X", 3)], [("Home > Y", 2)], 1.0) == seed([], [], 1.0) == []


# both
def test_a_new_shop_completes_its_names(tmp_path: Path) -> None:
    summary, found = built(tmp_path, [], [("Acme", 2)], [("Home > Lamps", 1)])
    assert summary == {"completions": 2, "from_log": 0, "from_catalog": 2, "dropped": {}}
    assert found == [Entry("acme", 1 / 32, BRAND), Entry("lamps", 1 / 32, CATEGORY)]


def test_names_stand_behind_what_is_typed_most(tmp_path: Path) -> None:
    summary, found = built(tmp_path, [*crowd("red shoe", 8), *crowd("rug", 3), *crowd("rare", 1)], [("Acme", 2)])
    assert summary == {"completions": 3, "from_log": 2, "from_catalog": 1, "dropped": {"too few shoppers": 1}}
    assert found == [Entry("red shoe", 8.0), Entry("rug", 3.0), Entry("acme", 0.25, BRAND)]


def test_a_name_that_is_typed_counts_as_typed(tmp_path: Path) -> None:
    summary, found = built(tmp_path, crowd("nestle"), [("Nestlé", 2), ("Acme", 2)])
    assert (summary["from_log"], summary["from_catalog"]) == (1, 1)
    assert [(one.text, one.type) for one in found] == [("nestle", QUERY), ("acme", BRAND)]


def test_names_that_fold_alike_count_once(tmp_path: Path) -> None:
    summary, found = built(tmp_path, [], [("Nestlé", 2), ("Nestle", 1)])
    assert summary["completions"] == summary["from_catalog"] == len(found) == 1
    assert found == [Entry("nestlé", 1 / 32, BRAND)]


def test_blocked_texts_are_no_names_either(tmp_path: Path) -> None:
    policy = Policy(shoppers=3, blocked=frozenset({"knives"}))
    summary, found = built(tmp_path, crowd("spoon"), [("Acme Knives", 3), ("Acme", 1)], [("Home > Knives", 9)], policy)
    assert summary["from_catalog"] == 1
    assert {one.text for one in found} == {"spoon", "acme"}


def test_an_empty_shop_and_one_built_anew(tmp_path: Path) -> None:
    summary, found = built(tmp_path, [])
    assert (summary, found) == ({"completions": 0, "from_log": 0, "from_catalog": 0, "dropped": {}}, [])
    assert [one.text for one in built(tmp_path, crowd("rug"))[1]] == ["rug"]
    assert [one.text for one in built(tmp_path, crowd("mug"))[1]] == ["mug"]


# what the shop says
class Stocked(Named):
    """Products with their categories and whether they are in stock, and what queries find."""

    def __init__(self, told: Mapping[str, tuple[Sequence[str], bool]], finds: Mapping[str, Found]) -> None:
        super().__init__((), ())
        self._told, self._finds = told, finds
        self.asked: list[str] = []

    def told(self, products: Sequence[str]) -> Mapping[str, tuple[Sequence[str], bool]]:
        return {product: self._told[product] for product in products if product in self._told}

    def found(self, texts: Sequence[str]) -> list[Found]:
        self.asked += texts
        return [self._finds.get(text, Found.SOMETHING) for text in texts[:5]]

    def products(self) -> Sequence[Mapping[str, Any]]:
        return [{"title": "Walnut Desk Lamp, small", "category": ["Home", "Lamps"]}] * 3


def clicks(text: str, *products: str) -> list[Mapping[str, Any]]:
    return [
        {"action_name": "click", "user_query": text, "timestamp": "2024-05-15T00:00:00Z",
         "event_attributes": {"object": {"object_id": product}}} for product in products
    ]  # fmt: skip


def test_a_completion_leads_where_most_clicks_do(tmp_path: Path) -> None:
    told = {"s": (["Home", "Sofas"], True), "l": (["Home", "Lamps"], True), "x": (["Garden"], True)}
    shop = Stocked(told, {})
    events = [
        *clicks("sofa", "s", "s", "x"),
        *clicks("light", "s", "l"),
        *clicks("both", "s", "x"),
        *clicks("gone", "?"),
    ]
    queries = [*crowd("sofa"), *crowd("light"), *crowd("both"), *crowd("gone")]
    build(tmp_path, queries, events, [], shop, Policy(shoppers=3), NOW)
    found = {one.text: one.category for one in Completer.open(tmp_path).complete("", 100) if one.type == QUERY}
    assert found == {"sofa": "Home > Sofas", "light": "Home", "both": "", "gone": ""}
    # What was clicked and is in stock is found: the others are looked for.
    assert shop.asked == ["gone"]


def test_what_finds_nothing_is_dropped_and_what_is_sold_out_is_marked(tmp_path: Path) -> None:
    told = {"s": (["Home", "Sofas"], False)}
    shop = Stocked(told, {"sofa": Found.NOTHING, "rug": Found.NOTHING, "vase": Found.SOLD_OUT, "lamp": Found.SOMETHING})
    queries = [*crowd("sofa"), *crowd("rug"), *crowd("vase"), *crowd("lamp")]
    summary = build(tmp_path, queries, clicks("sofa", "s"), [], shop, Policy(shoppers=3), NOW)
    completer = Completer.open(tmp_path)
    assert summary["dropped"] == {"no results": 1}
    assert {one.text for one in completer.complete("", 9, Wanted(types=(QUERY,)))} == {"sofa", "vase", "lamp"}
    assert {one.text for one in completer.complete("", 9, Wanted(types=(QUERY,), in_stock=True))} == {"lamp"}


def test_phrases_of_the_catalog_stand_behind_all_queries(tmp_path: Path) -> None:
    queries = [*crowd("walnut desk", 9), *crowd("walnut table", 3)]
    summary = build(tmp_path, queries, [], [], Stocked({}, {}), Policy(shoppers=3), NOW)
    assert (summary["from_log"], summary["from_catalog"]) == (2, 2)
    found = [(one.text, one.type) for one in Completer.open(tmp_path).complete("", 9)]
    assert found == [
        ("walnut desk", QUERY),
        ("walnut table", QUERY),
        ("desk lamp", PHRASE),
        ("walnut desk lamp", PHRASE),
    ]

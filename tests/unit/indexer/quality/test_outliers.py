"""Prices, titles and pictures that stand out."""

from __future__ import annotations

import pytest

from etalage.core.records import Product

from .cases import one, only, run


def shelf(prices: list[int], **rest: str) -> list[Product]:
    return [Product(f"p{n}", f"mug {n}", category=("kitchen", "mugs"), price=p, **rest) for n, p in enumerate(prices)]  # type: ignore[arg-type]


def flagged(products: list[Product]) -> set[str]:
    return {id for id, (_, notes) in run(products, only("price_outlier")).items() if notes}


def test_a_price_far_from_its_category_is_flagged() -> None:
    # Prices 900 … 1090: the median deviation of their logs is below the floor of 0.1, so a factor e^0.89 = 2.4 is far.
    usual = list(range(900, 1100, 10))
    assert flagged(shelf([*usual, 2300])) == set()
    assert flagged(shelf([*usual, 2600, 95_000, 10, 0])) == {"p20", "p21", "p22", "p23"}


def test_few_prices_judge_nothing() -> None:
    assert flagged(shelf([1000] * 18 + [100_000])) == set()
    assert flagged(shelf([1000] * 19 + [100_000])) == {"p19"}


def test_currencies_and_categories_are_apart() -> None:
    odd = Product("odd", "mug", category=("kitchen", "mugs"), price=100_000, currency="JPY")
    shelved = Product("shelved", "set of mugs", category=("kitchen", "sets", "mugs"), price=100_000)
    assert flagged([*shelf([1000] * 30), odd, shelved]) == set()


@pytest.mark.parametrize(
    ("title", "short"), [("M4", True), ("3M 12", True), ("Mug", False), ("手机", False), ("杯", True)]
)
def test_short_titles(title: str, short: bool) -> None:
    assert bool(one(Product("1", title), "short_title")[1]) is short


def test_a_description_that_repeats_the_title() -> None:
    assert one(Product("1", "Red mug", "RED MUG."), "repeated_title")[1] == ["repeated_title"]
    assert one(Product("1", "Red mug", "A red mug"), "repeated_title")[1] == []
    assert one(Product("1", "Red mug"), "repeated_title")[1] == []


def test_an_image_of_many_products_is_dropped() -> None:
    rules = only("placeholder_image")
    products = [Product(str(n), "mug", images=("/none.png", f"/{n}.png")) for n in range(21)]
    made = run(products, rules)
    assert all(result and result.images == (f"/{id}.png",) for id, (result, _) in made.items())
    assert all(note.text == "/none.png" for _, notes in made.values() for note in notes)
    twenty = [*products[:20], Product("20", "mug", images=("/a.png", "/a.png"))]
    assert all(result == product for product, (result, _) in zip(twenty, run(twenty, rules).values(), strict=True))


def test_of_a_large_catalog_one_percent_may_share_an_image() -> None:
    shared = [Product(f"s{n}", "mug", images=("/s.png",)) for n in range(30)]
    rest = [Product(f"r{n}", "mug") for n in range(2970)]
    assert not any(notes for _, notes in run(shared + rest, only("placeholder_image")).values())
    assert run(shared + rest[:-1], only("placeholder_image"))["s0"][1]

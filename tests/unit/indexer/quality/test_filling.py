"""Filling a missing brand or category from the catalog."""

from __future__ import annotations

from dataclasses import replace

from etalage.core.records import Product

from .cases import only, run

BRAND, CATEGORY = "missing_brand", "missing_category"
COLOURS = ("red", "blue", "green", "black")


def branded(brand: str, thing: str, count: int = 4, **rest: str) -> list[Product]:
    return [
        Product(f"{brand}{thing}{n}", f"{brand} {thing} {COLOURS[n % 4]} {n}", brand=brand, **rest)  # type: ignore[arg-type]
        for n in range(count)
    ]


def filled(catalog: list[Product], asked: Product, *rules: str) -> Product:
    made = run([*catalog, asked], only(*rules))[asked.id][0]
    return made or replace(asked, title="quarantined")


def test_the_brand_at_the_beginning_of_the_title() -> None:
    catalog = branded("Acme", "phone") + branded("Acme Pro", "tablet") + branded("Zed", "lamp")
    made = filled(catalog, Product("x", "ACME drill 18 V"), BRAND)
    assert made == Product("x", "ACME drill 18 V", brand="Acme", attributes={"filled": ("brand",)})
    assert filled(catalog, Product("x", "Acme Pro drill"), BRAND).brand == "Acme Pro"
    assert filled(catalog, Product("x", "Drill by Acme"), BRAND).brand == ""
    assert filled(catalog, Product("x", "Acmeology guide"), BRAND).brand == ""


def test_a_brand_of_one_product_or_of_common_words_is_not_taken() -> None:
    once = branded("Solo", "chair", 1)
    assert filled(once, Product("x", "Solo stool"), BRAND).brand == ""
    common = branded("Black", "tea", 2) + [
        Product(f"o{n}", f"Black shoe {n}", brand=f"Maker {n % 3}") for n in range(9)
    ]
    assert filled(common, Product("x", "Black umbrella"), BRAND).brand == ""


def test_brands_of_another_shop_are_not_taken() -> None:
    catalog = branded("Acme", "phone", tenant="one")
    assert filled(catalog, Product("x", "Acme phone red", tenant="two"), BRAND).brand == ""
    assert filled(catalog, Product("x", "Acme phone red", tenant="one"), BRAND).brand == "Acme"


def test_the_brand_of_the_nearest_titles() -> None:
    catalog = [Product(str(n), f"Thunderbolt dock {n} with charger", brand="Belkin") for n in range(5)]
    catalog += [Product(f"y{n}", f"Kitchen scale {n}", brand="Zed") for n in range(5)]
    assert filled(catalog, Product("x", "Thunderbolt dock with charger"), BRAND).brand == "Belkin"
    assert filled(catalog, Product("x", "Garden hose"), BRAND).brand == ""
    torn = [replace(product, brand=f"B{n % 3}") for n, product in enumerate(catalog)]
    assert filled(torn, Product("x", "Thunderbolt dock with charger"), BRAND).brand == ""


def test_the_category_of_the_nearest_titles() -> None:
    catalog = [Product(f"m{n}", f"Coffee mug {COLOURS[n % 4]}", category=("kitchen", "mugs")) for n in range(6)]
    catalog += [Product(f"c{n}", f"Coffee table {COLOURS[n % 4]}", category=("living", "tables")) for n in range(6)]
    made = filled(catalog, Product("x", "Coffee mug yellow", attributes={"size": ("L",)}), CATEGORY)
    assert made.category == ("kitchen", "mugs")
    assert made.attributes == {"size": ("L",), "filled": ("category",)}
    assert filled(catalog, Product("x", "Coffee"), CATEGORY).category == ()
    assert filled(catalog, Product("x", "Bicycle"), CATEGORY).category == ()
    assert filled(catalog, Product("x", "★"), CATEGORY).category == ()
    assert filled(catalog, Product("x", "Coffee mug yellow"), BRAND).category == ()


def test_both_are_filled_and_named() -> None:
    catalog = [replace(product, category=("phones",)) for product in branded("Acme", "phone")]
    made = filled(catalog, Product("x", "Acme phone"), BRAND, CATEGORY)
    assert (made.brand, made.category, made.attributes) == ("Acme", ("phones",), {"filled": ("brand", "category")})


def test_a_catalog_that_knows_none_fills_none() -> None:
    bare = [Product(str(n), f"Coffee mug {n}") for n in range(5)]
    assert all(
        made == product for product, (made, _) in zip(bare, run(bare, only(BRAND, CATEGORY)).values(), strict=True)
    )


def test_a_price_is_never_filled() -> None:
    catalog = [replace(product, price=100) for product in branded("Acme", "phone")]
    assert filled(catalog, Product("x", "Acme phone"), BRAND, CATEGORY).price is None

"""Products that are in the feed twice, or nearly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from etalage.core.records import Product
from indexer.quality import Rules
from indexer.quality.duplicates import ALIKE, signatures
from indexer.quality.sketch import Bags

from .cases import only, run

LONG = "Snagless patch cable of pure copper with moulded boots, tested to five hundred megahertz, for offices and homes"
CABLE = Product("b", "Acme Cat 6 Patch Cable Blue", LONG, "Acme", price=900, attributes={"length": ("2 m",)})


def groups(products: list[Product], rules: Rules) -> dict[str, str]:
    return {id: made.variant_group for id, (made, _) in run(products, rules).items() if made}


def test_exact_duplicates_share_a_group() -> None:
    other = replace(CABLE, id="a", title="ACME  cat 6 patch cable BLUE", price=950, url="/a")
    unlike = replace(CABLE, id="c", attributes={"length": ("3 m",)})
    rules = only("exact_duplicates")
    assert groups([CABLE, other, unlike], rules) == {"b": "dup:a", "a": "dup:a", "c": ""}
    assert [note.rule for note in run([CABLE, other], rules)["b"][1]] == ["exact_duplicates"]


def test_exact_duplicates_are_quarantined_when_asked_for() -> None:
    copies = [CABLE, replace(CABLE, id="a"), replace(CABLE, id="c", variant_group="g")]
    made = run(copies, only("exact_duplicates", quarantine=["exact_duplicates"]))
    assert made["a"] == (replace(CABLE, id="a"), [])
    for id in "bc":
        product, notes = made[id]
        assert product is None
        assert notes[0][:2] == ("exact_duplicates", "quarantined") and "the same product as a" in notes[0].text


def test_titles_alone_are_the_same_product_only_at_the_same_price() -> None:
    bare = [Product("1", "Greatest Hits", price=900), Product("2", "Greatest Hits", price=950)]
    assert groups(bare, only("exact_duplicates")) == {"1": "", "2": ""}
    assert groups([bare[0], replace(bare[1], price=900)], only("exact_duplicates")) == {"1": "dup:1", "2": "dup:1"}


def test_near_duplicates_are_variants() -> None:
    red = replace(CABLE, id="c", title="Acme Cat 6 Patch Cable Red", price=950)
    assert groups([red, CABLE], only("near_duplicates")) == {"b": "dup:b", "c": "dup:b"}
    assert groups([red, CABLE], only("exact_duplicates")) == {"b": "", "c": ""}


@pytest.mark.parametrize(
    "other",
    [
        replace(CABLE, brand="Other"),
        replace(CABLE, price=2701),
        replace(CABLE, price=299),
        replace(CABLE, tenant="other"),
        replace(CABLE, title="Acme Wall Bracket", description="Steel bracket for flat screens up to 40 kg"),
    ],
)
def test_brand_price_shop_and_text_keep_products_apart(other: Product) -> None:
    assert groups([CABLE, replace(other, id="o")], only("near_duplicates")) == {"b": "", "o": ""}


@pytest.mark.parametrize("price", [300, 2700, None])
def test_prices_within_a_factor_of_three_or_unknown_do_not(price: int | None) -> None:
    other = replace(CABLE, id="o", price=price)
    assert groups([CABLE, other], only("near_duplicates")) == {"b": "dup:b", "o": "dup:b"}


def test_short_titles_of_one_template_are_different_products() -> None:
    screws = [Product(str(n), f"Screw M{n}", brand="Fix", price=10) for n in range(3, 9)]
    assert set(groups(screws, only("near_duplicates")).values()) == {""}
    wordless = [Product(str(n), sign, brand="Fix") for n, sign in enumerate("★☆♥")]
    assert set(groups(wordless, only("near_duplicates")).values()) == {""}


def test_the_feeds_groups_win() -> None:
    near = [CABLE, replace(CABLE, id="c", variant_group="mine"), replace(CABLE, id="d")]
    assert groups(near, only("near_duplicates")) == {"b": "mine", "c": "mine", "d": "mine"}
    two = [*near, replace(CABLE, id="e", variant_group="theirs")]
    assert groups(two, only("near_duplicates")) == {"b": "dup:b", "c": "mine", "d": "dup:b", "e": "theirs"}


def test_a_repeated_id_is_no_duplicate() -> None:
    rules = only("exact_duplicates", "near_duplicates", quarantine=["exact_duplicates"])
    assert groups([CABLE, CABLE], rules) == {"b": ""}


def test_a_crowd_of_the_same_ends_in_one_group() -> None:
    crowd = [replace(CABLE, id=f"{n:04}") for n in range(300)]
    assert set(groups(crowd, only("near_duplicates")).values()) == {"dup:0000"}
    assert set(groups(crowd, only("near_duplicates", "exact_duplicates")).values()) == {"dup:0000"}


def test_signatures_estimate_the_similarity_of_words_and_pairs() -> None:
    bags = Bags()
    rng = np.random.default_rng(0)
    for shared in (100, 95, 50, 0):
        common, own = rng.integers(1, 2**32, 100), rng.integers(1, 2**32, 100)
        bags.add(common.tolist())
        bags.add(np.concatenate([common[:shared], own[shared:]]).tolist())
    bags.add([])
    signed = signatures(*bags.arrays())
    assert not signed[8].any()
    for row, shared in enumerate((100, 95, 50, 0)):
        # So many words and one pair fewer are in both, of 199 in each.
        both = 2 * shared - 1 if shared and shared < 100 else 199 if shared else 0
        estimate = float((signed[2 * row] == signed[2 * row + 1]).mean())
        assert estimate == pytest.approx(both / (398 - both), abs=0.15)
    assert 0.5 < ALIKE < 1

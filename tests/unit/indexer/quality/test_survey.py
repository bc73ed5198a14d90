"""Both passes together: nothing is lost, nothing depends on the order of rows, every rule is counted."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.core.errors import ConfigError
from etalage.core.records import Product
from indexer.quality import RULES, Rules, rows

from .cases import run, surveyed

WORDS = st.sampled_from(
    [
        "Acme",
        "Zed",
        "mug",
        "MUG",
        "cable",
        "CafÃ©",
        "the",
        "for",
        "of",
        "und",
        "M4",
        "12",
        "!!!!",
        "电脑",
        "\u200b",
        "red",
    ]
)
TEXT = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)
PRODUCTS = st.lists(
    st.builds(
        Product,
        id=st.text("abc12", min_size=1, max_size=3),
        title=TEXT,
        description=st.one_of(st.just(""), TEXT),
        brand=st.sampled_from(["", "Acme", "Zed"]),
        category=st.sampled_from([(), ("kitchen", "mugs"), ("office",)]),
        price=st.one_of(st.none(), st.integers(0, 10**6)),
        images=st.sampled_from([(), ("/a.png",), ("/a.png", "/b.png")]),
        variant_group=st.sampled_from(["", "", "g"]),
        tenant=st.sampled_from(["", "t"]),
    ),
    max_size=40,
    unique_by=lambda product: product.id,
)
RULESETS = st.builds(
    Rules,
    st.frozensets(st.sampled_from(sorted(RULES))),
    st.sampled_from([frozenset(), frozenset({"exact_duplicates"})]),
)


@settings(deadline=None)
@given(PRODUCTS, RULESETS)
def test_no_product_is_lost_silently_and_id_and_price_never_change(products: list[Product], rules: Rules) -> None:
    findings = surveyed(products, rules)
    out = 0
    for product in products:
        made, notes = findings.apply(product)
        assert all(note.rule not in rules.off and note.text for note in notes)
        if made is None:
            assert [note.action for note in notes] == ["quarantined"]
            continue
        out += 1
        assert (made.id, made.price, made.list_price) == (product.id, product.price, product.list_price)
        assert made.title and made.tenant == product.tenant
        assert (made == product) == (not any(note.action != "flagged" for note in notes))
    report = findings.report()
    assert report["products"] == len(products) and report["quarantined"] == len(products) - out


@settings(deadline=None)
@given(PRODUCTS, RULESETS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(products: list[Product], rules: Rules, random: Random) -> None:
    shuffled = products[:]
    random.shuffle(shuffled)
    assert run(products, rules) == run(shuffled, rules)
    reports = []
    for order in (products, shuffled):
        findings = surveyed(order, rules)
        for product in order:
            findings.apply(product)
        reports.append(findings.report())
    assert reports[0] == reports[1]


@settings(deadline=None, max_examples=25)
@given(PRODUCTS)
def test_with_every_rule_off_nothing_changes(products: list[Product]) -> None:
    made = run(products, Rules(frozenset(RULES)))
    assert made == {product.id: (product, []) for product in products}


def test_the_report() -> None:
    findings = surveyed([], Rules(frozenset({"shouting"})))
    for n in (7, 3, 5, 1, 9, 8, 2):
        findings.apply(Product(str(n), f"Mug {n}!!!"))
    report = findings.report()
    assert json.loads(json.dumps(report)) == report
    assert [rule["rule"] for rule in report["rules"]] == [name for name in RULES if name != "shouting"]
    found = next(rule for rule in report["rules"] if rule["rule"] == "repetition")
    assert found["action"] == "fixed" and found["count"] == 7
    assert found["examples"] == [[str(n), f"title: Mug {n}!!! → Mug {n}!"] for n in (1, 2, 3, 5, 7)]
    assert rows(report) == [("repetition", "fixed", "7", "1: title: Mug 1!!! → Mug 1!")]


def test_the_report_says_that_duplicates_are_quarantined() -> None:
    report = surveyed([], Rules(quarantine=frozenset({"exact_duplicates"}))).report()
    actions = {rule["rule"]: rule["action"] for rule in report["rules"]}
    assert actions["exact_duplicates"] == "quarantined" and actions["near_duplicates"] == "grouped"


@pytest.mark.parametrize(
    ("off", "quarantine", "value"),
    [({"near_duplicate"}, set(), "near_duplicate"), (set(), {"x"}, "x"), (set(), {"shouting"}, "shouting")],
)
def test_wrong_names_are_refused(off: set[str], quarantine: set[str], value: str) -> None:
    with pytest.raises(ConfigError) as error:
        Rules(frozenset(off), frozenset(quarantine))
    assert error.value.value == value and error.value.remedy

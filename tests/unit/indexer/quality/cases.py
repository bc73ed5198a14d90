"""Running a small catalog through both passes."""

from __future__ import annotations

from collections.abc import Iterable

from etalage.core.records import Product
from indexer.quality import RULES, Findings, Note, Rules, Survey

Result = tuple[Product | None, list[Note]]


def only(*names: str, quarantine: Iterable[str] = ()) -> Rules:
    """Rules of which only these are on."""
    return Rules(frozenset(RULES) - set(names), frozenset(quarantine))


def surveyed(products: Iterable[Product], rules: Rules) -> Findings:
    survey = Survey(rules)
    for product in products:
        survey.add(product)
    return survey.close()


def run(products: list[Product], rules: Rules) -> dict[str, Result]:
    """What comes out for every id."""
    findings = surveyed(products, rules)
    return {product.id: findings.apply(product) for product in products}


def one(product: Product, *names: str) -> tuple[Product, list[str]]:
    """A catalog of one product: what comes out, and the rules that have a note."""
    made, notes = run([product], only(*names))[product.id]
    if made is None:
        raise AssertionError(notes)
    return made, [note.rule for note in notes]

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from etalage.core.records import Product
from etalage.demo import Intent, Latent, Query, Shop, qrels, write_qrels
from etalage.demo.judgments import grade

PRODUCT = Product("E1", "Halden red leather sofa", language="en")
SOFA = Latent("sofa", {"colour": "red", "material": "leather"}, "Halden", "Osby", 0.8)
PHONE = Latent("phone", {"capacity": "128GB"}, "Lumo", "P40", 0.8)
CASE = Latent("phone_case", {"material": "leather"}, "Gadjo", "", 0.8, serves="Lumo P40", serves_brand="Lumo")


def wants(kind: str, **values: str) -> Intent:
    return Intent((kind,), tuple(sorted(values.items())))


@pytest.mark.parametrize(
    ("latent", "intent", "expected"),
    [
        (SOFA, wants("sofa"), 3),
        (SOFA, wants("sofa", colour="red", material="leather"), 3),
        (SOFA, wants("sofa", colour="blue", material="leather"), 2),
        (SOFA, wants("sofa", colour="blue"), 1),
        (SOFA, wants("sofa", brand="Ostra", colour="red"), 1),
        (SOFA, wants("armchair"), 1),
        (SOFA, wants("armchair", colour="red"), 1),
        (SOFA, wants("armchair", colour="blue"), 0),
        (SOFA, wants("sofa_cover"), 0),
        (SOFA, wants("phone"), 0),
        (SOFA, Intent(("armchair", "sofa")), 3),
        (SOFA, Intent(("armchair", "sofa"), (("brand", "Halden"),)), 3),
        (SOFA, Intent(("armchair", "sofa"), (("brand", "Ostra"),)), 0),
        (PHONE, wants("phone", brand="Lumo", model="P40"), 3),
        (PHONE, wants("phone", brand="Lumo", model="P40", capacity="64GB"), 2),
        (PHONE, wants("phone", brand="Lumo", model="P40 Pro"), 2),
        (PHONE, wants("phone", brand="Lumo", model="P50"), 1),
        (PHONE, wants("phone", brand="Vantor", model="P40"), 0),
        (PHONE, wants("phone_case", serves="Lumo P40"), 1),
        (PHONE, wants("phone_case", serves="Lumo P50"), 0),
        (CASE, wants("phone_case", serves="Lumo P40"), 3),
        (CASE, wants("phone_case", serves="Lumo P40", material="silicone"), 2),
        (CASE, wants("phone_case", serves="Lumo P50"), 1),
        (CASE, wants("phone_case", serves="Vantor S10"), 0),
        (CASE, wants("phone"), 1),
        (CASE, wants("phone", brand="Lumo", model="P40"), 1),
        (CASE, wants("phone", colour="red"), 0),
    ],
)
def test_grades(latent: Latent, intent: Intent, expected: int) -> None:
    assert grade(latent, PRODUCT, intent, "en") == expected


def test_poor_stuffed_and_foreign_listings_lose_a_grade() -> None:
    assert grade(replace(SOFA, quality=0.1), PRODUCT, wants("sofa"), "en") == 2
    assert grade(replace(SOFA, stuffed=True), PRODUCT, wants("sofa"), "en") == 2
    assert grade(SOFA, replace(PRODUCT, language="zh"), wants("sofa"), "en") == 2
    assert grade(SOFA, PRODUCT, wants("sofa"), "zh") == 2
    assert grade(SOFA, replace(PRODUCT, attributes={"title_zh": ("沙发",)}), wants("sofa"), "zh") == 3
    assert grade(replace(SOFA, quality=0.1), replace(PRODUCT, language="zh"), wants("sofa"), "en") == 1


def test_judgments_hold_every_relevant_product_and_some_zeros(shop: Shop, queries: list[Query]) -> None:
    query = queries[0]
    judged = qrels(shop, query, zeros=20)
    every = {p.id: grade(shop.latents[p.id], p, query.intent, query.language) for p in shop.products}
    assert {i: g for i, g in judged.items() if g} == {i: g for i, g in every.items() if g}
    assert list(judged.values()).count(0) == 20
    assert judged == qrels(shop, query, zeros=20)


def test_judgments_are_written_as_csv(shop: Shop, queries: list[Query], tmp_path: Path) -> None:
    target = tmp_path / "qrels.csv"
    rows = write_qrels(target, shop, queries[:5])
    with target.open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert len(read) == rows
    expected = {(q.text, i, str(g)) for q in queries[:5] for i, g in qrels(shop, q).items()}
    assert {(row["query"], row["docid"], row["rating"]) for row in read} == expected

"""What is known of completions in a context, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from autocomplete.context import MOST, Context
from autocomplete.features import FAMILIES, FEATURES, features, known
from autocomplete.index import Index, columns, make
from autocomplete.querylog import BRAND, Entry
from autocomplete.typed import prefix_key

ENTRIES = [
    Entry("red sofa", 8.0, category="Home > Sofas", popularity=1.0, trend=1.0, clicked=0.4, bought=0.2),
    Entry("red shoes", 4.0, category="Shoes > Trainers"),
    Entry("red rug", 2.0, category="Home > Rugs"),
    Entry("redwood", 1.0, BRAND),
]


@pytest.fixture(scope="module")
def index() -> Index:
    return Index(*make(columns(ENTRIES)))


def told(index: Index, context: Context, prefix: str = "red", *others: Index) -> dict[str, dict[str, float]]:
    typed = prefix_key(prefix)
    docs, values = index.exact(typed, 10)
    rows = features(index, typed, docs, values, float(values[0]), known(index, context, others))
    return {
        text: {name: float(value) for name, value in zip(FEATURES, row, strict=True) if value}
        for text, row in zip(index.shown(docs), rows, strict=True)
    }


def test_every_feature_belongs_to_one_family() -> None:
    assert sorted(name for some in FAMILIES.values() for name in some) == sorted(FEATURES)


def test_what_does_not_depend_on_the_context(index: Index) -> None:
    found = told(index, Context())
    assert found["red sofa"] == pytest.approx({
        "place": 1.0, "popularity": 1.0, "trend": 127 / 255, "clicked": 0.4, "bought": 0.2, "query": 1.0, "letters": 0.3, "words": 0.2,
    })  # fmt: skip
    assert found["redwood"] == pytest.approx(
        {"score": math.log(1 / 8), "place": 1 / 4, "brand": 1.0, "letters": 0.3, "words": 0.1}
    )


def test_what_is_left_of_a_score_where_the_prefix_is_inside(index: Index) -> None:
    assert told(index, Context(), "sofa")["red sofa"]["inside"] == pytest.approx(math.log(0.3))


def related(index: Index, context: Context, prefix: str = "red") -> dict[str, dict[str, float]]:
    names = (*FAMILIES["last query"], *FAMILIES["visit"], *FAMILIES["shopper"])
    return {
        text: {name: value for name, value in one.items() if name in names}
        for text, one in told(index, context, prefix).items()
    }


def test_the_last_query_and_its_words(index: Index) -> None:
    found = related(index, Context(queries=("Red Sofa",)))
    assert found["red sofa"] == pytest.approx(
        {"again": 1.0, "shared": 1.0, "repeated": 1.0, "visit_category": 1.0, "visit_department": 1.0}
    )
    assert found["red rug"] == pytest.approx({"shared": 0.5, "visit_department": 1.0})
    assert found["red shoes"] == pytest.approx({"shared": 0.5}) and found["redwood"] == {}


def test_a_query_that_is_no_completion_has_words_and_leads_where_its_best_end_leads(index: Index) -> None:
    found = related(index, Context(queries=("red",)))
    assert found["red sofa"] == pytest.approx(
        {"shared": 1.0, "refines": 1.0, "visit_category": 1.0, "visit_department": 1.0}
    )
    assert found["red rug"] == pytest.approx({"shared": 1.0, "refines": 1.0, "visit_department": 1.0})


def test_newer_ones_count_more(index: Index) -> None:
    found = related(index, Context(categories=("Home > Rugs > Round", "Shoes > Trainers")))
    assert found["red rug"]["visit_category"] == pytest.approx(1 / 1.6)
    assert found["red shoes"]["visit_category"] == pytest.approx(0.6 / 1.6)
    assert found["red sofa"] == pytest.approx({"visit_department": 1 / 1.6})


def test_earlier_visits_are_told_apart(index: Index) -> None:
    found = related(index, Context(earlier=("red shoes", "nothing known", "red shoes"), liked=("Nowhere",)))
    shares = np.array([1, 0.9, 0.81])
    assert found["red shoes"]["earlier"] == pytest.approx((1 + 0.81) / shares.sum())
    assert found["red shoes"]["earlier_category"] == pytest.approx(1.0)
    assert "repeated" not in found["red shoes"] and found["red sofa"] == {}


def test_another_file_may_know_what_a_query_leads_to(index: Index) -> None:
    recent = Index(*make(columns([Entry("couch", 1.0, category="Home > Sofas")])))
    assert "visit_category" not in told(index, Context(("couch",)))["red sofa"]
    assert told(index, Context(("couch",)), "red", recent)["red sofa"]["visit_category"] == pytest.approx(1.0)


def test_a_context_may_be_long_empty_or_odd(index: Index) -> None:
    many = ("red sofa",) * (MOST + 5)
    assert len(known(index, Context(many, (), many)).docs) == 2 * MOST
    assert related(index, Context(queries=("", "!?", "x" * 5000), categories=("", " > "))) == {
        one.text: {} for one in ENTRIES
    }

"""Prefixes answered: what matches, what is forgiven, and what is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autocomplete import complete, rank, shelf
from autocomplete.complete import NEAR, PARTED, PENALTIES, SOUND, TYPED, Completer, Completion, Wanted
from autocomplete.index import Columns, Index, columns
from autocomplete.kernels.nearness import FARTHEST
from autocomplete.pinyin import romanized
from autocomplete.querylog import BRAND, CATEGORY, PRODUCT, QUERY, TYPES, Entry
from autocomplete.shelf import RECENT
from etalage.core.errors import EngineError, QueryError

SHOP = [
    Entry("running shoes", 4.0),
    Entry("red shoes", 3.0),
    Entry("Café Noir", 2.0, BRAND),
    Entry("rugs", 1.0, CATEGORY),
    Entry("usb cable", 1.0),
    Entry("headphones", 1.0),
    Entry("沙发", 1.0),
]


def serving(folder: Path, entries: Sequence[Entry] = SHOP) -> Completer:
    shelf.write(folder, columns(entries), {})
    return Completer.open(folder)


def test_a_warm_completer_has_called_every_kernel_and_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.write(tmp_path, columns(SHOP), {})
    completer, called = Completer.open(tmp_path, rank.load(tmp_path / "none")), []

    def noted(of: type, name: str) -> None:
        real = getattr(of, name)
        monkeypatch.setattr(of, name, lambda self, *given: (called.append(name), real(self, *given))[1])

    for of, name in ((Index, "exact"), (Index, "near"), (rank.Ranking, "score")):
        noted(of, name)
    completer.warm()
    assert set(called) == {"exact", "near", "score"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Completer:
    return serving(tmp_path_factory.mktemp("shop"))


def texts(completer: Completer, prefix: str, k: int = 10) -> list[str]:
    return [one.text for one in completer.complete(prefix, k)]


def found(completer: Completer, prefix: str) -> list[tuple[str, str]]:
    return [(one.text, one.match) for one in completer.complete(prefix)]


def test_completions_come_best_first_with_score_and_type(shop: Completer) -> None:
    assert shop.complete("r", 2) == [
        Completion("running shoes", 4.0, QUERY, number=0), Completion("red shoes", 3.0, QUERY, number=1)
    ]  # fmt: skip
    assert [(one.text, one.type) for one in shop.complete("noir")] == [("Café Noir", BRAND)]
    assert shop.complete("noir")[0].score == pytest.approx(0.6)


def test_nothing_typed_gives_the_best_and_nothing_but_signs_none(shop: Completer) -> None:
    assert (
        texts(shop, "")
        == texts(shop, "  ")
        == [one.text for one in SHOP[:3]] + ["headphones", "rugs", "usb cable", "沙发"]
    )
    assert texts(shop, "", 0) == texts(shop, "!?") == texts(shop, "🪝") == []


@pytest.mark.parametrize("prefix", ["cafe", "CAFÉ", " café", "cafe\u0301 n", "ｃafé", "cafe-n", "noir caf"])
def test_case_marks_blanks_and_order_do_not_matter(shop: Completer, prefix: str) -> None:
    assert texts(shop, prefix) == ["Café Noir"]


@pytest.mark.parametrize(
    "prefix",
    ["runing s", "rnuning", "runnning", "rumning", "running shoec", "running sheos", "runing shos", "shoes runing"],
)
def test_typing_errors_are_forgiven_after_the_first_letter(shop: Completer, prefix: str) -> None:
    assert found(shop, prefix)[0] == ("running shoes", NEAR)


@pytest.mark.parametrize("prefix", ["unning", "tunning", "rzz", "zebra", "running zzz", "沙花"])
def test_a_wrong_first_letter_or_another_word_are_not(shop: Completer, prefix: str) -> None:
    assert texts(shop, prefix) == []


@pytest.mark.parametrize(
    ("prefix", "text"), [("usbcab", "usb cable"), ("head phon", "headphones"), ("runningshoes", "running shoes")]
)
def test_blanks_may_be_elsewhere(shop: Completer, prefix: str, text: str) -> None:
    assert found(shop, prefix) == [(text, PARTED)]


def test_chinese_by_characters_by_pinyin_and_by_both(shop: Completer) -> None:
    assert found(shop, "沙") == found(shop, "shaf") == found(shop, "sf") == [("沙发", TYPED)]
    assert found(shop, "沙f") == [("沙发", SOUND)]


def test_errors_are_looked_for_only_when_nothing_matches(tmp_path: Path) -> None:
    completer = serving(tmp_path, [Entry("lamps", 1.0), Entry("lambs wool", 9.0)])
    assert texts(completer, "lamp") == ["lamps"]
    assert texts(completer, "lamx") == ["lambs wool", "lamps"]
    assert texts(completer, "lamx", 1) == ["lambs wool"]


def test_small_words_alone_are_not_the_same_words(tmp_path: Path) -> None:
    assert texts(serving(tmp_path, [Entry("for the", 2.0), Entry("and", 1.0)]), "") == ["for the", "and"]


def test_only_what_is_wanted(tmp_path: Path) -> None:
    shelf.write(tmp_path, Columns(
        ["red sofa", "red sofa bed", "red shoe", "red"], np.array([4, 3, 2, 1], np.float32), np.array([0, 4, 0, 1], np.uint8),
        ["Home > Sofas", "Home > Sofas > Beds", "Homes", ""], sold_out=np.array([True, False, False, False]),
    ), {})  # fmt: skip
    completer = Completer.open(tmp_path)

    def got(prefix: str = "red", **wanted: object) -> list[str]:
        return [one.text for one in completer.complete(prefix, wanted=Wanted(**wanted))]  # type: ignore[arg-type]

    assert got(category="Home") == got(category="Home > Sofas") == ["red sofa", "red sofa bed"]
    assert got(category="Home > Sofas > Beds") == ["red sofa bed"] and got(category="Hom") == []
    assert got(types=(PRODUCT, BRAND)) == ["red sofa bed", "red"] and got(in_stock=True) == [
        "red sofa bed",
        "red shoe",
        "red",
    ]
    assert got("sofa", category="Home > Sofas > Beds") == got("bed red", types=(PRODUCT,)) == ["red sofa bed"]
    assert got("sofa ref", in_stock=True) == ["red sofa bed"]
    assert [one.category for one in completer.complete("red")][:2] == ["Home > Sofas", "Home > Sofas > Beds"]
    with pytest.raises(QueryError, match="no such type.*shop.*query, brand"):
        got(types=("shop",))


def test_a_category_whose_name_goes_on_is_another(tmp_path: Path) -> None:
    paths = ["Home > Sofas > Beds", "Home > Sofas & Chairs", "Home > Sofas", "Home > Sofas 2 > New"]
    entries = [Entry(f"red {at}", 9.0 - at, category=path) for at, path in enumerate(paths)]
    completer = serving(tmp_path, entries)
    assert [one.category for one in completer.complete("red")] == paths
    assert [one.category for one in completer.complete("red", wanted=Wanted("Home > Sofas"))] == [paths[0], paths[2]]


def test_what_was_typed_long_ago_is_explained_too(tmp_path: Path) -> None:
    completer = serving(tmp_path, [Entry("sofa", 0.0)])
    assert [why for _, why in completer.explain("sofa")] == [
        {"popularity": round(float(np.log(1e-6)), 4), "match": 0.0}
    ]


@pytest.mark.parametrize("k", [-1, 101])
def test_a_number_out_of_range_is_refused(shop: Completer, k: int) -> None:
    with pytest.raises(QueryError, match="number of completions is out of range"):
        shop.complete("r", k)


def test_what_changed_since_takes_the_place_of_what_was(tmp_path: Path) -> None:
    serving(tmp_path, [Entry("red shoes", 3.0), Entry("red hat", 2.0)])
    shelf.write(tmp_path, columns([Entry("red shoes", 1.0), Entry("red rug", 2.5)]), {}, RECENT)
    got = Completer.open(tmp_path).complete("red")
    assert [(one.text, one.score) for one in got] == [("red rug", 2.5), ("red hat", 2.0), ("red shoes", 1.0)]


def test_of_a_long_text_the_start_counts(tmp_path: Path) -> None:
    long = " ".join(["ab"] * 60)
    completer = serving(tmp_path, [Entry(long, 1.0)])
    assert texts(completer, long[:200] + "zzz") == [long]
    for hostile in (
        "a" * 5000,
        "\x00" * 50,
        "🪝" * 3000,
        "\u202e" + "سلام" * 900,
        "手" * 5000,
        "a " * 2500,
        "a" * 199 + " ",
    ):
        assert texts(completer, hostile) in ([], [long])


def test_an_edit_costs_most_of_the_score() -> None:
    assert len(PENALTIES) > FARTHEST and PENALTIES[0] == 1 and (np.diff(PENALTIES) < 0).all()


def test_no_completions_are_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no completions.*etalage index FILE"):
        Completer.open(tmp_path)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(prefix=st.text(max_size=12) | st.text("runig shoes", max_size=8), k=st.integers(0, 5))
def test_whatever_is_typed_gets_at_most_k_in_order(shop: Completer, prefix: str, k: int) -> None:
    got = shop.complete(prefix, k)
    assert len(got) <= k and len({one.text for one in got}) == len(got)
    assert [one.score for one in got] == sorted((one.score for one in got), reverse=True)
    known = {one.text: one for one in SHOP}
    assert all(0 < one.score <= known[one.text].score and one.type == known[one.text].type for one in got)
    assert {one.type for one in got} <= set(TYPES)


def test_warming_loads_the_dictionaries_of_chinese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.write(tmp_path, columns([Entry("sofa", 1.0)]), {})
    read = list[str]()
    monkeypatch.setattr(complete, "romanized", lambda text: read.append(text) or romanized(text))
    Completer.open(tmp_path).warm()
    assert read

"""The vocabulary's file, and the census that fills it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from etalage.core.errors import EngineError
from opensearch.engine import Generation, SearchEngine
from ranker import census, vocabulary
from ranker.census import Census
from ranker.vocabulary import Kept, Value

from .vocabularies import PRODUCTS
from .vocabularies import vocabulary as made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    counted = Census()
    counted.add(PRODUCTS)
    counted.write(tmp_path / "v" / "products", "products-000001", "7")
    return tmp_path / "v" / "products"


def test_a_census_counts_documents() -> None:
    shop = made()
    assert (shop.count("usb"), shop.count("headphones"), shop.count("workmanship"), shop.count("none")) == (
        18,
        12,
        0,
        0,
    )
    assert "workmanship" in shop and "rechargeables" in shop and "none" not in shop
    assert (shop.together("usb", "cable"), shop.together("USB", "cables"), shop.together("cable", "usb")) == (18, 18, 0)
    assert (shop.facts.documents, shop.facts.currency, shop.facts.priced) == (60, "EUR", 1.0)
    assert shop.facts.low == 700 and shop.facts.high == 59900
    assert shop.values["volt co"] == Value("brand", "Volt & Co", 18)
    assert shop.values["dark red"] == Value("colour", "Dark Red", 6)
    assert "1" not in shop.values


def test_attributes_that_only_mention_colours_name_none() -> None:
    counted = Census()
    attributes = {
        "Product_Colour": ["Mint"],
        "colour name": ["Pale Rose"],
        "Farbe": ["Blau"],
        "颜色": ["玫瑰金"],
        "colour all in one functions": ["print"],
        "print technology, colour pages": ["Laser"],
    }
    counted.add([{"title": "Printer", "attributes": attributes}])
    named = {value.name for value in counted.values().values() if value.kind == "colour"}
    assert named == {"Mint", "Pale Rose", "Blau", "玫瑰金"}


def test_a_file_holds_it_all(path: Path) -> None:
    read, shop = vocabulary.load(path), made()
    assert read._words == shop._words and read.values == shop.values
    assert read.together("usb", "cable") == 18
    assert (read.facts.generation, read.facts.mark, read.facts.low) == ("products-000001", "7", 700)
    found, expected = read.speller.correct("headphnes"), shop.speller.correct("headphnes")
    assert found is not None and found == expected
    assert os.listdir(path.parent) == ["products"]


def test_an_empty_catalog_has_a_vocabulary_too(tmp_path: Path) -> None:
    Census().write(tmp_path / "x", "g", "0")
    read = vocabulary.load(tmp_path / "x")
    assert "shoe" not in read and read.together("a", "b") == 0 and read.speller.correct("shoes") is None


@pytest.mark.parametrize("harm", [lambda b: b[:-1] + b"!", lambda b: b"x" + b, lambda b: b"", lambda b: b[:40]])
def test_a_damaged_file_is_refused(path: Path, harm: object) -> None:
    path.write_bytes(harm(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(EngineError):
        vocabulary.load(path)
    assert vocabulary.facts_of(path) is None


def test_a_newer_file_is_read_when_it_is_there(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept(path)
    first = kept.get()
    assert first is not None and kept.get() is first
    Census().write(path, "products-000002", "1")
    second = kept.get()
    assert second is not None and second.facts.generation == "products-000002"
    assert first.together("usb", "cable") == 18, "what was mapped before stays"
    path.write_bytes(b"nothing")
    with caplog.at_level(logging.WARNING):
        assert kept.get() is None and kept.get() is None
    assert len(caplog.records) == 1
    path.unlink()
    assert kept.get() is None


def test_a_rare_word_of_a_large_catalog_is_no_correction() -> None:
    words = {"rare": 1, "often": 2, "ab": 9, "mx500": 9, "described": 0}
    assert vocabulary.offered(words, 100) == {"rare": 1, "often": 2}
    assert vocabulary.offered(words, 10_000) == {"often": 2}


def test_pairs_of_arrays_and_of_numbers_are_alike() -> None:
    first, second = np.array([1, 2**32 - 1], np.uint32), np.array([5, 2**31], np.uint32)
    assert vocabulary.pair(first, second).tolist() == [vocabulary.pair(1, 5), vocabulary.pair(2**32 - 1, 2**31)]


def test_an_index_is_counted_when_it_changed(tmp_path: Path, engine: SearchEngine, shop: Generation) -> None:
    path = tmp_path / "products"
    assert census.rebuild(engine, "other", path) == {"documents": 0, "counted": False} and not path.exists()
    assert census.rebuild(engine, "products", path) == {"documents": 5, "counted": True}
    read = vocabulary.load(path)
    assert (read.count("shoe"), read.count("footwear"), read.facts.priced) == (3, 4, 1.0)
    assert census.rebuild(engine, "products", path) == {"documents": 5, "counted": False}
    engine.delete(shop.name, ["lamp"])
    engine.refresh(shop.name)
    assert census.rebuild(engine, "products", path) == {"documents": 4, "counted": True}
    path.write_bytes(b"broken")
    assert census.rebuild(engine, "products", path)["counted"]

"""Parquet feeds: they read as the same table does in JSON Lines, and what is wrong with one is said."""

from __future__ import annotations

import base64
import gzip
import math
import random
import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import CatalogError
from etalage.core.settings import Settings
from etalage.demo import make_shop, write_feed
from indexer import clean, reindex, sources
from indexer.mapping import guess
from opensearch.embedded import EmbeddedEngine

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def saved(folder: Path, table: Any, **options: Any) -> Path:
    path = folder / "feed.parquet"
    parquet.write_table(table, path, **options)
    return path


def values(path: Path) -> list[dict[str, Any]]:
    rows = list(sources.read(path))
    assert [row.line for row in rows] == list(range(1, len(rows) + 1))
    assert not [row.fault for row in rows if row.fault]
    return [row.values for row in rows]


def one(folder: Path, value: Any, kind: Any) -> Any:
    """What a cell reads as; it must be JSON."""
    found = values(saved(folder, arrow.table({"id": ["1"], "x": arrow.array([value], kind)})))[0]["x"]
    orjson.dumps(found)
    return found


def refused(path: Path) -> CatalogError:
    with pytest.raises(CatalogError) as caught:
        list(sources.read(path))
    assert caught.value.remedy
    return caught.value


def test_it_reads_as_the_same_rows_do_in_json_lines(tmp_path: Path) -> None:
    lines = tmp_path / "feed.jsonl"
    write_feed(make_shop(4, 2300), lines)
    rows = [orjson.loads(line) for line in lines.read_bytes().splitlines()]
    names = list(dict.fromkeys(name for row in rows for name in row))
    # Attributes differ from row to row: a map of lists.
    kinds = {"attributes": arrow.map_(arrow.string(), arrow.list_(arrow.string()))}
    columns = {}
    for name in names:
        cells = [row.get(name) for row in rows]
        if name == "attributes":
            cells = [None if cell is None else list(cell.items()) for cell in cells]
        columns[name] = arrow.array(cells, kinds.get(name))
    path = saved(tmp_path, arrow.table(columns), row_group_size=700)
    assert sources.digest(path) != sources.digest(lines)
    found = values(path)
    mapping = guess(rows, {})
    assert guess(found, {}).columns == mapping.columns
    assert [clean.product(row, mapping) for row in found] == [clean.product(row, mapping) for row in rows]


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
def test_every_compression_and_version(tmp_path: Path, compression: str) -> None:
    rows = [{"id": str(n), "title": f"Shoe {n}"} for n in range(2500)]
    table = arrow.Table.from_pylist(rows)
    for version in ("1.0", "2.6"):
        assert values(saved(tmp_path, table, compression=compression, version=version)) == rows


def test_nested_values_are_plain(tmp_path: Path) -> None:
    kind = arrow.struct(
        [("sizes", arrow.list_(arrow.int16())), ("facts", arrow.map_(arrow.string(), arrow.list_(arrow.float32())))]
    )
    value = {"sizes": [38, None, 40], "facts": [("weight", [1.5, math.nan]), ("none", None)]}
    expected = {"sizes": [38, None, 40], "facts": {"weight": [1.5, None], "none": None}}
    assert one(tmp_path, value, kind) == expected
    assert one(tmp_path, [value, None], arrow.list_(kind)) == [expected, None]
    assert one(tmp_path, [[1], []], arrow.large_list(arrow.list_(arrow.int64()))) == [[1], []]
    assert one(tmp_path, [0.25, 1.0], arrow.list_(arrow.float32(), 2)) == [0.25, 1.0]
    assert one(tmp_path, [(3, "three")], arrow.map_(arrow.int64(), arrow.string())) == {"3": "three"}


MOMENT = datetime(2024, 2, 29, 23, 59, 59, 123456)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (MOMENT, arrow.timestamp("us"), "2024-02-29T23:59:59.123456"),
        (MOMENT.replace(tzinfo=UTC), arrow.timestamp("ms", "UTC"), "2024-02-29T23:59:59.123000+00:00"),
        (1_709_251_199_123_456_789, arrow.timestamp("ns"), "2024-02-29T23:59:59.123456"),
        ([1_709_251_199_123_456_789], arrow.list_(arrow.timestamp("ns")), ["2024-02-29T23:59:59.123456"]),
        ({"at": 1}, arrow.struct([("at", arrow.timestamp("ns"))]), {"at": "1970-01-01T00:00:00"}),
        ([("at", 1)], arrow.map_(arrow.string(), arrow.timestamp("ns")), {"at": "1970-01-01T00:00:00"}),
        (date(2024, 2, 29), arrow.date32(), "2024-02-29"),
        (time(7, 30), arrow.time32("ms"), "07:30:00"),
        (27_000_000_000_001, arrow.time64("ns"), "07:30:00"),
        (timedelta(seconds=90), arrow.duration("s"), 90.0),
        (90_000_000_001, arrow.duration("ns"), 90.0),
        (Decimal("12.50"), arrow.decimal128(10, 2), 12.5),
        (Decimal("12.00"), arrow.decimal128(10, 2), 12),
        (Decimal("4006381333931"), arrow.decimal128(20, 0), 4006381333931),
        (Decimal("1" + "0" * 30 + "7"), arrow.decimal256(40, 0), "1" + "0" * 30 + "7"),
        (2**64 - 1, arrow.uint64(), 2**64 - 1),
        (True, arrow.bool_(), True),
        (1.5, arrow.float32(), 1.5),
        (math.nan, arrow.float64(), None),
        (None, arrow.float64(), None),
        (None, arrow.null(), None),
        ("Käse 🧀", arrow.large_string(), "Käse 🧀"),
        ("Käse".encode(), arrow.binary(), "Käse"),
        (b"\xff\xd8\xff", arrow.binary(), None),
        ("red", arrow.dictionary(arrow.int8(), arrow.string()), "red"),
    ],
)
def test_a_value_is_what_json_lines_would_say(tmp_path: Path, value: Any, kind: Any, expected: Any) -> None:
    found = one(tmp_path, value, kind)
    assert found == expected and type(found) is type(expected)


def test_times_and_prices_reach_the_product(tmp_path: Path) -> None:
    table = arrow.table(
        {
            "sku": arrow.array([Decimal(7)], arrow.decimal128(12, 0)),
            "name": ["Shoe"],
            "price": arrow.array([Decimal("49.90")], arrow.decimal128(9, 2)),
            "created_at": arrow.array([MOMENT], arrow.timestamp("ns", "UTC")),
            "in_stock": [True],
            "categories": [["Shoes", "Running"]],
        }
    )
    row = values(saved(tmp_path, table))[0]
    product = clean.product(row, guess([row], {}))
    assert (product.id, product.title, product.price, product.stock) == ("7", "Shoe", 4990, 1)
    assert (product.created_at, product.category) == ("2024-02-29T23:59:59.123Z", ("Shoes", "Running"))


def test_the_labels_of_pandas_are_no_column(tmp_path: Path) -> None:
    assert values(saved(tmp_path, arrow.table({"id": ["1"], "__index_level_0__": [17]}))) == [{"id": "1"}]


def test_a_row_that_python_cannot_hold_is_a_fault_of_its_own(tmp_path: Path) -> None:
    titles = arrow.array([b"good", b"\xff bad", b"fine"]).view(arrow.string())
    years = arrow.array([0, 0, 2**45], arrow.timestamp("s"))
    found = list(sources.read(saved(tmp_path, arrow.table({"title": titles, "at": years}))))
    assert [row.line for row in found] == [1, 2, 3]
    assert [bool(row.fault) for row in found] == [False, True, True]
    assert found[0].values == {"title": "good", "at": "1970-01-01T00:00:00"}


def test_an_empty_one_is_refused(tmp_path: Path) -> None:
    assert refused(saved(tmp_path, arrow.table({"id": arrow.array([], arrow.string())}))).reason == "the feed is empty"


def test_columns_without_a_name_of_their_own_are_refused(tmp_path: Path) -> None:
    twice = arrow.Table.from_arrays([arrow.array(["1"]), arrow.array(["2"])], names=["id", "id"])
    assert (refused(saved(tmp_path, twice)).reason, refused(saved(tmp_path, twice)).value) == (
        "the feed names a column twice",
        "id",
    )
    assert "without a name" in refused(saved(tmp_path, arrow.table({"id": ["1"], "": ["2"]}))).reason


def test_a_gzipped_one_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, arrow.table({"id": ["1"]}))
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert refused(path).reason == "the Parquet feed is gzipped"


def test_a_cut_off_one_is_refused(tmp_path: Path) -> None:
    table = arrow.table({"id": [str(n) for n in range(5000)]})
    path = saved(tmp_path, table)
    whole = path.read_bytes()
    for size in (4, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert "damaged before its first row" in refused(path).reason


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_a_damaged_one_never_ends_in_another_error(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    chance = random.Random(seed)
    rows = [{"id": str(n), "title": f"Shoe {chance.random()}", "tags": ["a", "b"]} for n in range(3000)]
    path = saved(
        tmp_path_factory.mktemp("damaged"), arrow.Table.from_pylist(rows), row_group_size=1000, write_page_checksum=True
    )
    content = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 4)):
        content[chance.randrange(4, len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    try:
        read = [row.values for row in sources.read(path) if not row.fault]
    except CatalogError as error:
        assert "damaged" in error.reason and error.remedy
    else:
        assert len(read) <= len(rows)


@pytest.mark.parametrize("plain_footer", [True, False])
def test_an_encrypted_one_is_refused(tmp_path: Path, plain_footer: bool) -> None:
    encryption = pytest.importorskip("pyarrow.parquet.encryption")

    class Keys(encryption.KmsClient):  # type: ignore[misc, name-defined]
        def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
            return base64.b64encode(key_bytes)

        def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
            return base64.b64decode(wrapped_key)

    factory = encryption.CryptoFactory(lambda connection: Keys())
    told = encryption.EncryptionConfiguration(
        footer_key="footer", column_keys={"column": ["id"]}, plaintext_footer=plain_footer
    )
    properties = factory.file_encryption_properties(encryption.KmsConnectionConfig(), told)
    path = saved(tmp_path, arrow.table({"id": ["1"], "title": ["Shoe"]}), encryption_properties=properties)
    assert path.read_bytes()[:4] == (b"PAR1" if plain_footer else b"PARE")
    assert refused(path).reason == "the Parquet feed is encrypted"


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, arrow.table({"id": ["1"]}))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    error = refused(path)
    assert error.reason.startswith("Parquet needs pyarrow") and "pip install 'etalage[parquet]'" in error.remedy


def test_reading_may_stop_in_the_middle(tmp_path: Path) -> None:
    rows = sources.read(saved(tmp_path, arrow.table({"id": [str(n) for n in range(3000)]})))
    assert next(rows).values == {"id": "0"}
    rows.close()


def test_a_parquet_feed_is_indexed(tmp_path: Path) -> None:
    table = arrow.table({"id": [str(n) for n in range(300)], "title": [f"Shoe {n % 250}" for n in range(300)]})
    engine, encoder = EmbeddedEngine(Settings(home=tmp_path / "home")), HashingEncoder()
    options = reindex.Options(chunk=100, quarantine=tmp_path / "bad.jsonl")
    job = reindex.plan(engine, encoder, "products", saved(tmp_path, table), options)
    for number in range(job.chunks):
        assert reindex.work(engine, encoder, job.id, number, "test", 60)
    assert reindex.finish(engine, job)["indexed"] == 300
    engine.close()

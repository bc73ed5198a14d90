"""Reading feeds: every form that is accepted, and where and why the others are refused."""

from __future__ import annotations

import csv
import gzip
import io
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.core.errors import CatalogError
from indexer import sources
from indexer.sources import Row

TABLE = "id,title\n1,red shoe\n2,Möbel\n"
ROWS = [Row(2, {"id": "1", "title": "red shoe"}), Row(3, {"id": "2", "title": "Möbel"})]


def rows(folder: Path, content: bytes | str) -> list[Row]:
    path = folder / "feed"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(sources.read(path))


# forms
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_delimiters_are_told_from_the_header(tmp_path: Path, delimiter: str) -> None:
    assert rows(tmp_path, TABLE.replace(",", delimiter)) == ROWS


def test_the_commonest_delimiter_of_the_header_counts(tmp_path: Path) -> None:
    assert rows(tmp_path, "id;name, full;price\n1;a, b;3\n") == [
        Row(2, {"id": "1", "name, full": "a, b", "price": "3"})
    ]


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode("utf-8-sig"),
        TABLE.replace("\n", "\r\n").encode(),
        TABLE.rstrip("\n").encode(),
        (TABLE + "\n\n , \n").encode(),
        gzip.compress(TABLE.encode()),
        gzip.compress(TABLE.encode("utf-8-sig")),
        gzip.compress(TABLE[:20].encode()) + gzip.compress(TABLE[20:].encode()),
    ],
    ids=["BOM", "CRLF", "no last line break", "blank rows", "gzip", "gzip with BOM", "gzip of two members"],
)
def test_one_table_in_many_forms(tmp_path: Path, content: bytes) -> None:
    assert rows(tmp_path, content) == ROWS


def test_names_in_the_header_are_trimmed(tmp_path: Path) -> None:
    assert rows(tmp_path, " id , title\n1, x \n") == [Row(2, {"id": "1", "title": " x "})]


def test_quoted_cells_hold_delimiters_quotes_and_line_breaks(tmp_path: Path) -> None:
    found = rows(tmp_path, 'id,title\n1,"a, ""b""\r\nc"\n2,d\n')
    # A record's line is its last one.
    assert found == [Row(3, {"id": "1", "title": 'a, "b"\r\nc'}), Row(4, {"id": "2", "title": "d"})]


def test_ragged_rows_are_faults_and_the_others_are_read(tmp_path: Path) -> None:
    found = rows(tmp_path, "id,title\n1\n2,b\n3,c,d\n")
    assert found[1] == Row(3, {"id": "2", "title": "b"})
    assert (found[0].line, found[0].fault) == (2, "has 1 cells, the header 2: 1")
    assert (found[2].line, found[2].fault) == (4, "has 3 cells, the header 2: 3,c,d")


def test_a_cell_of_a_million_characters(tmp_path: Path) -> None:
    found = rows(tmp_path, "id,title\n1," + "x" * 1_000_000 + "\n")
    assert len(found[0].values["title"]) == 1_000_000


def test_json_lines(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"id": 1, "tags": ["a", "b"]}\r\n\n  \n{"id": "2", "price": 1.5, "none": null}'
    assert rows(tmp_path, content) == [
        Row(1, {"id": 1, "tags": ["a", "b"]}), Row(4, {"id": "2", "price": 1.5, "none": None})
    ]  # fmt: skip


def test_broken_json_lines_are_faults_and_the_others_are_read(tmp_path: Path) -> None:
    found = rows(tmp_path, b'{"id": 1}\n{"id": 2,\n[3]\n"four"\n{"id": NaN}\n{"id": 5}\n')
    assert [row.line for row in found] == [1, 2, 3, 4, 5, 6]
    assert [row.values for row in found] == [{"id": 1}, {}, {}, {}, {}, {"id": 5}]
    assert found[1].fault.startswith("is not JSON (") and found[1].fault.endswith('{"id": 2,')
    assert found[2].fault == "is not a JSON object: [3]"
    assert found[3].fault == 'is not a JSON object: "four"'
    assert found[4].fault.startswith("is not JSON")


def test_a_gzipped_feed_needs_no_suffix_and_a_suffix_no_gzip(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv.gz"
    path.write_text(TABLE)
    assert list(sources.read(path)) == ROWS


# refusals
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the feed is empty"),
        (b" \r\n\n\t ", "the feed is empty"),
        (b"\xef\xbb\xbf", "the feed is empty"),
        (gzip.compress(b""), "the feed is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "binary file"),
        (gzip.compress(b"PK\x03\x04\x00\x00"), "binary file"),
        ("id,title\n1,x\n".encode("utf-16"), "binary file"),
        (b"id,M\xf6bel\n1,x\n", r"not UTF-8 text: .*id,M\\xf6bel"),
        (b' [\n{"id": 1}]', "one JSON array"),
        (b"id,title,title\n1,a,b\n", "names a column twice: title"),
        (b"id,,title\n1,a,b\n", "a column without a name: id,,title"),
        (gzip.compress(TABLE.encode())[:-12], "gzipped feed is damaged"),
        (b"\x1f\x8b\x08\x00rubbish", "gzipped feed is damaged"),
    ],
)
def test_what_is_no_feed_is_refused_with_the_reason(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(CatalogError, match=told) as caught:
        rows(tmp_path, content)
    assert caught.value.remedy


@pytest.mark.parametrize("read", [sources.digest, lambda path: list(sources.read(path))])
def test_a_missing_file_and_a_folder(tmp_path: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(CatalogError, match=r"No such file or directory\): .*none"):
        read(tmp_path / "none")
    with pytest.raises(CatalogError, match="Is a directory"):
        read(tmp_path)


def test_a_row_that_is_not_utf_8_spoils_no_other(tmp_path: Path) -> None:
    """Far into a feed too, whose text is decoded in blocks."""
    found = rows(tmp_path, b"id,title\n" + b"1,x\n" * 200_000 + b"2,M\xf6bel\n3,M\xc3\xb6bel\n")
    assert (found[200_000].line, found[200_000].fault) == (200_002, "is not UTF-8: 2,M\\xf6bel")
    assert found[200_001].values == {"id": "3", "title": "Möbel"} and not any(row.fault for row in found[:200_000])
    lines = rows(tmp_path, b'{"id": "a"}\n{"id": "M\xf6"}\n{"id": "\xc3\xb6"}\n')
    assert [(row.values, row.fault) for row in lines] == [
        ({"id": "a"}, ""), ({}, 'is not UTF-8: {"id": "M\\xf6"}'), ({"id": "ö"}, ""),
    ]  # fmt: skip


def test_reading_streams_and_can_end_early(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_bytes(b"id,title\n" + b"1,x\n" * 100_000 + b"2,\xff\n")
    reading = sources.read(path)
    assert next(reading) == Row(2, {"id": "1", "title": "x"})
    reading.close()  # what is wrong beyond is never reached; an unclosed file would be a warning, hence an error


def test_digest_is_of_the_files_bytes(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_bytes(b"x" * 3_000_000)
    assert sources.digest(path) == sha256(b"x" * 3_000_000).hexdigest()


# round trips
CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
NAME = st.text("abcdefgh_", min_size=1, max_size=6)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    names=st.lists(NAME, min_size=2, max_size=5, unique=True),
    data=st.data(),
    delimiter=st.sampled_from(",;\t|"),
    ending=st.sampled_from(["\n", "\r\n"]),
    packed=st.booleans(),
)
def test_any_table_comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    names: list[str],
    data: st.DataObject,
    delimiter: str,
    ending: str,
    packed: bool,
) -> None:
    filled = st.lists(CELL, min_size=len(names), max_size=len(names)).filter(lambda row: any(c.strip() for c in row))
    table = data.draw(st.lists(filled, max_size=4))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL)
    # The header is not quoted: its delimiter is counted.
    text.write(delimiter.join(names) + ending)
    writer.writerows(table)
    content = text.getvalue().encode()
    folder = tmp_path_factory.mktemp("round")
    found = rows(folder, gzip.compress(content) if packed else content)
    assert [row.fault for row in found] == [""] * len(table)
    assert [list(row.values.values()) for row in found] == table
    assert all(list(row.values) == names for row in found)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(
        st.dictionaries(
            CELL, st.none() | st.booleans() | st.integers(-(2**53), 2**53) | CELL | st.lists(CELL, max_size=3)
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_json_lines_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, documents: list[dict[str, object]]
) -> None:
    found = rows(tmp_path_factory.mktemp("round"), b"\n".join(map(orjson.dumps, documents)))
    assert [row.values for row in found] == documents
    assert [row.line for row in found] == list(range(1, len(documents) + 1))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=80) | st.text('{}[]",\n\r\t;|aä0:', max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused_never_worse(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    try:
        found = rows(tmp_path_factory.mktemp("any"), content)
    except CatalogError as error:
        assert error.remedy
    else:
        assert all(bool(row.fault) != bool(row.values) or row.values == {} for row in found)

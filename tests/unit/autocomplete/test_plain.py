"""Plain logs, as messy as they come."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from autocomplete import listed
from autocomplete.plain import Listed, is_plain, read
from etalage.core.errors import CatalogError, EngineError

DAMAGED = gzip.compress(b"", mtime=0)[:10] + b"\x07" * 20


def found(folder: Path, content: str | bytes) -> list[Listed]:
    path = folder / "log"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read(path))


def test_a_query_a_line_and_its_count(tmp_path: Path) -> None:
    assert found(tmp_path, "red shoe\n\n  rug, blue \r\n") == [Listed("red shoe"), Listed("rug, blue")]
    assert found(tmp_path, "red shoe\t12\nrug\n沙发\t3") == [Listed("red shoe", 12), Listed("rug"), Listed("沙发", 3)]


def test_a_table(tmp_path: Path) -> None:
    content = 'date,Query,Count\n1970-01-03,"shoe, red","1,200"\n,rug,\n'
    assert found(tmp_path, content) == [Listed("shoe, red", 1200, 2.0), Listed("rug")]
    content = "query\tuser\nrug\tu1\n"
    assert found(tmp_path, content) == [Listed("rug", shopper="u1")]


def test_marks_blank_lines_and_lines_quoted_twice(tmp_path: Path) -> None:
    content = '\ufeff\n"user,category,query,query_time"\n"u1,c,""altec  lansing"",""1970-01-02 12:00:00.000"""\n'
    assert found(tmp_path, content) == [Listed("altec lansing", 1, 1.5, "u1")]
    assert found(tmp_path, gzip.compress(b"rug\n")) == [Listed("rug")]
    assert found(tmp_path, "") == found(tmp_path, "\ufeff\n \n") == []


def test_what_of_a_person_is_in_it_is_left_out(tmp_path: Path) -> None:
    assert found(tmp_path, "ann@example.org\nrug\n4111 1111 1111 1111\n") == [Listed("rug")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("user,date\nu1,1970-01-01", "no column of queries.*user, date"),
        ("query,count\nrug,many", "no number of times: many.*line 2"),
        ("query,count\nrug,-1", "no number of times"),
        ("query,date\nrug,yesterday", "not ISO-8601: yesterday.*line 2"),
        (b"\xff\xfe", "UTF-8"),
        (f"query,user\n{'r' * 2001},u1", "longer than 2000 characters.*line 2"),
        (f"query,user\nrug,{'u' * 2001}", "longer than 2000 characters"),
        (DAMAGED, "cannot be read.*decompressing"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, content: str | bytes, told: str) -> None:
    with pytest.raises(CatalogError, match=told):
        found(tmp_path, content)
    with pytest.raises(CatalogError, match="cannot be read"):
        list(read(tmp_path / "none"))


def test_json_lines_are_no_plain_log(tmp_path: Path) -> None:
    for content, plain in ((b"rug", True), (b"\n {", False), (b"\xef\xbb\xbf{}", False), (b"", False)):
        (tmp_path / "log").write_bytes(content)
        assert is_plain(tmp_path / "log") == plain


def test_a_damaged_archive_is_said(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(DAMAGED)
    with pytest.raises(CatalogError, match="cannot be read.*decompressing"):
        is_plain(tmp_path / "log")


def test_the_list_is_kept_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "listed" / "products"
    assert list(listed.read(path)) == []
    rows = [Listed("rug", 2.0, 3.0), Listed("沙发")]
    assert listed.write(path, rows) == 2
    assert list(listed.read(path)) == rows
    path.write_bytes(b"{")
    with pytest.raises(EngineError, match="etalage events import"):
        list(listed.read(path))

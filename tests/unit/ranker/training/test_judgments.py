"""Qrels as people keep them: CSV, TREC, gzipped, and wrong."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.core.errors import QueryError
from etalage.core.text import normalize
from ranker.training.judgments import read


def written(folder: Path, content: str | bytes, name: str = "qrels.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_csv(tmp_path: Path) -> None:
    path = written(tmp_path, 'query,docid,rating\nred shoe,a,1\nred shoe,b,0.25\n"chair, oak",a,0\n')
    found = read(path)
    assert found.qrels == {"red shoe": {"a": 1.0, "b": 0.25}, "chair, oak": {"a": 0.0}}
    assert found.topics == {"red shoe": "1", "chair, oak": "2"}
    assert found.documents == {"a", "b"}
    assert len(found.digest) == 16


def test_columns_may_stand_in_any_order_among_others(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffRating,note, DocID ,QUERY\r\n2,x,a,shoe\r\n\r\n1,y,b,shoe\r\n")
    assert read(path).qrels == {"shoe": {"a": 2.0, "b": 1.0}}


def test_spellings_of_a_query_that_differ_in_blanks_are_one(tmp_path: Path) -> None:
    path = written(tmp_path, "query,docid,rating\n red  shoe ,a,1\nred shoe, b ,1\n")
    assert read(path).qrels == {"red shoe": {"a": 1.0, "b": 1.0}}


def test_of_a_pair_judged_twice_the_last_counts(tmp_path: Path) -> None:
    assert read(written(tmp_path, "query,docid,rating\ns,a,1\ns,a,3\n")).qrels == {"s": {"a": 3.0}}


def test_gzipped_is_read_alike(tmp_path: Path) -> None:
    content = "query,docid,rating\nshoe,a,1\n"
    plain = read(written(tmp_path, content))
    packed = read(written(tmp_path, gzip.compress(content.encode()), "qrels.csv.gz"))
    assert packed == plain


def test_the_digest_tells_files_apart(tmp_path: Path) -> None:
    first = read(written(tmp_path, "query,docid,rating\nshoe,a,1\n"))
    second = read(written(tmp_path, "query,docid,rating\nshoe,a,2\n"))
    assert first.digest != second.digest


def test_trec(tmp_path: Path) -> None:
    path = written(tmp_path, "q1 0 a 1\nq1 0 b 0\n\nq2 0 c 0.5\n", "qrels.txt")
    for content in ("q1\tred shoe\nq2\toak chair\nq3\tlamp\n", "q1,red shoe\nq2,oak  chair\nq3,lamp\n"):
        found = read(path, written(tmp_path, content, "topics.tsv"))
        assert found.qrels == {"red shoe": {"a": 1.0, "b": 0.0}, "oak chair": {"c": 0.5}}
        assert {query: found.topics[query] for query in found.qrels} == {"red shoe": "q1", "oak chair": "q2"}


def test_a_topic_may_hold_a_comma_after_a_tab(tmp_path: Path) -> None:
    topics = written(tmp_path, "1\tchair, oak\n", "topics.tsv")
    assert read(written(tmp_path, "1 0 a 1\n"), topics).qrels == {"chair, oak": {"a": 1.0}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "columns query, docid and rating"),
        ("query,docid\nshoe,a\n", "columns query, docid and rating.* has query, docid"),
        ("query,docid,rating\n", "holds no judgments"),
        ("query,docid,rating\nshoe,a\n", "line 2 .* too few columns"),
        ("query,docid,rating\nshoe,a,1\nshoe,b,good\n", "line 3 .* not a number"),
        ("query,docid,rating\nshoe,a,-1\n", "line 2 .* not a number ≥ 0"),
        ("query,docid,rating\nshoe,a,nan\n", "line 2 .* not a number ≥ 0"),
        ("query,docid,rating\nshoe,a,inf\n", "line 2 .* not a number ≥ 0"),
        ("query,docid,rating\nshoe,  ,1\n", "line 2 .* no docid"),
        (b"query,docid,rating\nsch\xfch,a,1\n", "not UTF-8"),
        (gzip.compress(b"query,docid,rating\n" * 50)[:30], "cannot be read|not UTF-8"),
        (b"\x1f\x8b" + b"no gzip at all", "cannot be read|not UTF-8"),
    ],
)
def test_wrong_csv_is_refused_with_where_and_what_to_do(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(QueryError, match=message) as caught:
        read(written(tmp_path, content))
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("qrels", "topics", "message"),
    [
        ("q1 0 a\n", "q1\tshoe\n", "line 1 .* not `topic 0 docid rating`"),
        ("q1 0 a 1\nq9 0 a 1\n", "q1\tshoe\n", "line 2 .* topic that --queries does not have"),
        ("q1 0 a x\n", "q1\tshoe\n", "line 1 .* not a number"),
        ("q1 0 a 1\n", "q1 shoe\n", "line 1 .* not `topic<TAB>query`"),
        ("q1 0 a 1\n", "q1\t \n", "line 1 .* not `topic<TAB>query`"),
        ("\n\n", "q1\tshoe\n", "holds no judgments"),
    ],
)
def test_wrong_trec_is_refused(tmp_path: Path, qrels: str, topics: str, message: str) -> None:
    with pytest.raises(QueryError, match=message) as caught:
        read(written(tmp_path, qrels), written(tmp_path, topics, "topics.tsv"))
    assert caught.value.remedy


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="cannot be read"):
        read(tmp_path / "none.csv")
    with pytest.raises(QueryError, match="cannot be read"):
        read(written(tmp_path, "q1 0 a 1\n"), tmp_path / "none.tsv")


cells = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(lambda one: one.strip())


@given(st.dictionaries(cells, st.dictionaries(cells.map(str.strip), st.floats(0, 10), min_size=1), min_size=1))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, qrels: dict[str, dict[str, float]]
) -> None:
    buffer = io.StringIO(newline="")
    rows = csv.writer(buffer)
    rows.writerow(["query", "docid", "rating"])
    rows.writerows([query, one, rating] for query, ratings in qrels.items() for one, rating in ratings.items())
    expected: dict[str, dict[str, float]] = {}
    for query, ratings in qrels.items():
        expected.setdefault(normalize(query), {}).update(ratings)
    assert read(written(tmp_path_factory.mktemp("qrels"), buffer.getvalue())).qrels == expected

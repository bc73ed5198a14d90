"""Rows held beside the client."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Generator

import numpy as np

from etalage.core.errors import EngineUnavailable
from opensearch.cluster.documents import layout
from opensearch.cluster.rows import Filling, Revision, Rows
from opensearch.engine import IndexSpec

SPEC = IndexSpec("m", "f", 4)


Page = list[tuple[str, Revision]]
Pages = Generator[Page, None, None]


class Node:
    """Answers with what it holds, and remembers what was asked for."""

    def __init__(self, *keys: str) -> None:
        self.revisions = {key: Revision(key, 0, 1) for key in keys}
        self.asked: list[list[str]] = []

    def fetch(self, ids: list[str]) -> list[tuple[str, Revision]]:
        self.asked.append(ids)
        found = [self.revisions[key] for key in reversed(ids) if key in self.revisions]
        return [(self.blob(one), one) for one in found]

    def blob(self, one: Revision) -> str:
        row = np.zeros((), layout(4, 0))
        row["vec_text"] = one.seq_no
        # As the node gives it: without padding.
        return b64encode(row.tobytes() + f"title of {one.id} é".encode()).decode().rstrip("=")

    def all(self) -> list[Revision]:
        return list(self.revisions.values())


def test_rows_are_fetched_once() -> None:
    node, rows = Node("a", "b", "cc"), Rows(SPEC, 100)
    for _ in range(2):
        found, titles, known = rows.read(node.all(), node.fetch)
        assert titles == ["title of a é", "title of b é", "title of cc é"]
        assert known == [0, 1, 2]
        assert found["vec_text"].shape == (3, 4)
    assert node.asked == [["a", "b", "cc"]]


def test_a_new_revision_is_fetched_again() -> None:
    node, rows = Node("a", "b"), Rows(SPEC, 100)
    rows.read(node.all(), node.fetch)
    node.revisions["b"] = Revision("b", 7, 1)
    found, _, _ = rows.read(node.all(), node.fetch)
    assert found["vec_text"][:, 0].tolist() == [0, 7]
    node.revisions["b"] = Revision("b", 7, 2)
    rows.read(node.all(), node.fetch)
    assert node.asked == [["a", "b"], ["b"], ["b"]]


def test_a_removed_document_has_no_row() -> None:
    node, rows = Node("a", "c"), Rows(SPEC, 100)
    wanted = [Revision("a", 0, 1), Revision("gone", 0, 1), Revision("c", 0, 1)]
    found, titles, known = rows.read(wanted, node.fetch)
    assert (len(found), titles, known) == (2, ["title of a é", "title of c é"], [0, 2])


def test_the_oldest_give_way() -> None:
    node, rows = Node(*"abcde"), Rows(SPEC, capacity=3)
    for key in "abcd":
        rows.read([node.revisions[key]], node.fetch)
    node.asked.clear()
    for key in "bcda":
        _, titles, _ = rows.read([node.revisions[key]], node.fetch)
        assert titles == [f"title of {key} é"]
    assert node.asked == [["a"]]


def test_more_than_fits_is_still_answered() -> None:
    node, rows = Node(*"abcde"), Rows(SPEC, capacity=2)
    for _ in range(2):
        _, titles, known = rows.read(node.all(), node.fetch)
        assert titles == [f"title of {key} é" for key in "abcde"]
        assert known == [0, 1, 2, 3, 4]


def test_nothing_wanted_asks_for_nothing() -> None:
    node, rows = Node(), Rows(SPEC, 100)
    found, titles, known = rows.read([], node.fetch)
    assert (len(found), titles, known, node.asked) == (0, [], [], [])


def filled(rows: Rows, pages: Pages) -> None:
    """Let `rows` be filled to the end."""
    ended = threading.Event()

    def told() -> Pages:
        try:
            yield from pages
        finally:
            ended.set()

    filling = Filling()
    filling.start(rows, told())
    assert ended.wait(10)
    filling.close()


def test_what_was_filled_is_not_fetched() -> None:
    node, rows = Node(*"abcd"), Rows(SPEC, 100)
    filled(rows, (node.fetch(keys) for keys in (["a", "b"], ["c", "d"])))
    node.asked.clear()
    _, titles, known = rows.read(node.all(), node.fetch)
    assert (titles, known) == ([f"title of {key} é" for key in "abcd"], [0, 1, 2, 3])
    assert node.asked == []


def test_filling_does_not_replace_what_a_search_brought() -> None:
    node, rows = Node("a"), Rows(SPEC, 100)
    page = node.fetch(["a"])
    node.revisions["a"] = Revision("a", 5, 1)
    rows.read(node.all(), node.fetch)
    assert rows.hold(page)
    node.asked.clear()
    found, _, _ = rows.read(node.all(), node.fetch)
    assert found["vec_text"][0, 0] == 5
    assert node.asked == []


def test_filling_ends_when_full_and_drives_nothing_out() -> None:
    node, rows = Node(*"abcde"), Rows(SPEC, capacity=3)
    rows.read([node.revisions["e"]], node.fetch)
    asked: list[str] = []

    def pages() -> Pages:
        for key in "abcd":
            asked.append(key)
            yield node.fetch([key])

    filled(rows, pages())
    assert asked == ["a", "b", "c"]
    node.asked.clear()
    rows.read([node.revisions[key] for key in "abe"], node.fetch)
    assert node.asked == []


def test_a_node_that_fails_leaves_the_rest_to_searches() -> None:
    node, rows = Node("a", "b"), Rows(SPEC, 100)

    def pages() -> Pages:
        yield node.fetch(["a"])
        raise EngineUnavailable("gone")

    filled(rows, pages())
    node.asked.clear()
    rows.read(node.all(), node.fetch)
    assert node.asked == [["b"]]


def test_filling_is_worth_it_once_after_several_searches_that_lacked_rows() -> None:
    node, rows = Node(*"abcdefghijklmnop"), Rows(SPEC, 100)
    worth = []
    for one in node.all():
        rows.read([one], node.fetch)
        rows.read([one], node.fetch)
        worth.append(rows.worth_filling())
    assert worth == [number == 7 for number in range(16)]


def test_closing_ends_the_filling_after_its_page() -> None:
    node, rows, filling = Node(*"abc"), Rows(SPEC, 100), Filling()

    def pages() -> Pages:
        for key in "abc":
            # The page takes until the end.
            filling._ending.wait(10)
            yield node.fetch([key])

    filling.start(rows, pages())
    filling.close()
    assert node.asked == [["a"]]

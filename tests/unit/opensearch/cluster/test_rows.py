"""Rows held beside the client."""

from __future__ import annotations

from base64 import b64encode

import numpy as np

from opensearch.cluster.documents import layout
from opensearch.cluster.rows import Revision, Rows
from opensearch.engine import IndexSpec

SPEC = IndexSpec("m", "f", 4)


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
    node, rows = Node("a", "b", "cc"), Rows(SPEC)
    for _ in range(2):
        found, titles, known = rows.read(node.all(), node.fetch)
        assert titles == ["title of a é", "title of b é", "title of cc é"]
        assert known == [0, 1, 2]
        assert found["vec_text"].shape == (3, 4)
    assert node.asked == [["a", "b", "cc"]]


def test_a_new_revision_is_fetched_again() -> None:
    node, rows = Node("a", "b"), Rows(SPEC)
    rows.read(node.all(), node.fetch)
    node.revisions["b"] = Revision("b", 7, 1)
    found, _, _ = rows.read(node.all(), node.fetch)
    assert found["vec_text"][:, 0].tolist() == [0, 7]
    node.revisions["b"] = Revision("b", 7, 2)
    rows.read(node.all(), node.fetch)
    assert node.asked == [["a", "b"], ["b"], ["b"]]


def test_a_removed_document_has_no_row() -> None:
    node, rows = Node("a", "c"), Rows(SPEC)
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
    node, rows = Node(), Rows(SPEC)
    found, titles, known = rows.read([], node.fetch)
    assert (len(found), titles, known, node.asked) == (0, [], [], [])

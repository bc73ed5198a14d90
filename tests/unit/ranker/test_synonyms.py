from __future__ import annotations

from pathlib import Path

import pytest

from etalage.core.errors import ConfigError
from etalage.core.text import stems
from ranker.synonyms import Synonyms

LINES = """
# ours
sofa, couch, settee
notebook, portable computer => laptop
tv => television, flat screen
a\\, b => c
""".splitlines()


@pytest.mark.parametrize(
    ("typed", "others"),
    [
        ("red sofas", ["couch", "settee"]),
        ("couch", ["sofa", "settee"]),
        ("laptop", []),  # one way
        ("notebooks", ["laptop"]),
        ("a portable computer bag", ["laptop"]),
        ("computer portable", []),
        ("TV", ["television", "flat screen"]),
        ("a b", ["c"]),
        ("", []),
    ],
)
def test_expansions(typed: str, others: list[str]) -> None:
    assert [other for _, other in Synonyms.parse(LINES).expand(stems(typed))] == others


def test_the_longest_phrase_counts() -> None:
    found = Synonyms.parse(["portable => mobile", "portable computer => laptop"]).expand(stems("portable computer"))
    assert found == [("portabl comput", "laptop")]


def test_lines_of_one_phrase_add_up() -> None:
    assert Synonyms.parse(["a => b", "a => c"]).expand(["a"]) == [("a", "b"), ("a", "c")]


def test_a_query_is_expanded_only_so_far() -> None:
    many = Synonyms.parse(["a => " + ",".join(f"w{n}" for n in range(100))])
    assert len(many.expand(["a", "a"])) == 24


@pytest.mark.parametrize("line", ["alone", "a =>", "=> b", "a => b => c", ", ,", "?! => b", "a b c d e f g h i => j"])
def test_what_is_wrong_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "synonyms.txt"
    path.write_text(f"a, b\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="line 2"):
        Synonyms.read(path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        Synonyms.read(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ConfigError, match="cannot be read"):
        Synonyms.read(tmp_path / "binary")


def test_a_mark_at_the_start_of_a_file_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes("\ufeffsofa, couch\n".encode())
    assert Synonyms.read(tmp_path / "s").expand(["sofa"]) == [("sofa", "couch")]

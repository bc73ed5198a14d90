"""`etalage rules`, and rules in `etalage search`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from .conftest import Run, refused

RULES = """
[[rule]]
name = "chair first"
when.query = ["red shoe"]
pin = ["c", "gone"]

[[rule]]
name = "over"
when.words = ["shoe"]
until = 2001-01-01
boost.filter = ["brand:Bolt"]
boost.factor = 2

[[rule]]
when.query = ["red shoe"]
when.phrase = ["big shoe"]
when.filter = ["brand:Acme"]
redirect = "/shoes"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, indexed: tuple[Path, dict[str, Any]]) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    shutil.copytree(indexed[0], folder, dirs_exist_ok=True)
    (folder / "rules.toml").write_text(RULES)
    return folder


def test_check_tells_what_is_in_a_file(etalage: Run, shop: Path) -> None:
    told = etalage("rules", "check", shop / "rules.toml", "--json", home=shop / "home").document
    assert told["warnings"] == ["chair first: not in the index: gone"] and told["active"] == 2
    assert [(one["name"], one["action"], one["active"]) for one in told["rules"]] == [
        ("chair first", "pin", True),
        ("over", "boost x2", False),
        ("rule 3", "redirect", True),
    ]
    assert told["rules"][1]["until"] == "2001-01-02T00:00:00+00:00"
    assert told["rules"][2]["when"] == 'red shoe or "big shoe", brand:Acme'
    shown = etalage("rules", "check", shop / "rules.toml", home=shop / "home")
    assert shown.code == 0
    text = shown.stdout.decode()
    assert "3 rules, 2 active, 1 warnings" in text and "warning: chair first: not in the index: gone" in text


def test_check_without_an_index_says_nothing_of_ids(etalage: Run, shop: Path, tmp_path: Path) -> None:
    assert etalage("rules", "check", shop / "rules.toml", "--json", home=tmp_path).document["warnings"] == []


def test_check_refuses_what_is_not_known(etalage: Run, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text('[[rule]]\nwhen.every = true\npinn = ["a"]\n')
    result = etalage("rules", "check", tmp_path / "rules.toml", "--json", home=tmp_path)
    refused(result, "config_error", "rule 1, pinn: this key is not known", code=2)


def test_a_search_follows_the_rules_unless_told_otherwise(etalage: Run, shop: Path) -> None:
    rules = {"ETALAGE_RULES": str(shop / "rules.toml")}
    answer = etalage("search", "red shoe", "--json", home=shop / "home", **rules).document
    assert answer["hits"][0]["id"] == "c" and answer["rules"] == ["chair first"]
    off = etalage("search", "red shoe", "--no-rules", "--json", home=shop / "home", **rules).document
    assert off["hits"][0]["id"] == "a" and off["rules"] == []
    told = etalage("search", "red shoe", "--filter", "brand:Acme", home=shop / "home", **rules).stdout.decode()
    assert "redirect: /shoes" in told and "rules: chair first, rule 3" in told


def test_test_says_where_products_stood(etalage: Run, shop: Path) -> None:
    words = ("rules", "test", "red shoe", "--file", shop / "rules.toml")
    told = etalage(*words, "--json", home=shop / "home").document
    assert told["hits"][0]["id"] == "c" and told["before"]["c"] > 1 and told["before"]["a"] == 1
    shown = etalage(*words, home=shop / "home").stdout.decode()
    assert f"c: by chair first, before at {told['before']['c']}" in shown
    refused(etalage("rules", "test", "x", "--json", home=shop / "home"), "config_error", "no rules to test", code=2)

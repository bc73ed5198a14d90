"""The file of merchandising rules: what it may say, when that holds, and how it is watched."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from etalage.core.errors import ConfigError
from opensearch.engine import Range, Term
from ranker.merchandising import Said
from ranker.rulefile import MAX_RULES, RuleFile, parse, read

EVERY = {"every": True}


def rule(**given: Any) -> dict[str, Any]:
    return {"when": EVERY, "pin": ["a"]} | given


def written(path: Path, text: str, at: int = 0) -> Path:
    """A file with a time of its own, so that a change is seen however fast the test is."""
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(at, at))
    return path


# what a file says
def test_a_whole_file(tmp_path: Path) -> None:
    text = """
timezone = "Europe/Berlin"

[[rule]]
name = "boots first"
when.query = ["Winter  Boots!"]
when.words = ["red boots"]
from = 2026-11-01
until = 2026-11-30
pin = ["b2", "b1", "b2"]

[[rule]]
when.filter = ["category:Shoes"]
boost.filter = ["brand:Acme", "price:1000..5000"]
boost.factor = 2
"""
    first, second = read(written(tmp_path / "rules.toml", text))
    assert (first.name, first.action, first.ids) == ("boots first", "pin", ("b2", "b1"))
    assert first.when.queries == {"winter boots"} and first.when.words == (frozenset({"red", "boot"}),)
    assert (second.name, second.action, second.factor) == ("rule 2", "boost", 2.0)
    assert second.filters == (Term("brand", ("Acme",)), Range("price", 1000, 5000))
    assert second.when.narrowed == {("category", "Shoes")}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (rule(pins=["a"]), r"rule 1, pins: this key is not known"),
        (rule(when={"qery": ["a"]}), r"when\.qery: this key is not known"),
        (rule(name="sale", until="2026-11-30"), r"rule 1 \(sale\), until: .* without quotes"),
        (rule(redirect="/x"), "exactly one action: pin and redirect"),
        ({"when": EVERY}, "exactly one action: none"),
        ({"pin": ["a"]}, "rule 1, when: Field required"),
        (rule(when={}), "for every search, or for some"),
        (rule(when={"every": True, "query": ["a"]}), "for every search, or for some"),
        (rule(when={"query": ["!?"]}), "a pattern has no words"),
        (rule(when={"filter": ["price:1..2"]}), "filters by a word alone"),
        (rule(when={"filter": ["color:red"]}), "there is no such field: color"),
        ({"when": EVERY, "hide": {}}, "by ids or by filter"),
        ({"when": EVERY, "hide": {"ids": ["a"], "filter": ["brand:A"]}}, "by ids or by filter"),
        ({"when": EVERY, "boost": {"ids": ["a"], "factor": 0}}, "boost.factor"),
        ({"when": EVERY, "boost": {"ids": ["a"]}}, "boost.factor: Field required"),
        ({"when": EVERY, "redirect": "javascript:alert(1)"}, "no address to redirect to"),
        ({"when": EVERY, "redirect": "/a b"}, "no address to redirect to"),
        (rule(pin=[]), "rule 1, pin"),
        (rule(pin=[1]), r"rule 1, pin\.0"),
        (rule(**{"from": datetime(2026, 1, 2), "until": datetime(2026, 1, 2)}), "until is not after from"),
    ],
)
def test_what_is_wrong_is_said_by_rule_and_key(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse({"rule": [given]})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"rules": []}, "the key rules is not known"),
        ({"rule": {}}, "no list of tables"),
        ({"timezone": "Mars/Base"}, "no such time zone"),
        ({"rule": [rule(name="x"), rule(name="x")]}, "two rules have one name"),
        ({"rule": [rule()] * (MAX_RULES + 1)}, "more than 2,000 rules"),
    ],
)
def test_what_is_wrong_with_a_whole_file(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse(given)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="not valid TOML .*line 2"):
        read(written(tmp_path / "rules.toml", "[[rule]]\nfrom = 2026-13-01\n"))


# dates
BERLIN = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("begin", "until", "active", "not_active"),
    [
        # A date is a day of the file's time zone, the last one counts whole.
        ("2026-11-01", "2026-11-30", datetime(2026, 11, 1, tzinfo=BERLIN), datetime(2026, 10, 31, 22, 59, tzinfo=UTC)),
        ("2026-11-01", "2026-11-30", datetime(2026, 11, 30, 22, 59, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=BERLIN)),
        ("2026-11-30", "2026-11-30", datetime(2026, 11, 30, 12, tzinfo=BERLIN), datetime(2026, 11, 29, tzinfo=UTC)),
        # A time begins and ends to the second; without an offset it is of that zone, too.
        (
            "2026-11-01T08:00:00",
            "2026-11-01T09:00:00",
            datetime(2026, 11, 1, 7, tzinfo=UTC),
            datetime(2026, 11, 1, 8, tzinfo=UTC),
        ),
        (
            "2026-11-01T08:00:00Z",
            "2026-11-01T09:00:00Z",
            datetime(2026, 11, 1, 8, tzinfo=UTC),
            datetime(2026, 11, 1, 7, 59, tzinfo=UTC),
        ),
    ],
)
def test_when_a_rule_holds(tmp_path: Path, begin: str, until: str, active: datetime, not_active: datetime) -> None:
    text = f'timezone = "Europe/Berlin"\n[[rule]]\nwhen.every = true\npin = ["a"]\nfrom = {begin}\nuntil = {until}\n'
    (found,) = read(written(tmp_path / "rules.toml", text))
    assert found.active(active) and not found.active(not_active)


def test_a_rule_that_is_off_never_holds() -> None:
    (found,) = parse({"rule": [rule(enabled=False)]})
    assert not found.active(datetime(2026, 1, 1, tzinfo=UTC))


# watching
PIN = '[[rule]]\nwhen.query = ["shoe"]\npin = ["{}"]\n'


def test_a_file_is_read_again_when_it_changes_and_a_broken_one_keeps_the_last_rules(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path / "rules.toml", PIN.format("a"), 1)
    watched = RuleFile(path)
    assert [one.ids for one in watched.current().rules] == [("a",)]
    written(path, PIN.format("b"), 2)
    assert [one.ids for one in watched.current().rules] == [("b",)]
    with caplog.at_level(logging.WARNING):
        written(path, "[[rule", 3)
        held = [watched.current() for _ in range(3)]
    assert [(one.rules[0].ids, one.sound) for one in held] == [(("b",), False)] * 3
    assert len(caplog.records) == 1, "said once, not at every search"
    path.unlink()
    assert not watched.current().sound
    written(path, PIN.format("c"), 4)
    assert watched.current().sound and watched.current().rules[0].ids == ("c",)


def test_the_clock_is_looked_at_for_every_search(tmp_path: Path) -> None:
    moments = iter([datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)])
    path = written(tmp_path / "rules.toml", PIN.format("a") + "from = 2026-01-02\n")
    watched = RuleFile(path, lambda: next(moments))
    assert (len(watched.current().rules), len(watched.current().rules)) == (0, 1)


def test_a_file_that_is_broken_at_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not valid TOML"):
        RuleFile(written(tmp_path / "rules.toml", "[[rule"))


def test_what_was_read_holds_for_searches() -> None:
    (found,) = parse({"rule": [rule(when={"query": ["Café au lait"]})]})
    assert found.when.holds(Said.of(["cafe AU lait"])) and not found.when.holds(Said.of(["cafe"]))


def test_the_last_day_of_all_has_no_end(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text('[[rule]]\nwhen.every = true\nhide.ids = ["a"]\nuntil = 9999-12-31\n', encoding="utf-8")
    assert [rule.active(datetime(9999, 12, 31, 23, tzinfo=UTC)) for rule in read(path)] == [True]


def test_a_file_nested_too_deep_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text("a = " + "[" * 5000, encoding="utf-8")
    with pytest.raises(ConfigError, match="TOML"):
        read(path)

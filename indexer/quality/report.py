"""Counts and examples of what the rules did."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from typing import Any, Final

from etalage.core.errors import shorten
from indexer.quality.rules import RULES, Note, Rules

EXAMPLES: Final = 5
_SHORT: Final = 120


class Counts:
    """How often each rule acted, with the examples of the smallest ids, so that the order of rows does not matter."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._count = dict.fromkeys(RULES, 0)
        self._examples: dict[str, list[tuple[str, str]]] = {name: [] for name in RULES}
        self._products = 0
        self._quarantined = 0

    def add(self, id: str, notes: list[Note], quarantined: bool) -> None:
        """Count one product with its notes."""
        self._products += 1
        self._quarantined += quarantined
        for note in notes:
            self._count[note.rule] += 1
            examples = self._examples[note.rule]
            if len(examples) < EXAMPLES or id < examples[-1][0]:
                insort(examples, (id, shorten(note.text, _SHORT)))
                del examples[EXAMPLES:]

    def report(self) -> dict[str, Any]:
        """As JSON: `products`, `quarantined`, and `rules`, one entry for each that is on."""
        rules = [
            {
                "rule": name,
                "action": self._rules.action(name),
                "count": self._count[name],
                "examples": [list(example) for example in self._examples[name]],
            }
            for name in RULES
            if self._rules.on(name)
        ]
        return {"products": self._products, "quarantined": self._quarantined, "rules": rules}


def rows(report: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """The report as a table: rule, action, count, first example; rules that did nothing are left out."""
    found = [rule for rule in report["rules"] if rule["count"]]
    return [
        (rule["rule"], rule["action"], str(rule["count"]), ": ".join(rule["examples"][0]) if rule["examples"] else "")
        for rule in found
    ]

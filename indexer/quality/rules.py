"""The rules by name, and which of them are on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from rapidfuzz import process

from etalage.core.errors import ConfigError

RULES: Final[Mapping[str, str]] = {
    "mojibake": "fixed",
    "control_characters": "fixed",
    "repetition": "fixed",
    "shouting": "flagged",
    "exact_duplicates": "grouped",
    "near_duplicates": "grouped",
    "missing_brand": "filled",
    "missing_category": "filled",
    "missing_language": "filled",
    "language_mismatch": "flagged",
    "price_outlier": "flagged",
    "short_title": "flagged",
    "repeated_title": "flagged",
    "placeholder_image": "fixed",
}
"""What each rule does to a product, in the order of the report."""

QUARANTINING: Final = frozenset({"exact_duplicates"})
"""Rules that can quarantine instead."""


class Note(NamedTuple):
    """What a rule did to a product, or found in it."""

    rule: str
    action: str
    text: str


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that are off, and those that quarantine instead of what they do otherwise.

    Raises:
        ConfigError: a name is unknown, or is of a rule that cannot quarantine.
    """

    off: frozenset[str] = frozenset()
    quarantine: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name in sorted(self.off | self.quarantine):
            if name not in RULES:
                near = [match[0] for match in process.extract(name, list(RULES), limit=3)]
                raise ConfigError("unknown quality rule", value=name, remedy=f"Did you mean {', '.join(near)}?")
        for name in sorted(self.quarantine - QUARANTINING):
            remedy = f"Only {', '.join(sorted(QUARANTINING))} can."
            raise ConfigError("this quality rule cannot quarantine", value=name, remedy=remedy)

    def on(self, *names: str) -> bool:
        """Whether any of these rules is on."""
        return not self.off.issuperset(names)

    def action(self, name: str) -> str:
        """What the rule does: `fixed`, `filled`, `grouped`, `flagged` or `quarantined`."""
        return "quarantined" if name in self.quarantine else RULES[name]

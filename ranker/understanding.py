"""What the queries of an index are understood with: its vocabulary, the shop's synonyms, and which steps are taken."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import Final

from etalage.core.encoders import lexicon
from ranker.query import SPELLING, STEPS, Query, understand
from ranker.synonyms import Synonyms
from ranker.vocabulary import Kept

ALL: Final = STEPS
NONE: Final[frozenset[str]] = frozenset()
REWORDED: Final = frozenset((SPELLING,))
"""The steps where another query decides what matches: nothing but the words that are compared with it may change."""


class Understanding:
    """Understands the queries of one index. Thread-safe.

    Args:
        lexicon: the text encoder's `tokenizer.json`, whose words are no slips (`lexicon.read`).
        folder: where the vocabularies are kept, one file an index; None for none.
        steps: those that are taken unless a search says otherwise.
    """

    def __init__(
        self,
        folder: Path | None,
        index: str,
        synonyms: Synonyms | None = None,
        *,
        lexicon: Path | None = None,
        steps: Set[str] = ALL,
    ) -> None:
        self._folder, self._synonyms, self._lexicon, self._steps = folder, synonyms, lexicon, steps
        self._kept = None if folder is None else Kept(folder / index)

    @classmethod
    def plain(cls) -> Understanding:
        """What takes queries as they were typed."""
        return cls(None, "", steps=NONE)

    def of(self, index: str) -> Understanding:
        """The same for another index."""
        return Understanding(self._folder, index, self._synonyms, lexicon=self._lexicon, steps=self._steps)

    def read(self, query: str, *, steps: Set[str] = ALL) -> Query:
        """Understand a query by those of `steps` that are taken here. Raises QueryError."""
        wanted = self._steps & steps
        common = frozenset() if self._lexicon is None or SPELLING not in wanted else lexicon.read(self._lexicon)
        vocabulary = self._kept.get() if self._kept is not None and wanted else None
        return understand(query, vocabulary, self._synonyms, common=common, steps=wanted)

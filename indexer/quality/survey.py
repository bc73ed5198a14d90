"""The two passes over a feed: `Survey` sees every product, `Findings` then changes each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from etalage.core.records import Product
from etalage.core.text import stems, token_id
from indexer.quality import language, text
from indexer.quality.duplicates import Duplicates, Twin
from indexer.quality.filling import Filler, Filling
from indexer.quality.outliers import Judge, Outliers
from indexer.quality.report import Counts
from indexer.quality.rules import Note, Rules


class Survey:
    """The first pass. It keeps sketches, no products, and ends with `close`."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._duplicates = Duplicates(rules)
        self._filling = Filling(rules)
        self._outliers = Outliers(rules)

    def add(self, product: Product) -> tuple[Product, list[Note]]:
        """Take a product into account; gives it with its text repaired, and what was done."""
        product, notes = text.repaired(product, self._rules)
        self._outliers.add(product)
        doubles = self._rules.on("exact_duplicates", "near_duplicates")
        fills = self._rules.on("missing_brand", "missing_category")
        title = _words(product.title) if doubles or fills else []
        if doubles:
            self._duplicates.add(product, title)
        if fills:
            self._filling.add(product, title)
        return product, notes

    def close(self) -> Findings:
        """What the catalog says, for the second pass."""
        twins = self._duplicates.close()
        return Findings(self._rules, twins, self._filling.close(), self._outliers.close(), Counts(self._rules))


@dataclass(frozen=True, slots=True)
class Findings:
    """The second pass. Every product comes out, or a note says why it is quarantined; id and price never change."""

    rules: Rules
    twins: dict[str, Twin]
    filler: Filler
    judge: Judge
    counts: Counts

    def apply(
        self, product: Product, mended: tuple[Product, list[Note]] | None = None
    ) -> tuple[Product | None, list[Note]]:
        """The product as it should be indexed, or None when it is quarantined, and what was done or found. `mended` is what
        `Survey.add` gave for it; without, its text is repaired here."""
        made, notes = self._applied(product, mended)
        self.counts.add(product.id, notes, made is None)
        return made, notes

    def report(self) -> dict[str, Any]:
        """What was done so far, as JSON: see `Counts.report`."""
        return self.counts.report()

    def _applied(
        self, product: Product, mended: tuple[Product, list[Note]] | None
    ) -> tuple[Product | None, list[Note]]:
        twin = self.twins.get(product.id)
        if twin and twin.stays:
            return None, [Note(twin.rule, "quarantined", f"the same product as {twin.stays}: {product.title}")]
        product, notes = mended or text.repaired(product, self.rules)
        category = product.category
        if not (product.brand and product.category) and self.rules.on("missing_brand", "missing_category"):
            product, more = self.filler.filled(product, _words(product.title))
            notes = notes + more
        product, more = language.checked(product, self.rules)
        notes = notes + more
        if twin and not product.variant_group:
            product = replace(product, variant_group=twin.group)
            notes.append(Note(twin.rule, "grouped", f"{twin.group}: {product.title}"))
        product, more = self.judge.checked(product, category)
        return product, notes + more


def _words(title: str) -> list[int]:
    return [token_id(stem) for stem in stems(title)]

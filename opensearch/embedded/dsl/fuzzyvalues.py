"""`fuzzy` on exact values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from opensearch import fields
from opensearch.embedded.dsl.clauses import Clause, Match, Run
from opensearch.embedded.dsl.schema import Field, Kind
from opensearch.embedded.dsl.values import lead, span
from opensearch.embedded.dsl.words import Fuzziness, similar
from opensearch.embedded.postings import idf


@dataclass(frozen=True, slots=True, kw_only=True)
class NearValues(Clause):
    """Values near one, scored with BM25 as a field without lengths is: each value counts as frequent as the most
    frequent."""

    field: Field
    value: str
    fuzziness: Fuzziness

    def match(self, run: Run) -> Match:
        exact, low, high = span(run.catalog, self.field)
        values, wanted = exact.values[low:high], self.value
        if self.field.kind is Kind.ATTRIBUTE:
            # A node compares name and value as one term.
            low, high = 0, len(exact.values)
            values, wanted = [f"attributes.{pair}" for pair in exact.values], f"attributes.{lead(self.field)}{wanted}"
        near = similar(values, wanted, self.fuzziness)
        if not near:
            return run.none()
        codes, rows = exact.pairs()
        documents = len(np.unique(rows))
        norm = fields.K1 * (1 - fields.B + fields.B * documents / len(rows))
        frequency = np.bincount(codes, minlength=high)[[low + place for place, _ in near]].max()
        weight = idf(documents, frequency) / (1 + norm)
        scores = np.zeros(run.size, np.float32)
        mask = np.zeros(run.size, bool)
        for place, nearness in near:
            found = exact.span(low + place, low + place + 1, run.size)
            scores[found] += np.float32(weight * nearness)
            mask |= found
        return Match(mask, scores)

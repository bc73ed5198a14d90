"""Measure the four arms (BM25, vector, hybrid, ranked) on judged queries, through the same steps as a live search."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from etalage.core.artifact import query_hash
from etalage.core.encoders import Encoder
from etalage.core.encoders.adapter import Adapter
from etalage.core.errors import QueryError
from etalage.core.records import Floats
from opensearch.engine import Ids, Lists, Request, SearchEngine
from ranker import adapt, features, metrics, retrieve
from ranker.adapt import Adaptation
from ranker.behaviour.associations import Watched
from ranker.cross import Crossing, Read
from ranker.floor import Floor
from ranker.query import Query, understand
from ranker.rerank import Ranker
from ranker.scores import Numbers, by_score, final_scores
from ranker.sight import Sight
from ranker.training.judgments import Judgments, Qrels
from ranker.understanding import Understanding

ARMS: Final = ("bm25", "vector", "hybrid", "ranked")
_DEPTH: Final = 100
_UNDERSTOOD: Final = ("hybrid", "ranked")
"""Arms that understand queries as a live search does; the others take them as they were typed."""
_PAIRS: Final = (("hybrid", "bm25"), ("ranked", "hybrid"), ("ranked", "bm25"))


@dataclass
class _Tally:
    """What one arm did: per-query measures, runs, latencies in ms."""

    measures: list[dict[str, float]] = field(default_factory=list)
    runs: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)


class Evaluator:
    """Runs queries through the arms of one index.

    Args:
        encoder: None leaves `vector`, `hybrid` and `ranked` out; `reason` says why.
        ranker: None leaves `ranked` out.
        sight: compares words with pictures, for `ranked`.
        clicked: what was clicked for queries before, for `ranked`.
        floor: how near neighbours must be for `hybrid` and `ranked`.
        adaptation: moves query vectors, in every arm that has one; an adapter that cannot be used is an error.
        crossing: reads the best with the query once more, for `ranked`; one that cannot be used is an error.
        understanding: what `hybrid` and `ranked` understand queries with; None takes them as they were typed.
        encoder_queries: hashes of the queries that the encoder was tuned on.
        reasons: arm → why it cannot run.
    """

    def __init__(
        self,
        engine: SearchEngine,
        index: str,
        encoder: Encoder | None,
        ranker: Ranker | None,
        *,
        sight: Sight | None = None,
        clicked: Watched | None = None,
        floor: Floor | None = None,
        adaptation: Adaptation | None = None,
        crossing: Crossing | None = None,
        understanding: Understanding | None = None,
        window: int = 200,
        neighbours: int = 100,
        encoder_queries: Collection[str] = (),
        reasons: Mapping[str, str] | None = None,
    ) -> None:
        self.engine, self.index, self.encoder, self.ranker, self.sight = engine, index, encoder, ranker, sight
        self.clicked = clicked
        self.adaptation, self.crossing = adaptation, crossing
        self.understanding = understanding or Understanding.plain()
        self.window, self.neighbours = window, neighbours
        self.encoder_queries = frozenset(encoder_queries)
        self.reasons = dict(reasons or {})
        self.floor = floor
        serving = engine.serving(index)
        if serving is not None and encoder is not None:
            retrieve.verify(index, serving.spec, encoder)

    def evaluate(
        self, judgments: Judgments, *, judged_only: bool = False, allow_overlap: bool = False, run: Path | None = None
    ) -> dict[str, Any]:
        """The report: `{arms, queries, without_relevant, missing_docs, significance, model, reference}`.

        Queries without a rating above zero are counted and left out. `judged_only` lets each arm order exactly the judged
        documents. `run` receives a TREC run file with all arms. `reference` holds nDCG@10 of a random and of
        the best order of the ranked arm's candidates.

        Raises:
            QueryError: qrels share queries with the training of encoder, ranker, adapter or cross-encoder (unless `allow_overlap`), or no query is left.
            ModelError: encoder, adapter or ranker failed.
        """
        if not allow_overlap:
            self._refuse_overlap(judgments.qrels)
        qrels = {query: ratings for query, ratings in judgments.qrels.items() if max(ratings.values()) > 0}
        if not qrels:
            raise QueryError(
                "no query has a rating above zero", value=len(judgments.qrels), remedy="Check the ratings."
            )
        tallies = {arm: _Tally() for arm in self._arms()}
        reference: dict[str, list[float]] = {"random": [], "oracle": []}
        for text, ratings in qrels.items():
            for arm, tally in tallies.items():
                only = sorted(ratings) if judged_only else None
                started = time.perf_counter()
                query = self.understanding.read(text) if arm in _UNDERSTOOD else understand(text)
                scored = self._run(arm, query, only)
                tally.latencies.append((time.perf_counter() - started) * 1000)
                tally.runs[text] = scored
                tally.measures.append(metrics.measure([one for one, _ in scored], ratings))
            _refer(reference, [one for one, _ in tallies[next(reversed(tallies))].runs[text]], ratings)
        if run is not None:
            _write_runs(run, tallies, judgments.topics)
        return {
            "arms": {arm: _summary(tallies[arm]) if arm in tallies else None for arm in ARMS},
            "reasons": {arm: self.reasons.get(arm, self._lacking()) for arm in ARMS if arm not in tallies},
            "queries": len(qrels),
            "without_relevant": len(judgments.qrels) - len(qrels),
            "missing_docs": self._missing(judgments),
            "significance": _significance(tallies),
            "model": self._model(),
            "reference": {name: round(float(np.mean(values)), 4) for name, values in reference.items()},
        }

    def _arms(self) -> list[str]:
        if self.encoder is None:
            return ["bm25"]
        return list(ARMS) if self.ranker is not None else ["bm25", "vector", "hybrid"]

    def _lacking(self) -> str:
        return f"the {'encoder' if self.encoder is None else 'ranker'} is missing"

    def _run(self, arm: str, query: Query, only: list[str] | None) -> list[tuple[str, float]]:
        """One arm's ranked (id, score), best first, at most `_DEPTH` unless `only` lists what to order."""
        encoder = None if arm == "bm25" else self.encoder
        meaning = None if encoder is None else adapt.encode(encoder, query.text, self.adaptation)
        request = self._request(arm, query, None if meaning is None else meaning.near, only)
        sight, clicked = (self.sight, self.clicked) if arm == "ranked" else (None, None)
        words = None if meaning is None else meaning.words
        retrieved = retrieve.candidates(self.engine, self.index, query, request, sight, words, clicked)
        found = retrieved.candidates
        order: list[tuple[str, float]]
        if arm == "bm25":
            order = _ordered(found.ids, found.lexical, found.lexical > 0)
        elif arm == "vector":
            order = _ordered(found.ids, retrieved.cosines, np.any(found.vectors, axis=1))
        elif arm == "hybrid" or self.ranker is None:
            order = _ordered(found.ids, retrieved.fused, np.ones(len(found.ids), bool))
        else:
            scores = self.ranker.score(features.matrix(retrieved))
            read = Read(scores) if self.crossing is None else self.crossing.read(self.engine, retrieved, scores)
            final = final_scores(retrieved, read.scores)
            order = _ordered(found.ids, final, np.ones(len(found.ids), bool))
        if only is None:
            return order[:_DEPTH]
        scored = {one for one, _ in order}
        return order + [(one, float("-inf")) for one in only if one not in scored]

    def _request(self, arm: str, query: Query, vector: Floats | None, only: list[str] | None) -> Request:
        lists = {"bm25": Lists.LEXICAL, "vector": Lists.VECTOR}.get(arm, Lists.BOTH)
        if only is not None:
            size = len(only)
            return Request(query.lexical, vector, size, 0, size, (Ids(tuple(only)),), lists=lists)
        size = _DEPTH if arm in ("bm25", "vector") else self.window
        floor = self.floor.now() if self.floor is not None and arm in _UNDERSTOOD else None
        return Request(query.lexical, vector, self.neighbours, 0, size, lists=lists, floor=floor)

    def _refuse_overlap(self, qrels: Qrels) -> None:
        adapter, cross = self._adapter(), None if self.crossing is None else self.crossing.manifest()
        trained = {
            "encoder": self.encoder_queries,
            "ranker": set() if self.ranker is None else set(self.ranker.manifest.queries),
            "adapter": set() if adapter is None else set(adapter.manifest.queries),
            "cross-encoder": set() if cross is None else set(cross.queries),
        }
        for what, hashes in trained.items():
            shared = [query for query in qrels if query_hash(query) in hashes]
            if shared:
                raise QueryError(
                    f"{len(shared)} of {len(qrels)} queries were used to train the {what}",
                    value=shared[0],
                    remedy="Evaluate on other queries, or accept flattering figures with --allow-overlap.",
                )

    def _adapter(self) -> Adapter | None:
        if self.encoder is None or self.adaptation is None:
            return None
        return self.adaptation.current(self.encoder.fingerprint)

    def _missing(self, judgments: Judgments) -> int:
        serving = self.engine.serving(self.index)
        wanted = sorted(judgments.documents)
        if serving is None:
            return len(wanted)
        return len(wanted) - len(self.engine.ledger(serving.name, wanted))

    def _model(self) -> dict[str, Any]:
        encoder = None if self.encoder is None else {"name": self.encoder.name, "fingerprint": self.encoder.fingerprint}
        ranker = None
        if self.ranker is not None:
            ranker = {"name": self.ranker.manifest.name, "trained_on": self.ranker.manifest.trained_on}
            ranker["adapter"] = self.ranker.manifest.adapter
        adapter = self._adapter()
        cross = None if self.crossing is None else self.crossing.manifest()
        return {
            "encoder": encoder,
            "adapter": adapter.manifest.name if adapter is not None else None,
            "ranker": ranker,
            "cross": None if cross is None else cross.name,
        }


def _ordered(ids: list[str], scores: Numbers, scored: np.ndarray[Any, np.dtype[np.bool_]]) -> list[tuple[str, float]]:
    return [(ids[row], float(scores[row])) for row in by_score(scores, ids) if scored[row]]


def _summary(tally: _Tally) -> dict[str, float]:
    means = {name: round(float(np.mean([one[name] for one in tally.measures])), 4) for name in metrics.METRICS}
    return means | {
        "p50_ms": round(float(np.quantile(tally.latencies, 0.5)), 3),
        "p99_ms": round(float(np.quantile(tally.latencies, 0.99)), 3),
    }


def _significance(tallies: Mapping[str, _Tally]) -> dict[str, dict[str, float]]:
    def column(arm: str) -> list[float]:
        return [one["ndcg@10"] for one in tallies[arm].measures]

    return {
        f"{a} - {b}": metrics.significance(column(a), column(b)) for a, b in _PAIRS if a in tallies and b in tallies
    }


def _refer(reference: Mapping[str, list[float]], run: list[str], ratings: Mapping[str, float]) -> None:
    """Note nDCG@10 of a random order of the run (its expectation over 20 shuffles) and of the best."""
    generator = np.random.default_rng(len(reference["random"]))
    shuffles = [[run[at] for at in generator.permutation(len(run))] for _ in range(20)]
    reference["random"].append(float(np.mean([metrics.ndcg(one, ratings) for one in shuffles])))
    reference["oracle"].append(metrics.ndcg(sorted(run, key=lambda one: -ratings.get(one, 0.0)), ratings))


def _write_runs(path: Path, tallies: Mapping[str, _Tally], topics: Mapping[str, str]) -> None:
    """One TREC run file: `topic Q0 docid rank score arm`; the last column tells the arms apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        for arm, tally in tallies.items():
            for query, scored in tally.runs.items():
                for rank, (one, score) in enumerate(scored, 1):
                    file.write(f"{topics[query]} Q0 {one} {rank} {score:.6g} {arm}\n")

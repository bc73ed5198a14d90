"""How well completions foresee what is typed later in sample shops that nothing was tuned or trained on (`-s` prints the figures)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autocomplete import evaluate, peers, rank
from autocomplete.evaluate import OURS, PLAIN, POPULAR
from autocomplete.querylog import Policy
from etalage.cli.completions import show_report
from etalage.core.settings import load
from etalage.demo.completions import SIZES, log_of
from opensearch.cluster.client import Client

SEEDS = (301, 302, 303)
QUERIES = 400


@pytest.fixture(scope="module")
def reports() -> list[dict[str, Any]]:
    ranking, found = rank.load(Path("there-is-none")), []
    for seed in SEEDS:
        log, sampled = log_of(seed, *SIZES[0], 0.2)
        found.append(evaluate.replay(log.sampled(QUERIES), sampled, Policy(), ranking))
        print(f"\nseed {seed}")
        show_report(found[-1])
    return found


def mean(reports: list[dict[str, Any]], *path: str) -> float:
    values = []
    for one in reports:
        for step in path:
            one = one[step]
        values.append(float(one))  # type: ignore[arg-type]
    return sum(values) / len(values)


def test_a_context_foresees_more_than_popularity(reports: list[dict[str, Any]]) -> None:
    assert all(one["significance"]["difference"] > 0 and one["significance"]["p"] < 0.01 for one in reports)
    for size, gain in (("1", 1.15), ("2", 1.03)):
        assert mean(reports, "by_length", OURS, size) >= gain * mean(reports, "by_length", POPULAR, size)
    assert mean(reports, "in_visit", OURS, "mrr@10") >= 1.05 * mean(reports, "in_visit", POPULAR, "mrr@10")


def test_without_a_context_nothing_is_lost_to_popularity(reports: list[dict[str, Any]]) -> None:
    assert mean(reports, "methods", PLAIN, "mrr@10") >= 0.98 * mean(reports, "methods", POPULAR, "mrr@10")


def test_typing_errors_cost_little(reports: list[dict[str, Any]]) -> None:
    assert mean(reports, "typos", "kept") >= 0.85


@pytest.mark.node
def test_opensearch_is_measured_with_the_same_candidates(node_url: str) -> None:
    log, sampled = log_of(SEEDS[0], *SIZES[0], 0.2)
    settings = load(opensearch_url=node_url, opensearch_timeout=60)
    with peers.suggesters(settings) as others:
        report = evaluate.replay(log.sampled(40), sampled, Policy(), rank.load(Path("there-is-none")), others)
    show_report(report)
    plain, fuzzy = (report["methods"][name]["mrr@10"] for name in (peers.PLAIN, peers.FUZZY))
    assert plain > 0.8 * report["methods"][POPULAR]["mrr@10"] and fuzzy > 0
    client = Client(settings)
    assert not [
        one for one in client.call("GET", "_cat", "indices", params={"format": "json"}) if "peer" in one["index"]
    ]
    client.close()

"""What `/metrics` says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from etalage.core.errors import EngineUnavailable
from etalage.core.settings import load
from etalage.http.app import create_app
from etalage.http.breaker import Breaker
from etalage.http.metrics import Metrics
from opensearch.embedded import EmbeddedEngine
from opensearch.jobs import Job, JobState


def numbers(text: bytes | str) -> dict[str, float]:
    """Samples by name and labels."""
    lines = (text if isinstance(text, str) else text.decode()).splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


class Queue:
    """An engine of which only the job table is looked at."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.asked = error, 0

    @property
    def jobs(self) -> Queue:
        return self

    def unfinished(self, index: str) -> list[Any]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return []


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    made = EmbeddedEngine(load(home=tmp_path, text_model="hashing", opensearch_url=""))
    yield made
    made.close()


def test_requests_stages_and_degraded_steps() -> None:
    metrics = Metrics(Breaker())
    metrics.request("/v1/search", 200, 0.03)
    metrics.request("/v1/search", 200, 7.0)
    metrics.request("/v1/search", 503, 20.0)
    metrics.observe({"encode": 4.0, "retrieve": 30.0}, ["vectors"])
    metrics.observe({"encode": 0.4}, [])
    found = numbers(metrics.text(Queue(), ["products"]))  # type: ignore[arg-type]
    assert found['etalage_requests_total{route="/v1/search",status="200"}'] == 2
    assert found['etalage_requests_total{route="/v1/search",status="503"}'] == 1
    assert found['etalage_request_seconds_count{route="/v1/search"}'] == 3
    assert found['etalage_request_seconds_bucket{le="0.05",route="/v1/search"}'] == 1
    assert found['etalage_request_seconds_bucket{le="10.0",route="/v1/search"}'] == 2
    assert found['etalage_stage_seconds_sum{stage="encode"}'] == pytest.approx(0.0044)
    assert found['etalage_stage_seconds_bucket{le="0.0005",stage="encode"}'] == 1
    assert found['etalage_stage_seconds_count{stage="retrieve"}'] == 1
    assert found['etalage_degraded_total{step="vectors"}'] == 1
    assert found["etalage_queue_readable"] == 1


def test_the_queue_of_unfinished_jobs(engine: EmbeddedEngine) -> None:
    for index, chunks in (("products", 3), ("hats", 2), ("other", 5)):
        engine.jobs.open(Job(index, index, f"{index}-000001", "feed"))
        for number in range(chunks):
            engine.jobs.add(index, number, b"")
        engine.jobs.start(index, chunks, {})
    assert engine.jobs.lease("products", 0, "me", 60)
    metrics = Metrics(Breaker())
    found = numbers(metrics.text(engine, ["products", "hats"]))
    assert found['etalage_chunks{state="waiting"}'] == 4 and found['etalage_chunks{state="leased"}'] == 1
    assert found["etalage_jobs"] == 2
    engine.jobs.finish("products", JobState.FINISHED)
    found = numbers(metrics.text(engine, ["products", "hats"]))
    assert (found["etalage_jobs"], found['etalage_chunks{state="waiting"}']) == (1, 2)


@pytest.mark.parametrize("error", [EngineUnavailable("down"), ZeroDivisionError()])
def test_a_job_table_that_cannot_be_read_hides_nothing_else(error: Exception) -> None:
    metrics = Metrics(Breaker())
    metrics.request("/", 200, 0.1)
    found = numbers(metrics.text(Queue(error), ["products"]))  # type: ignore[arg-type]
    assert found["etalage_queue_readable"] == 0 and found["etalage_jobs"] == 0
    assert found['etalage_requests_total{route="/",status="200"}'] == 1


def test_an_open_breaker_is_told_and_the_engine_left_alone() -> None:
    breaker, queue = Breaker(failures=1), Queue()
    metrics = Metrics(breaker)
    assert numbers(metrics.text(queue, ["products"]))['etalage_breaker{etalage_breaker="closed"}'] == 1  # type: ignore[arg-type]
    with pytest.raises(EngineUnavailable), breaker.guard():
        raise EngineUnavailable("down")
    found = numbers(metrics.text(queue, ["products"]))  # type: ignore[arg-type]
    assert found['etalage_breaker{etalage_breaker="open"}'] == 1
    assert found['etalage_breaker{etalage_breaker="closed"}'] == 0
    assert (found["etalage_queue_readable"], queue.asked) == (0, 1)


def test_each_application_has_its_own(tmp_path: Path) -> None:
    chosen = load(home=tmp_path, text_model="hashing", opensearch_url="")
    with TestClient(create_app(chosen)) as first, TestClient(create_app(chosen)) as second:
        first.get("/healthz")
        name = 'etalage_requests_total{route="/healthz",status="200"}'
        assert numbers(first.get("/metrics").text)[name] == 1
        assert name not in numbers(second.get("/metrics").text)


def test_a_served_shop(client: TestClient) -> None:
    before = numbers(client.get("/metrics").text)
    client.get("/v1/search?q=lamp")
    client.get("/v1/search?size=-1")
    client.get("/nothing/here?q=secret")
    client.request("BREW", "/v1/search")
    client.get("/%00")
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    after = numbers(answer.text)

    def more(name: str) -> float:
        return after.get(name, 0.0) - before.get(name, 0.0)

    assert more('etalage_requests_total{route="/v1/search",status="200"}') == 1
    assert more('etalage_requests_total{route="/v1/search",status="400"}') == 1
    assert more('etalage_requests_total{route="/v1/search",status="405"}') == 1
    assert more('etalage_requests_total{route="unmatched",status="404"}') == 1
    assert more('etalage_requests_total{route="unmatched",status="400"}') == 1
    assert more('etalage_stage_seconds_count{stage="retrieve"}') == 1
    assert after["etalage_queue_readable"] == 1 and "secret" not in answer.text

"""What `JobTable` promises, on every implementation."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from opensearch.engine import SearchEngine
from opensearch.jobs import MAX_ATTEMPTS, Chunk, Job, JobState, JobTable, Progress


@pytest.fixture
def jobs(engine: SearchEngine) -> JobTable:
    return engine.jobs


@pytest.fixture
def job(jobs: JobTable) -> Iterator[str]:
    """An open job; finished afterwards, so that its chunks are gone."""
    key = f"job/{uuid4().hex} é"
    jobs.open(
        Job(key, index=f"i{uuid4().hex}", generation="g-000001", source="s", plan={"rows": 3, "a.b": {"c": None}})
    )
    yield key
    jobs.finish(key, JobState.FAILED)


def opened(jobs: JobTable, job: str) -> Job:
    found = jobs.get(job)
    assert found is not None
    return found


# jobs
def test_life_of_a_job(jobs: JobTable, job: str) -> None:
    planned = opened(jobs, job)
    assert (planned.id, planned.generation, planned.source) == (job, "g-000001", "s")
    assert (planned.state, planned.chunks, planned.plan) == (JobState.PLANNING, 0, {"rows": 3, "a.b": {"c": None}})
    jobs.start(job, 2, {"rows": [1, 2.5, "x"], "": True})
    running = opened(jobs, job)
    assert (running.state, running.chunks, running.plan) == (JobState.RUNNING, 2, {"rows": [1, 2.5, "x"], "": True})
    jobs.finish(job, JobState.FINISHED)
    finished = opened(jobs, job)
    assert (finished.state, finished.chunks, finished.plan) == (JobState.FINISHED, 2, running.plan)


def test_an_unknown_job_is_none(jobs: JobTable) -> None:
    assert jobs.get(f"job-{uuid4().hex}") is None


def test_unfinished_jobs_of_an_index_oldest_first(jobs: JobTable) -> None:
    index, keys = f"i{uuid4().hex}", [f"{letter}-{uuid4().hex}" for letter in "zayb"]
    for key in keys:
        jobs.open(Job(key, index, "g", "s"))
    jobs.open(Job(f"x-{uuid4().hex}", f"{index}-other", "g", "s"))
    jobs.start(keys[2], 1, {})
    jobs.finish(keys[1], JobState.FAILED)
    assert [one.id for one in jobs.unfinished(index)] == [keys[0], keys[2], keys[3]]
    assert [one.state for one in jobs.unfinished(index)] == [JobState.PLANNING, JobState.RUNNING, JobState.PLANNING]
    for key in keys:
        jobs.finish(key, JobState.FINISHED)
    assert jobs.unfinished(index) == []


def test_opening_again_replaces_the_job_and_its_chunks(jobs: JobTable, job: str) -> None:
    before = opened(jobs, job)
    jobs.add(job, 0, b"old")
    jobs.add(job, 1, b"old")
    jobs.start(job, 2, {})
    jobs.open(Job(job, before.index, "g-000002", "t"))
    replaced = opened(jobs, job)
    assert (replaced.state, replaced.generation, replaced.chunks) == (JobState.PLANNING, "g-000002", 0)
    assert jobs.progress(job) == Progress(0, 0, 0, 0)
    assert list(jobs.payloads(job)) == []
    assert jobs.lease(job, 0, "w", 60) is None
    assert len(jobs.unfinished(before.index)) == 1


def test_finishing_removes_the_chunks(jobs: JobTable, job: str) -> None:
    jobs.add(job, 0, b"x")
    assert jobs.lease(job, 0, "w", 60) is not None
    jobs.finish(job, JobState.FINISHED)
    assert jobs.progress(job) == Progress(0, 0, 0, 0)
    assert not jobs.complete(job, 0, "w", {})
    assert jobs.progress(job) == Progress(0, 0, 0, 0)


# chunks
def test_a_chunk_is_leased_and_completed_once(jobs: JobTable, job: str) -> None:
    payload = bytes(range(256)) * 10
    jobs.add(job, 0, payload)
    jobs.add(job, 1, b"")
    assert list(jobs.available(job)) == [0, 1]
    assert jobs.lease(job, 0, "one", 60) == Chunk(job, 0, 1, payload)
    assert jobs.lease(job, 0, "two", 60) is None
    assert jobs.lease(job, 0, "one", 60) is None
    assert list(jobs.available(job)) == [1]
    assert jobs.progress(job) == Progress(1, 1, 0, 0)
    assert not jobs.complete(job, 0, "two", {"written": 9})
    assert jobs.complete(job, 0, "one", {"written": 3, "x.y": [None]})
    assert not jobs.complete(job, 0, "one", {"written": 4})
    assert jobs.lease(job, 0, "two", 60) is None
    assert jobs.progress(job) == Progress(1, 0, 1, 0)
    assert list(jobs.results(job)) == [{"written": 3, "x.y": [None]}]


def test_an_unknown_chunk_cannot_be_leased_or_completed(jobs: JobTable, job: str) -> None:
    assert jobs.lease(job, 7, "w", 60) is None
    assert not jobs.complete(job, 7, "w", {})
    jobs.fail(job, 7, "w", "why", retry=True)
    assert jobs.progress(job) == Progress(0, 0, 0, 0)


def test_a_waiting_chunk_cannot_be_completed(jobs: JobTable, job: str) -> None:
    jobs.add(job, 0, b"x")
    assert not jobs.complete(job, 0, "", {})
    assert list(jobs.available(job)) == [0]


def test_an_expired_lease_passes_on(jobs: JobTable, job: str) -> None:
    jobs.add(job, 0, b"x")
    assert jobs.lease(job, 0, "slow", 0) is not None
    assert list(jobs.available(job)) == [0]
    assert jobs.lease(job, 0, "quick", 60) == Chunk(job, 0, 2, b"x")
    assert not jobs.complete(job, 0, "slow", {"by": "slow"})
    jobs.fail(job, 0, "slow", "late", retry=False)
    assert jobs.complete(job, 0, "quick", {"by": "quick"})
    assert list(jobs.results(job)) == [{"by": "quick"}]


def test_an_expired_lease_that_nobody_took_can_be_completed(jobs: JobTable, job: str) -> None:
    jobs.add(job, 0, b"x")
    assert jobs.lease(job, 0, "slow", 0) is not None
    assert jobs.complete(job, 0, "slow", {})
    assert jobs.progress(job) == Progress(0, 0, 1, 0)


def test_a_chunk_dies_after_too_many_leases(jobs: JobTable, job: str) -> None:
    jobs.add(job, 0, b"x")
    for attempt in range(1, MAX_ATTEMPTS + 1):
        leased = jobs.lease(job, 0, f"w{attempt}", 0)
        assert leased is not None and leased.attempt == attempt
    assert jobs.lease(job, 0, "last", 60) is None
    found = jobs.progress(job)
    assert (found.waiting, found.leased, found.done, found.dead) == (0, 0, 0, 1)
    assert str(MAX_ATTEMPTS) in found.reasons[0]
    assert list(jobs.available(job)) == []
    assert not jobs.complete(job, 0, f"w{MAX_ATTEMPTS}", {})


def test_failing_gives_back_or_kills(jobs: JobTable, job: str) -> None:
    for number in range(3):
        jobs.add(job, number, b"x")
    assert jobs.lease(job, 0, "w", 60) is not None
    jobs.fail(job, 0, "stranger", "not mine", retry=False)
    assert jobs.progress(job) == Progress(2, 1, 0, 0)
    jobs.fail(job, 0, "w", "try again", retry=True)
    assert jobs.progress(job) == Progress(3, 0, 0, 0)
    again = jobs.lease(job, 0, "w", 60)
    assert again is not None and again.attempt == 2
    jobs.fail(job, 0, "w", "first is broken", retry=False)
    assert jobs.lease(job, 2, "w", 60) is not None
    jobs.fail(job, 2, "w", "third is broken", retry=False)
    assert jobs.progress(job) == Progress(1, 0, 0, 2, ("first is broken", "third is broken"))
    assert list(jobs.available(job)) == [1]
    assert jobs.lease(job, 0, "w", 60) is None


def test_the_last_reason_is_kept_when_attempts_run_out(jobs: JobTable, job: str) -> None:
    jobs.add(job, 0, b"x")
    for _ in range(MAX_ATTEMPTS):
        assert jobs.lease(job, 0, "w", 60) is not None
        jobs.fail(job, 0, "w", "the engine is full", retry=True)
    assert jobs.lease(job, 0, "w", 60) is None
    assert jobs.progress(job).reasons == ("the engine is full",)


def test_release_gives_back_what_an_owner_holds(jobs: JobTable, job: str) -> None:
    for number in range(4):
        jobs.add(job, number, b"x")
    assert jobs.lease(job, 0, "dead", 60) is not None
    assert jobs.lease(job, 1, "alive", 60) is not None
    assert jobs.lease(job, 2, "dead", 60) is not None
    assert jobs.complete(job, 2, "dead", {})
    jobs.release(job, "dead")
    assert list(jobs.available(job)) == [0, 3]
    again = jobs.lease(job, 0, "new", 60)
    assert again is not None and again.attempt == 2
    assert jobs.complete(job, 1, "alive", {})


def test_release_of_everything_counts_anew(jobs: JobTable, job: str) -> None:
    for number in range(2):
        jobs.add(job, number, b"x")
        for _ in range(MAX_ATTEMPTS):
            assert jobs.lease(job, number, "w", 0) is not None
    jobs.release(job)
    assert list(jobs.available(job)) == [0, 1]
    first = jobs.lease(job, 0, "new", 60)
    assert first is not None and first.attempt == 1


def test_numbers_are_ordered_and_limited(jobs: JobTable, job: str) -> None:
    for number in (10, 2, 33, 1):
        jobs.add(job, number, str(number).encode())
    assert list(jobs.available(job)) == [1, 2, 10, 33]
    assert list(jobs.available(job, limit=2)) == [1, 2]
    assert list(jobs.available(job, limit=0)) == []
    assert list(jobs.payloads(job)) == [b"1", b"2", b"10", b"33"]
    for number in (33, 2):
        assert jobs.lease(job, number, "w", 60) is not None
        assert jobs.complete(job, number, "w", {"n": number})
    assert list(jobs.results(job)) == [{"n": 2}, {"n": 33}]


def test_many_chunks_are_read_to_the_end(jobs: JobTable, job: str) -> None:
    for number in range(40):
        jobs.add(job, number, b"%d" % number)
    assert list(jobs.payloads(job)) == [b"%d" % number for number in range(40)]
    assert list(jobs.available(job)) == list(range(40))


def test_one_of_many_wins_a_chunk(jobs: JobTable, job: str) -> None:
    for number in range(5):
        jobs.add(job, number, b"x")

    def take(owner: int) -> list[int]:
        return [number for number in range(5) if jobs.lease(job, number, f"w{owner}", 60) is not None]

    with ThreadPoolExecutor(8) as pool:
        taken = [number for numbers in pool.map(take, range(8)) for number in numbers]
    assert sorted(taken) == [0, 1, 2, 3, 4]
    assert jobs.progress(job) == Progress(0, 5, 0, 0)


def test_jobs_do_not_mix(jobs: JobTable, job: str) -> None:
    other = f"job-{uuid4().hex}"
    jobs.open(Job(other, "i", "g", "s"))
    jobs.add(job, 0, b"mine")
    jobs.add(other, 0, b"theirs")
    assert jobs.lease(other, 0, "w", 60) == Chunk(other, 0, 1, b"theirs")
    assert jobs.progress(job) == Progress(1, 0, 0, 0)
    jobs.finish(other, JobState.FINISHED)
    assert list(jobs.payloads(job)) == [b"mine"]


# what people do with jobs
def test_recent_jobs_newest_first(jobs: JobTable) -> None:
    index, keys = f"i{uuid4().hex}", [f"{letter}-{uuid4().hex}" for letter in "zay"]
    for key in keys:
        jobs.open(Job(key, index, "g", "s"))
    jobs.finish(keys[1], JobState.FINISHED)
    mine = [job.id for job in jobs.recent(100) if job.index == index]
    assert mine == keys[::-1]
    assert len(jobs.recent(2)) == 2
    for key in keys:
        jobs.finish(key, JobState.FAILED)


def test_a_state_is_turned_only_from_what_it_is(jobs: JobTable, job: str) -> None:
    index = opened(jobs, job).index
    assert not jobs.turn(job, JobState.RUNNING, JobState.PAUSED)
    jobs.start(job, 1, {})
    assert jobs.turn(job, JobState.RUNNING, JobState.PAUSED)
    assert not jobs.turn(job, JobState.RUNNING, JobState.PAUSED)
    assert opened(jobs, job).state is JobState.PAUSED
    assert [one.id for one in jobs.unfinished(index)] == [job]
    assert jobs.turn(job, JobState.PAUSED, JobState.CANCELLED)
    assert jobs.unfinished(index) == []
    assert not jobs.turn(f"none-{uuid4().hex}", JobState.PAUSED, JobState.RUNNING)


def test_refused_products_are_kept_by_index_and_id(jobs: JobTable) -> None:
    index, other = f"i{uuid4().hex}", f"i{uuid4().hex}"
    jobs.bury(index, 5, [("b", "no é", b"\x00\x01"), ("a/1", "too large", b"")])
    jobs.bury(other, 5, [("b", "elsewhere", b"x")])
    jobs.bury(index, 7, [("b", "again", b"two")])
    found = list(jobs.letters(index))
    assert [(one.id, one.reason, one.moment, one.payload) for one in found] == [
        ("a/1", "too large", 5, b""), ("b", "again", 7, b"two"),
    ]  # fmt: skip
    assert jobs.exhume(index, 6) == 1
    assert jobs.exhume(index, 6, ["b"]) == 0
    assert [one.id for one in jobs.letters(index)] == ["b"]
    assert jobs.exhume(index, 7, ["none", "b"]) == 1
    assert list(jobs.letters(index)) == [] and len(list(jobs.letters(other))) == 1
    jobs.exhume(other, 5)

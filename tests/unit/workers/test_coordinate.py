"""The index command from plan to served catalog; what stands for the worker process works in this one."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from etalage.core.errors import (
    CatalogError,
    EngineError,
    EngineTimeout,
    EngineUnavailable,
    ModelNotFound,
    ReindexIncomplete,
    WriterBusy,
)
from etalage.core.settings import Settings
from indexer import reindex
from indexer.reindex import Options
from opensearch.embedded import EmbeddedEngine
from opensearch.embedded.jobs import SqliteJobs
from opensearch.embedded.lock import writer
from opensearch.engine import Request, SearchEngine
from opensearch.jobs import Job, JobState
from workers import coordinate, parts
from workers.celery_app import QUEUE, make_app

Feed = Callable[..., Path]
ROWS = [
    {"id": f"p{number}", "title": f"{colour} {noun}", "brand": "Acme", "price": 1000 + number}
    for number, (colour, noun) in enumerate((c, n) for c in ("red", "blue") for n in ("shoe", "lamp", "chair"))
]
OPTIONS = Options(chunk=2, max_bad="0", force=True)
PID = 12345


class Worker:
    """In place of a worker process: takes the messages that wait whenever it is asked whether it lives.

    Attributes:
        made: every one of a test, in order.
        deaths: how often it is found dead, each time with a leased chunk.
        stillborn: whether it dies before it takes anything.
    """

    made: list[Worker] = []
    deaths = 0
    stillborn = False

    def __init__(self, settings: Settings) -> None:
        self.settings, self.engine = settings, EmbeddedEngine(settings)
        self.encoder = parts.encoder_of(settings)
        self.starts = self.stops = 0
        self.taken: list[int] = []
        self.pid = PID
        Worker.made.append(self)

    def start(self) -> None:
        self.starts += 1

    @property
    def alive(self) -> bool:
        if Worker.stillborn:
            return False
        for job, number in messages(self.settings):
            self.taken.append(number)
            if Worker.deaths > 0:
                Worker.deaths -= 1
                assert self.engine.jobs.lease(job, number, f"{socket.gethostname()}:{PID}", 3600) is not None
                return False
            reindex.work(self.engine, self.encoder, job, number, "worker", 60)
        return True

    def tail(self, lines: int = 5) -> str:
        return "Segmentation fault"

    def stop(self, patience: float = 5.0) -> None:
        self.stops += 1
        self.engine.close()


def messages(settings: Settings) -> list[tuple[str, int]]:
    """(job, chunk) of every message that waits, in order of chunks."""
    found: list[tuple[str, int]] = []
    with make_app(settings).connection_for_read() as connection:
        queue = connection.SimpleQueue(QUEUE)
        while True:
            try:
                message = queue.get_nowait()
            except queue.Empty:
                queue.close()
                return sorted(found, key=lambda one: one[1])
            message.ack()
            job, number = message.payload[0]
            found.append((job, number))


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> type[Worker]:
    """No process is started, and nothing is waited for."""
    monkeypatch.setattr(coordinate, "OwnWorker", Worker)
    monkeypatch.setattr(coordinate, "_POLL", 0.0)
    monkeypatch.setattr(Worker, "made", [])
    monkeypatch.setattr(Worker, "deaths", 0)
    monkeypatch.setattr(Worker, "stillborn", False)
    return Worker


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every engine that was made is closed at the end of the command."""
    open_ones: list[int] = []
    made, close = parts.engine_of, EmbeddedEngine.close

    def engine_of(settings: Settings) -> SearchEngine:
        engine = made(settings)
        open_ones.append(id(engine))
        return engine

    def closing(engine: EmbeddedEngine) -> None:
        if id(engine) in open_ones:
            open_ones.remove(id(engine))
        close(engine)

    monkeypatch.setattr(parts, "engine_of", engine_of)
    monkeypatch.setattr(EmbeddedEngine, "close", closing)
    yield
    assert open_ones == []


def served(settings: Settings) -> list[str]:
    engine = EmbeddedEngine(settings)
    try:
        serving = engine.serving(settings.index)
        return [] if serving is None else sorted(engine.candidates(settings.index, Request("", size=100)).ids)
    finally:
        engine.close()


def unfinished(settings: Settings) -> list[tuple[JobState, int]]:
    """State and done chunks of the jobs that are left."""
    engine = EmbeddedEngine(settings)
    try:
        return [(job.state, engine.jobs.progress(job.id).done) for job in engine.jobs.unfinished(settings.index)]
    finally:
        engine.close()


# the whole command
def test_a_feed_becomes_the_catalog(settings: Settings, write: Feed, closed: None) -> None:
    told: list[tuple[str, int, int]] = []
    summary = coordinate.index_feed(settings, write(*ROWS), OPTIONS, lambda *stage: told.append(stage))
    assert (summary["read"], summary["indexed"], summary["removed"]) == (6, 6, 0)
    assert summary["generation"] == "products-000001"
    assert served(settings) == [row["id"] for row in ROWS]
    assert [(one.starts, one.stops, one.taken) for one in Worker.made] == [(1, 1, [0, 1, 2])]
    assert ("index", 0, 3) in told and told[-2:] == [("index", 3, 3), ("finish", 0, 0)]
    assert told[0][0] == "read" and {total for stage, _, total in told if stage == "read"} == {0}
    # A shop without a log completes the catalog's names.
    assert [one.text for one in parts.completer_of(settings).complete("a")] == ["acme"]


def test_the_next_feed_replaces_it(settings: Settings, write: Feed, closed: None) -> None:
    coordinate.index_feed(settings, write(*ROWS), OPTIONS)
    summary = coordinate.index_feed(settings, write(ROWS[0] | {"price": 1}, *ROWS[1:3]), OPTIONS)
    assert (summary["indexed"], summary["unchanged"], summary["removed"]) == (1, 2, 3)
    assert served(settings) == ["p0", "p1", "p2"]
    assert unfinished(settings) == []


def test_a_known_feed_counts_the_words_that_are_not_counted_yet(settings: Settings, write: Feed, closed: None) -> None:
    feed, words = write(*ROWS), parts.vocabulary_folder(settings) / settings.index
    coordinate.index_feed(settings, feed, OPTIONS)
    before = words.read_bytes()
    words.unlink()
    assert coordinate.index_feed(settings, feed, OPTIONS)["indexed"] == 0
    assert words.read_bytes() == before


def test_more_chunks_than_are_announced_at_a_time(
    settings: Settings, write: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinate, "_AHEAD", 2)
    coordinate.index_feed(settings, write(*ROWS), Options(chunk=1, max_bad="0"))
    assert served(settings) == [row["id"] for row in ROWS]
    assert Worker.made[0].taken == [0, 1, 2, 3, 4, 5]


def test_messages_of_a_run_before_are_thrown_away(settings: Settings, write: Feed) -> None:
    make_app(settings).send_task("etalage.index_chunk", ("old", 7), queue=QUEUE, retry=False)
    coordinate.index_feed(settings, write(*ROWS), OPTIONS)
    assert Worker.made[0].taken == [0, 1, 2]


# what goes wrong before anything is done
def test_a_bad_feed_starts_nothing(settings: Settings, write: Feed, tmp_path: Path, closed: None) -> None:
    coordinate.index_feed(settings, write(*ROWS), OPTIONS)
    for path in (tmp_path / "none", write({"id": "x"}, b"{"), write(*ROWS[:3], {"id": "", "title": "x"})):
        with pytest.raises(CatalogError):
            coordinate.index_feed(settings, path, OPTIONS)
    assert len(Worker.made) == 1
    assert served(settings) == [row["id"] for row in ROWS]
    assert unfinished(settings) == []


def test_an_encoder_that_is_missing_starts_nothing(settings: Settings, write: Feed, closed: None) -> None:
    with pytest.raises(ModelNotFound):
        coordinate.index_feed(settings.model_copy(update={"text_model": "none"}), write(*ROWS), OPTIONS)
    assert (Worker.made, unfinished(settings)) == ([], [])


def test_one_command_at_a_time(settings: Settings, write: Feed, closed: None) -> None:
    with writer(settings.home), pytest.raises(WriterBusy, match="pid"):
        coordinate.index_feed(settings, write(*ROWS), OPTIONS)
    assert coordinate.index_feed(settings, write(*ROWS), OPTIONS)["indexed"] == 6


def test_a_broker_that_is_away_is_said(settings: Settings, write: Feed, closed: None) -> None:
    away = settings.model_copy(update={"broker": "redis://127.0.0.1:1/0"})
    with pytest.raises(EngineUnavailable, match=r"broker cannot be reached.*redis://127.0.0.1:1/0.*ETALAGE_BROKER"):
        coordinate.index_feed(away, write(*ROWS), OPTIONS)
    assert unfinished(settings) == []


def test_a_home_that_cannot_hold_messages_is_said(settings: Settings) -> None:
    settings.home.mkdir()
    (settings.home / "broker").write_bytes(b"")
    with pytest.raises(EngineUnavailable, match="broker"):
        coordinate.reachable(settings)


# workers that die
def test_a_worker_that_dies_is_started_again_and_its_chunk_given_back(
    settings: Settings, write: Feed, closed: None
) -> None:
    Worker.deaths = 2
    assert coordinate.index_feed(settings, write(*ROWS), OPTIONS)["indexed"] == 6
    assert [(one.starts, one.stops) for one in Worker.made] == [(3, 1)]
    # The chunk that it held is announced again at once, with those that were lost with it.
    assert Worker.made[0].taken == [0, 0, 0, 1, 2]


def test_a_worker_that_dies_again_and_again_ends_the_command_and_the_job_resumes(
    settings: Settings, write: Feed, closed: None
) -> None:
    Worker.stillborn = True
    with pytest.raises(EngineError, match="died 6 times without finishing a chunk: Segmentation fault. See worker.log"):
        coordinate.index_feed(settings, write(*ROWS), OPTIONS)
    assert [(one.starts, one.stops) for one in Worker.made] == [(6, 1)]
    assert unfinished(settings) == [(JobState.RUNNING, 0)]
    assert served(settings) == []
    Worker.stillborn = False
    assert coordinate.index_feed(settings, write(*ROWS), OPTIONS)["indexed"] == 6
    assert unfinished(settings) == []


def test_a_chunk_that_kills_every_worker_dies_itself(settings: Settings, write: Feed, closed: None) -> None:
    # Chunk 0 alone kills, four times; then it is dead, and the others were done.
    Worker.deaths = 4
    with pytest.raises(ReindexIncomplete, match="1 of 3 chunks could not be indexed"):
        coordinate.index_feed(settings, write(*ROWS), OPTIONS)
    assert served(settings) == []
    assert unfinished(settings) == []


def test_an_interrupted_command_resumes_where_it_stopped(settings: Settings, write: Feed, closed: None) -> None:
    class Stop(Exception):
        pass

    def stop(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("index", 2):
            raise Stop

    feed = write(*ROWS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coordinate, "_AHEAD", 1)
        with pytest.raises(Stop):
            coordinate.index_feed(settings, feed, OPTIONS, stop)
    assert Worker.made[0].stops == 1
    assert unfinished(settings) == [(JobState.RUNNING, 2)]
    summary = coordinate.index_feed(settings, feed, OPTIONS)
    assert (Worker.made[1].taken, summary["indexed"]) == ([2], 6)
    assert served(settings) == [row["id"] for row in ROWS]


# workers elsewhere
class Elsewhere:
    """Takes messages of a broker that others share; called with each report of the command."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine = EmbeddedEngine(settings)
        self.encoder = parts.encoder_of(settings)

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage != "index":
            return
        for job in self.engine.jobs.unfinished(self.settings.index):
            for number in self.engine.jobs.available(job.id):
                reindex.work(self.engine, self.encoder, job.id, number, "elsewhere", 60)


def shared(settings: Settings, name: str) -> Settings:
    """With a broker in memory; the name keeps tests apart."""
    return settings.model_copy(update={"broker": f"memory://{name}//", "home": settings.home / name})


def test_with_a_broker_no_worker_of_our_own_is_started(settings: Settings, write: Feed, closed: None) -> None:
    given = shared(settings, "elsewhere")
    other = Elsewhere(given)
    assert coordinate.index_feed(given, write(*ROWS), OPTIONS, other)["indexed"] == 6
    other.engine.close()
    assert Worker.made == []
    assert served(given) == [row["id"] for row in ROWS]


def test_when_nobody_takes_work_the_command_ends_and_the_job_waits(
    settings: Settings, write: Feed, closed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinate, "_IDLE_LIMIT", -1.0)
    given = shared(settings, "nobody")
    with pytest.raises(EngineTimeout, match="no worker took work.*etalage worker"):
        coordinate.index_feed(given, write(*ROWS), OPTIONS)
    assert unfinished(given) == [(JobState.RUNNING, 0)]


def test_while_a_chunk_is_held_the_command_waits(
    settings: Settings, write: Feed, closed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinate, "_IDLE_LIMIT", -1.0)
    given = shared(settings, "held")
    other = EmbeddedEngine(given)
    encoder = parts.encoder_of(given)
    rounds: list[int] = []

    def progress(self: Any, job: str) -> Any:
        rounds.append(len(rounds))
        if len(rounds) == 1:
            assert other.jobs.lease(job, 0, "elsewhere", 60) is not None
        if len(rounds) == 5:
            other.jobs.release(job, "elsewhere")
            for number in other.jobs.available(job):
                reindex.work(other, encoder, job, number, "elsewhere", 60)
        return counted(self, job)

    table = type(other.jobs)
    counted = table.progress
    monkeypatch.setattr(table, "progress", progress)
    assert coordinate.index_feed(given, write(*ROWS), OPTIONS)["indexed"] == 6
    assert len(rounds) >= 5
    other.close()


def test_chunks_are_announced_once_until_a_message_may_be_lost(
    settings: Settings, write: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = EmbeddedEngine(settings)
    job = reindex.plan(engine, parts.encoder_of(settings), "products", write(*ROWS), OPTIONS)
    app, sent, now = make_app(settings), dict[int, float](), [100.0]
    monkeypatch.setattr(coordinate, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def announced() -> list[int]:
        coordinate._wake(engine, job, app, settings, sent)
        return [number for _, number in messages(settings)]

    assert announced() == [0, 1, 2]
    now[0] += 4.9
    assert announced() == []
    assert engine.jobs.lease(job.id, 1, "me", 3600) is not None
    now[0] += 0.1
    assert announced() == [0, 2]
    engine.close()


def test_a_paused_job_waits_and_a_cancelled_one_ends(
    settings: Settings, write: Feed, closed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another terminal pauses it after the first chunk, lets it go on, then another run is cancelled."""
    engine = EmbeddedEngine(settings)
    seen: list[str] = []
    monkeypatch.setattr(coordinate, "_PAUSED", 0.0)
    turn = {"running": JobState.PAUSED, "paused": JobState.RUNNING}
    get = SqliteJobs.get

    def watched(table: SqliteJobs, job: str) -> Job | None:
        found = get(table, job)
        if table is not engine.jobs and found is not None and found.state in turn and len(seen) < 4:
            seen.append(found.state)
            engine.jobs.turn(job, found.state, turn[found.state])
        return found

    monkeypatch.setattr(SqliteJobs, "get", watched)
    feed = write(*ROWS)
    assert coordinate.index_feed(settings, feed, OPTIONS)["indexed"] == 6
    assert {"running", "paused"} <= set(seen)

    def cancelling(table: SqliteJobs, job: str) -> Job | None:
        found = get(table, job)
        if table is not engine.jobs and found is not None and found.plan:
            engine.jobs.turn(job, JobState.RUNNING, JobState.CANCELLED)
        return get(table, job)

    monkeypatch.setattr(SqliteJobs, "get", cancelling)
    with pytest.raises(ReindexIncomplete, match="was cancelled"):
        coordinate.index_feed(settings, feed, Options(chunk=2, full=True))
    monkeypatch.setattr(SqliteJobs, "get", get)
    assert [one.name for one in engine.generations("products")] == ["products-000001"]
    assert engine.jobs.unfinished("products") == []
    engine.close()

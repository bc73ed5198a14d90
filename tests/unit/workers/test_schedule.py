"""What is due when, and what is done then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery.schedules import crontab

from etalage.core.errors import ConfigError
from etalage.core.settings import Settings
from opensearch.embedded import EmbeddedEngine
from workers import coordinate, parts, schedule, tasks
from workers.celery_app import UPKEEP, make_app

Feed = Callable[..., Path]
ROWS = [{"id": f"p{number}", "title": f"red shoe {number}", "brand": "Acme"} for number in range(5)]


def set_to(settings: Settings, **more: Any) -> Settings:
    return settings.model_copy(update=more)


def test_the_nightly_feed_signals_and_completions_are_due(settings: Settings) -> None:
    found = schedule.schedule(
        set_to(
            settings,
            nightly_feed=Path("feed.csv"),
            nightly_at="4:05",
            completions_every=30,
            signals_at="05:00",
            completions_at="02:30",
            completions_fresh=1,
        )
    )
    assert found["completions_daily"]["schedule"] == crontab(hour=2, minute=30)
    assert found["completions_fresh"]["schedule"] == timedelta(minutes=1)
    assert found["signals"]["schedule"] == crontab(hour=5, minute=0)
    assert found["nightly"]["schedule"] == crontab(hour=4, minute=5)
    assert found["completions"]["schedule"] == timedelta(minutes=30)
    app = make_app(settings)
    app.loader.import_default_modules()
    for one in found.values():
        assert one["options"]["queue"] == UPKEEP and one["task"] in app.tasks


@pytest.mark.parametrize("at", ["24:00", "3", "3:60", "", "03:00:00", "noon"])
def test_a_time_that_is_none_is_refused(settings: Settings, at: str) -> None:
    for given in ({"nightly_feed": Path("f"), "nightly_at": at}, {"signals_at": at}, {"completions_at": at}):
        with pytest.raises(ConfigError, match=f"{list(given)[-1].upper()} is no time of day"):
            schedule.schedule(set_to(settings, **given))


def test_nothing_to_do_or_nobody_to_do_it_is_refused(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="nothing is scheduled"):
        schedule.run(settings)
    with pytest.raises(ConfigError, match="no broker"):
        schedule.run(set_to(settings, completions_every=5))


def test_a_worker_indexes_the_nightly_feed_with_its_own_hands(
    settings: Settings, write: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else takes a chunk, and it ends all the same."""
    chosen = set_to(settings, nightly_feed=write(*ROWS), broker="memory://", chunk=2)
    monkeypatch.setattr(tasks, "_settings", lambda: chosen)
    tasks.nightly()
    engine = EmbeddedEngine(chosen)
    serving = engine.serving("products")
    assert serving is not None and engine.count(serving.name) == 5
    monkeypatch.setattr(tasks, "_engine", lambda: engine)
    folder = parts.completions_folder(chosen)
    before = {path.name for path in folder.iterdir()}
    tasks.rebuild_completions()
    assert {path.name for path in folder.iterdir()} != before
    before = {path.name for path in folder.iterdir()}
    tasks.refresh_completions()
    assert {path.name for path in folder.iterdir()} == before
    engine.close()


def test_without_a_feed_the_night_is_quiet(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_settings", lambda: settings)
    tasks.nightly()
    assert not (settings.home / "engine").exists()


def test_options_are_those_of_the_settings(settings: Settings, tmp_path: Path) -> None:
    chosen = set_to(settings, chunk=7, generations=3, quality_off="shouting, mojibake", image_model="m")
    options = coordinate.options_of(chosen, tmp_path / "feed.csv", force=True)
    assert (options.chunk, options.keep, options.force) == (7, 3, True)
    assert options.rules.off == {"shouting", "mojibake"} and options.pictures == str(tmp_path)
    assert coordinate.options_of(set_to(chosen, image_model=None), tmp_path / "feed.csv").pictures == ""
    assert not parts.rules_of(set_to(settings, quality_off="*")).on("near_duplicates")
    with pytest.raises(ConfigError, match="unknown quality rule"):
        parts.rules_of(set_to(settings, quality_off="nonsense"))

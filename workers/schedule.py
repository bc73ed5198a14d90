"""What is done by the clock: `etalage beat` sends the messages, workers do the work."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final

from celery.schedules import crontab

from etalage.core.errors import ConfigError
from etalage.core.settings import Settings
from workers.celery_app import UPKEEP, make_app

NIGHTLY: Final = "etalage.nightly"
COMPLETIONS: Final = "etalage.rebuild_completions"

_TIME: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


def schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Celery's beat schedule: the nightly feed at its time (UTC), and completions built anew every so many minutes.

    Raises:
        ConfigError: the time is none, or nothing is to be done.
    """
    found: dict[str, dict[str, Any]] = {}
    if settings.nightly_feed is not None:
        at = _TIME.fullmatch(settings.nightly_at)
        if at is None:
            raise ConfigError(
                "ETALAGE_NIGHTLY_AT is no time of day", value=settings.nightly_at, remedy="Write HH:MM, in UTC."
            )
        found["nightly"] = {"task": NIGHTLY, "schedule": crontab(hour=int(at[1]), minute=int(at[2]))}
    if settings.completions_every:
        found["completions"] = {"task": COMPLETIONS, "schedule": timedelta(minutes=settings.completions_every)}
    if not found:
        raise ConfigError("nothing is scheduled", remedy="Set ETALAGE_NIGHTLY_FEED or ETALAGE_COMPLETIONS_EVERY.")
    # A message that no worker took before the next one is due is of no use.
    return {name: one | {"options": {"queue": UPKEEP, "expires": 3600}} for name, one in found.items()}


def run(settings: Settings) -> None:
    """Send messages until stopped. Raises ConfigError without a broker: there would be nobody to read them."""
    planned = schedule(settings)
    if settings.broker is None:
        raise ConfigError(
            "there is no broker to send by", remedy="Set ETALAGE_BROKER, and run `etalage worker` beside."
        )
    app = make_app(settings)
    app.conf.beat_schedule = planned
    settings.home.mkdir(parents=True, exist_ok=True)
    app.start(["beat", "--loglevel", "WARNING", "--schedule", str(settings.home / "beat"), "--pidfile="])

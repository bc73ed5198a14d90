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
RECENT: Final = "etalage.refresh_completions"
SIGNALS: Final = "etalage.refresh_signals"

_REMEDY: Final = "Set ETALAGE_NIGHTLY_FEED, ETALAGE_SIGNALS_AT, ETALAGE_COMPLETIONS_AT, ETALAGE_COMPLETIONS_EVERY or ETALAGE_COMPLETIONS_FRESH."
_TIME: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


def schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Celery's beat schedule: the nightly feed and the signals at their times (UTC), and completions built anew every so many
    minutes or once a day; in between, what was typed since is counted onto them.

    Raises:
        ConfigError: a time is none, or nothing is to be done.
    """
    found: dict[str, dict[str, Any]] = {}
    if settings.nightly_feed is not None:
        found["nightly"] = {"task": NIGHTLY, "schedule": _daily("ETALAGE_NIGHTLY_AT", settings.nightly_at)}
    if settings.signals_at is not None:
        found["signals"] = {"task": SIGNALS, "schedule": _daily("ETALAGE_SIGNALS_AT", settings.signals_at)}
    if settings.completions_every:
        found["completions"] = {"task": COMPLETIONS, "schedule": timedelta(minutes=settings.completions_every)}
    if settings.completions_at is not None:
        found["completions_daily"] = {
            "task": COMPLETIONS,
            "schedule": _daily("ETALAGE_COMPLETIONS_AT", settings.completions_at),
        }
    if settings.completions_fresh:
        found["completions_fresh"] = {"task": RECENT, "schedule": timedelta(minutes=settings.completions_fresh)}
    if not found:
        raise ConfigError("nothing is scheduled", remedy=_REMEDY)
    # A message that no worker took before the next one is due is of no use.
    return {name: one | {"options": {"queue": UPKEEP, "expires": 3600}} for name, one in found.items()}


def _daily(name: str, given: str) -> crontab:
    at = _TIME.fullmatch(given)
    if at is None:
        raise ConfigError(f"{name} is no time of day", value=given, remedy="Write HH:MM, in UTC.")
    return crontab(hour=int(at[1]), minute=int(at[2]))


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

"""The Celery application: its broker, queue and limits. Messages are wake-ups; the job table is the truth."""

from __future__ import annotations

from typing import Any, Final

from celery import Celery

from etalage.core.settings import Settings

QUEUE: Final = "etalage.index"
UPKEEP: Final = "etalage.upkeep"


def make_app(settings: Settings) -> Celery:
    """An application for `settings.broker`, or for the filesystem transport in the home when it is unset."""
    app = Celery("etalage", broker=settings.broker or "filesystem://localhost//", include=["workers.tasks"])
    app.conf.update(
        task_default_queue=QUEUE,
        task_acks_late=True,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=3,
        # A worker that is busy with a chunk answers no heartbeat, and RabbitMQ would take it for dead; TCP's own probes stay.
        broker_heartbeat=0,
        broker_transport_options=_transport(settings),
    )
    return app


def _transport(settings: Settings) -> dict[str, Any]:
    if settings.broker is None:
        folder = (settings.home / "broker").absolute()
        for name in ("queue", "control"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        return {
            "data_folder_in": str(folder / "queue"),
            "data_folder_out": str(folder / "queue"),
            "control_folder": str(folder / "control"),
            "polling_interval": 0.05,
        }
    retries = {"max_retries": 3, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 1.0}
    if settings.broker.startswith(("amqp", "pyamqp")):
        return retries
    return retries | {
        # A message that a killed worker held comes back by the job table, not by this.
        "visibility_timeout": int(max(settings.lease * 4, 3600)),
        "socket_connect_timeout": 5,
        "socket_timeout": 30,
        "polling_interval": 0.05,
    }

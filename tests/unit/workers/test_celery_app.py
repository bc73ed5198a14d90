"""The Celery application: its broker, its queue, and what it promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from etalage.core.settings import Settings
from workers.celery_app import QUEUE, make_app


def test_without_a_broker_messages_are_files_in_the_home(settings: Settings) -> None:
    app = make_app(settings)
    assert app.conf.broker_url == "filesystem://localhost//"
    options = app.conf.broker_transport_options
    folder = settings.home.absolute() / "broker"
    assert options["data_folder_in"] == options["data_folder_out"] == str(folder / "queue")
    assert options["control_folder"] == str(folder / "control")
    assert (folder / "queue").is_dir() and (folder / "control").is_dir()


def test_paths_are_whole_so_that_a_worker_may_run_elsewhere(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = make_app(settings.model_copy(update={"home": Path("shop")})).conf.broker_transport_options
    assert options["data_folder_in"] == str(tmp_path / "shop" / "broker" / "queue")


def test_an_application_may_be_made_again(settings: Settings) -> None:
    first, second = make_app(settings), make_app(settings)
    assert first is not second
    assert first.conf.broker_transport_options == second.conf.broker_transport_options


@pytest.mark.parametrize(("lease", "seconds"), [(120.0, 3600), (900.5, 3602), (86_400.0, 345_600)])
def test_a_brokers_message_outlives_its_lease(settings: Settings, lease: float, seconds: int) -> None:
    url = "redis://127.0.0.1:1/0"
    app = make_app(settings.model_copy(update={"broker": url, "lease": lease}))
    assert app.conf.broker_url == url
    assert app.conf.broker_transport_options["visibility_timeout"] == seconds
    assert not (settings.home / "broker").exists()


def test_rabbitmq_gets_no_options_of_redis(settings: Settings) -> None:
    conf = make_app(settings.model_copy(update={"broker": "amqp://guest:guest@127.0.0.1:1//"})).conf
    assert set(conf.broker_transport_options) == {"max_retries", "interval_start", "interval_step", "interval_max"}
    assert conf.broker_heartbeat == 0


def test_what_it_promises(settings: Settings) -> None:
    conf = make_app(settings).conf
    # A message is acknowledged when its work is done, and a worker takes one at a time.
    assert (conf.task_acks_late, conf.worker_prefetch_multiplier) == (True, 1)
    # Nothing is unpickled, no result is kept: the job table has it.
    assert (conf.accept_content, conf.task_serializer, conf.task_ignore_result) == (["json"], "json", True)
    assert (conf.task_default_queue, QUEUE) == (QUEUE, "etalage.index")
    # A broker that is away is given up, not waited for.
    assert conf.broker_connection_max_retries == 3


def test_the_task_is_known_by_its_name(settings: Settings) -> None:
    app = make_app(settings)
    app.loader.import_default_modules()
    assert "etalage.index_chunk" in app.tasks


def test_a_message_waits_in_its_queue(settings: Settings) -> None:
    app = make_app(settings)
    app.send_task("etalage.index_chunk", ("job", 3), queue=QUEUE, retry=False)
    with make_app(settings).connection_for_read() as connection:
        queue = connection.SimpleQueue(QUEUE)
        message = queue.get_nowait()
        assert message.headers["task"] == "etalage.index_chunk"
        assert message.payload[0] == ["job", 3]
        message.ack()
        with pytest.raises(queue.Empty):
            queue.get_nowait()
        queue.close()

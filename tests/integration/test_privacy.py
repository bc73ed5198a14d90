"""What of a person is typed comes out nowhere; run with `-s`, it prints what became of the sample shop's log, and how fast."""

from __future__ import annotations

import csv
import gzip
import os
import time
from pathlib import Path

import orjson
import pytest
from starlette.testclient import TestClient

from autocomplete.related import Related
from etalage.core import events
from etalage.core.privacy import personal, unfit
from etalage.core.settings import load
from etalage.demo.queries import make_queries
from etalage.demo.shop import make_shop
from etalage.demo.shoppers import simulate
from etalage.http.app import create_app
from opensearch.embedded import EmbeddedEngine
from workers import behaviour, parts

from ..conftest import unavailable

DATA = Path(os.environ.get("ETALAGE_DATA", "../shared/data"))
PLANTED = (
    "ann.lee@example.org", "red shoe for bob@example.com", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00", "078-05-1120",
    "11010519491231002X", "86095742719", "+49 171 2345678", "221b baker street", "0171 234567890",
)  # fmt: skip


def test_personal_texts_surface_nowhere(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    settings = load(home=tmp_path / "home", text_model="hashing", opensearch_url="", log="json")
    clients = "abcdefg"
    typed = [
        {
            "query_id": f"{client}{at}",
            "user_query": text,
            "client_id": client,
            "timestamp": f"2024-05-15T10:{at:02}:00Z",
        }
        for client in clients
        for at, text in enumerate([*PLANTED, "red shoe", "blue shoe"])
    ]
    clicks = [one | {"action_name": "click", "event_attributes": {"object": {"object_id": "p"}}} for one in typed]
    with TestClient(create_app(settings)) as door:
        assert door.post("/v1/events", json=[*typed, *clicks]).status_code < 300
        engine = parts.engine_of(settings)
        behaviour.rebuild_completions(engine, settings)
        behaviour.refresh_completions(engine, settings)
        engine.close()
        answers = [door.get("/v1/suggest", params={"q": text[:4], "size": 100}).text for text in ("", *PLANTED, "red ")]
        metrics = door.get("/metrics").text
    related = [Related(parts.completions_folder(settings)).of(text, 10) for text in (*PLANTED, "red shoe", "blue shoe")]
    output = "".join(capfd.readouterr())
    files = b"".join(path.read_bytes() for path in parts.completions_folder(settings).iterdir())
    assert "red shoe" in answers[0] and ["blue shoe"] in related
    # A long number may be a product's: it is kept as it was typed, and not shown.
    for text in PLANTED:
        assert text.lower() not in "".join([*answers, metrics, output, str(related)]).lower()
        assert text.lower().encode() not in files.lower() or not personal(text)


def test_the_log_of_the_sample_shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = make_shop(7)
    log = [events.check(one)[1] for one in simulate(shop, make_queries(shop), 1)]
    settings = load(home=tmp_path, text_model="hashing", opensearch_url="")
    engine = EmbeddedEngine(settings)
    engine.append_events(events.QUERIES, [one for one in log if "action_name" not in one])
    engine.append_events(events.EVENTS, [one for one in log if "action_name" in one])
    started, busy = time.perf_counter(), time.process_time()
    summary = behaviour.rebuild_completions(engine, settings)
    found = {"documents": len(log), **summary, "seconds": round(time.perf_counter() - started, 2)}
    spent = time.process_time() - busy
    engine.close()
    with capsys.disabled():
        print(orjson.dumps(found).decode())
    assert summary["from_log"] >= 250
    assert spent < 3


@pytest.mark.data
def test_what_real_shops_are_asked_for_and_sell_is_not_personal(capsys: pytest.CaptureFixture[str]) -> None:
    if not (DATA / "homedepot").exists() or not (DATA / "icecat").exists():
        unavailable("data", "no homedepot and icecat (ETALAGE_DATA)")
    with gzip.open(DATA / "homedepot" / "judgments.csv.gz", "rt") as file:
        queries = {row["search_term"] for row in csv.DictReader(file)}
    with gzip.open(DATA / "icecat" / "products.jsonl.gz") as lines:
        products = [orjson.loads(line) for line in lines]
    texts = [str(one.get(name) or "") for one in products for name in ("id", "name", "title")]
    numbers = [number for one in products for number in one.get("ean") or ()]
    known = set(numbers)
    found = {
        "queries": len(queries),
        "personal": sum(bool(personal(text)) for text in queries),
        "unfit": sum(bool(unfit(text)) for text in queries),
        "products": len(products),
        "eans": len(numbers),
        "personal products": sum(bool(personal(text)) for text in [*texts, *numbers]),
        "unfit eans the catalog knows": sum(bool(unfit(text, known.__contains__)) for text in numbers[:2000]),
    }
    with capsys.disabled():
        print(orjson.dumps(found).decode())
    assert found["personal"] == found["personal products"] == found["unfit eans the catalog knows"] == 0
    assert found["unfit"] <= 10

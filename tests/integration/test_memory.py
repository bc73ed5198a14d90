"""A feed is planned in constant memory, however large it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from etalage.demo import make_shop
from indexer import documents

MIB = 1 << 20
MOST = 400 * MIB
GROWTH = 60 * MIB
"""Bytes that planning may take, and that 240 MB more of a feed may add."""

PLANNING = """
import sys
from pathlib import Path

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.settings import Settings
from indexer import reindex
from opensearch.embedded import EmbeddedEngine

feed, home = map(Path, sys.argv[1:])
engine = EmbeddedEngine(Settings(home=home))
job = reindex.plan(engine, HashingEncoder(), "products", feed, reindex.Options())
engine.close()
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(job.plan["good"], int(peak.split()[1]) * 1024)
"""


def write_large(path: Path, megabytes: int) -> int:
    """Write a feed of so many megabytes: the same products under other ids, with long descriptions; how many rows."""
    lines = []
    for product in make_shop(9, 200).products:
        source = documents.source(product)
        described = " ".join([source["description"]] * (1 + 8000 // len(source["description"])))
        lines.append(orjson.dumps(source | {"description": described, "id": "@@"}))
    rows = 0
    with open(path, "wb") as file:
        while file.tell() < megabytes * 1_000_000:
            for line in lines:
                rows += 1
                file.write(line.replace(b"@@", b"%d" % rows, 1) + b"\n")
    return rows


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from /proc")
def test_a_feed_five_times_as_large_takes_the_same_memory(tmp_path: Path) -> None:
    peaks = []
    for megabytes in (60, 300):
        feed = tmp_path / "feed.jsonl"
        rows = write_large(feed, megabytes)
        told = subprocess.run(
            [sys.executable, "-c", PLANNING, str(feed), str(tmp_path / f"home{megabytes}")],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert told.returncode == 0, told.stderr
        good, peak = map(int, told.stdout.split())
        assert good == rows
        peaks.append(peak)
        print(f"\n{megabytes} MB, {rows} rows: {peak / MIB:.0f} MiB at most", end="")
    assert peaks[1] < MOST
    assert peaks[1] - peaks[0] < GROWTH

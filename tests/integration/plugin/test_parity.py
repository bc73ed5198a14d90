"""The plugin's own tests, held to what Python computes for recorded requests and texts."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from etalage.core.errors import EtalageError
from opensearch.node import plugin

from ...conftest import unavailable

REQUESTS = 200
_RUN = re.compile(r'<testsuite [^>]*name="([\w.]+)"[^>]*tests="(\d+)" errors="(\d+)" skipped="(\d+)" failures="(\d+)"')
_GOLDEN = ("etalage.rank.GoldenTest", "etalage.text.TextTest", "etalage.text.QueryTest")


@pytest.mark.node
def test_features_scores_orders_and_tokens_are_those_of_python(tmp_path: Path) -> None:
    requests, texts = tmp_path / "requests.jsonl.gz", tmp_path / "texts.jsonl"
    for module, file, *more in (("golden", requests, "--requests", str(REQUESTS)), ("golden_text", texts)):
        subprocess.run([sys.executable, "-m", f"etalage.demo.{module}", str(file), *more], check=True)
    try:
        archive = plugin.build({"golden": str(requests), "golden.text": str(texts)})
    except EtalageError as error:
        if "could not be built" in str(error):
            raise
        unavailable("plugin", str(error))
        return
    reports = (plugin.SOURCE / "target" / "surefire-reports").glob("TEST-*.xml")
    ran = {name: list(map(int, counts)) for path in reports for name, *counts in _RUN.findall(path.read_text())}
    assert len(ran) > 15 and all(errors == failures == 0 for _, errors, _, failures in ran.values()), ran
    for name in _GOLDEN:
        tests, _, skipped, _ = ran[name]
        assert tests > 0 and skipped == 0, (name, ran[name])
    # The same sources give the same bytes, whenever they are built again.
    first = sha256(archive.read_bytes()).hexdigest()
    shutil.rmtree(plugin.SOURCE / "target" / "classes")
    assert sha256(plugin.build(tests=False).read_bytes()).hexdigest() == first

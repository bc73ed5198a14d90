"""One writer per home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from etalage.core.errors import EngineUnavailable, WriterBusy
from opensearch.embedded.lock import writer

HOLD = """
import sys
from pathlib import Path
from opensearch.embedded.lock import writer

with writer(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_the_holder_is_named_by_its_pid(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    with writer(home):
        assert (home / "writer.lock").read_text() == str(os.getpid())


def test_a_second_writer_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdin is not None and holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(WriterBusy, match=f"pid {holder.pid} in ") as caught, writer(tmp_path):
            pytest.fail("two writers")
        assert caught.value.retryable and str(tmp_path) in str(caught.value)
        # Being refused must not wipe the holder's pid.
        assert (tmp_path / "writer.lock").read_text() == str(holder.pid)
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.wait(30) == 0
    with writer(tmp_path):
        assert (tmp_path / "writer.lock").read_text() == str(os.getpid())


def test_a_killed_writer_leaves_no_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        holder.kill()
        holder.wait(30)
    with writer(tmp_path):
        assert (tmp_path / "writer.lock").read_text() == str(os.getpid())


def test_two_writers_in_one_process_exclude_each_other_too(tmp_path: Path) -> None:
    with (
        writer(tmp_path),
        pytest.raises(WriterBusy, match=f"pid {os.getpid()} "),
        writer(tmp_path),
    ):
        pytest.fail("two writers")


def test_the_lock_is_released_when_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyError), writer(tmp_path):
        raise KeyError("x")
    with writer(tmp_path):
        pass


def test_other_homes_are_free(tmp_path: Path) -> None:
    with writer(tmp_path / "a"), writer(tmp_path / "b"):
        assert (tmp_path / "a" / "writer.lock").read_text() == (tmp_path / "b" / "writer.lock").read_text()


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("x")
    with pytest.raises(EngineUnavailable, match=r"cannot be written \(File exists\).*--home"), writer(home):
        pytest.fail("it was entered")

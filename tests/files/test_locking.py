import errno
import fcntl
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from unittest.mock import Mock

import pytest

from inlay.errors import InlayError
from inlay.files import file_lock, held
from inlay.files.locking import LOCK

HOLD = """
import os, sys, time
from inlay.files import held
with held(sys.argv[1], "training"):
    if os.fork() == 0:  # as a loader's worker: it lives on
        print("holds", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    command = [sys.executable, "-c", HOLD, tmp_path / "run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "holds\n"
        yield process
        process.kill()


@pytest.mark.stranger("A.5", "A.8")
def test_a_second_holder_is_refused_and_told_of_the_first_and_a_lock_that_is_a_link_is_not_followed(tmp_path, holder):
    with pytest.raises(InlayError, match=f"run: in use by process {holder.pid} on {socket.gethostname()} \\(training"):
        held(tmp_path / "run", "training").__enter__()
    (tmp_path / LOCK).symlink_to(tmp_path / "victim")
    with pytest.raises(InlayError, match=f"{tmp_path}: cannot be written"):
        held(tmp_path, "training").__enter__()
    assert not (tmp_path / "victim").exists()


@pytest.mark.stranger("A.5")
def test_the_dead_hold_nothing_even_where_their_children_live(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with held(tmp_path / "run", "training"):
        assert json.loads((tmp_path / "run" / LOCK).read_text())["pid"] == os.getpid()
    assert not (tmp_path / "run" / LOCK).exists()


@pytest.mark.stranger("B.13")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS])
def test_without_locks_it_goes_on_and_says_so(number, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(fcntl, "flock", Mock(side_effect=OSError(number, os.strerror(number))))
    with caplog.at_level(logging.WARNING), held(tmp_path, "training"), file_lock(tmp_path / "lock"):
        pass
    assert caplog.text.count("no locks here") == 1  # a folder


def test_one_process_at_a_time(tmp_path, capfd):
    lock, log = tmp_path / "lock", tmp_path / "log"
    code = (
        "import sys; from pathlib import Path; from inlay.files import file_lock\n"
        "with file_lock(Path(sys.argv[1])): Path(sys.argv[2]).open('a').write('other ')"
    )
    command = [sys.executable, "-uc", code, lock, log]
    with file_lock(lock):
        other = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert "another process is at work" in other.stderr.readline()  # and now it waits
        log.write_text("own ")
    other.communicate()
    assert log.read_text() == "own other "

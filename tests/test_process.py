from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.errors import BusyError
from pipelines.process import exclusive, is_held

HOLDER = """
import sys, time
from pathlib import Path
from pipelines.process import exclusive
with exclusive(Path(sys.argv[1]), "the night"):
    print("held", flush=True)
    time.sleep(60)
"""

STAGE = """
import subprocess, sys, time
from pipelines.process import die_with_parent
die_with_parent()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_second_holder_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "night.lock"
    with (
        exclusive(lock, "the night"),
        pytest.raises(BusyError, match=f"the night is already running.*process={os.getpid()}"),
        exclusive(lock, "the night"),
    ):
        pass
    with exclusive(lock, "the night"):
        assert is_held(lock)
    assert not is_held(lock)


def test_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "night.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert is_held(lock)
    holder.kill()
    holder.wait()
    with exclusive(lock, "the night", wait_seconds=5):
        pass


def _gone(pid: int, within_seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_a_stage_dies_with_the_process_above_its_shell(tmp_path: Path) -> None:
    script = tmp_path / "stage.py"
    script.write_text(STAGE)
    stand_in_for_dvc = (
        f"import subprocess, sys; subprocess.run('{sys.executable} {script}; true', shell=True, executable='/bin/sh')"
    )
    parent = subprocess.Popen([sys.executable, "-c", stand_in_for_dvc], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    grandchild = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert _gone(grandchild), "the stage's own child outlived dvc"

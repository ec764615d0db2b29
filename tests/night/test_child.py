from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipelines.night.child import Child
from pipelines.night.sessions import Guard, processes

GRANDCHILD = """
import subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
Path("pids.txt").write_text(f"{child.pid}")
print("started", flush=True)
time.sleep(60)
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def child(code: str, cwd: Path, timeout: float = 30.0, grace: float = 0.5) -> tuple[Child, list[str]]:
    lines: list[str] = []
    made = Child([sys.executable, "-c", code], cwd, dict(os.environ), timeout, grace, lines.append)
    return made, lines


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_gone(pid: int, seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not is_running(pid)


def test_output_of_both_streams_comes_line_by_line_and_the_status_is_kept(tmp_path: Path) -> None:
    made, lines = child("import sys; print('a'); print('b', file=sys.stderr); sys.exit(3)", tmp_path)
    ended = made.run()
    assert (ended.code, ended.timed_out, ended.stopped) == (3, False, False)
    assert sorted(lines) == ["a", "b"]
    assert sorted(ended.tail) == ["a", "b"]


def test_a_last_line_without_its_end_and_redrawn_lines_are_passed_on(tmp_path: Path) -> None:
    made, lines = child("import sys; sys.stdout.write('1/2\\r2/2\\rdone')", tmp_path)
    made.run()
    assert lines == ["1/2", "2/2", "done"]


@pytest.mark.slow
def test_a_timeout_ends_the_whole_group(tmp_path: Path) -> None:
    made, _ = child(GRANDCHILD, tmp_path, timeout=1.5)
    ended = made.run()
    assert ended.timed_out
    assert ended.seconds < 10
    assert wait_gone(int((tmp_path / "pids.txt").read_text()))


@pytest.mark.slow
def test_what_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    made, lines = child(STUBBORN, tmp_path, timeout=1.0, grace=0.5)
    ended = made.run()
    assert lines == ["up"]
    assert ended.code == -signal.SIGKILL
    assert ended.seconds < 8


def test_ending_it_from_outside_leaves_nothing(tmp_path: Path) -> None:
    made, lines = child(GRANDCHILD, tmp_path)

    def end_when_started() -> None:
        while "started" not in lines:
            time.sleep(0.02)
        made.end()

    threading.Thread(target=end_when_started).start()
    ended = made.run()
    assert ended.stopped
    assert not ended.timed_out
    assert wait_gone(int((tmp_path / "pids.txt").read_text()))


def test_an_exception_in_between_leaves_nothing(tmp_path: Path) -> None:
    made, _ = child(GRANDCHILD, tmp_path)

    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    made.on_line = interrupt
    with pytest.raises(KeyboardInterrupt):
        made.run()
    assert wait_gone(int((tmp_path / "pids.txt").read_text()))


def test_a_survivor_that_keeps_the_output_open_is_not_waited_for(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, pathlib\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "pathlib.Path('pids.txt').write_text(str(p.pid))\n"
    )
    made, _ = child(code, tmp_path)
    ended = made.run()
    assert ended.code == 0
    assert ended.seconds < 10
    assert wait_gone(int((tmp_path / "pids.txt").read_text()))


def test_a_process_that_no_look_has_seen_is_known_by_its_mark() -> None:
    guard = Guard()
    code = "import subprocess as s; print(s.Popen(['sleep', '60'], start_new_session=True, stdout=s.DEVNULL).pid)"
    starter = subprocess.Popen(
        [sys.executable, "-c", code], env=guard.marked(os.environ), stdout=subprocess.PIPE, text=True
    )
    orphan = int(starter.communicate(timeout=30)[0])
    assert Path(f"/proc/{orphan}").exists()
    guard.close()
    assert orphan not in processes()

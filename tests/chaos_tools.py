"""Faults for benchmarks/chaos.py and its test: the register, and what strikes have in common."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from tiny_project import behave, nightshift, start

from pipelines.files import sha256_tree
from pipelines.layout import Layout

LANE = "alpha"
FAULTS: dict[str, Callable[[Layout], str]] = {}


class Skipped(Exception):  # noqa: N818 - not an error
    """The fault cannot be made here."""


def fault(function: Callable[[Layout], str]) -> Callable[[Layout], str]:
    """Register a fault: it strikes, and says what the struck night did."""
    FAULTS[function.__name__] = function
    return function


def night(layout: Layout, *options: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    """A night of the lane."""
    return nightshift(layout, "night", "--product", LANE, *options, seconds=seconds)


def wait(condition: Callable[[], bool], seconds: float = 240.0) -> None:
    """Until the condition holds.

    Raises:
        TimeoutError: it does not in time.
    """
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("the moment of the fault did not come")
        time.sleep(0.05)


def sleeper(layout: Layout) -> int:
    """The process id of the stage that sleeps, once there is one."""
    mark = layout.root / "sleeping.txt"
    wait(lambda: mark.is_file() and mark.read_text().isdigit())
    return int(mark.read_text())


def with_sleeping_stage(
    layout: Layout, stage: str, *options: str, sleep_seconds: float = 300.0
) -> subprocess.Popen[str]:
    """A night that has been started, and will find this stage asleep."""
    (layout.root / "sleeping.txt").unlink(missing_ok=True)
    behave(layout, {f"{stage}@{LANE}": {"sleep": sleep_seconds}})
    return start(layout, "night", "--product", LANE, *options)


def ended(running: subprocess.Popen[str], seconds: float = 240.0) -> str:
    """How a night ended, in a few words."""
    output, _ = running.communicate(timeout=seconds)
    return f"exit {running.returncode}: {last(output)}"


def last(text: str) -> str:
    """The line that says what went wrong, else the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    failed = [line for line in lines if ": " in line and "->" in line]
    return (failed or lines or ["no word"])[-1][:110]


def clean_bytes(layout: Layout) -> dict[str, str]:
    """A calm night with the plain behaviour, and what its lane then holds.

    Raises:
        RuntimeError: the night did not pass.
    """
    (layout.root / "sleeping.txt").unlink(missing_ok=True)
    behave(layout, {})
    done = night(layout)
    if done.returncode:
        raise RuntimeError(f"the next night did not pass: {last(done.stdout + done.stderr)}")
    return sha256_tree(layout.lane(LANE))

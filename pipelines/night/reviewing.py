"""After a night: the review queues filled anew, in a process of its own. A night is not lost for want of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from pipelines.config import Params
from pipelines.layout import Layout
from pipelines.night.child import Child
from pipelines.night.reviewed import ANSWERED_PROBLEMS
from pipelines.night.summary import NightSummary

FILL_SECONDS = 1800.0


def fill_queues(layout: Layout, params: Params, summary: NightSummary, on_line: Callable[[str], None]) -> bool:
    """Fill the queue of every lane of the night, also of one that a gate has blocked: people may be its remedy.

    What is too old to be kept is forgotten on the way.

    Returns:
        Whether it went through; what went wrong is told to ``on_line``.
    """
    names = [
        lane.product
        for lane in summary.lanes
        if lane.product in params.products and params.products[lane.product].problem in ANSWERED_PROBLEMS
    ]
    if not names:
        return True
    environment = {**os.environ, "NIGHTSHIFT_ROOT": str(layout.root), "PYTHONSAFEPATH": "1", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "pipelines.cli", "review", "fill", *names]
    ended = Child(command, layout.root, environment, FILL_SECONDS, on_line=on_line).run()
    if ended.timed_out:
        on_line(f"the review queues were not filled within {FILL_SECONDS:g} s")
    elif ended.code:
        on_line(f"the review queues were not filled: status {ended.code}")
    return not ended.timed_out and ended.code == 0

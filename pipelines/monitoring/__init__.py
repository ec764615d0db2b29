"""How production is watched: drift of inputs and predictions, reports, mail."""

from __future__ import annotations

from pipelines.monitoring.watch import WatchResult, watch_day

__all__ = ["WatchResult", "watch_day"]

"""``python -m pipelines.night.demo``: play the demo, draw its picture. Exit 1 when a part failed."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from pipelines.config import load_params
from pipelines.errors import EXIT_BLOCKED, NightshiftError
from pipelines.layout import find_layout
from pipelines.night.demo.checkout import PRODUCT
from pipelines.night.demo.picture import plot_story
from pipelines.night.demo.story import Story
from pipelines.process import stop_requests
from pipelines.records import alarms
from pipelines.records.store import open_records


def main() -> int:
    """Entry point."""
    source = find_layout()
    for name in ("NIGHTSHIFT_RECORDS_URL", "NIGHTSHIFT_LOG_URL"):  # the demo writes into no records but its own
        os.environ.pop(name, None)
    try:
        with stop_requests() as stopped:
            story = Story(source, source.state / "demo-drift", datetime.now(UTC).date(), stopped)
            story.play()
    except NightshiftError as error:
        sys.stderr.write(f"nightshift: {error.line()}\n")
        return EXIT_BLOCKED
    records = open_records(story.layout.records_url)
    windows = alarms.windows(records, PRODUCT)[::-1]
    records.close()
    picture = story.folder / "metric-over-time.png"
    metric = load_params(story.layout.params).product(PRODUCT).evaluate.metric
    plot_story(picture, metric, windows, story.events)
    story.say(f"picture: {picture.relative_to(source.root)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

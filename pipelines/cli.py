"""The one command line. A thin door: the commands are in ``pipelines.commands``."""

from __future__ import annotations

import sys
from typing import NoReturn

from pipelines.commands import products, releasing, reviewing, running, serving, supply, watching  # noqa: F401 - they register
from pipelines.commands.app import app
from pipelines.errors import EXIT_BLOCKED, EXIT_TRANSIENT, NightshiftError


@app.callback()
def _nightshift() -> None:
    """Retrains models every night, proves each before anyone sees it, serves it, and watches it."""


def main() -> NoReturn:
    """Entry point: a NightshiftError becomes one line on standard error and its exit code."""
    try:
        app(standalone_mode=True)
    except NightshiftError as error:
        sys.stderr.write(f"nightshift: {error.line()}\n")
        sys.exit(EXIT_TRANSIENT if error.transient else error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("nightshift: stopped by the keyboard; finished stages are kept\n")
        sys.exit(130)
    sys.exit(EXIT_BLOCKED)  # pragma: no cover - typer exits by itself


if __name__ == "__main__":
    main()

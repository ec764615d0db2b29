"""The one command line. A thin door: each command imports what it needs when it is called."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from pipelines.errors import EXIT_BLOCKED, NightshiftError

app = typer.Typer(
    name="nightshift",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _nightshift() -> None:
    """Retrains models every night, proves each before anyone sees it, serves it, and watches it."""


@app.command()
def run(
    stage: Annotated[str, typer.Argument(help="fetch, validate, label, prepare, train, evaluate, export or package")],
    instance: Annotated[str, typer.Argument(help="a product; for train <product>-<model>")],
) -> None:
    """Run one stage of one product, as dvc.yaml does. A blocked gate is a result: exit 0, see verdict.json."""
    from pipelines.layout import find_layout
    from pipelines.process import die_with_parent
    from pipelines.runtime import run_stage

    die_with_parent()
    verdict = run_stage(find_layout(), stage, instance)
    typer.echo(verdict.line())


def main() -> NoReturn:
    """Entry point: a NightshiftError becomes one line on standard error and its exit code."""
    try:
        app(standalone_mode=True)
    except NightshiftError as error:
        sys.stderr.write(f"nightshift: {error.line()}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("nightshift: stopped by the keyboard; finished stages are kept\n")
        sys.exit(130)
    sys.exit(EXIT_BLOCKED)  # pragma: no cover - typer exits by itself


if __name__ == "__main__":
    main()

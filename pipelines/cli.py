"""The one command line. A thin door: each command imports what it needs when it is called."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from pipelines.errors import EXIT_BLOCKED, EXIT_TRANSIENT, NightshiftError

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


@app.command()
def snapshot(
    products: Annotated[list[str] | None, typer.Argument(help="products; none: all that --data selects")] = None,
    as_of: Annotated[str | None, typer.Option(help="last day to know of, YYYY-MM-DD; default: today, UTC")] = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="only products without one; day: night.first_as_of of params.yaml")
    ] = False,
    data: Annotated[str, typer.Option(help="demo, public or all")] = "all",
) -> None:
    """Pin what a night will see of each source. Only fetch reads it; equal content gives equal bytes."""
    from pipelines.layout import find_layout
    from pipelines.night.snapshot import take_snapshots

    for result in take_snapshots(find_layout(), products or [], as_of=as_of, missing=missing, data=data):
        typer.echo(result.line())


@app.command()
def schema() -> None:
    """Print the JSON Schema of params.yaml."""
    import json

    from pipelines.config import Params

    typer.echo(json.dumps(Params.model_json_schema(), indent=1, sort_keys=True))


@app.command()
def night(
    data: Annotated[str, typer.Option(help="demo, public or all; products with data: own always take part")] = "demo",
    product: Annotated[list[str] | None, typer.Option(help="only this product; may be given several times")] = None,
    as_of: Annotated[str | None, typer.Option(help="read sources up to this day, YYYY-MM-DD; default: today")] = None,
    force: Annotated[bool, typer.Option("--force", help="also lanes in which nothing has changed")] = False,
    parallel: Annotated[int | None, typer.Option(min=1, help="tasks at once")] = None,
    scheduler: Annotated[
        bool, typer.Option("--scheduler", help="under a real scheduler, started for this night")
    ] = False,
) -> None:
    """Run one night: every lane from its source to the drift mail, then the scoreboard. Exit 1 when a lane failed."""
    from pipelines.layout import find_layout
    from pipelines.night.run import run_night

    raise typer.Exit(run_night(find_layout(), data, product or (), as_of, force, parallel, scheduler))


@app.command()
def status() -> None:
    """Products, their champions, how last night went, and where the reports are."""
    from pipelines.layout import find_layout
    from pipelines.night.status import status_text

    typer.echo(status_text(find_layout()))


@app.command()
def up(
    ui_port: Annotated[int, typer.Option(help="Airflow's UI and API")] = 8080,
    service_port: Annotated[int | None, typer.Option(help="prediction service; default: service.port")] = None,
    reports_port: Annotated[int, typer.Option(help="reports of the nights")] = 8090,
) -> None:
    """Start Airflow's UI and scheduler, the prediction service and the reports; Ctrl-C stops all of them."""
    from pipelines.layout import find_layout
    from pipelines.night.up import run_up

    raise typer.Exit(run_up(find_layout(), ui_port, service_port, reports_port))


@app.command()
def watch(
    product: Annotated[str, typer.Argument(help="a product with a champion")],
    as_of: Annotated[str | None, typer.Option(help="the production day, YYYY-MM-DD; default: today, UTC")] = None,
    shift: Annotated[str, typer.Option(help="a named change of the world, to try the watch out")] = "none",
    night: Annotated[str | None, typer.Option(help="name of the folder and the mail; default: of the day")] = None,
) -> None:
    """Send one production day to the service, compare it with the model's reference, report and mail."""
    from pipelines.config import load_params
    from pipelines.layout import find_layout
    from pipelines.monitoring.door import watch_by_hand

    layout = find_layout()
    result = watch_by_hand(layout, load_params(layout.params), product, as_of, shift, night)
    typer.echo(result.line)
    for path in (*result.reports, result.mailed.path):
        typer.echo(f"  {path.relative_to(layout.root)}")


@app.command()
def outbox(
    action: Annotated[str, typer.Argument(help="list, or send: try again to send what waits")] = "list",
) -> None:
    """The mails that wait to be sent. `send` exits 1 when some still wait."""
    from pipelines.layout import find_layout
    from pipelines.monitoring.door import outbox_action

    line, waits = outbox_action(find_layout(), action)
    typer.echo(line)
    if action == "send" and waits:
        raise typer.Exit(EXIT_BLOCKED)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def airflow(context: typer.Context) -> None:
    """Airflow's own command line with this checkout's settings, e.g. `nightshift airflow dags list`."""
    from pipelines.layout import find_layout
    from pipelines.night.airflow_env import run_airflow

    raise typer.Exit(run_airflow(find_layout(), context.args))


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on; default: service.host")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="default: service.port")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; default: service.workers")] = None,
) -> None:
    """Serve every product's champion; a promotion or rollback is followed within a second. Ctrl-C stops it."""
    from pipelines.config import load_params
    from pipelines.layout import find_layout
    from pipelines.serving.launch import serve_in_foreground

    layout = find_layout()
    given = {"host": host, "port": port, "workers": workers}
    service = load_params(layout.params).service
    serve_in_foreground(layout, service.model_copy(update={k: v for k, v in given.items() if v is not None}))


@app.command()
def plan(
    product: Annotated[str, typer.Argument(help="a product")],
    version: Annotated[str | None, typer.Argument(help="the challenger; default: the version recorded last")] = None,
) -> None:
    """What a promotion would do and why, without doing it. Exit 1 when it would not go through."""
    from pipelines.layout import find_layout
    from pipelines.release.commands import plan_lines

    lines, would_promote = plan_lines(find_layout(), product, version)
    typer.echo("\n".join(lines))
    if not would_promote:
        raise typer.Exit(EXIT_BLOCKED)


@app.command()
def promote(
    product: Annotated[str, typer.Argument(help="a product")],
    version: Annotated[str | None, typer.Argument(help="default: the version recorded last")] = None,
    why: Annotated[str, typer.Option(help="a sentence for the history")] = "",
    who: Annotated[str | None, typer.Option(help="default: this user")] = None,
    force: Annotated[bool, typer.Option("--force", help="against the champion gate; never against smoke")] = False,
) -> None:
    """Make a version the champion, as `plan` says."""
    from pipelines.layout import find_layout
    from pipelines.release.commands import promote_line

    typer.echo(promote_line(find_layout(), product, version, who, why, force))


@app.command()
def rollback(
    product: Annotated[str, typer.Argument(help="a product")],
    version: Annotated[str | None, typer.Argument(help="default: the champion before this one")] = None,
    why: Annotated[str, typer.Option(help="a sentence for the history")] = "",
    who: Annotated[str | None, typer.Option(help="default: this user")] = None,
) -> None:
    """Go back to an earlier champion; nights will not promote the version that was taken back."""
    from pipelines.layout import find_layout
    from pipelines.release.commands import rollback_line

    typer.echo(rollback_line(find_layout(), product, version, who, why))


@app.command()
def history(product: Annotated[str, typer.Argument(help="a product")]) -> None:
    """Who promoted what, when and why, and on which data, code and parameters."""
    from pipelines.layout import find_layout
    from pipelines.release.commands import history_lines

    typer.echo("\n".join(history_lines(find_layout(), product)))


@app.command()
def refill() -> None:
    """Make the BentoML model store anew from the released bundles. Exit 1 when one of them is lost or damaged."""
    from pipelines.layout import find_layout
    from pipelines.release.commands import refill_lines

    lines, whole = refill_lines(find_layout())
    typer.echo("\n".join(lines))
    if not whole:
        raise typer.Exit(EXIT_BLOCKED)


@app.command()
def bento(
    products: Annotated[list[str] | None, typer.Argument(help="products; none: every one with a champion")] = None,
) -> None:
    """Build one Bento of the service with the champions' models inside. No package index is asked."""
    from pipelines.layout import find_layout
    from pipelines.release.commands import bento_lines

    typer.echo("\n".join(bento_lines(find_layout(), products or [])))


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

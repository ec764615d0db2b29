"""Nights: one stage, snapshots, whole nights, the kept ones, and everything up."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.app import app
from pipelines.errors import EXIT_BLOCKED


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
def nights(product: Annotated[str | None, typer.Argument(help="default: all")] = None) -> None:
    """The kept nights: how each lane ended, its model, its key metric and the change since the night before."""
    from pipelines.layout import find_layout
    from pipelines.night.kept import nights_lines

    typer.echo("\n".join(nights_lines(find_layout(), product)))


@app.command()
def restore(
    night: Annotated[str, typer.Argument(help="as `nightshift nights` names it")],
    product: Annotated[str, typer.Argument(help="a product")],
) -> None:
    """Bring a product's lane back to the bytes of a kept night."""
    from pipelines.layout import find_layout
    from pipelines.night.kept import restore as restore_night

    typer.echo("\n".join(restore_night(find_layout(), night, product)))


@app.command()
def bring(
    products: Annotated[list[str] | None, typer.Argument(help="default: all")] = None,
    every: Annotated[float | None, typer.Option(min=1, help="only champions, again every so many seconds")] = None,
) -> None:
    """Where nights are shared between machines: bring champions and newest versions here, to serve or promote them."""
    from pipelines.layout import find_layout
    from pipelines.night.shared.nights import bring_here, keep_bringing

    if every is not None:
        keep_bringing(find_layout(), every, typer.echo)
    typer.echo("\n".join(bring_here(find_layout(), products or ())))


@app.command()
def gc(
    size: Annotated[float | None, typer.Option(min=0, help="MiB that the state and the cache may take")] = None,
    keep: Annotated[int | None, typer.Option("--nights", help="forget all but so many of the kept nights")] = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="only say what would go")] = False,
) -> None:
    """Remove what no lane, kept night or champion needs. Exit 1 when the rest is still above --size."""
    from pipelines.layout import find_layout
    from pipelines.night.collect import collect

    found = collect(find_layout(), size, keep, dry)
    typer.echo("\n".join(found.lines(dry)))
    if not found.fits:
        raise typer.Exit(EXIT_BLOCKED)


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

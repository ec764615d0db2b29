"""Production watched, and Airflow's own command line."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.app import app
from pipelines.errors import EXIT_BLOCKED


@app.command()
def watch(
    product: Annotated[str, typer.Argument(help="a product with a champion")],
    as_of: Annotated[str | None, typer.Option(help="the production day, YYYY-MM-DD; default: today, UTC")] = None,
    shift: Annotated[str, typer.Option(help="a named change of the world, to try the watch out")] = "none",
    night: Annotated[str | None, typer.Option(help="name of the folder and the mail; default: of the day")] = None,
    log: Annotated[
        bool, typer.Option("--log", help="judge the newest requests of the prediction log instead, as drift_watch does")
    ] = False,
) -> None:
    """Send one production day to the service, compare it with the model's reference, report and mail."""
    from pipelines.config import load_params
    from pipelines.layout import find_layout
    from pipelines.monitoring.door import watch_by_hand, watch_log_lines

    layout = find_layout()
    if log:
        typer.echo("\n".join(watch_log_lines(layout, load_params(layout.params), product)))
        return
    result = watch_by_hand(layout, load_params(layout.params), product, as_of, shift, night)
    typer.echo(result.line)
    for path in (*result.reports, result.mailed.path):
        typer.echo(f"  {path.relative_to(layout.root)}")


@app.command()
def simulate(
    product: Annotated[str, typer.Argument(help="a product with a champion")],
    shift: Annotated[str, typer.Option(help="a named change of the world; none: as the reference was")] = "none",
    rows: Annotated[int | None, typer.Option(min=1, help="default: watch.day_rows")] = None,
    feedback: Annotated[float, typer.Option(min=0, max=1, help="share of the outcomes told to the service")] = 0.0,
    as_of: Annotated[str | None, typer.Option(help="the production day, YYYY-MM-DD; default: today, UTC")] = None,
    url: Annotated[str | None, typer.Option(help="of the running service; default: as params.yaml says")] = None,
) -> None:
    """Send one production day, with a named drift, to the running service."""
    from pipelines.config import load_params
    from pipelines.layout import find_layout
    from pipelines.monitoring.simulate import simulate_by_hand

    layout = find_layout()
    result = simulate_by_hand(layout, load_params(layout.params), product, as_of, shift, rows, feedback, url)
    typer.echo(result.line)


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

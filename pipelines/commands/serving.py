"""The prediction service, its keys, and campaign plans."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.app import app


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


@app.command("plan-campaign")
def plan_campaign(
    product: Annotated[str, typer.Argument(help="an uplift product with a champion")],
    file: Annotated[Path, typer.Argument(help="customers: Parquet or CSV with the product's fields")],
    out: Annotated[Path, typer.Option(help="the customers with their offer: Parquet, or .csv")],
    budget: Annotated[float, typer.Option(help="sum of all contact costs at most")],
    value: Annotated[float, typer.Option(help="what one outcome is worth")],
    cost: Annotated[list[str] | None, typer.Option(help="OFFER=COST of one contact; several times")] = None,
    segment: Annotated[str | None, typer.Option(help="the column that says each customer's segment")] = None,
    limit: Annotated[list[str] | None, typer.Option(help="SEGMENT=CONTACTS at most")] = None,
    minimum: Annotated[list[str] | None, typer.Option(help="OFFER=CONTACTS at least")] = None,
    maximum: Annotated[list[str] | None, typer.Option(help="OFFER=CONTACTS at most")] = None,
) -> None:
    """Who gets which offer for a budget, by the champion's expected uplift; what it brings, what more would."""
    from pipelines.layout import find_layout
    from pipelines.serving.plan_file import plan_lines

    pairs = {"costs": cost, "segment_limits": limit, "offer_minimum": minimum, "offer_maximum": maximum}
    typer.echo("\n".join(plan_lines(find_layout(), product, file, out, budget, value, pairs, segment)))


keys = typer.Typer(no_args_is_help=True, help="API keys of the prediction service.")
app.add_typer(keys, name="keys")


@keys.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="of the client; the prediction log names it")],
    scope: Annotated[list[str], typer.Option(help="predict or feedback; may be given twice")] = ["predict"],  # noqa: B006
) -> None:
    """Make a key and print it, once: only its hash is kept."""
    from pipelines.layout import find_layout
    from pipelines.serving.key_commands import add_lines

    typer.echo("\n".join(add_lines(find_layout(), name, scope)))


@keys.command("list")
def keys_list() -> None:
    """Every key's name, scopes, and whether it is revoked."""
    from pipelines.layout import find_layout
    from pipelines.serving.key_commands import list_lines

    typer.echo("\n".join(list_lines(find_layout())))


@keys.command("revoke")
def keys_revoke(name: Annotated[str, typer.Argument(help="a key that `keys list` shows")]) -> None:
    """End a key; running services stop taking it within about a second."""
    from pipelines.layout import find_layout
    from pipelines.serving.key_commands import revoke_line

    typer.echo(revoke_line(find_layout(), name))

"""Champions: plan, promote, decline, roll back, history, Bentos."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.app import app
from pipelines.errors import EXIT_BLOCKED


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
def decline(
    product: Annotated[str, typer.Argument(help="a product")],
    version: Annotated[str, typer.Argument(help="the version that waits for approval")],
    why: Annotated[str, typer.Option(help="a sentence for the history")] = "",
    who: Annotated[str | None, typer.Option(help="default: this user")] = None,
) -> None:
    """Record that the champion stays; no night asks about this version again, `promote` still may."""
    from pipelines.layout import find_layout
    from pipelines.release.commands import decline_line

    typer.echo(decline_line(find_layout(), product, version, who, why))


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

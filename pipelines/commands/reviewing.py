"""People's labels: the page, filling the queue, the report, and answers as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pipelines.commands.app import app


class _ProductFirst(TyperGroup):
    """``review PRODUCT`` is ``review page PRODUCT``: what is no action is a product."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["page", *args]
        return super().resolve_command(ctx, args)


review = typer.Typer(cls=_ProductFirst, no_args_is_help=True, help="Label rows on a page: nightshift review PRODUCT.")
app.add_typer(review, name="review")


@review.command("page")
def page(
    product: Annotated[str, typer.Argument(help="a product")],
    annotator: Annotated[
        str | None, typer.Option(help="who answers; default: this user, the page can change it")
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="on loopback; 0: any; default: 8095")] = None,
) -> None:
    """Serve the page that asks for labels. Ctrl-C stops it."""
    from pipelines.config import load_params
    from pipelines.layout import find_layout
    from pipelines.review.server import serve_review

    layout = find_layout()
    serve_review(layout, load_params(layout.params), product, annotator, port)


@review.command("fill")
def fill(
    products: Annotated[list[str] | None, typer.Argument(help="products; none: all")] = None,
) -> None:
    """Choose anew what is asked: unsure, suspect and disputed rows, contradicting feedback. Each night does it too."""
    from pipelines.config import load_params
    from pipelines.layout import find_layout
    from pipelines.review.door import fill_lines

    layout = find_layout()
    for line in fill_lines(layout, load_params(layout.params), products or []):
        typer.echo(line)


@review.command("report")
def report(product: Annotated[str, typer.Argument(help="a product")]) -> None:
    """Who answered how much, how far they agree, and what became of the labels."""
    from pipelines.config import load_params
    from pipelines.layout import find_layout
    from pipelines.review.door import report_lines

    layout = find_layout()
    typer.echo("\n".join(report_lines(layout, load_params(layout.params), product)))


@review.command("export")
def export(
    product: Annotated[str, typer.Argument(help="a product")],
    file: Annotated[Path, typer.Argument(help="JSON lines: one item with all its answers each")],
    label_studio: Annotated[bool, typer.Option("--label-studio", help="tasks as Label Studio reads them")] = False,
) -> None:
    """Write the queue with every answer to a file."""
    from pipelines.config import load_params
    from pipelines.layout import find_layout
    from pipelines.review.door import export_line

    layout = find_layout()
    typer.echo(export_line(layout, load_params(layout.params), product, file, label_studio))


@review.command("import")
def import_(
    product: Annotated[str, typer.Argument(help="a product")],
    file: Annotated[Path, typer.Argument(help="as export writes it, or Label Studio's JSON export")],
) -> None:
    """Take answers from a file. The same file again changes nothing."""
    from pipelines.config import load_params
    from pipelines.layout import find_layout
    from pipelines.review.door import import_line

    layout = find_layout()
    typer.echo(import_line(layout, load_params(layout.params), product, file))

"""A person's own products: new, list, remove, rename, doctor."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.app import app
from pipelines.errors import EXIT_BLOCKED


@app.command()
def new(
    product: Annotated[str, typer.Argument(help="name of the new product: small letters, digits and _")],
    data: Annotated[str | None, typer.Option(help="a file, a glob in quotes, or a database URL with --query")] = None,
    target: Annotated[str | None, typer.Option(help="the column to learn")] = None,
    query: Annotated[str | None, typer.Option(help="one SELECT; :as_of is the last day to know of")] = None,
    problem: Annotated[
        str | None, typer.Option(help="tabular, text, uplift, forecast, reply; default: by the rest")
    ] = None,
    task: Annotated[str | None, typer.Option(help="binary, multiclass or regression, where it is open")] = None,
    positive: Annotated[str | None, typer.Option(help="the target value that counts as positive")] = None,
    id: Annotated[str | None, typer.Option(help="column that names a row")] = None,
    text: Annotated[str | None, typer.Option(help="column of text to classify")] = None,
    time: Annotated[str | None, typer.Option(help="column that says when a row was known")] = None,
    group: Annotated[str | None, typer.Option(help="column whose rows never part at the split")] = None,
    treatment: Annotated[str | None, typer.Option(help="uplift: what was done to each customer")] = None,
    control: Annotated[str | None, typer.Option(help="uplift: the treatment that means no contact")] = None,
    dialogue: Annotated[str | None, typer.Option(help="reply: column that names a dialogue")] = None,
    reply: Annotated[str | None, typer.Option(help="reply: what the agent said; rows as in docs/replies.md")] = None,
    series: Annotated[str | None, typer.Option(help="forecast: key of a series; with --time")] = None,
    known: Annotated[list[str] | None, typer.Option(help="forecast: column that is known in advance")] = None,
    horizon: Annotated[int | None, typer.Option(min=1, help="forecast: steps ahead")] = None,
    keep: Annotated[list[str] | None, typer.Option(help="leak suspect that is known before the outcome")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="column to leave out")] = None,
    unprotected: Annotated[list[str] | None, typer.Option(help="COLUMN=REASON: a feature all the same")] = None,
    dates: Annotated[list[str] | None, typer.Option(help="COLUMN=FORMAT, strptime, e.g. opened=%d.%m.%Y")] = None,
    encoding: Annotated[str | None, typer.Option(help="of the file, e.g. cp1252")] = None,
    separator: Annotated[str | None, typer.Option(help="between values")] = None,
    decimal: Annotated[str | None, typer.Option(help="decimal sign: . or ,")] = None,
    thousands: Annotated[str | None, typer.Option(help="thousands separator: . , ' or a blank")] = None,
    again: Annotated[bool, typer.Option("--again", help="draft the suite of this product again: shows a diff")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="with --again: write what the diff shows")] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="show block and suite, write nothing")] = False,
    run: Annotated[bool, typer.Option("--run", help="then run a night for it, up to a served model")] = False,
) -> None:
    """Look at data, say what it is, and draft a product: a commented block of params.yaml and a suite."""
    from pipelines.layout import find_layout
    from pipelines.onboarding import commands

    layout = find_layout()
    if again:
        commands.draft_again(layout, product, data, yes, typer.echo)
        return
    single = {"query": query, "problem": problem, "task": task, "positive": positive, "id": id, "text": text}
    single |= {"time": time, "group": group, "treatment": treatment, "control": control}
    single |= {"dialogue": dialogue, "reply": reply, "series": series}
    writing = {"encoding": encoding, "separator": separator, "decimal": decimal, "thousands": thousands}
    many = {"known": known, "keep": keep, "drop": drop, "unprotected": unprotected, "dates": dates}
    wish = commands.wish_of(product, data, target, single, many, writing, horizon)
    commands.draft_new(layout, wish, typer.echo, write=not dry)
    if run and not dry:
        from pipelines.night.run import run_night

        status = run_night(layout, "all", [product])
        typer.echo("\n" + "\n".join(commands.how_to_ask(layout, product)))
        raise typer.Exit(status)


@app.command(name="list")
def list_() -> None:
    """Every product: problem, data, champion, last night."""
    from pipelines.layout import find_layout
    from pipelines.onboarding.listing import list_text

    typer.echo(list_text(find_layout()))


@app.command()
def remove(
    product: Annotated[str, typer.Argument(help="a product")],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Take a product out: block, candidates, suite, lane. Records, bundles and recorded nights stay."""
    from pipelines.layout import find_layout
    from pipelines.onboarding.removing import remove_product

    remove_product(find_layout(), product, typer.echo, sure=yes)


@app.command()
def rename(
    old: Annotated[str, typer.Argument(help="a product")],
    name: Annotated[str, typer.Argument(help="its new name")],
) -> None:
    """Give a product another name: block, candidates, suite and lane. Its history stays under the old name."""
    from pipelines.layout import find_layout
    from pipelines.onboarding.renaming import rename_product

    rename_product(find_layout(), old, name, typer.echo)


@app.command()
def doctor() -> None:
    """Check environment, disk, memory, GPU, mail, databases, DVC, clock and ports. Exit 1 when one must be mended."""
    from pipelines.layout import find_layout
    from pipelines.onboarding.doctor import examine

    if not examine(find_layout(), typer.echo):
        raise typer.Exit(EXIT_BLOCKED)

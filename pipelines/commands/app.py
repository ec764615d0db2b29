"""The application that all commands belong to."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="nightshift",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

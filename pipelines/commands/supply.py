"""Supply chain: licences and known vulnerabilities of what is installed."""

from __future__ import annotations

import typer

from pipelines.commands.app import app
from pipelines.errors import EXIT_BLOCKED

supply = typer.Typer(no_args_is_help=True, help="Licences and known vulnerabilities of the pinned packages.")
app.add_typer(supply, name="supply")


@supply.command()
def licences() -> None:
    """Hold every pinned package's licence against pipelines/supply/policy.yaml. Exit 1 when one is not allowed."""
    from pipelines.layout import find_layout
    from pipelines.supply.licences import check_licences, read_pins
    from pipelines.supply.policy import read_policy

    policy = read_policy()
    found = check_licences(read_pins(find_layout().root / "requirements.txt"), policy)
    wrong = [one for one in found if one.trouble]
    for one in wrong:
        typer.echo(f"{one.name} {one.version}: {one.trouble}")
    typer.echo(
        f"{len(found)} packages, {len(policy.exceptions)} by an exception with a reason, {len(wrong)} not allowed"
    )
    if wrong:
        raise typer.Exit(EXIT_BLOCKED)


@supply.command()
def audit() -> None:
    """Ask an advisory service about every pinned package. Exit 1 for a vulnerability that the policy does not list;
    a service that cannot be reached is said, and fails nothing."""
    from datetime import UTC, datetime

    from pipelines.layout import find_layout
    from pipelines.supply.audit import audit as ask
    from pipelines.supply.audit import judge
    from pipelines.supply.policy import read_policy

    found = ask(find_layout().root / "requirements.txt")
    if found.unreachable:
        typer.echo(f"NOT AUDITED: the advisory service cannot be reached ({found.unreachable})")
        return
    wrong, kept = judge(found, read_policy(), datetime.now(UTC).date())
    for line in kept:
        typer.echo(f"known: {line}")
    for line in wrong:
        typer.echo(line)
    typer.echo(f"{found.packages} packages, {len(kept)} known vulnerabilities lived with, {len(wrong)} to be mended")
    if wrong:
        raise typer.Exit(EXIT_BLOCKED)

"""``nightshift doctor``: is this machine fit for a night, and how is what is not to be mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipelines.config import Params, load_params
from pipelines.errors import NightshiftError
from pipelines.layout import Layout
from pipelines.onboarding.doctor.finding import Finding
from pipelines.onboarding.doctor.machine import machine_checks
from pipelines.onboarding.doctor.project import project_checks
from pipelines.onboarding.doctor.services import service_checks

Say = Callable[[str], None]
MARKS = {"ok": "ok  ", "note": "note", "mend": "MEND"}


def examine(layout: Layout, say: Say) -> bool:
    """Say every finding in one line; True when nothing must be mended."""
    found = list(findings(layout))
    for finding in found:
        tail = f" -> {finding.mend}" if finding.mend else ""
        say(f"{MARKS[finding.state]}  {finding.name:<14} {finding.detail}{tail}")
    bad = sum(finding.state == "mend" for finding in found)
    say(f"\n{bad} to mend" if bad else "\nnothing to mend")
    return not bad


def findings(layout: Layout) -> Iterator[Finding]:
    """All checks; one that breaks is a finding itself."""
    params: Params | None = None
    try:
        params = load_params(layout.params)
        yield Finding("params.yaml", "ok", f"{len(params.products)} products, {len(params.candidates)} candidates")
    except NightshiftError as error:
        yield Finding("params.yaml", "mend", error.what, error.next_step)
    for check in (*machine_checks(layout, params), *project_checks(layout, params), *service_checks(layout, params)):
        try:
            yield from check()
        except NightshiftError as error:
            yield Finding(_name(check), "mend", error.what, error.next_step)
        except Exception as error:  # a check that breaks must not hide the others
            yield Finding(_name(check), "note", f"could not be checked: {type(error).__name__}: {error}")


def _name(check: Callable[[], object]) -> str:
    inner = getattr(check, "func", check)
    return str(getattr(inner, "__name__", "check")).strip("_")

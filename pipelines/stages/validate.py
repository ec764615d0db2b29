"""The data contract: bad rows go to quarantine with a reason each; too many, or a table out of bounds, blocks."""

from __future__ import annotations

from pipelines.blocks.stages import Validate
from pipelines.files import read_parquet, write_json, write_parquet
from pipelines.step import Step
from pipelines.validation.contract import Outcome, apply_contract
from pipelines.validation.suite import load_suite, without_not_null
from pipelines.verdicts import Check, Verdict, from_checks


def validate(step: Step) -> Verdict:
    """Write ``rows.parquet``, ``quarantine.parquet`` and ``validation.json`` (see docs/contracts.md).

    Blocked when the share in quarantine is above ``validation.quarantine_limit``, when fewer than
    ``validation.min_rows`` rows are accepted, or when an expectation about the table does not hold.

    Raises:
        ConfigError: the suite is missing, not JSON, or names a type, argument or column that is not there.
        StageError: Great Expectations failed inside: nothing was judged.
    """
    limits = step.product.validation
    path = step.layout.suite(limits.suite)
    suite = load_suite(path)
    if step.product.label.partly:
        suite = without_not_null(suite, step.product.columns.target)
    frame = read_parquet(step.input("fetch") / "rows.parquet")
    columns = step.product.columns
    numeric = [*columns.numeric, *([columns.target] if columns.task == "regression" else [])]
    step.progress("contract", 0, 1)
    outcome = apply_contract(frame, suite, path, numeric)
    step.progress("contract", 1, 1)
    write_parquet(step.out / "rows.parquet", outcome.accepted)
    write_parquet(step.out / "quarantine.parquet", outcome.quarantine)
    write_json(step.out / "validation.json", outcome.report)
    return from_checks(
        "contract",
        step.name,
        _checks(outcome, limits),
        next_step=(
            f"look at quarantine.parquet and validation.json of the lane; mend the source, or expectations/{path.name} "
            "where the rows are right"
        ),
    )


def _checks(outcome: Outcome, limits: Validate) -> list[Check]:
    rows = outcome.report["rows"]
    share = float(outcome.report["quarantine_share"])
    most = outcome.report["reasons"][:1]
    because = f"; most often {most[0]['reason']} ({most[0]['rows']:,} rows)" if most else ""
    held = [entry for entry in outcome.report["expectations"] if entry["level"] == "table" and entry["success"]]
    table = [entry for entry in outcome.report["expectations"] if entry["level"] == "table"]
    checks = [
        Check(
            name="quarantine_share",
            ok=share <= limits.quarantine_limit,
            value=share,
            limit=limits.quarantine_limit,
            unit="share of rows",
            detail=f"{rows['quarantined']:,} of {rows['fetched']:,} rows ({share:.2%}) are in quarantine, "
            f"limit {limits.quarantine_limit:.2%}{because}",
        ),
        Check(
            name="accepted_rows",
            ok=rows["accepted"] >= limits.min_rows,
            value=rows["accepted"],
            limit=limits.min_rows,
            unit="rows",
            detail=f"{rows['accepted']:,} rows accepted, at least {limits.min_rows:,} needed",
        ),
        Check(
            name="table_expectations",
            ok=not outcome.blocking,
            value=len(held),
            limit=len(table),
            unit="expectations about the table that hold",
            detail=f"{len(held)} of {len(table)} expectations about the table hold",
        ),
    ]
    checks += [Check(name=name, ok=False, value=value, detail=text) for name, text, value in outcome.blocking]
    return checks

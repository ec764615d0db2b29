"""The champion gate: the challenger against the model that answers now, on the same rows, noise accounted for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.config import Params
from pipelines.errors import BundleError, NightshiftError
from pipelines.files import json_number, read_json, read_parquet
from pipelines.layout import Layout
from pipelines.verdicts import Check, Verdict

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.metrics.judges import Judge

GATE = "champion"


def compare(layout: Layout, params: Params, product: str, challenger: str, champion: str | None) -> Verdict:
    """Whether a version may take the place of the champion.

    Both are asked about the test rows of the present lane, which neither trained on (a row's side never changes). The
    challenger may take over when it is not worse by the margin: the lower end of the interval of the difference in the
    key metric, by paired bootstrap, lies above ``-margin``.

    A champion that this code can no longer answer with (its bundle is damaged, or the code that derives its features
    has changed) cannot be compared; then the challenger stands on its own gates.

    Returns:
        ``passed``: it may take over. ``stood_aside``: the champion stays, by the rule above.
    """
    if champion is None:
        return _verdict(product, "there is no champion yet: the first one needs no comparison", [])
    if champion == challenger:
        return _verdict(product, "this version is the champion already", [])
    try:
        second = _judge(layout, params, product, champion)
    except NightshiftError as error:
        return _verdict(product, f"the champion cannot be compared: {error.line()}", [])
    first = _judge(layout, params, product, challenger)
    return _decide(params, product, first, second)


def _decide(params: Params, product: str, first: Judge, second: Judge) -> Verdict:
    from pipelines.metrics.intervals import difference, point

    block = params.product(product)
    metric, margin, how = block.evaluate.metric, block.release.margin, block.evaluate
    found = difference(first, second, metric, resamples=how.resamples, confidence=how.confidence)
    ok = found.not_worse(margin)
    words = (
        f"challenger minus champion in {metric} on {first.n} test rows, positive is better: {found.value:+.4f} "
        f"({found.low:+.4f} to {found.high:+.4f})"
    )
    checks = [
        Check(name="difference", ok=ok, value=json_number(found.low, 5), limit=-margin, unit=metric, detail=words),
        Check(name="challenger", ok=True, value=json_number(point(first)[metric], 6), unit=metric),
        Check(name="champion", ok=True, value=json_number(point(second)[metric], 6), unit=metric),
    ]
    if ok:
        return Verdict(gate=GATE, product=product, status="passed", checks=tuple(checks))
    return Verdict(
        gate=GATE,
        product=product,
        status="stood_aside",
        checks=tuple(checks),
        reason=f"the champion stays: {words}, the margin is {margin:g}",
        next_step=f"nothing is to be done; `nightshift plan {product}` shows the numbers",
    )


def _verdict(product: str, words: str, checks: list[Check]) -> Verdict:
    note = Check(name="comparison", ok=True, detail=words)
    return Verdict(gate=GATE, product=product, status="passed", checks=(*checks, note))


def _judge(layout: Layout, params: Params, product: str, version: str) -> Judge:
    """A version's answers for the test rows of the present lane.

    Raises:
        NightshiftError: the bundle is damaged, this code answers its golden rows otherwise, the rows lack a column that
            it reads, or it answers for something else.
    """
    from pipelines.problems import judge_rows
    from pipelines.serving.loaded import load

    model = load(product, version, layout.bundle(product, version)).model
    frame = test_rows(layout, product)
    where = {"product": product, "version": version}
    missing = [name for name in model.fields if name not in frame]
    if missing:
        raise BundleError(
            f"it reads column {missing[0]!r}, which the rows no longer hold", where=where, next_step="see params.yaml"
        )
    schema = read_json(layout.stage("prepare", product) / "schema.json")
    try:
        return judge_rows(params.product(product), schema, frame, model)
    except NightshiftError as error:
        raise error.at(**where) from error


def test_rows(layout: Layout, product: str) -> pd.DataFrame:
    """The present lane's test rows, raw."""
    frame = read_parquet(layout.stage("prepare", product) / "rows.parquet")
    return frame[frame["_split"] == "test"].reset_index(drop=True)

"""The champion gate: the challenger against the model that answers now, on the same rows, noise accounted for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.config import Params, Product
from pipelines.errors import BundleError, NightshiftError
from pipelines.files import read_json, read_parquet
from pipelines.layout import Layout
from pipelines.records import registry
from pipelines.records.registry import Version
from pipelines.records.store import Records
from pipelines.verdicts import Check, Verdict

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from pipelines.metrics.judges import Judge
    from pipelines.release.deciding import Meeting, Rule
    from pipelines.serving.loaded import Loaded

GATE = "champion"
AFTER_DRIFT = "after drift"
CALIBRATION_ERRORS = ("ece", "rms_calibration_error")
PROBABILITIES = ("binary", "multiclass")  # tasks whose scores a calibration error can be measured of


def compare(
    layout: Layout,
    params: Params,
    product: str,
    challenger: str,
    champion: str | None,
    *,
    records: Records | None = None,
    after_drift: bool = False,
) -> Verdict:
    """Whether a version may take the place of the champion.

    Both are asked about the test rows of the present lane, which neither trained on: a row's side never changes, and a
    champion that was trained under another split is not compared. The rule is ``release.replace``, or
    ``release.after_drift`` for a retraining that drift has asked for; see :func:`pipelines.release.deciding.decide`.
    Then no slice and no calibration may be worse beyond noise than its margin, and the costs keep their growth limits.

    A champion that this code can no longer answer with (its bundle is damaged, or the code that derives its features
    has changed) cannot be compared; then the challenger stands on its own gates.

    Args:
        records: where the smoke gate's numbers and the split of both versions are kept; None: neither is looked at.
        after_drift: drift in production has asked for this retraining.

    Returns:
        ``passed``: it may take over. ``stood_aside``: the champion stays, by the rules above.
    """
    if champion is None:
        return _noted(product, "there is no champion yet: the first one needs no comparison")
    if champion == challenger:
        return _noted(product, "this version is the champion already")
    known = _known(records, product, challenger, champion)
    try:
        second = _load(layout, product, champion)
        measures = _measures(params, product, second)
        judges = [_judge(layout, params, product, second, measure) for measure in measures]
    except NightshiftError as error:
        return _noted(product, f"the champion cannot be compared: {error.line()}")
    if not _same_split(*known):
        return _other_split(product)
    first = _load(layout, product, challenger)
    challengers = [_judge(layout, params, product, first, measure) for measure in measures]
    meeting = _meeting(layout, params, product, measures, challengers, judges)
    return _verdict(params, product, [
        *_quality(params, product, meeting, after_drift),
        *_costs(layout, params, product, known, (challenger, champion)),
    ], after_drift)  # fmt: skip


def _quality(params: Params, product: str, meeting: Meeting, after_drift: bool) -> list[Check]:
    from pipelines.release.deciding import decide

    block = params.product(product)
    how = block.evaluate
    return decide(meeting, block.release, _rule(block, after_drift), how.resamples, how.confidence)


def _costs(
    layout: Layout,
    params: Params,
    product: str,
    known: tuple[Version | None, Version | None],
    versions: tuple[str, str],
) -> list[Check]:
    from pipelines.release.growth import bytes_of, growth

    smoke = [_smoke_of(version) for version in known]
    sizes = (bytes_of(layout.bundle(product, versions[0])), bytes_of(layout.bundle(product, versions[1])))
    return growth(params.product(product).release, smoke[0], smoke[1], sizes)


def _rule(block: Product, after_drift: bool) -> Rule:
    return block.release.after_drift if after_drift else block.release.replace


def _verdict(params: Params, product: str, checks: list[Check], after_drift: bool) -> Verdict:
    if after_drift:
        words = "drift in production has asked for this retraining: release.after_drift is the rule"
        checks = [*checks, Check(name=AFTER_DRIFT, ok=True, detail=words)]
    failed = [check for check in checks if not check.ok]
    why = [_why(check, params.product(product), after_drift) for check in failed]
    if not failed:
        return Verdict(gate=GATE, product=product, status="passed", checks=tuple(checks))
    return Verdict(
        gate=GATE,
        product=product,
        status="stood_aside",
        checks=tuple(checks),
        reason=f"the champion stays: {'; '.join(why)}",
        next_step=f"nothing is to be done; `nightshift plan {product}` shows the numbers",
    )


def _why(check: Check, block: Product, after_drift: bool) -> str:
    if check.name != "difference":
        return check.detail
    if _rule(block, after_drift) == "not_worse":
        return f"{check.detail}, the margin is {block.release.margin:g}"
    return f"{check.detail}: no gain beyond noise, and release.replace asks for one"


def _noted(product: str, words: str) -> Verdict:
    note = Check(name="comparison", ok=True, detail=words)
    return Verdict(gate=GATE, product=product, status="passed", checks=(note,))


def _other_split(product: str) -> Verdict:
    words = "the champion was trained under another split: it may know the test rows of this one"
    return Verdict(
        gate=GATE,
        product=product,
        status="stood_aside",
        checks=(Check(name="same split", ok=False, detail=words),),
        reason=f"the champion stays: {words}",
        next_step=f"look at the card, then `nightshift promote {product} --force --why ...` once",
    )


def _known(
    records: Records | None, product: str, challenger: str, champion: str
) -> tuple[Version | None, Version | None]:
    if records is None:
        return None, None
    found = registry.find_version(records, product, challenger), registry.find_version(records, product, champion)
    return found


def _same_split(first: Version | None, second: Version | None) -> bool:
    """Whether both were trained under one split; so it is taken where one of them does not say."""
    digests = [version.digests.get("split") for version in (first, second) if version is not None]
    return len(digests) < 2 or None in digests or digests[0] == digests[1]


def _smoke_of(version: Version | None) -> Verdict | None:
    kept = version.verdicts.get("smoke") if version is not None else None
    return Verdict.model_validate(kept) if kept else None


def _measures(params: Params, product: str, loaded: Loaded) -> list[str]:
    """The key metric, and the calibration error that the product limits, ``ece`` where it limits none."""
    block = params.product(product)
    metric = block.evaluate.metric
    if loaded.model.task not in PROBABILITIES:
        return [metric]
    limited = [name for name in CALIBRATION_ERRORS if name in block.requirements.ceilings]
    return [metric, (limited or ["ece"])[0]]


def _load(layout: Layout, product: str, version: str) -> Loaded:
    """A version's model.

    Raises:
        NightshiftError: the bundle is damaged, this code answers its golden rows otherwise, or the rows of the present
            lane lack a column that it reads.
    """
    from pipelines.serving.loaded import load

    loaded = load(product, version, layout.bundle(product, version))
    held = set(test_rows(layout, product).columns)
    missing = [name for name in loaded.model.fields if name not in held]
    if missing:
        raise BundleError(
            f"it reads column {missing[0]!r}, which the rows no longer hold",
            where={"product": product, "version": version},
            next_step="see params.yaml",
        )
    return loaded


def _judge(layout: Layout, params: Params, product: str, loaded: Loaded, metric: str) -> Judge:
    """A version's answers for the test rows of the present lane, judged by one measure.

    Raises:
        NightshiftError: it answers for something else than the rows hold.
    """
    from pipelines.problems import judge_rows

    block = params.product(product)
    asked = block.model_copy(update={"evaluate": block.evaluate.model_copy(update={"metric": metric})})
    schema = read_json(layout.stage("prepare", product) / "schema.json")
    try:
        return judge_rows(asked, schema, test_rows(layout, product), loaded.model)
    except NightshiftError as error:
        raise error.at(product=product, version=loaded.version) from error


def _meeting(
    layout: Layout, params: Params, product: str, measures: list[str], first: list[Judge], second: list[Judge]
) -> Meeting:
    from pipelines.release.deciding import Meeting

    calibration = (measures[1], first[1], second[1]) if len(measures) > 1 else None
    groups = _slices(params.product(product), test_rows(layout, product))
    over = getattr(first[0], "groups_over", None)  # a judge whose units are not rows
    groups = groups if over is None else over(groups)
    return Meeting(measures[0], first[0], second[0], groups, calibration)


def _slices(block: Product, frame: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Masks of the named slices that hold at least ``fairness.min_group_rows`` rows."""
    from pipelines.metrics.slices import groups_of

    least = block.requirements.fairness.min_group_rows
    masks: dict[str, Any] = {}
    for column, edges in block.evaluate.slices.items():
        if column in frame:
            for name, mask in groups_of(frame[column].to_numpy(dtype=object), edges).items():
                if mask.sum() >= least:
                    masks[f"{column}={name}"] = mask
    return masks


def test_rows(layout: Layout, product: str) -> pd.DataFrame:
    """The present lane's test rows, raw."""
    frame = read_parquet(layout.stage("prepare", product) / "rows.parquet")
    return frame[frame["_split"] == "test"].reset_index(drop=True)

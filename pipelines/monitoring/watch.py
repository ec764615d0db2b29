"""One production day of one product, watched: answers from the service, verdict, report, pictures, mail."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import problems
from pipelines.blocks.sources import SimulatorSource
from pipelines.config import Params, Product
from pipelines.files import read_parquet, replaced_folder, write_json
from pipelines.layout import Layout
from pipelines.monitoring.answers import Answers, ask, bundle_schema, rows_per_request, service_for
from pipelines.monitoring.drift_letter import Watched, drift_letter
from pipelines.monitoring.estimate import estimate
from pipelines.monitoring.history import note_window
from pipelines.monitoring.judge import judge, limits_of
from pipelines.monitoring.mail import Mailed, send
from pipelines.monitoring.production import NO_SHIFT, champion_of, production_day
from pipelines.monitoring.reference import Reference, load_reference
from pipelines.monitoring.report import load_evidently, write_report
from pipelines.monitoring.verdict import DriftVerdict, Estimate
from pipelines.monitoring.words import labels

if TYPE_CHECKING:
    import pandas as pd

PICTURES = ("effects", "distributions")


@dataclass(frozen=True)
class WatchResult:
    """What a watch left behind.

    Attributes:
        verdict: how far the day has moved from the reference.
        reports: files of the night's ``drift`` folder: JSON, and unless too few rows came, PNG and HTML.
        mailed: the mail, in the outbox or sent.
    """

    verdict: DriftVerdict
    reports: tuple[Path, ...]
    mailed: Mailed

    @property
    def line(self) -> str:
        """One line for a terminal and the scoreboard."""
        mail = "mailed" if self.mailed.sent else f"mail waits in {self.mailed.path.parent.name}"
        return f"{self.verdict.line()}; {mail}"


def watch_day(
    layout: Layout, params: Params, product: str, night: str, as_of: date, shift: str = NO_SHIFT
) -> WatchResult:
    """Send one production day to the service and say whether it still looks like the model's reference.

    Args:
        layout: the checkout; reports go to ``layout.night(night, product) / "drift"``.
        night: names the folder and, with the product, the mail: one mail per night and product.
        as_of: the production day.
        shift: a named change of the simulated world, for trying out.

    Raises:
        StageError: the product has no champion yet.
        ServiceError: the service cannot be started, or refuses all.
        BundleError: the champion's bundle is incomplete.
    """
    block = params.product(product)
    version = champion_of(layout, product)
    bundle = layout.bundle(product, version)
    reference = load_reference(layout, product, version, block, bundle)
    rows = production_day(product, block, bundle, as_of, block.watch.day_rows, shift)
    shared = isinstance(block.source, SimulatorSource)  # test rows played again must not enter production's log
    with ThreadPoolExecutor(max_workers=1) as beside:
        loading = beside.submit(load_evidently)
        with service_for(layout, params, product, version, bundle, shared) as address:
            answers = ask(
                address, product, block.problem, rows, bundle_schema(bundle), rows_per_request(params, product)
            )
        loading.result()
    window = problems.watched(block, bundle, rows.assign(**answers.columns))
    verdict = judge(reference, window, limits_of(block.watch), params.profile.threads)
    lasting = note_window(layout, verdict, as_of)
    estimates = estimate(reference, window, block, bundle) if verdict.status != "unjudged" else ()
    folder = layout.night(night, product) / "drift"
    with replaced_folder(folder) as out:
        _write(out, params, block, reference, bundle, window, verdict, estimates, answers)
    pictures = {name: folder / f"{name}.png" for name in PICTURES if (folder / f"{name}.png").is_file()}
    place = folder.relative_to(layout.root).as_posix()
    watched = Watched(night, as_of, verdict, answers.refused, lasting, place, estimates)
    letter = drift_letter(params, watched, tuple(pictures))
    report = [path for path in (folder / "report.html",) if path.is_file()]
    mailed = send(layout, params, letter, night, product, "drift", pictures, report)
    return WatchResult(verdict, tuple(sorted(folder.iterdir())), mailed)


def _write(
    out: Path,
    params: Params,
    block: Product,
    reference: Reference,
    bundle: Path,
    window: pd.DataFrame,
    verdict: DriftVerdict,
    estimates: tuple[Estimate, ...],
    answers: Answers,
) -> None:
    write_json(
        out / "drift.json",
        {
            "verdict": verdict.model_dump(mode="json"),
            "drifted_share": round(verdict.drifted_share, 6),
            "estimates": [found.model_dump(mode="json") for found in estimates],
            "answered_by": answers.version,
            "refused": {"rows": len(answers.refused), "examples": _examples(answers.refused)},
        },
    )
    if verdict.status == "unjudged":
        return
    from pipelines.monitoring import plots

    chinese = params.mail.language == "zh" and plots.has_chinese_font()
    words = labels("zh" if chinese else "en")
    plots.plot_effects(out / "effects.png", verdict, words)
    plots.plot_distributions(out / "distributions.png", verdict, reference, window, words)
    before = problems.watched(block, bundle, read_parquet(bundle / "reference.parquet"))
    write_report(out / "report.html", reference, before, window, verdict.limits)


def _examples(refused: Mapping[int, str], most: int = 5) -> list[str]:
    return list(dict.fromkeys(refused.values()))[:most]

"""The alarm mail of a window: reports and pictures on disk, one letter, and everything that waits in the outbox."""

from __future__ import annotations

from pathlib import Path

from pipelines.config import Params
from pipelines.files import read_json, read_parquet, replaced_folder, write_json
from pipelines.layout import Layout
from pipelines.monitoring.alarm_letter import alarm_letter
from pipelines.monitoring.mail import Mailed, send
from pipelines.monitoring.outbox import find, mail_file
from pipelines.monitoring.rounds import Judged
from pipelines.monitoring.words import labels
from pipelines.problems import watched
from pipelines.records.alarms import Noted, Window

PICTURES = ("timeline", "effects", "distributions")
NIGHT = "watch_"


def mail_name(window: Window) -> str:
    """Names a window's folder of reports and, with the product, its mail: ``watch_2026-11-24T14-00-00.000Z``."""
    return NIGHT + window.until.replace(":", "-")


def is_mailed(layout: Layout, window: Window) -> bool:
    """Whether the window's mail is in the outbox or has gone out."""
    return find(layout, mail_file(mail_name(window), window.product, "alarm")) is not None


def mail_alarm(layout: Layout, params: Params, noted: Noted, judged: Judged, past: list[Window]) -> Mailed:
    """Write the reports of a window that opened alarms, and its mail; send what waits.

    Args:
        past: earlier windows of the product, for the picture over time.
    """
    window, name = noted.window, mail_name(noted.window)
    folder = layout.night(name, window.product) / "drift"
    with replaced_folder(folder) as out:
        _reports(out, params, noted, judged, past)
    pictures = {kind: folder / f"{kind}.png" for kind in PICTURES if (folder / f"{kind}.png").is_file()}
    place = folder.relative_to(layout.root).as_posix()
    letter = alarm_letter(params, noted, judged, place, links(layout, params), tuple(pictures))
    report = [path for path in (folder / "report.html",) if path.is_file()]
    return send(layout, params, letter, name, window.product, "alarm", pictures, report)


def links(layout: Layout, params: Params) -> dict[str, str]:
    """Addresses of the service and, while `nightshift up` runs, of Airflow and the reports."""
    found = {"service": f"http://{params.service.host}:{params.service.port}"}
    path = layout.state / "up.json"
    if path.is_file():
        found |= {key: str(value) for key, value in read_json(path).items() if key in {"airflow", "service", "reports"}}
    return found


def _reports(out: Path, params: Params, noted: Noted, judged: Judged, past: list[Window]) -> None:
    from pipelines.monitoring import plots
    from pipelines.monitoring.report import write_report
    from pipelines.monitoring.timeline import plot_timeline

    window, block = noted.window, params.product(noted.window.product)
    content = {
        "verdict": judged.verdict.model_dump(mode="json"),
        "causes": {cause: dict(numbers) for cause, numbers in window.causes.items()},
        "numbers": dict(window.numbers),
        "open": [alarm.cause for alarm in noted.open],
    }
    write_json(out / "drift.json", content)
    chinese = params.mail.language == "zh" and plots.has_chinese_font()
    words = labels("zh" if chinese else "en")
    same = [one for one in past if one.version == window.version and one.until != window.until]
    plot_timeline(out / "timeline.png", block.evaluate.metric, [*same, window], words)
    if not judged.verdict.columns:  # too few rows: only their number is an alarm
        return
    plots.plot_effects(out / "effects.png", judged.verdict, words)
    plots.plot_distributions(out / "distributions.png", judged.verdict, judged.reference, judged.frame, words)
    before = watched(block, judged.bundle, read_parquet(judged.bundle / "reference.parquet"))
    write_report(out / "report.html", judged.reference, before, judged.frame, judged.verdict.limits)

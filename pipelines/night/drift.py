"""Tasks of the drift watch, and how drift starts a night. Imported by DAG files; thin at import."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from pipelines.config import load_params
from pipelines.errors import NightshiftError
from pipelines.layout import Layout
from pipelines.night.names import night_id
from pipelines.night.shared import is_shared

DRIFT_DAG_ID = "drift_watch"
PREFIX = "nightshift_drift_"


def drift_asset(product: str) -> Asset:
    """Has an event whenever drift asks for a retraining of a product; ``extra`` says why.

    One asset per product: a run that several events start sees each product's.
    """
    return Asset(name=f"{PREFIX}{product}", uri=f"nightshift://drift/{product}", extra={"product": product})


def any_drift(products: Iterable[str]) -> Any:
    """The condition of the night's schedule: an event of any product."""
    first, *others = [drift_asset(name) for name in products]
    condition: Any = first
    for asset in others:
        condition = condition | asset
    return condition


def asked_for(context: Any) -> dict[str, str]:
    """``{product: why}`` of the drift that started this run; empty for a night by schedule or by hand."""
    found: dict[str, str] = {}
    for asset, events in dict(context.get("triggering_asset_events") or {}).items():
        for event in events:
            extra: Mapping[str, Any] = event.extra or {}
            name = str(extra.get("product") or str(getattr(asset, "name", "")).removeprefix(PREFIX))
            found[name] = str(extra.get("why") or "drift")
    return found


class WatchLogOperator(BaseOperator):  # type: ignore[misc]
    """Judges what a product's service answered since the last window; opens and closes alarms; mails a new one."""

    ui_color = "#e6eef7"
    template_fields: Sequence[str] = ()

    def __init__(self, *, root: str, product: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root = root
        self.product = product

    def execute(self, context: Any) -> None:
        from pipelines.monitoring.hourly import watch_log

        layout = Layout(Path(self.root))
        try:
            if is_shared():
                from pipelines.night.shared.nights import bring_product

                bring_product(layout, self.product, lane=False)
            found = watch_log(layout, load_params(layout.params), self.product, context["dag_run"].run_after)
            if is_shared():
                from pipelines.night.shared.nights import send_watch

                send_watch(layout, self.product)
        except NightshiftError as error:
            raise (AirflowException if error.transient else AirflowFailException)(error.line()) from None
        _say(f"{self.product}: {found.line}")
        if found.noted is None:
            raise AirflowSkipException(found.line)


class AskRetrainOperator(BaseOperator):  # type: ignore[misc]
    """Emits the product's asset event when its drift asks for a retraining; else it is skipped, and emits nothing.

    What was asked is kept in the records until a run has passed it on, so a kill between the two loses nothing.
    """

    ui_color = "#f7ece6"
    template_fields: Sequence[str] = ()

    def __init__(self, *, root: str, product: str, **kwargs: Any) -> None:
        super().__init__(outlets=[drift_asset(product)], **kwargs)
        self.root = root
        self.product = product

    def execute(self, context: Any) -> None:
        from pipelines.records.alarms import tell_retrain
        from pipelines.records.store import open_records

        layout = Layout(Path(self.root))
        try:
            records = open_records(layout.records_url)
            try:
                asked = tell_retrain(records, self.product, night_id(context["run_id"]))
            finally:
                records.close()
        except NightshiftError as error:
            raise (AirflowException if error.transient else AirflowFailException)(error.line()) from None
        if asked is None:
            raise AirflowSkipException("no retraining is asked for")
        why = f"{', '.join(asked.why['causes'])} since {asked.why['since']}"
        _say(f"{self.product}: asks for a retraining: {why}")
        extra = {"product": self.product, "why": why, "window": asked.asked_at}
        context["outlet_events"][drift_asset(self.product)].extra = extra


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()

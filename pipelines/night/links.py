"""Links on tasks in Airflow's UI to what the task left for a person to read."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink

from pipelines.night.names import PAGE_PREFIX, night_id


class _Report(BaseOperatorLink):  # type: ignore[misc]
    """A file of the night's folder, served by the Nightshift page."""

    path = ""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        return f"{PAGE_PREFIX}/reports/{night_id(ti_key.run_id)}/{operator.lane_task.product}/{self.path}"


class DataContractLink(_Report):
    """Of validate."""

    name = "Data contract"
    path = "data-contract.html"


class ModelCardLink(_Report):
    """Of package and release."""

    name = "Model card"
    path = "model-card.md"


class DriftReportLink(_Report):
    """Of watch."""

    name = "Drift report"
    path = "drift/report.html"


class ProductsLink(BaseOperatorLink):  # type: ignore[misc]
    """The page of all products."""

    name = "All products"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        return f"{PAGE_PREFIX}/"


LINKS: dict[str, tuple[BaseOperatorLink, ...]] = {
    "validate": (DataContractLink(),),
    "package": (ModelCardLink(),),
    "release": (ModelCardLink(),),
    "watch": (DriftReportLink(),),
}
"""Step -> its links."""

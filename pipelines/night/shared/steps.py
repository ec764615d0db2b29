"""What a task does before and after its step where nights are shared: inputs come, outputs go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.errors import StageError
from pipelines.layout import Layout
from pipelines.night import git_store
from pipelines.night.notes import night_records
from pipelines.night.shared import lanes
from pipelines.night.shared.store import open_store
from pipelines.night.shared.travel import bring_bundle, bring_lane, bring_paths, files_below, send_paths
from pipelines.records.store import Records

PAGES = {".html", ".md", ".png"}


class SharedStep:
    """One step of one lane on a machine that has nothing but the checkout.

    Args:
        layout: the checkout.
        kind, arguments: as the worker has them: ``repro TARGET NIGHT``, ``snapshot PRODUCT DAY``,
            ``release PRODUCT NIGHT``, ``watch PRODUCT NIGHT DAY``.
    """

    def __init__(self, layout: Layout, kind: str, arguments: list[str]) -> None:
        self.layout = layout
        self.kind = kind
        self.target = arguments[0] if kind == "repro" else ""
        self.product = product_of(self.target) if kind == "repro" else arguments[0]
        self.night = "" if kind == "snapshot" else arguments[1]
        self.records = night_records(layout)
        self._reads: dict[str, str] = {}

    def before(self) -> None:
        """Bring what the step reads.

        Raises:
            NightshiftError: it cannot be had; transient where another try may help.
        """
        if self.kind == "snapshot":
            return
        check_code(self.layout, self.records, self.night)
        with open_store(self.layout) as store:
            if self.kind == "repro":
                if self.target.startswith("fetch@"):
                    bring_paths(self.layout, store, self.records, f"snapshots/{self.product}")
                self._reads = lanes.bring_inputs(self.layout, store, self.records, self.target, self.product)
                return
            if self.kind == "release":
                bring_lane(self.layout, store, self.records, self.product)
            for version in filter(None, (champion_version(self.records, self.product),)):
                bring_bundle(self.layout, store, self.records, self.product, version)
            bring_paths(self.layout, store, self.records, f"watch/{self.product}")

    def after(self, verdict: str) -> dict[str, Any]:
        """Send what the step has made; numbers for the scoreboard, which may be told on another machine.

        Args:
            verdict: of a stage; empty outside DVC.
        """
        layout = self.layout
        with open_store(layout) as store:
            if self.kind == "snapshot":
                send_paths(layout, store, self.records, [layout.snapshot(self.product)], "")
                return {}
            if self.kind == "repro":
                lanes.send_outs(
                    layout, store, self.records, self.target, self.product, self.night, self._reads, verdict
                )
            elif self.kind == "release":
                send_paths(layout, store, self.records, packaged_bundles(layout, self.product), self.night)
            else:
                send_paths(layout, store, self.records, files_below(layout.state / "watch" / self.product), "")
            pages = [path for path in files_below(layout.night(self.night, self.product)) if path.suffix in PAGES]
            send_paths(layout, store, self.records, pages, self.night)
        return numbers_of(layout, self.target, self.product)

    def close(self) -> None:
        """Close the records."""
        self.records.close()


def product_of(target: str) -> str:
    """The lane of ``stage@instance``."""
    stage, _, instance = target.partition("@")
    return instance.partition("-")[0] if stage == "train" else instance


def check_code(layout: Layout, records: Records, night: str) -> None:
    """Raises:
    StageError: transient; this checkout is at another commit than the one that planned the night.
    """
    from pipelines.records.turns import day_of

    planned = day_of(records, night)
    here = git_store.head(layout.root)
    if planned and planned[1] and here != planned[1]:
        raise StageError(
            f"this machine's checkout is at {here[:12] or 'no commit'}, the night was planned at {planned[1][:12]}",
            next_step="bring this checkout to that commit (git pull); the task is tried again",
            transient=True,
        )


def champion_version(records: Records, product: str) -> str | None:
    """The version that answers now, or None."""
    from pipelines.records import registry

    return registry.champion(records, product)


def packaged_bundles(layout: Layout, product: str) -> list[Path]:
    """The lasting copy of the lane's packaged bundle, where it has been registered."""
    from pipelines.bundle import read_manifest

    bundle = layout.stage("package", product) / "bundle"
    if not (bundle / "manifest.json").is_file():
        return []
    kept = layout.bundle(product, read_manifest(bundle).version)
    return [kept] if kept.is_dir() else []


def numbers_of(layout: Layout, target: str, product: str) -> dict[str, Any]:
    """Rows of the scoreboard that only the machine with the rows can count."""
    import pyarrow.parquet as pq

    counted = {"fetch": ("rows", "rows.parquet"), "validate": ("quarantined", "quarantine.parquet")}
    stage = target.partition("@")[0]
    if stage not in counted:
        return {}
    name, file = counted[stage]
    path = layout.stage(stage, product) / file
    return {name: int(pq.read_metadata(path).num_rows)} if path.is_file() else {}

"""Where things lie on disk. All local state is under ``.nightshift/`` of the project's root."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import ConfigError

STAGES = ("fetch", "validate", "label", "prepare", "train", "evaluate", "export", "package")


@dataclass(frozen=True)
class Layout:
    """Paths of one checkout. ``root`` is the folder that holds ``params.yaml``."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / ".nightshift"

    @property
    def params(self) -> Path:
        return self.root / "params.yaml"

    def suite(self, name: str) -> Path:
        """The Great Expectations suite (JSON) named ``name``."""
        return self.root / "expectations" / f"{name}.json"

    def snapshot(self, product: str) -> Path:
        """What is pinned for a night: read by fetch only."""
        return self.state / "snapshots" / product

    def lane(self, product: str) -> Path:
        """All DVC outs of one product."""
        return self.state / "lanes" / product

    def stage(self, stage: str, product: str, model: str | None = None) -> Path:
        """The out folder of a stage; train has one per candidate model, under ``models/``."""
        if stage == "train":
            return self.lane(product) / "models" / model if model else self.lane(product) / "models"
        return self.lane(product) / stage

    def checkpoints(self, product: str, model: str) -> Path:
        """Training checkpoints: outside the outs, since DVC deletes outs before a run."""
        return self.state / "checkpoints" / product / model

    @property
    def nights(self) -> Path:
        return self.state / "nights"

    def night(self, night: str, product: str | None = None) -> Path:
        """Reports, Data Docs, plots, timings of one night (never DVC outs)."""
        folder = self.nights / night
        return folder / product if product else folder

    def bundle(self, product: str, version: str) -> Path:
        """The lasting copy of a released bundle, named by its content; the BentoML store is refilled from it."""
        return self.state / "bundles" / product / version

    @property
    def outbox(self) -> Path:
        return self.state / "outbox"

    @property
    def locks(self) -> Path:
        return self.state / "locks"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def airflow_home(self) -> Path:
        return self.state / "airflow"

    @property
    def bentoml_home(self) -> Path:
        return self.state / "bentoml"

    @property
    def downloads(self) -> Path:
        """Verified downloads, named by their SHA-256."""
        return self.state / "downloads"

    @property
    def records_url(self) -> str:
        """SQLAlchemy URL of the records database: ``NIGHTSHIFT_RECORDS_URL`` or SQLite under the state folder."""
        return os.environ.get("NIGHTSHIFT_RECORDS_URL") or f"sqlite:///{self.state / 'records.db'}"

    @property
    def log_url(self) -> str:
        """SQLAlchemy URL of the prediction log: ``NIGHTSHIFT_LOG_URL`` or SQLite under the state folder."""
        path = self.state / "records" / "predictions.db"
        return os.environ.get("NIGHTSHIFT_LOG_URL") or f"sqlite:///{path}"


def find_layout(start: Path | None = None) -> Layout:
    """The checkout that holds ``start`` (default: ``NIGHTSHIFT_ROOT``, else the working directory).

    Raises:
        ConfigError: no ``params.yaml`` here or in any parent folder.
    """
    origin = (start or Path(os.environ.get("NIGHTSHIFT_ROOT") or Path.cwd())).resolve()
    for folder in (origin, *origin.parents):
        if (folder / "params.yaml").is_file():
            return Layout(folder)
    raise ConfigError(
        "no params.yaml here or in any parent folder",
        where={"folder": origin},
        next_step="run inside a Nightshift checkout, or set NIGHTSHIFT_ROOT to one",
    )

"""A checkout in which the credit demo has a champion, without a model: its answers are written into the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from pipelines.config import Params
from pipelines.files import write_json, write_parquet
from pipelines.layout import Layout
from pipelines.monitoring.windows import iso
from pipelines.records import feedback, predictions
from pipelines.records.feedback import Feedback
from pipelines.records.predictions import Logged
from pipelines.records.registry import Version, add_version, move_champion
from pipelines.records.store import Records, open_records
from pipelines.sources.simulators import credit
from pipelines.sources.simulators.credit_truth import true_probability

PRODUCT = "credit_risk_demo"
VERSION = "0123456789abcdef"
THRESHOLD = 0.2
SILENT = ("SEX", "EDUCATION", "MARRIAGE", "AGE")  # protected: no features, so no client sends them
SCHEMA = {"task": "binary", "classes": [0, 1], "fields": []}


def answers_of(frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    """The usual world's true probability: the best model that was proved there."""
    return true_probability({name: frame[name].to_numpy() for name in credit.FEATURES})


@dataclass
class House:
    """Records and log of a checkout; ``at`` is the time up to which windows were sent, ``windows`` how many."""

    layout: Layout
    params: Params
    records: Records
    log: Records
    at: datetime
    windows: int = 0

    def send(
        self, shift: str = "none", rows: int = 400, hours: float = 1.0, share: float = 0.0, version: str = VERSION
    ) -> datetime:
        """An hour of requests of a world, answered, and the outcomes of a share of them; its end."""
        day = date(2026, 1, 1) + timedelta(days=self.windows)
        self.windows += 1
        frame = credit.production_day(7, day, rows, shift)
        outcomes = credit.outcomes(7, day, rows, shift)[credit.TARGET].tolist()
        scores = answers_of(frame)
        entries = []
        sent = frame.drop(columns=["ID", *SILENT]).astype(object)
        for row, features in enumerate(sent.where(sent.notna(), None).to_dict("records")):
            moment = self.at + timedelta(hours=hours) * (row + 1) / (rows + 1)
            decision = int(scores[row] >= THRESHOLD)
            answer = {"score": float(scores[row]), "decision": decision, "threshold": THRESHOLD}
            entries.append(Logged(f"{iso(self.at)}-{row}", 0, PRODUCT, version, iso(moment), features, answer))
        predictions.append(self.log, entries)
        told = entries[: int(share * rows)]
        items = [
            Feedback(one.request_id, 0, PRODUCT, outcomes[row], iso(self.at + timedelta(hours=hours)))
            for row, one in enumerate(told)
        ]
        feedback.add(self.log, items)
        self.at += timedelta(hours=hours)
        return self.at

    def close(self) -> None:
        self.records.close()
        self.log.close()


def make_house(layout: Layout, params: Params) -> House:
    """Reference rows of the usual world, promoted in real records."""
    bundle = layout.bundle(PRODUCT, VERSION)
    frame = credit.production_day(7, date(2026, 6, 1), 3000)
    outcomes = credit.outcomes(7, date(2026, 6, 1), 3000)[credit.TARGET]
    scores = answers_of(frame)
    reference = frame.drop(columns="ID").assign(
        **{credit.TARGET: outcomes.to_numpy(), "score": scores, "decision": (scores >= THRESHOLD).astype(int)}
    )
    write_parquet(bundle / "reference.parquet", reference)
    write_json(bundle / "schema.json", SCHEMA)
    write_json(bundle / "choice.json", {"threshold": THRESHOLD})
    records, log = open_records(layout.records_url), open_records(layout.log_url)
    add_version(records, Version(PRODUCT, VERSION, "night"))
    step = move_champion(records, PRODUCT, VERSION, kind="promote", who="test", why="first", expected=None)
    return House(layout, params, records, log, datetime.fromisoformat(step.at).astimezone(UTC))

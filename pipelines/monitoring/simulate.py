"""A production day of a simulated world, sent to the running service; later the outcomes, as feedback."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from pipelines.config import Params
from pipelines.errors import ServiceError
from pipelines.layout import Layout
from pipelines.monitoring.answers import Answers, ask, bundle_schema, client_of, rows_per_request
from pipelines.monitoring.door import day_of
from pipelines.monitoring.production import NO_SHIFT, champion_of, production_day, production_outcomes

BATCH = 500


@dataclass(frozen=True)
class Simulated:
    """What was sent, and what became of it. ``told`` counts outcomes that the service has joined to an answer."""

    product: str
    version: str
    rows: int
    refused: int
    told: int

    @property
    def line(self) -> str:
        """One line for a terminal."""
        words = [f"{self.product}: {self.rows - self.refused:,} rows answered by {self.version}"]
        if self.refused:
            words.append(f"{self.refused:,} refused")
        if self.told:
            words.append(f"{self.told:,} outcomes told")
        return ", ".join(words)


def simulate_by_hand(
    layout: Layout,
    params: Params,
    product: str,
    as_of: str | None,
    shift: str,
    rows: int | None,
    share: float,
    url: str | None,
) -> Simulated:
    """:func:`simulate_day` for a day given as text, with the defaults of ``params.yaml``.

    Raises:
        ConfigError: not a date, no such product or shift; and all that :func:`simulate_day` raises.
    """
    block = params.product(product)
    address = url or f"http://{params.service.host}:{params.service.port}"
    return simulate_day(layout, params, product, day_of(as_of), shift, rows or block.watch.day_rows, share, address)


def simulate_day(
    layout: Layout,
    params: Params,
    product: str,
    day: date,
    shift: str = NO_SHIFT,
    rows: int = 500,
    share: float = 0.0,
    address: str = "http://127.0.0.1:3000",
) -> Simulated:
    """Send one production day, then the outcomes of some of its rows.

    Args:
        shift: a named change of the world; an unknown one is refused with the names there are.
        share: of the answered rows whose outcome is told; which ones follows from the day alone.
        address: of the running service, which must be keeping a prediction log for the feedback to find.

    Raises:
        ConfigError: no such shift. StageError: no champion. ServiceError: the service does not answer or refuses.
        BundleError: nothing to draw a day from, or no outcome is known.
    """
    block = params.product(product)
    bundle = layout.bundle(product, champion_of(layout, product))
    frame = production_day(product, block, bundle, day, rows, shift)
    answers = ask(address, product, block.problem, frame, bundle_schema(bundle), rows_per_request(params, product))
    told = 0
    if share > 0:
        outcomes = production_outcomes(product, block, bundle, day, rows, shift)
        told = _tell(address, product, answers, outcomes, share, day)
    return Simulated(product, answers.version, rows, len(answers.refused), told)


def _tell(address: str, product: str, answers: Answers, outcomes: list[Any], share: float, day: date) -> int:
    chosen = np.random.default_rng(day.toordinal()).random(len(outcomes)) < share
    items = [
        {"request_id": place[0], "row": place[1], "outcome": outcome}
        for place, outcome, taken in zip(answers.places, outcomes, chosen, strict=True)
        if taken and place is not None
    ]
    joined = 0
    with client_of(address) as client:
        for start in range(0, len(items), BATCH):
            heard = client.call("POST", f"/v1/{product}/feedback", json.dumps(items[start : start + BATCH]))
            if heard.status != 200:
                raise ServiceError(
                    f"the service refused the feedback: {heard.status} {heard.text[:200]}",
                    where={"product": product, "service": address},
                    next_step="see that it keeps a prediction log, and its log for the reason",
                )
            joined += int(heard.json()["joined"])
    return joined

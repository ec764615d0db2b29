"""One recurrent network for all series: it reads the last steps before an origin and answers every step ahead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipelines.blocks.models import Candidate, Profile
from pipelines.files import json_number
from pipelines.models.base import FitSettings
from pipelines.models.sequence import SequenceNet
from pipelines.problems.forecast.core.lags import Array, Origin, absolute
from pipelines.problems.forecast.core.prepared import Prepared, Rows, Samples
from pipelines.problems.forecast.core.window import relatives, windows
from pipelines.problems.forecast.train.outcome import Outcome, shift
from pipelines.step import Step

MAX_STEPS_CPU = 6_000_000  # series x origins x steps read: above, the network would take the night


def decide(candidate: Candidate, profile: Profile, prepared: Prepared, settings: Any) -> tuple[bool, str]:
    """Whether ``use: auto`` trains it, and why."""
    if candidate.use == "always":
        return True, "use: always in params.yaml"
    read = len(prepared.history.keys) * settings.origins * prepared.spec.rhythm.level
    if profile.device == "cpu" and read > MAX_STEPS_CPU:
        return False, f"{read} steps to read; on cpu a network is trained up to {MAX_STEPS_CPU}"
    return True, f"{read} steps to read on {profile.device}"


def fit(step: Step, candidate: Candidate, prepared: Prepared) -> Outcome:
    """Twice for every seed, as the trees are (:func:`pipelines.problems.forecast.train.trees.fit`)."""
    from pipelines.models.sequence.fitting import DEFAULTS, SequenceData
    from pipelines.models.sequence.fitting import fit as fit_net

    def seen(samples: Samples) -> SequenceData:
        pairs = samples.origins * len(prepared.history.keys) + prepared.series[samples.rows]
        unique, place = np.unique(pairs, return_inverse=True)
        origins, series = np.divmod(unique, len(prepared.history.keys))
        parts = [windows(prepared.origin(one), series[origins == one]) for one in np.unique(origins).tolist()]
        return SequenceData(np.concatenate(parts), place.reshape(-1), samples.design, samples.y, samples.weight)

    settings = step.product.prepare.forecast
    first = prepared.samples(prepared.origin_of("valid"), settings)
    second = prepared.samples(prepared.origin_of("test"), settings)
    valid = prepared.whole_side("valid")
    data, later, all_data = seen(first), seen(valid), seen(second)
    stopped, finals, epochs = [], [], []
    for place, seed in enumerate(candidate.seeds):
        told = _settings(step, candidate, seed, place)
        early, kept = fit_net(data, later, told)
        stopped.append(early)
        epochs.append(kept)
        finals.append(fit_net(all_data, None, told, epochs=kept)[0])
    early_answer = predict(prepared, stopped, *prepared.side("valid"))
    moved = shift(prepared.spec.scale, step.product.evaluate.metric, valid.y - early_answer)
    files, members = [], []
    for seed, net, kept in zip(candidate.seeds, finals, epochs, strict=True):
        name = f"net_{seed}.npz"
        net.moved(moved).save(step.out / name)
        files.append(name)
        members.append({"seed": seed, "fold": None, "best_iteration": kept, "files": [name]})
    served = [SequenceNet.load(step.out / name) for name in files]
    answers = {"valid": early_answer + moved, "test": predict(prepared, served, *prepared.side("test"))}
    record: dict[str, Any] = {
        "params": {**DEFAULTS, **candidate.params},
        "search": {"method": "none", "trials": []},
        "members": members,
        "rows": {"choosing": len(first.y), "serving": len(second.y)},
        "windows": {"choosing": len(data.windows), "serving": len(all_data.windows)},
        "shift": json_number(moved),
    }
    how = f"learned from {len(second.y)} rows of {len(all_data.windows)} windows; epochs chosen on the valid steps"
    demand = {side: _demand(prepared, side, answer) for side, answer in answers.items()}
    return Outcome(demand["valid"], demand["test"], record, files, how)


def predict(prepared: Prepared, nets: Sequence[SequenceNet], origin: Origin, rows: Rows) -> Array:
    """Relative forecasts of rows from an origin, the mean of the networks."""
    return relatives(nets, origin, prepared.series[rows], prepared.design(origin, rows))


def _demand(prepared: Prepared, side: str, relatives: Array) -> Array:
    origin, rows = prepared.side(side)
    return absolute(relatives, origin.level[prepared.series[rows]], prepared.spec.scale)


def _settings(step: Step, candidate: Candidate, seed: int, place: int) -> FitSettings:
    def progress(what: str, done: int, total: int) -> None:
        step.progress(f"model {place + 1} of {len(candidate.seeds)}: {what}", done, total)

    return FitSettings(seed=seed, params=candidate.params, profile=step.params.profile, progress=progress)

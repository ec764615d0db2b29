"""Runs one stage: one at a time, whole or not at all, and never past a gate that said no."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

from pipelines.blocks.models import Candidate
from pipelines.config import Params, load_params
from pipelines.errors import ConfigError, NightshiftError, StageError
from pipelines.files import replaced_folder
from pipelines.layout import STAGES, Layout
from pipelines.process import exclusive
from pipelines.stages import StageFunction
from pipelines.step import Step, TerminalProgress
from pipelines.verdicts import Verdict, read_verdict, write_verdict

UPSTREAM = {
    "fetch": (),
    "validate": ("fetch",),
    "label": ("validate",),
    "prepare": ("label",),
    "train": ("prepare",),
    "evaluate": ("prepare",),
    "export": ("evaluate",),
    "package": ("export",),
}
"""stage -> the stages whose verdict decides whether it stands aside."""


def run_stage(layout: Layout, stage: str, instance: str) -> Verdict:
    """Run one stage instance and leave its outs, with ``verdict.json``, in its folder.

    Args:
        layout: the checkout.
        stage: one of ``STAGES``.
        instance: a product; for train ``<product>-<model>``, a key of ``candidates`` in ``params.yaml``.

    Raises:
        NightshiftError: the stage cannot run; the place is filled in. Outs of an earlier run stay as they were.
    """
    params = load_params(layout.params)
    name, candidate = _instance(params, stage, instance)
    _set_threads(params.profile.threads)
    final = layout.stage(stage, name, candidate.model if candidate else None)
    label = f"{stage} {instance}"
    with exclusive(layout.locks / f"{stage}-{instance}.lock", label):
        aside = _stand_aside(layout, stage, name)
        try:
            with replaced_folder(final) as out:
                if stage == "evaluate":
                    (out / "result").mkdir()
                    (out / "plots").mkdir()
                if aside is None:
                    step = Step(stage, name, params, layout, out, candidate, TerminalProgress(label))
                    verdict = _function(stage)(step)
                else:
                    verdict = aside
                _close(out, stage, verdict)
        except NightshiftError as error:
            raise error.at(product=name, stage=stage, model=candidate.model if candidate else None) from error
        except OSError as error:
            raise StageError(
                f"the operating system refused: {error.strerror or error}",
                where={"product": name, "stage": stage, "file": error.filename},
                next_step="free disk space or mend the permissions of that path, then run this again",
            ) from error
    return verdict


def _instance(params: Params, stage: str, instance: str) -> tuple[str, Candidate | None]:
    if stage not in STAGES:
        raise ConfigError(f"no stage {stage!r}", next_step=f"choose one of: {', '.join(STAGES)}")
    if stage != "train":
        params.product(instance)
        return instance, None
    if instance not in params.candidates:
        raise ConfigError(
            f"no candidate {instance!r}",
            where={"file": "params.yaml"},
            next_step=f"choose one of: {', '.join(sorted(params.candidates))}",
        )
    candidate = params.candidates[instance]
    return candidate.product, candidate


def _function(stage: str) -> StageFunction:
    function: StageFunction = getattr(importlib.import_module(f"pipelines.stages.{stage}"), stage)
    return function


def _stand_aside(layout: Layout, stage: str, product: str) -> Verdict | None:
    for earlier in UPSTREAM[stage]:
        before = read_verdict(verdict_folder(layout, earlier, product))
        if before.status != "passed":
            source = before.reason if before.status == "stood_aside" else f"{before.gate} blocked: {before.reason}"
            return Verdict(gate=stage, product=product, status="stood_aside", reason=source)
    return None


def verdict_folder(layout: Layout, stage: str, product: str, model: str | None = None) -> Path:
    """Where a stage leaves ``verdict.json``: its out folder; for evaluate the ``result`` folder inside it."""
    folder = layout.stage(stage, product, model)
    return folder / "result" if stage == "evaluate" else folder


def _close(out: Path, stage: str, verdict: Verdict) -> None:
    if stage != "evaluate":
        write_verdict(out, verdict)
        return
    write_verdict(out / "result", verdict)
    metrics = out / "metrics.json"
    if not metrics.exists():
        metrics.write_text("{}\n", encoding="utf-8")


def _set_threads(threads: int) -> None:
    """Before numpy, torch or LightGBM are imported: their thread pools read these once."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(threads)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads of two lanes starve each other

"""How a trained model is explained, by its family: SHAP values of trees, integrated gradients of nets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.features.design import Design
from pipelines.files import read_json
from pipelines.problems.common.explaining import Explained, shap_of
from pipelines.problems.common.scorers import LightgbmScorer
from pipelines.problems.common.trained import Answers


def explain_member(member: Answers, weight: float, design: Design, reference: Mapping[str, Any]) -> Explained:
    """Contributions of a trained model on ``design``.

    Args:
        member: the model and where it lies.
        weight: its weight in the blend.
        design: rows to explain ``[n]``.
        reference: the usual row, from which nets are explained.
    """
    record = read_json(member.folder / "model.json")
    if member.family == "lightgbm":
        paths = [member.folder / name for one in record["members"] for name in one["files"]]
        return shap_of(LightgbmScorer(paths), member.model, weight, design)
    from pipelines.problems.tabular.evaluate.gradients import integrated_gradients

    return integrated_gradients(member, weight, design, reference)

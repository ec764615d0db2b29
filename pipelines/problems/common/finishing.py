"""From the members' answers to the one that is given; offline and in the service the same lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pipelines.metrics import calibration
from pipelines.problems.common.blending import Blend, blend

FloatArray = NDArray[np.float64]


def finish(choice: Mapping[str, Any], scores: Sequence[FloatArray]) -> FloatArray:
    """Members' answers, in the order of ``choice["members"]``, blended and calibrated."""
    weights = [float(member["weight"]) for member in choice["members"]]
    blended = blend(scores, weights, cast(Blend, choice["blend"]))
    return calibration.apply(choice["calibration"], blended)

"""Measures of an uplift model on randomised rows, for any row weights: point estimate and bootstrap share the code.

Notation, for one arm and the control, rows in falling order of the model's uplift: ``N_t``, ``N_c`` weights and
``Y_t``, ``Y_c`` outcomes so far, ``N`` all, ``f = (N_t + N_c) / N``. Rows of equal uplift enter together.

- ``uplift_<p>``: ``Y_t / N_t - Y_c / N_c`` among the highest p percent (Radcliffe 2007, Using control groups to target
  on predicted lift, Direct Marketing Analytics Journal 1).
- ``qini``: area between the Qini curve ``(Y_t - Y_c N_t / N_c) / N_t(all)`` and its chord, over ``f`` (Radcliffe 2007).
- ``auuc``: area under ``(Y_t / N_t - Y_c / N_c) f`` (Gutierrez and Gerardy 2017, Causal Inference and Uplift Modelling,
  PMLR 67). Several arms: the mean over the arms.
- ``policy_value``: gain per customer over contacting nobody, in the units of ``value``, of the offers that the model
  recommends: per arm ``share of customers offered it x (value x (treated mean - control mean among them) - cost)``,
  the inverse-propensity estimate with known shares, normalised inside each group (Hajek; Zhao et al. 2017, Uplift
  Modeling with Multiple Treatments and General Response Types, SDM).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.metrics.judges import Judge

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NAMES = ("policy_value", "qini", "auuc", "uplift_10", "uplift_30")


@dataclass(frozen=True)
class Stakes:
    """What an outcome is worth and what a contact costs, one unit.

    Attributes:
        value: of one outcome.
        costs: of one contact, per arm ``[k]``.
    """

    value: float
    costs: tuple[float, ...]


def recommend(uplift: FloatArray, stakes: Stakes) -> IntArray:
    """The offer of the highest expected gain, ``[n]``: 0 where none gains anything, else the arm's number from 1.

    Args:
        uplift: expected uplift of each arm over the control, ``[n, k]``.
    """
    gain = stakes.value * uplift - np.asarray(stakes.costs)
    best = np.argmax(gain, axis=1)
    return np.where(gain[np.arange(len(gain)), best] > 0, best + 1, 0).astype(np.int64)


class PolicyJudge:
    """``policy_value`` of fixed offers.

    Args:
        y: outcomes 0/1 (or amounts) ``[n]``.
        arm: what was done, 0 the control, ``[n]``.
        offer: what the policy would have done ``[n]``.
        stakes: value and costs.
    """

    names: tuple[str, ...] = ("policy_value",)

    def __init__(self, y: NDArray[Any], arm: IntArray, offer: IntArray, stakes: Stakes) -> None:
        self.n = len(y)
        outcome = np.asarray(y, dtype=np.float64)
        self._stakes = stakes
        self._columns = []
        for place in range(1, len(stakes.costs) + 1):
            chosen = offer == place
            treated, control = chosen & (arm == place), chosen & (arm == 0)
            parts = [chosen, treated, treated * outcome, control, control * outcome]
            self._columns.append(np.stack([np.asarray(part, dtype=np.float64) for part in parts], axis=1))

    def measure(self, weights: FloatArray) -> dict[str, FloatArray]:
        """See :meth:`pipelines.metrics.judges.Judge.measure`."""
        total = weights.sum(axis=1)
        gain = np.zeros(len(weights))
        for columns, cost in zip(self._columns, self._stakes.costs, strict=True):
            chosen, treated, treated_y, control, control_y = (weights @ columns).T
            effect = _ratio(treated_y, treated) - _ratio(control_y, control)
            effect = np.where((treated > 0) & (control > 0), effect, 0.0)
            gain += _ratio(chosen, total) * (self._stakes.value * effect - cost)
        return {"policy_value": gain}


class UpliftJudge:
    """All measures of one model's uplift on ``n`` randomised rows.

    Args:
        y: outcomes 0/1 ``[n]``.
        arm: what was done, 0 the control, 1 to k the arms, ``[n]``.
        uplift: expected uplift of each arm ``[n, k]``.
        stakes: value and costs, for the offers recommended.
        names: which measures; ``uplift_<percent>`` may be asked for any whole percent.
    """

    def __init__(
        self, y: NDArray[Any], arm: IntArray, uplift: FloatArray, stakes: Stakes, names: Sequence[str] = NAMES
    ) -> None:
        self.names = tuple(names)
        self.n = len(y)
        self._policy = PolicyJudge(y, arm, recommend(uplift, stakes), stakes)
        self._arms = [_Arm(y, arm, uplift[:, place], place + 1) for place in range(uplift.shape[1])]

    def measure(self, weights: FloatArray) -> dict[str, FloatArray]:
        """See :meth:`pipelines.metrics.judges.Judge.measure`."""
        answers: dict[str, FloatArray] = {}
        if "policy_value" in self.names:
            answers |= self._policy.measure(weights)
        others = [name for name in self.names if name != "policy_value"]
        if others:
            per_arm = [one.measure(weights, others) for one in self._arms]
            answers |= {name: np.mean([found[name] for found in per_arm], axis=0) for name in others}
        return {name: answers[name] for name in self.names}


class ArmJudge:
    """Measures of one arm against the control: ``qini``, ``auuc``, ``uplift_<p>`` and ``ate``, its average effect."""

    def __init__(self, y: NDArray[Any], arm: IntArray, uplift: FloatArray, place: int, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.n = len(y)
        self._arm = _Arm(y, arm, uplift, place)

    def measure(self, weights: FloatArray) -> dict[str, FloatArray]:
        """See :meth:`pipelines.metrics.judges.Judge.measure`."""
        return self._arm.measure(weights, self.names)


class Together:
    """Several judges of the same rows as one, so that they see the same draws: ``<measure><suffix>``.

    Args:
        judges: suffix -> judge.
    """

    def __init__(self, judges: Mapping[str, Judge]) -> None:
        self._judges = dict(judges)
        self.n = next(iter(self._judges.values())).n
        self.names = tuple(f"{name}{suffix}" for suffix, one in self._judges.items() for name in one.names)

    def measure(self, weights: FloatArray) -> dict[str, FloatArray]:
        """See :meth:`pipelines.metrics.judges.Judge.measure`."""
        found: dict[str, FloatArray] = {}
        for suffix, one in self._judges.items():
            found |= {f"{name}{suffix}": values for name, values in one.measure(weights).items()}
        return found


class _Arm:
    """One arm and the control, sorted once."""

    def __init__(self, y: NDArray[Any], arm: IntArray, uplift: FloatArray, place: int) -> None:
        rows = np.flatnonzero((arm == 0) | (arm == place))
        order = rows[np.argsort(-uplift[rows], kind="stable")]
        score = uplift[order]
        self._order = order
        self._ends = np.append(np.flatnonzero(score[1:] != score[:-1]), len(order) - 1)
        self._treated = (arm[order] == place).astype(np.float64)
        self._y = np.asarray(y, dtype=np.float64)[order]

    def lines(self, weights: FloatArray) -> tuple[FloatArray, ...]:
        """``N_t, N_c, Y_t, Y_c`` at the end of each group of equal uplift, from a leading zero on, ``[b, g + 1]``."""
        picked = weights[:, self._order]
        treated, control = picked * self._treated, picked * (1.0 - self._treated)
        lines = [treated, control, treated * self._y, control * self._y]
        zero = np.zeros((len(weights), 1))
        return tuple(np.hstack([zero, np.cumsum(line, axis=1)[:, self._ends]]) for line in lines)

    def measure(self, weights: FloatArray, names: Sequence[str]) -> dict[str, FloatArray]:
        n_t, n_c, y_t, y_c = self.lines(weights)
        share = _ratio(n_t + n_c, (n_t + n_c)[:, -1:])
        answers: dict[str, FloatArray] = {}
        for name in names:
            if name == "qini":
                curve = _ratio(y_t - y_c * _ratio(n_t, n_c), n_t[:, -1:])
                answers[name] = _area(curve, share) - 0.5 * curve[:, -1]
            elif name == "auuc":
                answers[name] = _area((_ratio(y_t, n_t) - _ratio(y_c, n_c)) * share, share)
            else:
                top = 1.0 if name == "ate" else int(name.removeprefix("uplift_")) / 100.0
                cut = [_at(line, share, top) for line in (y_t, n_t, y_c, n_c)]
                with np.errstate(divide="ignore", invalid="ignore"):
                    answers[name] = cut[0] / cut[1] - cut[2] / cut[3]
        return answers


def qini_curve(y: NDArray[Any], arm: IntArray, uplift: FloatArray, place: int) -> tuple[FloatArray, FloatArray]:
    """Shares of the customers and the Qini curve there, both from 0, for one arm against the control."""
    n_t, n_c, y_t, y_c = _Arm(y, arm, uplift, place).lines(np.ones((1, len(y))))
    share = (n_t + n_c) / (n_t + n_c)[:, -1:]
    return share[0], _ratio(y_t - y_c * _ratio(n_t, n_c), n_t[:, -1:])[0]


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(below > 0, above / below, 0.0))


def _area(curve: FloatArray, share: FloatArray) -> FloatArray:
    return np.asarray(((curve[:, 1:] + curve[:, :-1]) / 2.0 * np.diff(share, axis=1)).sum(axis=1))


def _at(line: FloatArray, share: FloatArray, top: float) -> FloatArray:
    if top >= 1.0:
        return line[:, -1]
    return np.array([np.interp(top, x, values) for x, values in zip(share, line, strict=True)])

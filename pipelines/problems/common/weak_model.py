"""From the answers of several functions to one label per row with its probability: label models.

``one_coin`` is the default. Every function is right with a probability of its own, and otherwise answers each other
class alike: the one-coin model of Dawid and Skene (1979, Maximum Likelihood Estimation of Observer Error-Rates Using
the EM Algorithm, Applied Statistics 28, 20-28), as in Zhang, Chen, Dai, Zhou, Jordan (2016, Spectral Methods Meet EM,
JMLR 17) and in Ratner et al. (2016, Data Programming, NeurIPS). It is fitted here because rows with a known label take
part as they are, which crowd-kit's does not offer. ``dawid_skene`` (a confusion matrix per function) and ``mace`` (Hovy
et al. 2013) are crowd-kit's.

The prior of ``one_coin`` is even: a function's accuracy is that of the answers it gave, so that a row with one answer
alone is as sure as its function is right. With the classes' shares as prior, a function that only answers a rare class
would be believed the less, the more often it answers.

Under ``dawid_skene`` a function that only ever answers one class says nothing (whatever is true, that is its answer):
it is for functions that tell all classes apart, such as other models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]
Votes = NDArray[np.int64]
"""Class index per row and function, ``[n, m]``; -1: no answer."""

ROUNDS = 200
TOLERANCE = 1e-8
RIGHT, WRONG = 1.5, 0.5  # votes that every function is believed to have given before: three of four right
_FLOOR = 1e-6


@dataclass(frozen=True)
class Aggregate:
    """What the functions say together.

    Attributes:
        probabilities: float64 ``[n, k]``; rows without an answer hold the prior.
        accuracy: estimated accuracy of each function's answers, ``[m]``; NaN where it gave none.
        prior: of the classes, ``[k]``.
    """

    probabilities: FloatArray
    accuracy: FloatArray
    prior: FloatArray


def aggregate(model: str, votes: Votes, classes: int, known: NDArray[np.int64]) -> Aggregate:
    """Weigh the votes.

    Args:
        model: ``one_coin``, ``dawid_skene``, ``mace`` or ``majority``.
        votes: ``[n, m]``, -1 for no answer.
        classes: ``k``.
        known: class index per row where a person gave it, -1 elsewhere, ``[n]``. ``one_coin`` and ``dawid_skene``
            learn from them; the other two do not.

    Raises:
        ConfigError: ``dawid_skene`` with a function that answers one class only.
    """
    if model == "one_coin":
        return one_coin(votes, classes, known, np.full(classes, 1.0 / classes))
    probabilities = majority(votes, classes) if model == "majority" else _crowd(model, votes, classes, known)
    prior = class_prior(known, classes)
    voted = np.asarray((votes >= 0).any(axis=1))
    return Aggregate(np.where(voted[:, None], probabilities, prior), _agreement(votes, probabilities), prior)


def class_prior(known: NDArray[np.int64], classes: int) -> FloatArray:
    """Shares of the classes among the known labels, one more of each; even without any, ``[k]``."""
    count = np.bincount(known[known >= 0], minlength=classes) + 1.0
    return np.asarray(count / count.sum())


def one_coin(
    votes: Votes, classes: int, known: NDArray[np.int64], prior: FloatArray | None, right: float = RIGHT,
    wrong: float = WRONG,
) -> Aggregate:  # fmt: skip
    """The one-coin model by expectation-maximisation.

    It begins at how often each function is right where that is known, and at the share of votes per class where
    nothing is.

    Args:
        votes: ``[n, m]``.
        classes: ``k``.
        known: ``[n]``, -1: unknown.
        prior: of the classes, ``[k]``; None: estimated too.
        right, wrong: votes that each function is believed to have given before.
    """
    voted = votes >= 0
    any_vote, count = voted.any(axis=1), voted.sum(axis=0)
    shares = np.full(classes, 1.0 / classes) if prior is None else prior
    told = np.flatnonzero(known >= 0)
    if len(told):
        agreed, seen = (votes[told] == known[told, None]).sum(axis=0), voted[told].sum(axis=0)
        posterior = _clamped(
            _posterior(votes, (agreed + right) / np.maximum(seen + right + wrong, _FLOOR), shares), known
        )
    else:
        posterior = majority(votes, classes)
    accuracy = np.full(votes.shape[1], np.nan)
    for _ in range(ROUNDS):
        if prior is None and any_vote.any():
            shares = posterior[any_vote].mean(axis=0)
        accuracy = (_agreed(votes, posterior) + right) / np.maximum(count + right + wrong, _FLOOR)
        new = _clamped(_posterior(votes, accuracy, shares), known)
        moved = float(np.abs(new - posterior).max(initial=0.0))
        posterior = new
        if moved < TOLERANCE:
            break
    return Aggregate(posterior, np.where(count > 0, accuracy, np.nan), shares)


def _posterior(votes: Votes, accuracy: FloatArray, shares: FloatArray) -> FloatArray:
    """Class probabilities per row, given how often each function is right, ``[n, k]``."""
    sure = np.clip(accuracy, _FLOOR, 1.0 - _FLOOR)
    weight = np.log(sure) - np.log((1.0 - sure) / (len(shares) - 1))
    scores = np.tile(np.log(np.maximum(shares, _FLOOR)), (len(votes), 1))
    for place in range(votes.shape[1]):
        rows = np.flatnonzero(votes[:, place] >= 0)
        scores[rows, votes[rows, place]] += weight[place]
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(scores / scores.sum(axis=1, keepdims=True))


def majority(votes: Votes, classes: int) -> FloatArray:
    """Share of the votes per class, ``[n, k]``; even where there is none."""
    count = np.zeros((len(votes), classes))
    for place in range(votes.shape[1]):
        rows = np.flatnonzero(votes[:, place] >= 0)
        count[rows, votes[rows, place]] += 1.0
    total = count.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, count / np.maximum(total, 1.0), 1.0 / classes))


def _clamped(probabilities: FloatArray, known: NDArray[np.int64]) -> FloatArray:
    rows = np.flatnonzero(known >= 0)
    probabilities[rows] = 0.0
    probabilities[rows, known[rows]] = 1.0
    return probabilities


def _agreed(votes: Votes, posterior: FloatArray) -> FloatArray:
    """Expected number of right answers per function, ``[m]``."""
    right = np.zeros(votes.shape[1])
    for place in range(votes.shape[1]):
        rows = np.flatnonzero(votes[:, place] >= 0)
        right[place] = posterior[rows, votes[rows, place]].sum()
    return right


def _agreement(votes: Votes, posterior: FloatArray) -> FloatArray:
    count = (votes >= 0).sum(axis=0)
    return np.where(count > 0, _agreed(votes, posterior) / np.maximum(count, 1), np.nan)


def _crowd(model: str, votes: Votes, classes: int, known: NDArray[np.int64]) -> FloatArray:
    """crowd-kit's models: a function is a worker, a row a task."""
    table = _table(votes)
    if not len(table):
        return np.full((len(votes), classes), 1.0 / classes)
    narrow = [place for place in range(votes.shape[1]) if len(np.unique(votes[votes[:, place] >= 0, place])) == 1]
    if model == "dawid_skene" and narrow:
        raise ConfigError(
            f"{len(narrow)} functions answer one class only, which says nothing to dawid_skene",
            where={"key": "label.weak.model", "first": f"function {narrow[0] + 1}"},
            next_step="set label.weak.model to one_coin",
        )
    from crowdkit.aggregation import MACE, DawidSkene

    if model == "mace":
        found = MACE(n_restarts=5, n_iter=50, random_state=0).fit_predict_proba(table)
    else:
        found = DawidSkene(n_iter=100).fit_predict_proba(table, _truth(table, known))
    answer = np.zeros((len(votes), classes))
    answer[np.ix_(found.index.to_numpy(), found.columns.to_numpy())] = found.to_numpy()
    return answer


def _table(votes: Votes) -> pd.DataFrame:
    import pandas as pd

    rows, places = np.nonzero(votes >= 0)
    return pd.DataFrame({"task": rows, "worker": places, "label": votes[rows, places]})


def _truth(table: pd.DataFrame, known: NDArray[np.int64]) -> pd.Series[int] | None:
    """Known labels of the rows that have a vote, where some function answered that class."""
    import pandas as pd

    rows = np.unique(table["task"].to_numpy())
    usable = (known[rows] >= 0) & np.isin(known[rows], table["label"].to_numpy())
    return pd.Series(known[rows[usable]], index=rows[usable]) if usable.any() else None

"""Fits the linear text model with scikit-learn's coordinate descent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipelines.errors import ConfigError, DataError
from pipelines.metrics.calibration import sigmoid, softmax
from pipelines.metrics.calibrators import fit_slope, fit_temperature
from pipelines.models.hyper import resolve
from pipelines.models.linear_text.scoring import FloatArray, LinearText
from pipelines.models.linear_text.vectors import Recipe, Vectorizer, common_words, learn
from pipelines.models.text import TextData, TextSettings

DEFAULTS: Mapping[str, Any] = {
    "loss": "hinge",  # hinge (squared, one class against the rest) | log (multinomial)
    "cost": 1.0,  # inverse of the L2 penalty
    "words": 2,  # longest run of words
    "shortest": 3,  # letters of the shortest character gram
    "longest": 5,  # letters of the longest one
    "fewest": 2,  # train texts that a gram must be in
    "most": 120_000,  # grams kept, the most frequent ones
    "common": 1.0,  # share of the train texts; words in more of them are passed over
    "balanced": False,  # rarer classes weigh more
}
FEW_TEXTS = 200  # below, a gram of one text is kept too


def fit(data: TextData, settings: TextSettings) -> LinearText:
    """Fit on the train texts; one temperature on the valid texts makes margins into probabilities.

    Raises:
        ConfigError: a hyper-parameter that the family does not know, or a value out of range.
        DataError: no gram is frequent enough: the texts are empty, or all different.
    """
    chosen = resolve("linear_text", DEFAULTS, settings.params)
    if chosen["loss"] not in ("hinge", "log"):
        raise ConfigError(
            f"loss must be hinge or log, not {chosen['loss']!r}",
            where={"key": "candidates.*.params", "family": "linear_text"},
            next_step="mend that value",
        )
    recipe = Recipe(chosen["words"], chosen["shortest"], chosen["longest"])
    fewest = 1 if len(data.texts) < FEW_TEXTS else chosen["fewest"]
    vectors = learn(data.texts, recipe, fewest, chosen["most"], common_words(data.texts, chosen["common"]))
    if not vectors.grams:
        raise _no_words(data)
    if settings.progress is not None:
        settings.progress("vectors", 1, 2)
    weights, bias = _solve(matrix(vectors, data.texts), data, chosen, settings.seed)
    several = data.y.ndim == 2
    model = LinearText(vectors, weights, bias, 1.0, f"linear_{settings.label}", several)
    temperature = 1.0
    if len(data.valid_texts):
        temperature = float(f"{_temperature(data.y_valid, model.margins(data.valid_texts)):.12g}")
    if settings.progress is not None:
        settings.progress("weights", 2, 2)
    return LinearText(vectors, weights, bias, temperature, model.name, several)


def fit_folded(data: TextData, fold: Any, settings: TextSettings) -> tuple[LinearText, FloatArray]:
    """A model of all train texts, and probabilities ``[n, k]`` of each by a model that did not see its class.

    The model's temperature is that of the out-of-fold answers: they are the most like answers to new texts.

    Args:
        data: the texts; its valid texts are not used.
        fold: the fold of each text ``[n]``.
        settings: as for :func:`fit`.
    """
    vectors, x, margins = _folded(data, fold, settings)
    weights, bias = _solve(x, data, resolve("linear_text", DEFAULTS, settings.params), settings.seed)
    temperature = float(f"{_temperature(data.y, margins):.12g}")
    model = LinearText(vectors, weights, bias, temperature, f"linear_{settings.label}", data.y.ndim == 2)
    return model, model.shares(margins)


def out_of_fold(data: TextData, fold: Any, settings: TextSettings) -> FloatArray:
    """Probabilities ``[n, k]`` of every train text by a model that did not see its class.

    Words are counted once, over all texts; only weights are fitted per fold, and one temperature on all answers.

    Args:
        data: the texts; its valid texts are not used.
        fold: the fold of each text ``[n]``.
        settings: as for :func:`fit`.
    """
    _, _, margins = _folded(data, fold, settings)
    temperature = _temperature(data.y, margins)
    return sigmoid(margins / temperature) if data.y.ndim == 2 else softmax(margins / temperature)


def _folded(data: TextData, fold: Any, settings: TextSettings) -> tuple[Vectorizer, Any, FloatArray]:
    """The words of all texts, the texts' vectors ``[n, f]``, and margins ``[n, k]`` out of fold."""
    chosen = resolve("linear_text", DEFAULTS, settings.params)
    recipe = Recipe(chosen["words"], chosen["shortest"], chosen["longest"])
    fewest = 1 if len(data.texts) < FEW_TEXTS else chosen["fewest"]
    vectors = learn(data.texts, recipe, fewest, chosen["most"], common_words(data.texts, chosen["common"]))
    if not vectors.grams:
        raise _no_words(data)
    x, margins = matrix(vectors, data.texts), np.zeros((len(data.texts), data.classes))
    folds = np.unique(fold)
    for done, part in enumerate(folds):
        held, seen = np.flatnonzero(fold == part), np.flatnonzero(fold != part)
        part_of = TextData([], data.y[seen], data.classes, data.weight[seen], [], data.y[:0])
        weights, bias = _solve(x[seen], part_of, chosen, settings.seed)
        margins[held] = x[held] @ weights.astype(np.float64) + bias
        if settings.progress is not None:
            settings.progress("fold", done + 1, len(folds))
    return vectors, x, margins


def _no_words(data: TextData) -> DataError:
    return DataError(
        "the train texts share no word",
        where={"rows": len(data.texts)},
        next_step="look at the text column: is it the one with the text?",
    )


def matrix(vectors: Vectorizer, texts: Sequence[str]) -> Any:
    """The texts' vectors as a scipy CSR matrix, float64 ``[n, f]``."""
    from scipy.sparse import csr_matrix

    rows = [vectors.vector(text) for text in texts]
    starts = np.concatenate([[0], np.cumsum([len(columns) for columns, _ in rows])])
    columns = np.concatenate([columns for columns, _ in rows])
    values = np.concatenate([values for _, values in rows]).astype(np.float64)
    return csr_matrix((values, columns, starts), shape=(len(texts), len(vectors.grams)))


def _solve(x: Any, data: TextData, chosen: Mapping[str, Any], seed: int) -> tuple[Any, FloatArray]:
    """Weights float32 ``[f, k]`` and bias ``[k]``; a class without a train text gets a bias that rules it out.

    Several labels per text (``y`` ``[n, k]``): each label against its absence.
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    balance = "balanced" if chosen["balanced"] else None
    if chosen["loss"] == "hinge":
        solver = LinearSVC(C=chosen["cost"], class_weight=balance, random_state=seed, dual=True, max_iter=300)
    else:
        solver = LogisticRegression(C=10.0 * chosen["cost"], class_weight=balance, max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        if data.y.ndim == 2:
            return _each(solver, x, data)
        solver.fit(x, data.y, sample_weight=data.weight)
    present = np.asarray(solver.classes_, dtype=np.int64)
    coefficients, intercept = np.asarray(solver.coef_), np.asarray(solver.intercept_)
    if len(present) == 2 and len(coefficients) == 1:
        coefficients, intercept = np.vstack([-coefficients, coefficients]) / 2, np.append(-intercept, intercept) / 2
    weights = np.zeros((x.shape[1], data.classes), dtype=np.float32)
    bias = np.full(data.classes, float(intercept.min()) - 10.0)
    weights[:, present] = coefficients.T
    bias[present] = intercept
    return weights, bias


def _each(solver: Any, x: Any, data: TextData) -> tuple[Any, FloatArray]:
    """Weights and bias of one binary solution per label; a label that all texts have, or none, is its bias alone."""
    weights = np.zeros((x.shape[1], data.classes), dtype=np.float32)
    bias = np.zeros(data.classes)
    for label in range(data.classes):
        has = data.y[:, label]
        if has.min() == has.max():
            bias[label] = 10.0 if has.max() else -10.0
            continue
        solver.fit(x, has, sample_weight=data.weight)
        weights[:, label], bias[label] = solver.coef_[0], float(np.ravel(solver.intercept_)[0])
    return weights, bias


def _temperature(y: Any, margins: FloatArray) -> float:
    """Fitted twice: the first brings margins of any size into the range in which the second is exact."""
    if y.ndim == 2:
        return fit_slope(y.ravel(), margins.ravel())
    spread = float(np.std(margins)) or 1.0
    return spread * float(fit_temperature(y, softmax(margins / spread))["t"])

"""How well the line's models order the clients of taiwan_credit, beside untuned LightGBM, in the same run.

Five stratified folds (seed 0). Untuned is ``LGBMClassifier()`` on the raw columns, fitted on all of a fold's training
rows. Ours is what a night does with the same rows: the product's features, 20% of the training rows as the valid side
(by hashed id), the candidates as params.yaml has them, and the choice, blend and weights of evaluate, made on the
valid rows alone; the test rows are only scored. Seconds are the wall time of one fold's training on this machine.

Intervals are 95%, from DeLong's variance (DeLong, DeLong, Clarke-Pearson 1988) of the test rows, averaged over the
folds; differences are paired.

    NIGHTSHIFT_MIRROR=... python benchmarks/credit_quality.py [--folds 5] [--setting both|all|own]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

SEED = 0
VALID_SHARE = 0.2
PRODUCT = "credit_risk"
SETTINGS = {"all": "all columns", "own": "without the protected ones"}


@dataclass
class Result:
    """One model on the test rows of each fold: scores and seconds."""

    scores: list[Any]
    seconds: list[float]


def main() -> None:
    """Print one table per setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, default=5, help="how many of the five folds to run")
    parser.add_argument("--setting", choices=["both", *SETTINGS], default="both")
    parser.add_argument("--models", nargs="*", help="only these candidates of params.yaml")
    chosen = parser.parse_args()
    import lightgbm  # noqa: F401 - imported before any clock starts
    import torch  # noqa: F401

    frame = read_rows()
    for setting in SETTINGS if chosen.setting == "both" else [chosen.setting]:
        outcomes, results = run(frame, setting == "all", chosen.folds, chosen.models)
        report(SETTINGS[setting], outcomes, results)


def read_rows() -> pd.DataFrame:
    """The mirror's file."""
    from pipelines.config import load_params

    source = load_params(ROOT / "params.yaml").product(PRODUCT).source
    mirror = Path(os.environ.get("NIGHTSHIFT_MIRROR") or ROOT.parent / "shared" / "data")
    path = mirror / source.path  # type: ignore[union-attr]
    if not path.is_file():
        sys.exit(f"no {path}: set NIGHTSHIFT_MIRROR to the folder that holds taiwan_credit/")
    return pd.read_csv(path)


def run(
    frame: pd.DataFrame, protected: bool, count: int, models: list[str] | None
) -> tuple[list[Any], dict[str, Result]]:
    """Outcomes per fold, and each model's results."""
    from sklearn.model_selection import StratifiedKFold

    from pipelines.config import load_params

    params = load_params(ROOT / "params.yaml")
    product = params.product(PRODUCT)
    target = product.columns.target
    outcomes: list[Any] = []
    results: dict[str, Result] = {}
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED).split(frame, frame[target])
    for number, (_, test) in enumerate(list(folds)[:count]):
        outcomes.append(frame[target].to_numpy()[test])
        for name, (score, seconds) in one_fold(frame, test, params, protected, models).items():
            result = results.setdefault(name, Result([], []))
            result.scores.append(score)
            result.seconds.append(seconds)
        print(f"fold {number + 1} of {count} done", file=sys.stderr, flush=True)
    return outcomes, results


def one_fold(
    frame: pd.DataFrame, test: Any, params: Any, protected: bool, models: list[str] | None
) -> dict[str, tuple[Any, float]]:
    """``{model: (scores of the test rows, seconds)}``."""
    from pipelines.layout import Layout
    from pipelines.problems.tabular import folds as cross
    from pipelines.problems.tabular.blending import blend
    from pipelines.problems.tabular.choosing import choose_members, greedy_weights
    from pipelines.problems.tabular.search import Found
    from pipelines.problems.tabular.trained import Answers
    from pipelines.problems.tabular.training import fit_members, predictions
    from pipelines.step import Step

    product = params.product(PRODUCT)
    found = {"untuned LightGBM": untuned(frame, test, product, protected, params.profile.threads)}
    began = time.perf_counter()
    prepared = prepare(frame, test, product, protected)
    shared = time.perf_counter() - began
    rows, valid = prepared.rows("valid", "test"), prepared.rows("valid")
    y = prepared.y[valid]
    answers, scores = [], []
    for name, candidate in params.candidates_of(PRODUCT).items():
        if models and name not in models:
            continue
        began = time.perf_counter()
        step = Step("train", PRODUCT, params, Layout(ROOT), ROOT, candidate)
        parts, _ = cross.parts(prepared, product, candidate.folds)
        members = fit_members(prepared, candidate, Found(dict(candidate.params)), parts, step, checkpoints=False)
        score = predictions(prepared, members)["score"].to_numpy()
        answers.append(Answers(name, candidate.family, ROOT, rows, score))
        scores.append(score[np.isin(rows, valid)])
        found[name] = (answers[-1].at(np.sort(test)), shared + time.perf_counter() - began)
    began = time.perf_counter()
    ours = choose_members("binary", y, answers, scores, product.evaluate)
    weights = greedy_weights("binary", y, scores, ours.how)
    rest = time.perf_counter() - began
    seconds = sum(found[answer.model][1] for answer in answers) - shared * (len(answers) - 1) + rest
    on_test = {answer.model: found[answer.model][0] for answer in answers}
    found["blend"] = (blend(list(on_test.values()), weights, ours.how), seconds)
    members = [on_test[name] for name in ours.weights]
    found["as evaluate chooses"] = (blend(members, list(ours.weights.values()), ours.how), seconds)
    return found


def untuned(frame: pd.DataFrame, test: Any, product: Any, protected: bool, threads: int) -> tuple[Any, float]:
    """LightGBM as it comes, on the raw columns."""
    from lightgbm import LGBMClassifier

    names = [*product.columns.numeric, *product.columns.categorical] if protected else list(product.feature_columns)
    x, y = frame[names].to_numpy(), frame[product.columns.target].to_numpy()
    train = np.setdiff1d(np.arange(len(frame)), test)
    began = time.perf_counter()
    model = LGBMClassifier(n_jobs=threads, verbose=-1).fit(x[train], y[train])
    return model.predict_proba(x[np.sort(test)])[:, 1], time.perf_counter() - began


def prepare(frame: pd.DataFrame, test: Any, product: Any, protected: bool) -> Any:
    """As the prepare stage, with the fold as the test side."""
    from pipelines.features.tabular import fit, transform
    from pipelines.problems.tabular.identity import row_keys, unit_hash
    from pipelines.problems.tabular.prepared import Prepared, frame_columns
    from pipelines.problems.tabular.targets import Targets
    from pipelines.products import derive_for

    columns = product.columns
    side = np.where(unit_hash(row_keys(frame, columns), "benchmark") < VALID_SHARE, "valid", "train")
    side[test] = "test"
    usable = {*columns.numeric, *columns.categorical} if protected else set(product.feature_columns)
    numeric = [name for name in columns.numeric if name in usable]
    categorical = [name for name in columns.categorical if name in usable]
    raw, derive = frame_columns(frame, [*numeric, *categorical]), derive_for(columns.features)
    train_rows = {name: values[side == "train"] for name, values in raw.items()}
    state = fit(train_rows, numeric, categorical, derive=derive, module=columns.features)
    targets = Targets.learn(columns, frame[columns.target].to_numpy())
    y = targets.encode(frame[columns.target].to_numpy())
    return Prepared(frame, state, {}, transform(state, raw, derive), y, side, np.ones(len(frame)), targets)


def report(title: str, outcomes: list[Any], results: dict[str, Result]) -> None:
    """Mean AUC and mean difference to untuned LightGBM, each with its interval, and seconds per fold."""
    print(f"\ntaiwan_credit, {title}; {len(outcomes)} folds")
    print(f"{'model':22} {'ROC AUC':>8} {'95% interval':>17} {'- untuned':>10} {'95% interval':>19} {'s/fold':>7}")
    base = results["untuned LightGBM"]
    for name, result in results.items():
        auc, error = mean_auc(outcomes, result.scores)
        gain, gain_error = mean_gain(outcomes, result.scores, base.scores)
        interval = f"{auc - 1.96 * error:.4f} to {auc + 1.96 * error:.4f}"
        paired = f"{gain - 1.96 * gain_error:+.4f} to {gain + 1.96 * gain_error:+.4f}"
        shown = f"{gain:+10.4f} {paired:>19}" if result is not base else f"{'':>10} {'':>19}"
        print(f"{name:22} {auc:8.4f} {interval:>17} {shown} {np.mean(result.seconds):7.1f}")


def placements(y: Any, score: Any) -> tuple[Any, Any]:
    """DeLong's structural components: of each positive, and of each negative."""
    from scipy.stats import rankdata

    positive, negative = score[y == 1], score[y == 0]
    ranks = rankdata(np.concatenate([positive, negative]))
    of_positive = (ranks[: len(positive)] - rankdata(positive)) / len(negative)
    of_negative = 1.0 - (ranks[len(positive) :] - rankdata(negative)) / len(positive)
    return of_positive, of_negative


def mean_auc(outcomes: list[Any], scores: list[Any]) -> tuple[float, float]:
    """Mean over folds and its standard error."""
    parts = [placements(y, score) for y, score in zip(outcomes, scores, strict=True)]
    return _mean([(p, n) for p, n in parts])


def mean_gain(outcomes: list[Any], scores: list[Any], base: list[Any]) -> tuple[float, float]:
    """Mean paired difference over folds and its standard error."""
    pairs = []
    for y, score, other in zip(outcomes, scores, base, strict=True):
        (p, n), (q, m) = placements(y, score), placements(y, other)
        pairs.append((p - q, n - m))
    return _mean(pairs)


def _mean(parts: list[tuple[Any, Any]]) -> tuple[float, float]:
    means = [float(p.mean()) for p, _ in parts]
    variances = [p.var(ddof=1) / len(p) + n.var(ddof=1) / len(n) for p, n in parts]
    return float(np.mean(means)), float(np.sqrt(np.sum(variances)) / len(parts))


if __name__ == "__main__":
    main()

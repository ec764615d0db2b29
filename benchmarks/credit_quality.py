"""How well the line's models order the clients of taiwan_credit, beside untuned LightGBM, in the same run.

Five stratified folds (scikit-learn's StratifiedKFold, shuffled, seed 0), the same for every model and setting. Untuned
is ``LGBMClassifier()`` on the raw columns, fitted on all of a fold's training rows. Ours is what a night does with the
same rows: the product's features, 20% of the training rows as the valid side (by hashed id), the candidates as
params.yaml has them, and the choice, blend and weights of evaluate, made on the valid rows alone; the test rows are
only scored. Two settings: all columns, to compare with published figures, and without the protected ones, as the
product is. Seconds are wall time of one fold on this machine, features included; a busy machine makes them longer.

Intervals are 95%, from DeLong's variance (DeLong, DeLong, Clarke-Pearson 1988) of the test rows. The mean's variance
takes the folds, whose test rows are disjoint, as independent; differences are paired. What depends on the draw of the
training rows is not in them.

Floor: above untuned LightGBM. Goal: mean ROC AUC of at least 0.785, and 0.005 above untuned LightGBM.

    NIGHTSHIFT_MIRROR=... python benchmarks/credit_quality.py --full      # five folds of 30,000 rows, some minutes
    python benchmarks/credit_quality.py [--small]                         # a look: one fold of 5,000 rows
    python benchmarks/credit_quality.py --folds 2 --setting own           # two of the five folds, all rows
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
FOLDS = 5
SMALL_ROWS, SMALL_FOLDS = 5_000, 1
FLOOR, GOAL_AUC, GOAL_GAIN = 0.0, 0.785, 0.005
PRODUCT = "credit_risk"
SETTINGS = {"all": "all columns", "own": "without the protected ones"}


@dataclass
class Result:
    """One model on the test rows of each fold: scores and seconds."""

    scores: list[Any]
    seconds: list[float]


def main() -> None:
    """Print the folds and one table per setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--small", action="store_true", help="a stratified sample and fewer folds (without any option)")
    size.add_argument("--full", action="store_true", help="all rows, all five folds")
    parser.add_argument("--folds", type=int, choices=range(1, FOLDS + 1), help="how many of the five folds, all rows")
    parser.add_argument("--setting", choices=["both", *SETTINGS], default="both")
    chosen = parser.parse_args()
    frame = read_rows()
    if frame is None:
        return
    small = chosen.small or not (chosen.full or chosen.folds)
    if small:
        frame = sample(frame)
    count = chosen.folds or (SMALL_FOLDS if small else FOLDS)
    import lightgbm  # noqa: F401 - imported before any clock starts
    import torch  # noqa: F401

    for setting in SETTINGS if chosen.setting == "both" else [chosen.setting]:
        print(f"\ntaiwan_credit, {SETTINGS[setting]}; {len(frame)} rows, {count} of {FOLDS} folds, seed {SEED}")
        outcomes, results = run(frame, setting == "all", count)
        report(outcomes, results)
    if small:
        print("\na small sample: its noise is larger than what is looked for; --full for the figures that count")


def read_rows() -> pd.DataFrame | None:
    """The mirror's file; without it one line, and None."""
    from pipelines.config import load_params

    source = load_params(ROOT / "params.yaml").product(PRODUCT).source
    mirror = Path(os.environ.get("NIGHTSHIFT_MIRROR") or ROOT.parent / "shared" / "data")
    path = mirror / source.path  # type: ignore[union-attr]
    if not path.is_file():
        print(f"skipped: no {source.path} in the mirror; set NIGHTSHIFT_MIRROR to the folder that holds it")  # type: ignore[union-attr]
        return None
    return pd.read_csv(path)


def sample(frame: pd.DataFrame) -> pd.DataFrame:
    """A stratified part of the rows, in their order."""
    from sklearn.model_selection import train_test_split

    target = frame[load_target()]
    kept, _ = train_test_split(np.arange(len(frame)), train_size=SMALL_ROWS, stratify=target, random_state=SEED)
    return frame.iloc[np.sort(kept)].reset_index(drop=True)


def load_target() -> str:
    """The target's column."""
    from pipelines.config import load_params

    return load_params(ROOT / "params.yaml").product(PRODUCT).columns.target


def run(frame: pd.DataFrame, protected: bool, count: int) -> tuple[list[Any], dict[str, Result]]:
    """Outcomes per fold, and each model's results; a line per fold as it ends."""
    from sklearn.model_selection import StratifiedKFold

    from pipelines.config import load_params

    params = load_params(ROOT / "params.yaml")
    target = params.product(PRODUCT).columns.target
    outcomes: list[Any] = []
    results: dict[str, Result] = {}
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(frame, frame[target])
    for number, (_, test) in enumerate(list(folds)[:count], start=1):
        outcomes.append(frame[target].to_numpy()[test])
        line = []
        for name, (score, seconds) in one_fold(frame, test, params, protected).items():
            result = results.setdefault(name, Result([], []))
            result.scores.append(score)
            result.seconds.append(seconds)
            line.append(f"{name} {mean_auc(outcomes[-1:], [score])[0]:.4f} ({seconds:.1f} s)")
        print(f"fold {number}: {', '.join(line)}", flush=True)
    return outcomes, results


def one_fold(frame: pd.DataFrame, test: Any, params: Any, protected: bool) -> dict[str, tuple[Any, float]]:
    """``{model: (scores of the test rows, seconds)}``."""
    from pipelines.layout import Layout
    from pipelines.problems.common.blending import blend
    from pipelines.problems.common.choosing import choose_members, greedy_weights
    from pipelines.problems.common.trained import Answers
    from pipelines.problems.tabular.train import folds as cross
    from pipelines.problems.tabular.train.run import fit_members, predictions
    from pipelines.problems.tabular.train.search import Found
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
    from pipelines.problems.common.frames import frame_columns
    from pipelines.problems.common.identity import row_keys, unit_hash
    from pipelines.problems.common.targets import Targets
    from pipelines.problems.tabular.core.prepared import Prepared
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


def report(outcomes: list[Any], results: dict[str, Result]) -> None:
    """Mean AUC and mean difference to untuned LightGBM, each with its interval, seconds per fold, floor and goal."""
    print(f"{'model':22} {'ROC AUC':>8} {'95% interval':>17} {'- untuned':>10} {'95% interval':>19} {'s/fold':>7}")
    base = results["untuned LightGBM"]
    for name, result in results.items():
        auc, error = mean_auc(outcomes, result.scores)
        gain, gain_error = mean_gain(outcomes, result.scores, base.scores)
        interval = f"{auc - 1.96 * error:.4f} to {auc + 1.96 * error:.4f}"
        paired = f"{gain - 1.96 * gain_error:+.4f} to {gain + 1.96 * gain_error:+.4f}"
        shown = f"{gain:+10.4f} {paired:>19}" if result is not base else f"{'':>10} {'':>19}"
        print(f"{name:22} {auc:8.4f} {interval:>17} {shown} {np.mean(result.seconds):7.1f}")
    floor = "met" if gain - 1.96 * gain_error > FLOOR else "met, within noise" if gain > FLOOR else "not met"
    goal = "met" if auc >= GOAL_AUC and gain >= GOAL_GAIN else "not met"
    print(f"{name}: floor (above untuned) {floor}; goal (at least {GOAL_AUC}, {GOAL_GAIN:+} to untuned) {goal}")


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

"""How well calls that end in a term deposit are told beforehand, beside untuned LightGBM, in the same run.

Data: bank_marketing (bank-additional-full, 41,188 calls in order of time), without ``duration``. Four questions:

- ``random``: five stratified folds (shuffled, seed 0), all columns of the file known before the call. What tables of
  published figures ask; it answers for a past that is known all around.
- ``earlier``: stretches inside the first 80% of the calls, each answered from the calls before it. Columns, half-life,
  directions and the number of trees of the product ``campaign_response`` were chosen by their mean.
- ``time``: learn from the first 80% of the calls, answer for the last 20%, as the product does. It has one column that
  the file lacks, ``calls_day_before`` (:mod:`pipelines.sources.calling_days`): untuned LightGBM is shown without and
  with it. The present settings were looked at once there; six earlier ones had been looked at before them, the best of
  those reached 0.708.
- ``rolling``: as ``time``, but learned anew after every 1,000 calls, as a nightly run would.

``credit`` is give_me_some_credit (150,000 rows) through the same code, five random folds.

Intervals are 95%, by bootstrap of the test rows, paired for a difference; what depends on the draw of the training rows
is not in them. ECE: 15 bins of equal mass.

    NIGHTSHIFT_MIRROR=... python benchmarks/campaign_quality.py earlier time rolling random [--nets]
    NIGHTSHIFT_MIRROR=... python benchmarks/campaign_quality.py credit
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from pipelines.blocks.models import Profile  # noqa: E402
from pipelines.config import load_params  # noqa: E402
from pipelines.features.tabular import fit, transform  # noqa: E402
from pipelines.metrics.intervals import difference, estimates  # noqa: E402
from pipelines.metrics.judges import BinaryJudge, log_losses  # noqa: E402
from pipelines.models import fit_model  # noqa: E402
from pipelines.models.base import FitData, FitSettings  # noqa: E402
from pipelines.problems.common.blending import blend  # noqa: E402
from pipelines.problems.common.frames import frame_columns  # noqa: E402
from pipelines.problems.tabular.train.run import without_dropped  # noqa: E402
from pipelines.products import campaign_response  # noqa: E402
from pipelines.sources.calling_days import BUSY, with_busy_days  # noqa: E402

BANK = "bank_marketing/bank-additional-full.csv.gz"
CREDIT = "give_me_some_credit/cs-training.csv.gz"
EARLIER = ((23_997, 27_972), (27_690, 32_950), (28_200, 32_950), (30_430, 32_950), (29_000, 30_430), (24_064, 32_950))
TARGETS = {"random": (0.80, 0.807), "time": (0.72, 0.75), "rolling": (0.72, 0.75), "credit": (0.86, 0.8654)}
RANDOM_PARAMS = {"num_leaves": 8, "min_data_in_leaf": 60, "lambda_l2": 20.0, "feature_fraction": 0.4, "patience": 60}
OURS, UNTUNED = "ours", "untuned LightGBM"
NET_WEIGHTS = (0.0, 0.25, 0.5, 0.75)
INNER = 4  # cross-fitted models per outer fold
EVERY = 1_000  # calls between two retrainings
THREADS = Profile(threads=1)


def main() -> None:
    """Print one table per question."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", choices=[*sorted(TARGETS), "earlier"])
    parser.add_argument("--nets", action="store_true", help="random, credit: blend a TabM per fold in (minutes)")
    given = parser.parse_args()
    for name in given.what:
        start = time.perf_counter()
        x, y, numeric, categorical = credit() if name == "credit" else bank()
        if name == "earlier":
            earlier(x, y)
            continue
        if name in ("random", "credit"):
            numeric = [column for column in numeric if column != BUSY]
            answers = random_folds(x, y, numeric, categorical, derive=name == "random", nets=given.nets)
            rows = np.arange(len(y))
        else:
            answers = in_time(x, y, rolling=name == "rolling")
            rows = np.arange(len(y) - len(answers[OURS]), len(y))
        report(name, y[rows], answers, time.perf_counter() - start)


def mirror(path: str) -> Path:
    """A file of the mirror."""
    return Path(os.environ.get("NIGHTSHIFT_MIRROR", ROOT / ".." / "shared" / "data")) / path


def bank() -> tuple[pd.DataFrame, Any, list[str], list[str]]:
    """Calls in order of time: columns known beforehand, outcome, numeric and categorical names."""
    frame = with_busy_days(pd.read_csv(mirror(BANK), sep=";"))
    y = (frame.pop("y") == "yes").astype(np.int64).to_numpy()
    frame = frame.drop(columns="duration")
    categorical = [name for name in frame.columns if frame[name].dtype == object]
    return frame, y, [name for name in frame.columns if name not in categorical], categorical


def credit() -> tuple[pd.DataFrame, Any, list[str], list[str]]:
    """Borrowers of give_me_some_credit."""
    frame = pd.read_csv(mirror(CREDIT), index_col=0)
    y = frame.pop("SeriousDlqin2yrs").to_numpy().astype(np.int64)
    return frame, y, list(frame.columns), []


def designs(
    x: pd.DataFrame, numeric: list[str], categorical: list[str], known: Any, derive: bool, sources: Any = ()
) -> Any:
    """Features of all rows, learned from the known ones."""
    raw = frame_columns(x, [*numeric, *categorical])
    seen = {name: values[known] for name, values in raw.items()}
    maker = campaign_response.derive if derive else None
    module = "campaign_response" if derive else None
    state = fit(seen, numeric, categorical, derive=maker, module=module, only_derived=sources)
    return transform(state, raw, maker)


def data_of(design: Any, y: Any, train: Any, held: Any, weight: Any = None) -> FitData:
    """One fit."""
    kept = None if weight is None else weight[train]
    return FitData("binary", 2, design.take(train), y[train], design.take(held), y[held], kept)


def plain(x: pd.DataFrame, y: Any, known: Any, asked: Any) -> Any:
    """Untuned LightGBM on the raw columns."""
    import lightgbm as lgb

    table = x.copy()
    for name in [name for name in table.columns if table[name].dtype.kind == "O"]:
        table[name] = table[name].astype("category")
    model = lgb.LGBMClassifier(verbosity=-1, n_jobs=1).fit(table.iloc[known], y[known])
    return model.predict_proba(table.iloc[asked])[:, 1]


def random_folds(
    x: pd.DataFrame, y: Any, numeric: list[str], categorical: list[str], derive: bool, nets: bool
) -> dict[str, Any]:
    """Answers for every row by models that have not seen it: ours and untuned.

    With ``nets``, one TabM per fold is blended in by log-odds, with the weight of the least log loss on known rows that
    stopped it.
    """
    from sklearn.model_selection import StratifiedKFold

    own, untuned = np.zeros(len(y)), np.zeros(len(y))
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(x, y):
        design = designs(x, numeric, categorical, train, derive)
        inner = []
        for seed, (a, b) in enumerate(StratifiedKFold(INNER, shuffle=True, random_state=1).split(train, y[train])):
            settings = FitSettings(seed, RANDOM_PARAMS, THREADS)
            model = fit_model("lightgbm", data_of(design, y, train[a], train[b]), settings)
            own[test] += model.predict(design.take(test)) / INNER
            inner.append((train[a], train[b], model))
        if nets:
            own[test] = with_net(design, y, inner[0], test, own[test])
        untuned[test] = plain(x[[*numeric, *categorical]], y, train, test)
        print(f"  fold done: {len(test)} rows", flush=True)
    return {OURS: own, UNTUNED: untuned}


def with_net(design: Any, y: Any, known: tuple[Any, Any, Any], asked: Any, trees: Any) -> Any:
    """Answers of the trees and a net together."""
    a, b, model = known
    net = fit_model("tabm", data_of(design, y, a, b), FitSettings(0, {}, THREADS))
    held = [model.predict(design.take(b)), net.predict(design.take(b))]
    losses = [np.mean(log_losses(y[b], blend(held, [1.0 - w, w], "logit"))) for w in NET_WEIGHTS]
    weight = NET_WEIGHTS[int(np.argmin(losses))]
    print(f"  the net counts {weight:g}", flush=True)
    return blend([trees, net.predict(design.take(asked))], [1.0 - weight, weight], "logit")


def in_time(x: pd.DataFrame, y: Any, rolling: bool) -> dict[str, Any]:
    """Answers for the last fifth: ours as the product is, and untuned; rolling: all learned anew on the way."""
    first = round(0.8 * len(y))
    own, untuned, more = (np.zeros(len(y) - first) for _ in range(3))
    for start in range(first, len(y), EVERY if rolling else len(y)):
        asked = np.arange(start, min(start + EVERY, len(y)) if rolling else len(y))
        own[asked - first] = as_the_product(x, y, asked)
        untuned[asked - first] = plain(x.drop(columns=BUSY), y, np.arange(start), asked)
        more[asked - first] = plain(x, y, np.arange(start), asked)
    return {OURS: own, UNTUNED: untuned, f"with {BUSY}": more}


def earlier(x: pd.DataFrame, y: Any) -> None:
    """What was chosen by: stretches inside the first 80%, each answered from all calls before it."""
    from sklearn.metrics import roc_auc_score

    found = []
    for start, end in EARLIER:
        asked = np.arange(start, end)
        busy = as_the_product(x, y, asked)
        untuned = plain(x.drop(columns=BUSY), y, np.arange(start), asked)
        found.append([float(roc_auc_score(y[asked], answer)) for answer in (busy, untuned)])
        print(f"  calls {start} to {end}: ours {found[-1][0]:.4f}, untuned LightGBM {found[-1][1]:.4f}", flush=True)
    ours, others = np.mean(found, axis=0)
    print(f"earlier: mean AUC {ours:.4f}, untuned LightGBM {others:.4f}")


def as_the_product(x: pd.DataFrame, y: Any, asked: Any) -> Any:
    """Answers for calls from all calls before them, learned as ``campaign_response`` of params.yaml learns."""
    params = load_params(ROOT / "params.yaml")
    product = params.product("campaign_response")
    candidate = params.candidates_of("campaign_response")["lightgbm"]
    numeric, categorical = list(product.columns.numeric), list(product.columns.categorical)
    known = np.arange(int(asked[0]))
    weight = 0.5 ** ((len(known) - 1 - known) / float(product.prepare.half_life or len(y)))
    design = designs(x, numeric, categorical, known, derive=True, sources=product.columns.sources)
    candidate = without_dropped(candidate, set(candidate.params.get("monotone", {})) - set(design.numeric_names))
    share = product.prepare.split.valid_share / (1.0 - product.prepare.split.test_share)
    cut = round(len(known) * (1.0 - share))
    found = np.zeros(len(asked))
    for seed in candidate.seeds:
        data = data_of(design, y, known[:cut], known[cut:], weight)
        stopped = fit_model("lightgbm", data, FitSettings(seed, candidate.params, THREADS))
        rounds = max(1, stopped.best_iteration)
        again = FitSettings(seed, {**candidate.params, "iterations": rounds, "patience": rounds}, THREADS)
        model = fit_model("lightgbm", data_of(design, y, known, known[cut:], weight), again)
        found += model.predict(design.take(asked)) / len(candidate.seeds)
    return found


def report(name: str, y: Any, answers: dict[str, Any], seconds: float) -> None:
    """AUC and calibration of each with intervals, the differences, floor and goal."""
    names = ["roc_auc", "lift_10", "brier", "ece"]
    judges = {model: BinaryJudge(y, answer, names) for model, answer in answers.items()}
    print(f"\n{name}: {len(y)} rows, {int(y.sum())} positive, {seconds:.0f} s")
    for model, judge in judges.items():
        found = estimates(judge, 300)
        print(f"  {model:21s}" + "  ".join(f"{n} {e.value:.4f} [{e.low:.4f}, {e.high:.4f}]" for n, e in found.items()))
    for model, judge in list(judges.items())[1:]:
        gain = difference(judges[OURS], judge, "roc_auc", 300)
        print(f"  AUC ahead of {model} by {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]")
    value = float(judges[OURS].measure(np.ones((1, len(y))))["roc_auc"][0])
    floor, goal = TARGETS[name]
    verdict = "goal reached" if value > goal else "floor reached" if value >= floor else "below the floor"
    print(f"  floor {floor}, goal {goal}: {verdict}")


if __name__ == "__main__":
    main()

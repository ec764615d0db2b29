"""How well the line forecasts demand, beside the seasonal-naive forecast, Theta and ETS, in the same run.

Every data set goes through the stages label, prepare, train and evaluate that a night runs, with a block like those of
params.yaml. The last steps are held out once: models, blends and quantiles are chosen on the steps before them. The
figures are of the held-out steps, with 95% intervals drawn over series.

* rossmann_sales: six weeks ahead for each store, 2015-06-20 to 2015-07-31. RMSPE: floor 0.13, goal 0.11.
* car_parts: monthly, intermittent, twelve months ahead; missing months are 0, as in the Monash archive. MASE: floor
  below 0.897, the published figure of simple exponential smoothing there; goal below 0.747. Absolute errors reward
  the median, which is 0 for most parts in most months: so the forecast of always 0 is shown, RMSSE and bias beside
  MASE, and the trees that answer a quantile of 0.7 and the mean, which is what a stock is planned by.
* bike_sharing: daily rentals of each hour of the day, four weeks ahead; online_retail: daily pieces of the most sold
  items, four weeks ahead. No published figure is comparable: they are judged beside the baselines.

``--earlier`` holds out the horizon before the last one, and never reads the last: settings were chosen with it.

    NIGHTSHIFT_MIRROR=... python benchmarks/forecast_quality.py --full      # all series, some minutes
    python benchmarks/forecast_quality.py [--small]                         # a look: part of the series, one seed
    python benchmarks/forecast_quality.py --full --only rossmann --earlier
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

MIRROR = Path(os.environ.get("NIGHTSHIFT_MIRROR") or ROOT.parent / "shared" / "data")
SMALL_PART = 10  # every tenth series
SMALL_ROWS = 40_000  # learned from
ITEMS = 200  # of online_retail
SHOWN = ("rmspe", "mase", "rmsse", "wape", "bias")
STATISTICAL = {
    name: {"family": "statistical", "params": {"method": name}} for name in ("seasonal_naive", "theta", "ets")
}


@dataclass(frozen=True)
class Case:
    """One data set: rows, the parts of its block, its candidates beside the statistical ones, what is asked of it."""

    rows: pd.DataFrame
    block: Mapping[str, Any]
    models: Mapping[str, Mapping[str, Any]]
    metric: str
    floor: float | None = None
    goal: float | None = None
    derive: str | None = None


def rossmann() -> Case:
    """As params.yaml has it, with more seeds."""
    from pipelines.config import load_params

    product = load_params(ROOT / "params.yaml").product("demand_forecast")
    block = product.model_dump(mode="json", exclude={"title", "data", "problem", "requirements", "source", "release"})
    candidate = load_params(ROOT / "params.yaml").candidates_of("demand_forecast")["lightgbm"]
    trees = {"family": "lightgbm", "seeds": [0, 1, 2], "params": dict(candidate.params)}
    net = {"family": "sequence", "params": {"epochs": 6}}
    rows = pd.read_parquet(MIRROR / "rossmann_sales" / "rossmann_open_days.parquet")
    return Case(rows, block, {"lightgbm": trees, "sequence": net}, "rmspe", 0.13, 0.11, "rossmann")


def car_parts() -> Case:
    """Every month of every part; a month without a value is one without demand."""
    rows = pd.read_parquet(MIRROR / "car_parts" / "car_parts.parquet")
    rows["sales"] = rows["sales"].fillna(0.0)
    rows = rows.rename(columns={"series_id": "series"})
    block = _block("series", "month", "sales", frequency="month", horizon=12, stride=1, origins=12, max_rows=300_000)
    median = {"absolute_error": True, "num_leaves": 15, "min_data_in_leaf": 100, "iterations": 400, "patience": 40}
    between = {"quantile": 0.7, "num_leaves": 15, "min_data_in_leaf": 100, "learning_rate": 0.05}
    between |= {"iterations": 150, "stop_early": False}  # valid steps have a shorter past: they would stop it at once
    models = {
        "lightgbm": {"family": "lightgbm", "params": median},
        "lightgbm_70": {"family": "lightgbm", "params": between},
        "lightgbm_mean": {"family": "lightgbm", "params": {**median, "absolute_error": False}},
    }
    return Case(rows, block, models, "mase", 0.897, 0.747)


def bike_sharing() -> Case:
    """24 series, one for each hour of the day; holidays and working days are known in advance, the weather is not."""
    rows = pd.read_csv(MIRROR / "bike_sharing" / "hour.csv")
    columns = {"numeric": ["holiday", "workingday"], "known": ["holiday", "workingday"], "promotion": "workingday"}
    block = _block("hr", "dteday", "cnt", horizon=28, stride=7, origins=40, max_rows=60_000, **columns)
    trees = {"learning_rate": 0.05, "num_leaves": 31, "iterations": 800, "patience": 60}
    return Case(rows, block, {"lightgbm": {"family": "lightgbm", "params": trees}}, "wape")


def online_retail() -> Case:
    """Pieces per day of the items that were sold most before the held-out weeks; 0 on open days without a sale."""
    path = MIRROR / "online_retail" / "online_retail.parquet"
    lines = pd.read_parquet(path, columns=["StockCode", "Quantity", "InvoiceDate"])
    lines = lines[lines["Quantity"] > 0].assign(day=lines["InvoiceDate"].dt.strftime("%Y-%m-%d"))
    days = sorted(lines["day"].unique())
    early = lines[lines["day"] < days[-60]]
    chosen = early.groupby("StockCode")["Quantity"].sum().nlargest(ITEMS).index
    table = lines[lines["StockCode"].isin(chosen)].pivot_table(
        index="StockCode", columns="day", values="Quantity", aggfunc="sum", fill_value=0
    )
    rows = table.reindex(columns=days, fill_value=0).stack().rename("pieces").reset_index()
    block = _block("StockCode", "day", "pieces", horizon=28, stride=5, origins=40, max_rows=100_000, max_gaps=0.5)
    trees = {"learning_rate": 0.05, "num_leaves": 15, "iterations": 600, "patience": 50, "absolute_error": True}
    return Case(rows, block, {"lightgbm": {"family": "lightgbm", "params": trees}}, "wape")


CASES: Mapping[str, Callable[[], Case]] = {
    "rossmann": rossmann, "car_parts": car_parts, "bike_sharing": bike_sharing, "online_retail": online_retail,
}  # fmt: skip


def _block(
    series: str,
    time: str,
    target: str,
    *,
    numeric: list[str] | None = None,
    known: list[str] | None = None,
    promotion: str | None = None,
    max_gaps: float = 0.3,
    **forecast: Any,
) -> dict[str, Any]:
    columns = {"series": series, "time": time, "target": target, "task": "regression", "numeric": numeric or []}
    return {
        "columns": {**columns, "known": known or [], "promotion": promotion},
        "validation": {"suite": "none"},
        "label": {"max_gaps": max_gaps},
        "prepare": {"split": {"by": "time"}, "forecast": {"scale": "ratio", **forecast}},
    }


def with_rows(case: Case, most: int) -> Case:
    """The case, learning from at most so many rows."""
    prepare = case.block["prepare"]
    forecast = {**prepare["forecast"], "max_rows": min(most, prepare["forecast"]["max_rows"])}
    block = {**case.block, "prepare": {**prepare, "forecast": forecast}}
    return replace(case, block=block)


def held_back(case: Case, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows without the last horizon."""
    from pipelines.problems.forecast.core.rhythm import to_steps

    settings = case.block["prepare"]["forecast"]
    steps = to_steps(rows[case.block["columns"]["time"]].to_numpy(), settings.get("frequency", "day"))
    return rows[steps <= steps.max() - settings["horizon"]].reset_index(drop=True)


def run(name: str, case: Case, rows: pd.DataFrame) -> dict[str, Any]:
    """The lane of one case in a folder of its own; content of ``candidates.json``, metrics, choice and seconds."""
    from pipelines.config import parse_params
    from pipelines.files import read_json, write_parquet
    from pipelines.layout import Layout
    from pipelines.problems import stage_of
    from pipelines.products import derive_for
    from pipelines.step import Step
    from pipelines.verdicts import write_verdict

    models = case.models
    requirements = {
        "users": "this benchmark", "decision": "none", "latency_p99_ms": 50, "bundle_size_mb": 64,
        "service_memory_mb": 1024, "retention_days": 1,
    }  # fmt: skip
    block = {
        **case.block, "title": name, "data": "own", "problem": "forecast", "requirements": requirements,
        "source": {"kind": "file", "path": "none"}, "evaluate": {"metric": case.metric},
    }  # fmt: skip
    product = "case"
    candidates = {
        f"{product}-{model}": {"product": product, "problem": "forecast", "model": model, **settings}
        for model, settings in models.items()
    }
    params = parse_params({"products": {product: block}, "candidates": candidates})
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder))
        write_parquet(layout.stage("validate", product) / "rows.parquet", rows)
        steps = [("label", None), ("prepare", None), *(("train", c) for c in params.candidates_of(product).values())]
        for stage, candidate in [*steps, ("evaluate", None)]:
            out = layout.stage(stage, product, candidate.model if candidate else None)
            for part in ("result", "plots") if stage == "evaluate" else (".",):
                (out / part).mkdir(parents=True, exist_ok=True)
            began = time.process_time()
            verdict = stage_of("forecast", stage)(
                Step(stage, product, params, layout, out, candidate), derive_for(case.derive)
            )
            seconds[candidate.model if candidate else stage] = time.process_time() - began
            if stage != "evaluate":
                write_verdict(out, verdict)
            if verdict.status == "blocked":
                raise SystemExit(f"{name}: {verdict.line()}")
        result = layout.stage("evaluate", product)
        content = read_json(result / "result" / "candidates.json")
        content["test"]["always 0"] = _always_zero(layout.stage("prepare", product), case.block["columns"]["target"])
        return {
            **content,
            "metrics": read_json(result / "metrics.json"),
            "choice": read_json(result / "result" / "choice.json"),
            "report": read_json(layout.stage("prepare", product) / "report.json"),
            "seconds": seconds,
        }


def _always_zero(prepare: Path, target: str) -> dict[str, Any]:
    """The measures of forecasting no demand at all."""
    from pipelines.metrics.intervals import estimates
    from pipelines.problems.common.slicing import numbers
    from pipelines.problems.forecast.core.prepared import load_prepared
    from pipelines.problems.forecast.evaluate.measuring import judge_of, scales

    prepared = load_prepared(prepare, target, None)
    rows = prepared.side("test")[1]
    judge = judge_of(prepared, rows, np.zeros(len(rows)), scales(prepared, "test"), names=list(SHOWN))
    return numbers(estimates(judge))


def show(name: str, case: Case, found: Mapping[str, Any]) -> None:
    """One table per data set."""
    steps, members = found["report"]["steps"], [member["model"] for member in found["choice"]["members"]]
    count = found["report"]["series"]
    print(f"\n{name}: {count} series, held out: after {steps['test_origin']}, up to {steps['last']}")
    print(f"{'model':18} {'cpu s':>7} " + "".join(f"{metric:>26}" for metric in SHOWN))
    for model, values in found["test"].items():
        print(
            f"{model:18} {found['seconds'].get(model, 0.0):7.1f} "
            + "".join(_cell(values.get(metric)) for metric in SHOWN)
        )
    chosen = found["metrics"]
    print(f"{'chosen':18} {'':7} " + "".join(_cell(chosen.get(metric)) for metric in SHOWN), "=", " + ".join(members))
    print("  " + ", ".join(f"{key} {chosen[key]['value']:.3f}" for key in chosen if key.startswith("coverage")))
    for entry in found["rolling_origins"]:
        if case.metric in entry["metrics"]:
            value = entry["metrics"][case.metric]["value"]
            print(f"  the same model from {entry['after']} steps later on: {case.metric} {value:.4f}")
    if case.floor is not None and case.goal is not None:
        value = chosen[case.metric]["value"]
        words = ["met" if value < limit else "not met" for limit in (case.floor, case.goal)]
        print(f"  {case.metric} {value:.4f}: floor {case.floor} {words[0]}; goal {case.goal} {words[1]}")


def _cell(found: Mapping[str, Any] | None) -> str:
    if found is None or found["value"] is None:
        return f"{'':>26}"
    return f"{found['value']:10.4f} [{found['low']:.3f}, {found['high']:.3f}]".rjust(26)


def main() -> None:
    """Print one table per data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--small", action="store_true", help="part of the series, one seed (without any option)")
    size.add_argument("--full", action="store_true", help="all series")
    parser.add_argument("--only", choices=sorted(CASES), action="append", help="these data sets; default: all")
    parser.add_argument("--seeds", type=int, default=3, help="of the trees of rossmann; the product has one")
    parser.add_argument("--without", choices=sorted(STATISTICAL), action="append", default=[], help="leave these out")
    parser.add_argument("--earlier", action="store_true", help="hold out the horizon before the last one")
    given = parser.parse_args()
    if not MIRROR.is_dir():
        print("needs the mirror of the public data sets: set NIGHTSHIFT_MIRROR to its folder")
        return
    for name in given.only or list(CASES):
        case = CASES[name]()
        rows, models = case.rows, dict(case.models)
        series = case.block["columns"]["series"]
        if not given.full and name != "bike_sharing":  # 24 series are few
            kept = np.sort(rows[series].unique())[::SMALL_PART]
            rows = rows[rows[series].isin(kept)].reset_index(drop=True)
            models = {model: {**settings, "seeds": [0]} for model, settings in models.items()}
            case = with_rows(case, SMALL_ROWS)
        models = {
            model: {**settings, "seeds": settings["seeds"][: given.seeds]} if "seeds" in settings else settings
            for model, settings in models.items()
        }
        if given.earlier:
            rows = held_back(case, rows)
        baselines = {model: block for model, block in STATISTICAL.items() if model not in given.without}
        case = replace(case, rows=rows, models={**baselines, **models})
        show(name, case, run(name, case, rows))


if __name__ == "__main__":
    main()

"""A forecast lane whose models are the network and the trees, and the constant that the key metric asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import demand
import numpy as np
import pytest
from demand import NAME, params, stage, to_bundle, to_prepare

from pipelines.blocks.models import Profile
from pipelines.files import read_json, read_parquet, sha256_tree
from pipelines.layout import Layout
from pipelines.problems import answers_apart, load_answering
from pipelines.problems.forecast.train.outcome import shift
from pipelines.problems.forecast.train.sequence import MAX_STEPS_CPU, decide
from pipelines.verdicts import Verdict

NET: dict[str, Any] = {"family": "sequence", "params": {"epochs": 4, "hidden": 8, "width": 32, "learning_rate": 0.01}}
NAIVE: dict[str, Any] = {"family": "statistical", "params": {"method": "seasonal_naive"}}


@pytest.fixture(scope="module")
def lane(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, list[Verdict]]:
    return to_bundle(tmp_path_factory.mktemp("network"), params({"naive": NAIVE, "net": NET}))


@pytest.mark.slow
def test_the_network_beats_the_naive_forecast_and_its_bundle_answers_as_judged(
    lane: tuple[Layout, list[Verdict]],
) -> None:
    layout, verdicts = lane
    assert [verdict.status for verdict in verdicts] == ["passed"] * 3
    result = layout.stage("evaluate", NAME) / "result"
    found = read_json(result / "candidates.json")
    assert found["test"]["net"]["wape"]["value"] < found["test"]["naive"]["wape"]["value"]
    assert read_json(result / "choice.json")["members"] == [{"model": "net", "weight": 1.0}]
    assert found["rolling_origins"][0]["after"] == 0
    whole = found["rolling_origins"][0]["metrics"]["wape"]["value"]
    assert whole == pytest.approx(found["test"]["net"]["wape"]["value"], rel=1e-6)
    bundle = layout.stage("package", NAME) / "bundle"
    model: Any = load_answering("forecast", bundle, lambda _: None)
    golden = read_json(bundle / "golden.json")
    assert answers_apart("forecast", model.answer(golden["rows"]), golden["answers"]) < 1e-9
    alone = [model.answer([row])[0] for row in golden["rows"][:5]]
    assert answers_apart("forecast", alone, golden["answers"][:5]) < 1e-9
    assert model.answer(golden["rows"][:1], explain=True)[0]["reasons"] == []


@pytest.mark.slow
def test_the_network_is_the_same_twice(lane: tuple[Layout, list[Verdict]], tmp_path: Path) -> None:
    settings = params({"net": NET})
    again = to_prepare(tmp_path, settings)
    stage(again, settings, "train", candidate=settings.candidates_of(NAME)["net"])
    assert sha256_tree(again.stage("train", NAME, "net")) == sha256_tree(lane[0].stage("train", NAME, "net"))


@pytest.mark.slow
def test_with_rmspe_on_the_log_scale_every_answer_is_moved_down(tmp_path: Path) -> None:
    trees = {"family": "lightgbm", "params": {"iterations": 30, "learning_rate": 0.1}}
    rows = demand.accepted_rows()
    rows = rows[rows["sales"] > 0].reset_index(drop=True)
    forecast = {**demand.block()["prepare"]["forecast"], "scale": "log"}
    answers = {}
    for metric in ("wape", "rmspe"):
        settings = params(
            {"trees": trees},
            prepare={"split": {"by": "time"}, "forecast": forecast},
            evaluate={"metric": metric, "resamples": 100},
        )
        layout = to_prepare(tmp_path / metric, settings, rows)
        stage(layout, settings, "train", candidate=settings.candidates_of(NAME)["trees"])
        folder = layout.stage("train", NAME, "trees")
        answers[metric] = read_parquet(folder / "predictions.parquet")["score"].to_numpy()
        moved = read_json(folder / "model.json")["shift"]
    assert moved < 0
    assert answers["rmspe"] / answers["wape"] == pytest.approx(np.full(len(answers["wape"]), np.exp(moved)), rel=1e-6)


def test_the_shift_is_where_each_metric_is_least() -> None:
    rng = np.random.default_rng(0)
    errors = rng.normal(0.3, 0.25, 200_000)
    y = np.exp(errors - 0.3)
    by = np.linspace(-0.2, 0.2, 401)
    relative = [np.mean((np.exp(one) / y - 1.0) ** 2) for one in by]
    square = [np.mean((np.exp(one) - y) ** 2) for one in by]
    assert shift("log", "rmspe", errors) == pytest.approx(by[int(np.argmin(relative))], abs=0.01)
    assert shift("log", "rmse", errors) == pytest.approx(by[int(np.argmin(square))], abs=0.01)
    assert shift("log", "wape", errors) == shift("ratio", "rmspe", errors) == 0.0


def test_a_network_that_would_read_too_much_on_a_cpu_stands_aside() -> None:
    class Many:
        class history:  # noqa: N801
            keys = range(MAX_STEPS_CPU)

        class spec:  # noqa: N801
            class rhythm:  # noqa: N801
                level = 91

    settings = params({"net": NET})
    candidate, forecast = settings.candidates_of(NAME)["net"], settings.product(NAME).prepare.forecast
    many: Any = Many()
    assert not decide(candidate, Profile(), many, forecast)[0]
    assert decide(candidate.model_copy(update={"use": "always"}), Profile(), many, forecast)[0]
    assert decide(candidate, Profile(device="cuda"), many, forecast)[0]

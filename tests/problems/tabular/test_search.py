"""Hyper-parameter search: a stated number of trials, the same each time, never worse on the valid rows."""

from __future__ import annotations

from typing import Any

import fits
import pytest

from pipelines.blocks.models import Candidate, Profile
from pipelines.errors import ConfigError
from pipelines.problems.tabular.train.search import Found, search

BASE = {"iterations": 20, "min_data_in_leaf": 5}
SPACES: dict[str, dict[str, list[Any]]] = {
    "grid": {"num_leaves": [3, 31], "lambda_l2": [0.0, 100.0]},
    "random": {"num_leaves": [2, 40, "int"], "learning_rate": [0.01, 0.5, "log"], "extra_trees": [True, False]},
    "tpe": {"num_leaves": [2, 40, "int"], "feature_fraction": [0.2, 1.0, "float"]},
}


def candidate(method: str, space: dict[str, list[Any]], trials: int = 4) -> Candidate:
    plan = {"method": method, "trials": trials, "space": space}
    content = {
        "product": "own",
        "problem": "tabular",
        "model": "m",
        "family": "lightgbm",
        "params": BASE,
        "search": plan,
    }
    return Candidate.model_validate(content)


def found(method: str, space: dict[str, list[Any]] | None = None, trials: int = 4, told: Any = None) -> Found:
    progress = told or (lambda *_: None)
    chosen = candidate(method, SPACES.get(method, {}) if space is None else space, trials)
    return search(chosen, fits.data("binary"), Profile(threads=1), progress)


@pytest.mark.parametrize("method", sorted(SPACES))
def test_it_tries_so_many_models_keeps_the_best_and_repeats_itself(method: str) -> None:
    told: list[Any] = []
    first = found(method, told=lambda *given: told.append(given))
    assert len(first.trials) == 4
    assert told[-1] == ("search", 4, 4)
    assert first.trials[0].params == {}, "the candidate's own params are the first trial"
    best = min(first.trials, key=lambda trial: trial.loss)
    assert [trial for trial in first.trials if trial.chosen] == [best]
    assert first.params == {**BASE, **best.params}
    assert found(method) == first


def test_once_it_has_seen_enough_tpe_draws_otherwise_than_random_and_repeats_itself() -> None:
    space = {"num_leaves": [2, 40, "int"], "learning_rate": [0.01, 0.5, "log"]}
    guided, again, blind = (found(method, space, trials=11) for method in ("tpe", "tpe", "random"))
    assert guided == again
    assert len({trial.params["learning_rate"] for trial in guided.trials[1:]}) == 10
    assert [trial.params for trial in guided.trials] != [trial.params for trial in blind.trials]


def test_another_first_seed_searches_otherwise() -> None:
    progress = lambda *_: None  # noqa: E731
    plan = candidate("random", SPACES["random"])
    other = plan.model_copy(update={"seeds": [7]})
    first, second = (search(one, fits.data("binary"), Profile(threads=1), progress) for one in (plan, other))
    assert [trial.params for trial in first.trials] != [trial.params for trial in second.trials]


def test_a_net_is_searched_too() -> None:
    content = {
        "product": "own",
        "problem": "tabular",
        "model": "m",
        "family": "tabm",
        "params": {**fits.NET, "epochs": 2},
    }
    plan = {"method": "grid", "trials": 3, "space": {"depth": [1, 2]}}
    one = Candidate.model_validate({**content, "search": plan})
    tried = search(one, fits.data("binary"), Profile(threads=1), lambda *_: None).trials
    assert sorted(trial.params.get("depth", 0) for trial in tried) == [0, 1, 2]
    assert tried[0].loss in {trial.loss for trial in tried[1:]}, "depth 2 is the default"


def test_a_grid_tries_each_combination_once() -> None:
    tried = [trial.params for trial in found("grid", trials=5).trials[1:]]
    assert sorted((one["num_leaves"], one["lambda_l2"]) for one in tried) == [(3, 0), (3, 100), (31, 0), (31, 100)]


def test_a_grid_ends_when_it_is_exhausted() -> None:
    assert len(found("grid", trials=40).trials) == 5


def test_values_stay_within_their_range() -> None:
    for trial in found("random", trials=8).trials[1:]:
        assert 2 <= trial.params["num_leaves"] <= 40
        assert 0.01 <= trial.params["learning_rate"] <= 0.5
        assert trial.params["extra_trees"] in (True, False)


@pytest.mark.parametrize("method", ["none", "tpe"])
def test_without_method_or_space_nothing_is_tried(method: str) -> None:
    assert found(method, space={}) == Found(BASE, [])


def test_it_works_for_every_task() -> None:
    for task in ("multiclass", "regression"):
        trials = search(candidate("tpe", SPACES["tpe"], 2), fits.data(task), Profile(threads=1), lambda *_: None).trials
        assert len(trials) == 2
        assert all(trial.loss > 0 for trial in trials)


@pytest.mark.parametrize(
    ("method", "space", "said"),
    [
        ("grid", {"num_leaves": [2, 40, "int"]}, "'num_leaves' is a range"),
        ("tpe", {"num_leaves": []}, "no choice for 'num_leaves'"),
        ("random", {"num_leaves": [40, 2, "int"]}, "40 to 2 is no range"),
        ("random", {"learning_rate": [0, 1, "log"]}, "0 to 1 is no range"),
        ("tpe", {"depth": [1, 2]}, "no hyper-parameter 'depth'"),
    ],
)
def test_a_space_that_cannot_be_searched_is_one_clear_error(
    method: str, space: dict[str, list[Any]], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        found(method, space)

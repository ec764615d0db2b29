"""Two versions of a forecast under the champion gate: whole series are drawn, slices of series compared."""

from __future__ import annotations

import shutil

import pytest
from demand import NAME, params, stage, to_bundle

from pipelines.bundle import read_manifest
from pipelines.layout import Layout
from pipelines.release.champion import compare

TREES = {"family": "lightgbm", "params": {"iterations": 60, "num_leaves": 15, "learning_rate": 0.1}}
NAIVE = {"family": "statistical", "params": {"method": "seasonal_naive"}}


def kept(layout: Layout) -> str:
    """Keep the packed bundle as a release would; its version."""
    bundle = layout.stage("package", NAME) / "bundle"
    version = read_manifest(bundle).version
    if not layout.bundle(NAME, version).exists():
        shutil.copytree(bundle, layout.bundle(NAME, version))
    return version


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, str, str]:
    """A lane with the versions of the trees and of the naive forecast."""
    root = tmp_path_factory.mktemp("champion")
    layout, _ = to_bundle(root, params({"trees": TREES}))
    trees = kept(layout)
    naive_only = params({"naive": NAIVE})
    for candidate in naive_only.candidates_of(NAME).values():
        stage(layout, naive_only, "train", candidate=candidate)
    for name in ("evaluate", "export", "package"):
        shutil.rmtree(layout.stage(name, NAME))
        stage(layout, naive_only, name)
    return layout, trees, kept(layout)


@pytest.mark.slow
def test_the_better_forecast_takes_over_and_the_worse_does_not(versions: tuple[Layout, str, str]) -> None:
    layout, trees, naive = versions
    settings = params()
    better = compare(layout, settings, NAME, trees, naive)
    worse = compare(layout, settings, NAME, naive, trees)
    assert better.status == "passed"
    assert worse.status == "stood_aside"
    assert "on 12 test rows" in better.checks[0].detail
    assert any("category=staple" in check.name for check in better.checks)

from __future__ import annotations

from pathlib import Path

import lanes
import pytest

from pipelines.config import Params
from pipelines.layout import Layout

TWO = {"lightgbm": {"params": lanes.QUICK, "seeds": [0, 1]}, "sparse": {"params": lanes.OTHER}}


@pytest.fixture(scope="session", params=sorted(lanes.TASKS))
def lane(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Params, str]:
    """A lane run from labelled rows to export, for each task; not to be changed."""
    product: str = request.param
    layout, params = Layout(tmp_path_factory.mktemp(product)), lanes.params_for(product, models=TWO)
    lanes.train(layout, params, product)
    assert lanes.evaluate(layout, params, product).passed
    assert lanes.export(layout, params, product).passed
    return layout, params, product


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A binary lane run to train, to be copied."""
    root = tmp_path_factory.mktemp("trained")
    lanes.train(Layout(root), lanes.params_for("cancer", models=TWO), "cancer")
    return root

from __future__ import annotations

import pytest
from bundles import small_layout

from pipelines.layout import Layout


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Three packed lanes on real data: breast (binary), wine (multiclass), diabetes (regression). Not to be changed."""
    folder = tmp_path_factory.getbasetemp() / "small"
    folder.mkdir(exist_ok=True)
    return small_layout(folder)

"""One whole lane of texts, made once."""

from __future__ import annotations

import pytest
from text_lanes import SCRATCH, Lane, params_for, rows


@pytest.fixture(scope="session")
def lane(tmp_path_factory: pytest.TempPathFactory) -> Lane:
    """Linear model and a tiny encoder from scratch."""
    made = Lane(
        tmp_path_factory.mktemp("text"),
        params_for({"linear_text": {}, "encoder": SCRATCH}, export={"int8": True}),
        rows(),
    )
    made.verdicts = made.whole()
    return made

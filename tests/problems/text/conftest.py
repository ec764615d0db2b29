"""One whole lane of texts, made once."""

from __future__ import annotations

import pytest
from text_lanes import SCRATCH, Lane, params_for, rows

BEHAVIOUR = {
    "limits": {"case": 0.9, "minimum": 0.5, "direction": 0.7},
    "minimum": {"neurological": ["a throbbing headache with aura"], "urinary": ["burning on passing urine"]},
}


@pytest.fixture(scope="session")
def lane(tmp_path_factory: pytest.TempPathFactory) -> Lane:
    """Linear model and a tiny encoder from scratch."""
    made = Lane(
        tmp_path_factory.mktemp("text"),
        params_for(
            {"linear_text": {}, "encoder": SCRATCH},
            export={"int8": True, "scope": 0.05},
            evaluate={"behaviour": BEHAVIOUR},
        ),
        rows(),
    )
    made.verdicts = made.whole()
    return made

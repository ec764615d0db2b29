"""The watch on incoming messages: silent without change, awake when a tenth of them are about something new."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reply_world import model

from pipelines.config import Product, load_params
from pipelines.monitoring.judge import judge, limits_of
from pipelines.monitoring.reference import make_reference
from pipelines.problems.reply.answer.watched import FEATURES, roles, watched
from pipelines.sources.simulators import dialogues

ROOT = Path(__file__).parents[3]
NAME = "customer_reply_demo"
ROWS = 1000  # messages of a window
DAY = date(2026, 3, 1)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "retrieval").mkdir()
    model()._proposer.head.save(folder / "retrieval")
    return folder


def _window(seed: int, share: float, block: Product, bundle: Path) -> pd.DataFrame:
    """``ROWS`` messages, so many of them of dialogues about parking, which nobody ever answered."""
    usual = dialogues.production_day(seed, DAY, ROWS)
    moved = dialogues.production_day(1000 + seed, DAY, 1000, "new_subject")
    dialogue = moved["dialogue_id"]
    new = moved[dialogue.isin(dialogue[moved["history"].str.contains("park", case=False)])].head(int(ROWS * share))
    assert len(new) == int(ROWS * share)
    return watched(block, bundle, pd.concat([usual.head(ROWS - len(new)), new], ignore_index=True))


@pytest.mark.slow
def test_a_new_topic_in_a_tenth_of_a_thousand_messages_is_found_and_usual_days_are_steady(bundle: Path) -> None:
    block = load_params(ROOT / "params.yaml").products[NAME]
    limits = limits_of(block.watch)
    reference = make_reference(_window(1, 0.0, block, bundle), NAME, "v1", block)
    usual = [judge(reference, _window(seed, 0.0, block, bundle), limits).status for seed in range(10, 14)]
    assert usual == ["steady"] * len(usual)
    for seed in range(10, 14):
        verdict = judge(reference, _window(seed, 0.1, block, bundle), limits)
        assert verdict.status != "steady"
        assert "familiarity" in {column.name for column in verdict.drifted}


def test_watched_columns_are_numbers_and_empty_messages_are_no_error(bundle: Path) -> None:
    block = load_params(ROOT / "params.yaml").products[NAME]
    frame = pd.DataFrame(
        {"history": ["", "customer: hi", None], "knowledge": [None, "{", None], "looked_up": [0, 1, 2]}
    )
    found = watched(block, bundle, frame)
    assert set(FEATURES) <= set(roles(block, list(found.columns)))
    assert np.isfinite(found[list(FEATURES)].to_numpy(dtype=np.float64)).all()
    assert found["familiarity"].between(-1.0, 1.0).all()

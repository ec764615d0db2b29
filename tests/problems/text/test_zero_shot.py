"""Zero-shot answers: by cosine, with a margin; and by the packaged sentence encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from text_lanes import params_for

from pipelines.blocks.weak import ZeroShotFunction
from pipelines.layout import Layout
from pipelines.problems.text.label.zero_shot import comparing, most_alike
from pipelines.step import Step


def test_the_most_alike_description_wins_whatever_the_length_and_a_near_tie_is_no_answer() -> None:
    told = np.array([[1.0, 0.0], [0.0, 2.0]], dtype=np.float32)
    rows = np.array([[5.0, 1.0], [0.01, 0.1], [1.0, 1.0], [0.0, 0.0]], dtype=np.float32)
    assert most_alike(rows, told, 0.05).tolist() == [0, 1, -1, -1]
    assert most_alike(rows, told, 1.5).tolist() == [-1, -1, -1, -1]


@pytest.mark.slow
def test_the_packaged_encoder_tells_areas_apart_by_a_sentence(tmp_path: Path) -> None:
    step = Step("label", "notes", params_for({"linear_text": {}}), Layout(tmp_path), tmp_path)
    function = ZeroShotFunction(kind="zero_shot", name="meaning", least_margin=0.02)
    told = ["the heart and blood vessels", "the lungs and breathing", "bones, joints and muscles"]
    texts = ["palpitations and an irregular pulse", "asthma that worsens in the cold", "a swollen knee after football"]
    assert comparing(step)(function, texts, told).tolist() == [0, 1, 2]

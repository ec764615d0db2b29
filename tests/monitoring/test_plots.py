"""Pictures: real PNG files of a width that fits a mail, for every kind of column, and the same bytes again."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from windows import PRODUCT, day

from pipelines.config import Params
from pipelines.monitoring import plots
from pipelines.monitoring.judge import judge
from pipelines.monitoring.reference import Reference, make_reference
from pipelines.monitoring.verdict import Limits
from pipelines.monitoring.words import labels


def size_of(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:24])
    return int(width), int(height)


def draw(folder: Path, reference: Reference, window: pd.DataFrame, language: str = "en") -> tuple[Path, Path]:
    verdict = judge(reference, window, Limits())
    words = labels(language)  # type: ignore[arg-type]
    effects, distributions = folder / "effects.png", folder / "distributions.png"
    plots.plot_effects(effects, verdict, words)
    plots.plot_distributions(distributions, verdict, reference, window, words)
    return effects, distributions


@pytest.mark.slow
@pytest.mark.parametrize("shift", ["none", "new_category"])
def test_pictures_fit_a_mail_and_are_the_same_again(tmp_path: Path, reference: Reference, shift: str) -> None:
    first = [path.read_bytes() for path in draw(tmp_path, reference, day(shift))]
    for path, content in zip(draw(tmp_path, reference, day(shift)), first, strict=True):
        assert size_of(path)[0] == plots.WIDTH_INCHES * plots.DPI
        assert path.read_bytes() == content
        assert len(content) < 300_000


def test_odd_columns_are_drawn_too(tmp_path: Path, params: Params) -> None:
    generator = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "LIMIT_BAL": 5.0,
            "AGE": np.nan,
            "PAY_0": generator.normal(size=400) * 1e12,
            "PAY_2": np.where(generator.random(400) < 0.9, 0.0, generator.normal(size=400)),
            "EDUCATION": [f"学历 {code % 40} with a very long name" for code in range(400)],
            "SEX": [None, "f", "m", "x"] * 100,
        }
    )
    reference = make_reference(rows, PRODUCT, "v", params.products[PRODUCT])
    window = rows.assign(PAY_0=rows["PAY_0"] + 1e12, LIMIT_BAL=6.0, EDUCATION="新", PAY_2=np.nan)
    effects, distributions = draw(tmp_path, reference, window, "zh")
    assert size_of(effects)[1] > 100
    assert size_of(distributions)[1] > 100

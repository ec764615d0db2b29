from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.blocks.operations import Service
from pipelines.errors import ConfigError
from pipelines.serving.lean import HEAVY
from pipelines.serving.settings import BUNDLES, SERVICE, Settings, read_settings


@pytest.mark.parametrize("bundles", [None, {}, {"p": Path("/somewhere/bundle"), "q": Path("relative")}])
@pytest.mark.parametrize("lean", [True, False])
def test_settings_come_back_from_the_environment(bundles: dict[str, Path] | None, lean: bool) -> None:
    settings = Settings(Service(port=4000, workers=3, max_rows=7), bundles, lean)
    assert read_settings(settings.environment()) == settings


def test_without_variables_the_defaults_hold() -> None:
    assert read_settings({}) == Settings(Service(), None, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [(SERVICE, "{"), (SERVICE, '{"port": 0}'), (SERVICE, '{"no": 1}'), (BUNDLES, "x"), (BUNDLES, "[1]")],
)
def test_a_variable_that_cannot_be_read_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        read_settings({name: value})


def test_a_lean_process_answers_without_what_is_not_shipped(small: object) -> None:
    """LightGBM takes pandas and scikit-learn where it finds them: in a lean process it does not find them."""
    code = (
        "from pipelines.serving.lean import heavy_modules, refuse_heavy_imports\n"
        "refuse_heavy_imports()\n"
        "import lightgbm, onnxruntime, pipelines.serving.service, pipelines.serving.loaded\n"
        "print(heavy_modules())\n"
        "import pandas\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]"
    assert "pandas is not part of the service's environment" in done.stderr
    assert "pandas" in HEAVY


@pytest.mark.parametrize(("word", "found"), [("on", True), ("off", False), ("", None)])
def test_whether_answers_are_logged_goes_through_the_environment(word: str, found: bool | None) -> None:
    assert read_settings({"NIGHTSHIFT_LOG": word}).log is found
    assert read_settings(Settings(Service(), None, lean=True, log=found).environment()).log is found


def test_a_word_that_is_neither_on_nor_off_is_refused() -> None:
    with pytest.raises(ConfigError, match="NIGHTSHIFT_LOG must be on or off"):
        read_settings({"NIGHTSHIFT_LOG": "maybe"})

from __future__ import annotations

import shutil
from pathlib import Path

import lanes
import numpy as np
import pytest

from pipelines.config import Params
from pipelines.features.design import Design
from pipelines.files import read_json, sha256_tree
from pipelines.layout import Layout
from pipelines.metrics.calibration import sigmoid
from pipelines.problems.tabular.export.parity import compare, odd_rows


def test_every_member_is_exported_and_only_those(lane: tuple[Layout, Params, str]) -> None:
    layout, _, product = lane
    folder = layout.stage("export", product)
    exported = read_json(folder / "export.json")["members"]
    choice = read_json(layout.stage("evaluate", product) / "result" / "choice.json")
    assert [member["model"] for member in exported] == [member["model"] for member in choice["members"]]
    listed = {name for member in exported for part in (member, *member["variants"]) for name in part["files"]}
    assert listed == set(sha256_tree(folder)) - {"export.json", "verdict.json"}


def test_parity_is_measured_on_plain_and_odd_rows(lane: tuple[Layout, Params, str]) -> None:
    layout, params, product = lane
    for member in read_json(layout.stage("export", product) / "export.json")["members"]:
        for part in (member, *member["variants"]):
            assert set(part["parity"]["differences"]) == {"test", "missing", "unseen", "empty", "far", "alone"}
            assert part["parity"]["largest"] <= params.product(product).export.max_difference


def test_two_exports_have_equal_bytes(lane: tuple[Layout, Params, str], tmp_path: Path) -> None:
    layout, params, product = lane
    shutil.copytree(layout.root, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(Layout(tmp_path).stage("export", product))
    lanes.export(Layout(tmp_path), params, product)
    assert sha256_tree(Layout(tmp_path).stage("export", product)) == sha256_tree(layout.stage("export", product))


def test_a_model_that_answers_otherwise_is_blocked(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    layout, params = (
        Layout(tmp_path),
        lanes.params_for("cancer", models={"lightgbm": {"params": lanes.QUICK, "seeds": [0, 1]}}),
    )
    lanes.evaluate(layout, params, "cancer")
    model = layout.stage("train", "cancer", "lightgbm")
    for name in ("trees_0.txt", "trees_1.txt"):
        lines = (model / name).read_text(encoding="utf-8").splitlines()
        place = next(at for at, line in enumerate(lines) if line.startswith("leaf_value="))
        lines[place] = lines[place].translate(str.maketrans("0123456789", "1234567890"))  # as long as it was
        (model / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    verdict = lanes.export(layout, params, "cancer")
    assert verdict.status == "blocked"
    assert "parity:together" in {check.name for check in verdict.checks if not check.ok}
    assert "of the original" in verdict.reason


def design(n: int = 50) -> Design:
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 4, (n, 1)).astype(np.int32)
    return Design(rng.normal(size=(n, 2)).astype(np.float32), codes, ("a", "b"), ("c",), (4,))


def sigmoid_of_sum(rows: Design) -> np.ndarray:
    return np.asarray(sigmoid(np.nan_to_num(rows.numeric).sum(axis=1, dtype=np.float64)))


def test_odd_rows_are_what_their_names_say() -> None:
    found = odd_rows(design())
    assert np.isnan(found["missing"].numeric).any()
    assert (found["unseen"].categorical == 0).all()
    assert np.isnan(found["empty"].numeric).all()
    assert np.abs(found["far"].numeric).max() > 1e5


@pytest.mark.parametrize(
    ("exported", "kind"),
    [
        (lambda rows: sigmoid_of_sum(rows) + 0.01 * np.isnan(rows.numeric).any(axis=1), "missing"),
        (lambda rows: sigmoid_of_sum(rows) + 0.01 * (rows.categorical[:, 0] == 0), "unseen"),
        (lambda rows: sigmoid_of_sum(rows) + 0.01 * (len(rows) == 1), "alone"),
        (lambda rows: np.where(np.abs(rows.numeric).max(axis=1) > 1e5, np.nan, sigmoid_of_sum(rows)), "far"),
        (lambda rows: sigmoid_of_sum(rows)[:, None], "test"),
    ],
)
def test_each_kind_of_row_catches_its_own_fault(exported: object, kind: str) -> None:
    found = compare("binary", sigmoid_of_sum, exported, design())  # type: ignore[arg-type]
    assert found.differences[kind] >= 0.0099
    assert compare("binary", sigmoid_of_sum, sigmoid_of_sum, design()).largest == 0.0


def test_regression_differences_are_in_standard_deviations() -> None:
    def original(rows: Design) -> np.ndarray:
        return 1000.0 * sigmoid_of_sum(rows)

    def exported(rows: Design) -> np.ndarray:
        return original(rows) + 1.0

    found = compare("regression", original, exported, design())
    assert found.largest == pytest.approx(1.0 / np.std(original(design())))

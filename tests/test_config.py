from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.config import Params, load_params, parse_params
from pipelines.errors import EXIT_USAGE, ConfigError
from pipelines.layout import find_layout


@pytest.fixture
def content(root: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    return loaded


def test_the_projects_own_parameters_are_valid(root: Path) -> None:
    params = load_params(root / "params.yaml")
    assert params.select("demo")
    assert set(params.select("demo")) | set(params.select("public")) == set(params.select("all"))
    for name in params.products:
        assert params.candidates_of(name)


def test_an_unknown_key_is_named_with_what_is_allowed(content: dict[str, Any]) -> None:
    content["products"]["credit_risk"]["evaluate"]["metrc"] = "auc"
    with pytest.raises(ConfigError, match=r"products\.credit_risk\.evaluate\.metrc: unknown key; allowed: .*metric"):
        parse_params(content)


def test_an_unknown_key_of_a_source_is_named_with_what_its_kind_allows(content: dict[str, Any]) -> None:
    content["products"]["credit_risk"]["source"]["sha"] = "x"
    with pytest.raises(ConfigError, match=r"source.*sha: unknown key; allowed: .*sha256"):
        parse_params(content)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("night", "retries"), "often", r"night\.retries: .*integer.*got 'often'"),
        (("profile", "device"), "tpu", r"profile\.device: .*'cpu' or 'cuda'"),
        (("profile", "threads"), 0, r"profile\.threads: .*greater than or equal to 1"),
        (("products", "credit_risk", "problem"), "poetry", r"products\.credit_risk\.problem"),
        (("products", "credit_risk", "data"), "secret", r"products\.credit_risk\.data"),
        (("products",), {}, "no product"),
    ],
)
def test_a_wrong_value_names_the_key(content: dict[str, Any], path: tuple[str, ...], value: Any, message: str) -> None:
    block = content
    for key in path[:-1]:
        block = block[key]
    block[path[-1]] = value
    with pytest.raises(ConfigError, match=message) as caught:
        parse_params(content)
    assert caught.value.exit_code == EXIT_USAGE
    assert "\n" not in str(caught.value)


def test_a_product_without_a_candidate_is_refused(content: dict[str, Any]) -> None:
    content["candidates"] = {k: v for k, v in content["candidates"].items() if v["product"] != "credit_risk"}
    with pytest.raises(ConfigError, match="credit_risk: no candidate"):
        parse_params(content)


def test_a_column_cannot_be_numeric_and_categorical(content: dict[str, Any]) -> None:
    content["products"]["credit_risk"]["columns"]["categorical"].append("LIMIT_BAL")
    with pytest.raises(ConfigError, match="LIMIT_BAL"):
        parse_params(content)


def test_protected_columns_are_features_only_with_a_reason(content: dict[str, Any]) -> None:
    product = parse_params(content).product("credit_risk")
    assert not set(product.feature_columns) & set(product.requirements.protected)
    content["products"]["credit_risk"]["requirements"]["protected_as_features"] = {"AGE": "law requires it"}
    assert "AGE" in parse_params(content).product("credit_risk").feature_columns


def test_broken_yaml_and_a_missing_file_are_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "params.yaml"
    broken.write_text("products: [", encoding="utf-8")
    with pytest.raises(ConfigError, match="not readable as YAML"):
        load_params(broken)
    with pytest.raises(ConfigError, match="no such file"):
        load_params(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r"no params\.yaml"):
        find_layout(Path("/"))


def test_an_unknown_product_lists_those_there_are(content: dict[str, Any]) -> None:
    params: Params = parse_params(content)
    with pytest.raises(ConfigError, match=r"choose one of: .*credit_risk"):
        params.product("nope")


def test_a_key_that_stands_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("night:\n  retries: 1\n  retries: 2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"(?s)'retries' stands twice.*line 3"):
        load_params(path)

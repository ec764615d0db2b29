"""Secrets come from the environment or Airflow's connections: no setting takes one, and no tracked file holds one."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.config import Params, parse_params
from pipelines.errors import ConfigError
from pipelines.strict_yaml import load_yaml

ROOT = Path(__file__).resolve().parents[2]
KEY = re.compile(
    r"(^|_)(password|passwd|pwd|secret|secrets|api_?key|access_?key|private_?key|credential|credentials|auth|token)$",
    re.IGNORECASE,
)
VALUE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{30,}|\bxox[abpr]-[A-Za-z0-9-]{10,}"
    r"|\beyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}|[a-z+]+://[^/\s:@'\"{}<>]+:(?P<password>[^/\s@'\"{}<>$%]+)@"
)
MADE_UP = {"secret", "pass", "password", "pw", "hidden", "p", "s3cret", "me"}
"""Passwords in the tests' and the docs' examples."""


def keys_of(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield str(key)
            yield from keys_of(value)
    elif isinstance(content, list):
        for value in content:
            yield from keys_of(value)


def properties_of(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from properties_of(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from properties_of(value)


def test_no_setting_takes_a_secret() -> None:
    names = sorted(set(properties_of(Params.model_json_schema())))
    assert len(names) > 100
    assert [name for name in names if KEY.search(name)] == []


@pytest.mark.parametrize("name", ["params.yaml", "dvc.yaml", "bentofile.yaml", ".dvc/config", "pyproject.toml"])
def test_no_configuration_has_a_key_for_a_secret(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"^\s*\"?([A-Za-z_][\w-]*)\"?\s*[:=]", text, re.MULTILINE))
    if name.endswith(".yaml"):
        named |= set(keys_of(load_yaml(text)))
    assert named
    assert [key for key in sorted(named) if KEY.search(key.replace("-", "_"))] == []


def test_a_password_in_a_database_url_of_the_parameters_is_refused() -> None:
    content = load_yaml((ROOT / "params.yaml").read_text(encoding="utf-8"))
    product = next(iter(content["products"].values()))
    product["source"] = {"kind": "sql", "url": "postgresql+psycopg://ann:hunter2@db/shop", "query": "select 1"}
    with pytest.raises(ConfigError, match="password"):
        parse_params(content)


def test_no_tracked_file_holds_a_secret() -> None:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    found = []
    for name in listing.stdout.split("\0"):
        path = ROOT / name
        if (
            name
            and path.is_file()
            and path != Path(__file__)  # holds samples of what is to be found
            and path.suffix in {".py", ".yaml", ".yml", ".toml", ".json", ".md", ".sh", ".js", ""}
        ):
            for hit in VALUE.finditer(path.read_text(encoding="utf-8", errors="replace")):
                if hit["password"] is None or hit["password"].lower() not in MADE_UP:
                    found.append((name, hit[0][:40]))
    assert found == []


@pytest.mark.parametrize(
    "text",
    ["-----BEGIN RSA PRIVATE KEY-----", "AKIAABCDEFGHIJKLMNOP", "postgresql://ann:hunter2@db/shop", "ghp_" + "a" * 36],
)
def test_the_search_knows_a_secret_when_it_sees_one(text: str) -> None:
    assert VALUE.search(text)

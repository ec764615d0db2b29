"""The documents for people are kept true: commands exist, examples parse, links lead somewhere, languages agree."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from pipelines.cli import app
from pipelines.config import parse_params
from pipelines.validation.suite import load_suite

READMES = ("README.md", "README.zh-CN.md")
DOCUMENTS = (*READMES, "CONTRIBUTING.md")


def blocks(text: str, language: str) -> list[str]:
    """Fenced code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.M | re.S)


def commands(text: str) -> list[str]:
    """Shell lines without their comments."""
    lines = "\n".join(blocks(text, "sh")).splitlines()
    return [re.sub(r"\s+#.*", "", line).rstrip() for line in lines if line.strip()]


@pytest.fixture(scope="module")
def texts(root: Path) -> dict[str, str]:
    return {name: (root / name).read_text(encoding="utf-8") for name in DOCUMENTS}


def test_both_languages_name_the_same_commands_sections_and_rooms(texts: dict[str, str]) -> None:
    english, chinese = (texts[name] for name in READMES)
    assert commands(english) == commands(chinese)
    assert len(re.findall(r"^#+ ", english, flags=re.M)) == len(re.findall(r"^#+ ", chinese, flags=re.M))
    rooms = [re.findall(r"^\| (`(?:dags|pipelines|tests).*?) \|", text, flags=re.M) for text in (english, chinese)]
    assert [re.findall(r"`[^`]+`", room) for room in rooms[0]] == [re.findall(r"`[^`]+`", room) for room in rooms[1]]


def test_every_nightshift_command_and_make_target_exists(texts: dict[str, str], root: Path) -> None:
    group: Any = typer.main.get_command(app)
    targets = set(re.findall(r"^([a-z-]+)(?: [a-z ]+)?:", (root / "Makefile").read_text(encoding="utf-8"), flags=re.M))
    for name, text in texts.items():
        for command, rest in re.findall(r"bin/nightshift ([a-z-]+)([^\n`#]*)", text):
            assert command in group.commands, (name, command)
            found = group.commands[command]
            parts = [found, *getattr(found, "commands", {}).values()]
            known = {option for part in parts for parameter in part.params for option in parameter.opts}
            assert set(re.findall(r"--[a-z-]+", rest)) <= known, (name, command, rest)
        for target in re.findall(r"(?:^|`)make ([a-z-]+)", text, flags=re.M):
            assert target in targets, (name, target)


def test_every_link_inside_the_project_leads_somewhere(texts: dict[str, str], root: Path) -> None:
    for name, text in texts.items():
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            assert "://" in target or (root / target).exists(), (name, target)


@pytest.mark.parametrize("name", READMES)
def test_the_example_of_a_new_product_is_allowed(name: str, texts: dict[str, str], root: Path, tmp_path: Path) -> None:
    (example,) = [yaml.safe_load(block) for block in blocks(texts[name], "yaml")]
    content = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    for key in ("products", "candidates"):
        content[key] |= example[key]
    churn = parse_params(content).product("churn")
    assert churn.requirements.protected == ("gender",)
    assert "gender" not in churn.feature_columns
    (suite,) = blocks(texts[name], "json")
    path = tmp_path / "churn.json"
    path.write_text(suite, encoding="utf-8")
    assert len(json.loads(suite)["expectations"]) == 2
    load_suite(path)

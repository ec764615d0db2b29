"""The commands of docs/your-own-product.md, as a reader would type them, in a fresh clone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))


def commands() -> list[str]:
    """The shell blocks of the page, in order."""
    text = (ROOT / "docs" / "your-own-product.md").read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(.*?)^```", text, flags=re.M | re.S)


def test_every_command_and_option_of_the_page_exists() -> None:
    import typer.main

    from pipelines.cli import app

    group = typer.main.get_command(app)
    for line in "\n".join(commands()).splitlines():
        if not (found := re.match(r"\.venv/bin/nightshift ([a-z]+)(.*)", line)):
            continue
        command = group.commands[found.group(1)]  # type: ignore[attr-defined]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", found.group(2))) <= known, line


@pytest.mark.slow
@pytest.mark.night
def test_the_page_works_from_the_csv_to_the_drift_mail(tmp_path: Path) -> None:
    from clones import changed_files, fresh_clone

    clone = fresh_clone(tmp_path / "clone")
    environment = {**os.environ, "PYTHONPATH": str(clone), "DVC_NO_ANALYTICS": "1"}
    for name in ("NIGHTSHIFT_ROOT", "AIRFLOW_CONN_SMTP_DEFAULT", "AIRFLOW_HOME"):
        environment.pop(name, None)
    before = (clone / "params.yaml").read_bytes()
    said: dict[str, str] = {}
    for block in commands():
        lines = [block] if "awk" in block else block.splitlines()
        for line in lines:
            done = subprocess.run(
                ["/bin/sh", "-ec", line],
                cwd=clone, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=900, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
            said[line] = done.stdout
        if "nightshift new churn --data" in block:
            churn = yaml.safe_load((clone / "params.yaml").read_text(encoding="utf-8"))["products"]["churn"]
            assert churn["source"]["decimal"] == ","
            assert churn["columns"]["id"] == "customer_id"
            assert churn["columns"]["numeric"] == ["monthly_fee", "calls", "complaints"]
            assert churn["columns"]["categorical"] == ["plan"]
    watched = next(text for line, text in said.items() if " watch " in line)
    assert "alarm" in watched
    mails = next(text for line, text in said.items() if line.endswith("outbox"))
    assert re.search(r"churn: drift alarm", mails)
    assert (clone / "params.yaml").read_bytes() == before
    assert [name for name in changed_files(clone) if name != "customers.csv"] == []

"""A checkout with two lanes whose stages take no time: for tests of the night itself.

A stage does what ``behave.json`` says for ``stage@instance``: ``sleep`` (seconds), ``die`` (``before``, ``during`` or
``after`` its outs take their place), ``error`` and ``code``, or a verdict's ``status``, ``reason`` and ``next_step``.
What lies outside DVC (release, watch, mail) is replaced in the child processes by a ``sitecustomize`` that notes its
calls in ``calls.txt``.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from pipelines.layout import Layout

ROOT = Path(__file__).resolve().parents[1]
PRODUCTS = ("alpha", "beta")
MODELS = ("one", "two")
GIVEN = "TINY_GIVEN_"
"""What starts with this in a test's environment is handed to the tiny project without it."""
UPSTREAM = {
    "fetch": ".nightshift/snapshots/${key}",
    "validate": ".nightshift/lanes/${key}/fetch",
    "label": ".nightshift/lanes/${key}/validate",
    "prepare": ".nightshift/lanes/${key}/label",
    "evaluate": ".nightshift/lanes/${key}/models",
    "export": ".nightshift/lanes/${key}/evaluate/result",
    "package": ".nightshift/lanes/${key}/export",
}

STAGE = """
import json, os, sys, time
from pathlib import Path

stage, key = sys.argv[1:]
product, _, model = key.partition("-")
folder = {"train": f"models/{model}", "evaluate": "evaluate/result"}.get(stage, stage)
out = Path(".nightshift/lanes") / product / folder
behave = json.loads(Path("behave.json").read_text()).get(f"{stage}@{key}", {})
print(f"tiny {stage} of {key}", flush=True)
if behave.get("sleep"):
    from pipelines.process import die_with_parent

    die_with_parent()
    Path("sleeping.txt").write_text(str(os.getpid()))
    time.sleep(behave["sleep"])
if behave.get("error"):
    sys.stderr.write("nightshift: " + behave["error"] + "\\n")
    sys.exit(behave.get("code", 1))
verdict = {"gate": stage, "product": product, "status": behave.get("status", "passed"), "checks": [],
           "reason": behave.get("reason", ""), "next_step": behave.get("next_step", "")}
pin = Path(".nightshift/snapshots") / product / "pin.json"
die = behave.get("die")  # by SIGKILL: "before", "during" or "after" the outs take their place


def killed(*_):
    os.kill(os.getpid(), 9)


if die == "during":
    os.replace = killed
from pipelines.files import replaced_folder

with replaced_folder(out) as folder:
    Path(folder, "verdict.json").write_text(json.dumps(verdict))
    if stage == "fetch" and pin.is_file():
        Path(folder, "pin.json").write_text(pin.read_text())
    if die == "before":
        killed()
if die == "after":
    killed()
"""

FAKES = """
import os, sys, types
from pathlib import Path


def note(*words):
    with open(os.environ["TINY_CALLS"], "a") as stream:
        stream.write(" ".join(map(str, words)) + "\\n")


def release(layout, params, product, night, after_drift=False):
    from pipelines.verdicts import Verdict

    note("release", product, *(["after drift"] if after_drift else []))
    verdict = Verdict(gate="smoke", product=product, status="passed")
    return types.SimpleNamespace(verdicts=(verdict,), line=f"{product} promoted", outcome="promoted")


def watch_day(layout, params, product, night, as_of):
    note("watch", product, as_of)
    page = layout.night(night, product) / "drift" / "report.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("drift")
    return types.SimpleNamespace(reports=(page,), line="no drift", mailed=types.SimpleNamespace(path=page))


def send_failure(layout, params, product, task, line, night=None):
    note("mail", product, task, line)


def watch_log(layout, params, product, until):
    # drift that lasts, where drift.txt names the product
    from pipelines.records.alarms import Rules, Window, note_window
    from pipelines.records.store import open_records

    wanted = layout.root / "drift.txt"
    drifts = wanted.is_file() and wanted.read_text().split() == [product]
    causes = {"measured_loss": {"effect": 0.1, "limit": 0.02}} if drifts else {}
    end = until.isoformat()
    records = open_records(layout.records_url)
    noted = note_window(records, Window(product, "v", end, end, 500, "steady", causes), Rules(1, 1))
    records.close()
    note("drift watch", product)
    return types.SimpleNamespace(line="500 rows", noted=noted)


def deliver(layout):
    return types.SimpleNamespace(line=lambda: "outbox: empty")


mail = os.environ.get("REAL_MAIL")  # the folder of the real package: its mails are not faked
for name, functions in {
    "pipelines.release": {"release": release},
    "pipelines.monitoring": {"watch_day": watch_day},
    "pipelines.monitoring.mail": {"send_failure": send_failure},
    "pipelines.monitoring.outbox": {"deliver": deliver},
    "pipelines.monitoring.hourly": {"watch_log": watch_log},
}.items():
    if mail and name in ("pipelines.monitoring.mail", "pipelines.monitoring.outbox"):
        continue
    module = types.ModuleType(name)
    module.__path__ = [mail] if mail and name == "pipelines.monitoring" else []
    vars(module).update(functions)
    sys.modules[name] = module
"""


def make_tiny(
    folder: Path, products: tuple[str, ...] = PRODUCTS, models: tuple[str, ...] = MODELS, code_files: int = 0
) -> Layout:
    """A git and DVC repository in ``folder`` with this checkout's DAGs and environment.

    ``code_files``: as many more dependencies of every stage, as its modules are in the real ``dvc.yaml``.
    """
    (folder / "code").mkdir(parents=True, exist_ok=True)
    code = [f"code/module_{number}.py" for number in range(code_files)]
    for name in code:
        (folder / name).write_text(f"# {name}\n")
    (folder / "params.yaml").write_text(yaml.safe_dump(_params(products, models), sort_keys=False))
    (folder / "dvc.yaml").write_text(yaml.safe_dump(_stages(code), sort_keys=False))
    (folder / "tiny_stage.py").write_text(STAGE)
    (folder / "fakes").mkdir(exist_ok=True)
    (folder / "fakes" / "sitecustomize.py").write_text(FAKES)
    shutil.copytree(ROOT / "dags", folder / "dags", ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    shutil.copy(ROOT / ".dvcignore", folder)
    (folder / ".gitignore").write_text("/.nightshift/\n/.venv\n/calls.txt\n/sleeping.txt\n__pycache__/\n")
    (folder / ".venv").symlink_to(ROOT / ".venv")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], cwd=folder, check=True)
    behave(Layout(folder), {})
    return Layout(folder)


def behave(layout: Layout, what: dict[str, dict[str, Any]]) -> None:
    """Say how the stages are to behave; every stage of every lane is stale after a change."""
    (layout.root / "behave.json").write_text(json.dumps(what))


def environment(layout: Layout) -> dict[str, str]:
    """For child processes: this checkout's code, the tiny project's state, the fakes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "NIGHTSHIFT"))}
    kept |= {name.removeprefix(GIVEN): text for name, text in os.environ.items() if name.startswith(GIVEN)}
    return {
        **kept,
        "NIGHTSHIFT_ROOT": str(layout.root),
        "PYTHONPATH": f"{layout.root / 'fakes'}{os.pathsep}{ROOT}",
        "TINY_CALLS": str(layout.root / "calls.txt"),
    }


def nightshift(layout: Layout, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Run the command line in the tiny project."""
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        cwd=layout.root,
        env=environment(layout),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def start(layout: Layout, *arguments: str) -> subprocess.Popen[str]:
    """As :func:`nightshift`, without waiting."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        cwd=layout.root,
        env=environment(layout),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def calls(layout: Layout) -> list[str]:
    """What the fakes were asked for, in order."""
    path = layout.root / "calls.txt"
    return path.read_text().splitlines() if path.exists() else []


def _params(products: tuple[str, ...], models: tuple[str, ...]) -> dict[str, Any]:
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    block = content["products"]["credit_risk_demo"]
    candidate = content["candidates"]["credit_risk_demo-lightgbm"]
    content["night"] = {**content["night"], "retry_delay_seconds": 1, "retries": 1}
    content["products"] = {name: copy.deepcopy(block) for name in products}
    content["candidates"] = {
        f"{name}-{model}": {**copy.deepcopy(candidate), "product": name, "model": model}
        for name in products
        for model in models
    }
    return content


def _stages(code: list[str]) -> dict[str, Any]:
    stages: dict[str, Any] = {}
    for stage in ("fetch", "validate", "label", "prepare", "train", "evaluate", "export", "package"):
        lane = ".nightshift/lanes/${item.product}" if stage == "train" else ".nightshift/lanes/${key}"
        out = {"train": "models/${item.model}", "evaluate": "evaluate/result"}.get(stage, stage)
        upstream = UPSTREAM.get(stage, ".nightshift/lanes/${item.product}/prepare")
        stages[stage] = {
            "foreach": "${candidates}" if stage == "train" else "${products}",
            "do": {
                "cmd": f"{sys.executable} tiny_stage.py {stage} ${{key}}",
                "deps": [upstream, "behave.json", *code],
                "outs": [f"{lane}/{out}"],
            },
        }
    return {"stages": stages}

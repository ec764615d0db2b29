"""The Bento as it is shipped: no index looked at or named, and the same answers in an environment of its own pins."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from bundles import TASKS, pack_lane, write_params

from pipelines.bundle import read_manifest
from pipelines.errors import ServiceError
from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.problems.tabular.answer.answers import largest_difference
from pipelines.records import registry
from pipelines.records.store import open_records
from pipelines.release.registering import register
from pipelines.serving.client import Client
from pipelines.serving.launch import free_port, stop

pytestmark = [pytest.mark.slow, pytest.mark.service]

HOSTS = re.compile(r"https?://|index-url|find-links|trusted-host", re.IGNORECASE)
HEAVY = {
    "apache-airflow", "dvc", "evidently", "great-expectations", "matplotlib", "pandas", "pyarrow", "scikit-learn",
    "torch", "transformers",
}  # fmt: skip


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    layout = Layout(tmp_path_factory.mktemp("shop"))
    params = write_params(layout)
    records = open_records(layout.records_url)
    for product in TASKS:
        pack_lane(layout, params, product)
        version = register(layout, records, params, product, "n1").version
        registry.move_champion(records, product, version, kind="promote", who="t", why="w", expected=None)
    records.close()
    return layout


def build(layout: Layout, *products: str) -> Path:
    """``nightshift bento``, with every package tool cut off from an index."""
    environment = {
        **os.environ, "NIGHTSHIFT_ROOT": str(layout.root), "PIP_NO_INDEX": "1", "UV_OFFLINE": "1",
        "HTTP_PROXY": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "bento", *products],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    tag = done.stdout.split()[0]
    return layout.state / "bentos" / tag.replace(":", "-")


@pytest.fixture(scope="module")
def bento(layout: Layout) -> Path:
    return build(layout)


def test_the_bento_holds_code_pins_and_models_and_nothing_else(bento: Path, layout: Layout) -> None:
    options = yaml.safe_load((bento / "bento.yaml").read_text(encoding="utf-8"))
    records = open_records(layout.records_url)
    champions = registry.all_champions(records)
    records.close()
    assert {model["tag"] for model in options["models"]} == {f"{p}:{v}" for p, v in champions.items()}
    pins = (bento / "env" / "python" / "requirements.txt").read_text(encoding="utf-8")
    names = {line.split("==")[0] for line in pins.splitlines() if line and not line.startswith("#")}
    assert {"bentoml", "lightgbm", "onnxruntime"} <= names
    assert not names & HEAVY
    assert not (bento / "env" / "python" / "requirements.lock.txt").exists()
    sources = {path.relative_to(bento / "src").parts[0] for path in (bento / "src").rglob("*") if path.is_file()}
    assert sources == {"bentofile.yaml", "pipelines"}
    rooms = {path.name for path in (bento / "src" / "pipelines").iterdir() if path.is_dir()}
    assert not rooms & {"stages", "night", "monitoring", "release", "sources"}
    page = bento / "src" / "pipelines" / "serving" / "page" / "static"
    assert {"index.html", "main.js", "style.css", "icon.svg"} <= {path.name for path in page.iterdir()}


def test_the_bento_holds_a_bill_of_its_pins_models_and_code(bento: Path, layout: Layout) -> None:
    bill = read_json(bento / "sbom.cdx.json")
    items = {item["name"]: item for item in bill["components"]}
    pins = (bento / "env" / "python" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in pins if line and not line.startswith("#"))
    assert {name: items[name]["version"] for name in pinned} == pinned
    models = {item["name"]: item for item in bill["components"] if item["type"] == "machine-learning-model"}
    assert set(models) == set(TASKS)
    for product, model in models.items():
        (folder,) = (bento / "models" / product).glob("*/bundle")
        hashes = {item["name"]: item["hashes"][0]["content"] for item in model["components"]}
        assert hashes == {name: entry["sha256"] for name, entry in read_manifest(folder).files.items()}
    assert bill["metadata"]["component"]["version"] == bento.name.removeprefix("nightshift-")


def test_the_bento_names_no_index_and_nothing_of_this_machine(bento: Path, layout: Layout) -> None:
    places = {str(layout.root), str(Path(__file__).resolve().parents[2]), str(Path.home()), "/opt/"}
    found = []
    for path in bento.rglob("*"):
        relative = path.relative_to(bento).as_posix()
        if not path.is_file() or path.suffix == ".parquet":
            continue
        text = path.read_text(encoding="utf-8", errors="replace")  # an ONNX graph is none
        found += [(relative, place) for place in places if place in text]
        if not relative.startswith(("src/", "models/")):
            found += [(relative, hit) for hit in HOSTS.findall(_without_own_comments(relative, text))]
        found += [(relative, hit) for hit in re.findall(r"pypi[\w.]*", text, re.IGNORECASE)]
    assert found == []


def _without_own_comments(relative: str, text: str) -> str:
    """BentoML's entry point quotes a web page in a comment."""
    lines = text.splitlines()
    return "\n".join(line for line in lines if not (relative.endswith(".sh") and line.strip().startswith("#")))


def test_the_same_champions_give_the_same_tag_and_fewer_products_another(layout: Layout, bento: Path) -> None:
    assert build(layout).name == bento.name
    one = build(layout, "wine")
    assert one.name != bento.name
    assert [path.name for path in (one / "models").iterdir()] == ["wine"]


@pytest.fixture(scope="module")
def clean_python(bento: Path) -> Iterator[Path]:
    """A virtual environment of only the Bento's pins; kept in the temporary folder for the next test run."""
    pins = bento / "env" / "python" / "requirements.txt"
    digest = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"nightshift-serving-{os.getuid()}-{digest}"
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--requirement", pins]
            done = subprocess.run(install, capture_output=True, text=True, check=False)
            if done.returncode:
                shutil.rmtree(folder, ignore_errors=True)
                pytest.skip(f"the pins cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
            (folder / "complete").touch()
        yield folder / "bin" / "python"


def test_the_clean_environment_holds_nothing_heavy_and_fits_together(clean_python: Path) -> None:
    listed = subprocess.run(
        [clean_python, "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    names = {item["name"].lower() for item in json.loads(listed.stdout)}
    assert "bentoml" in names
    assert not names & HEAVY
    subprocess.run([clean_python, "-m", "pip", "check"], check=True, capture_output=True)


def test_the_shipped_bento_answers_like_offline_in_its_own_environment(
    bento: Path, layout: Layout, clean_python: Path, tmp_path: Path
) -> None:
    shipped = Path(shutil.copytree(bento, tmp_path / "elsewhere"))
    port = free_port()
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "BENTOML_HOME": str(tmp_path / "bentoml")}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [clean_python, "-m", "bentoml", "serve", shipped, "--host", "127.0.0.1", "--port", str(port)],
            env=environment, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        with Client("127.0.0.1", port) as client:
            assert _ready(client, process), (tmp_path / "log").read_text()[-2000:]
            for product in TASKS:
                golden = read_json(next((bento / "models" / product).glob("*/bundle/golden.json")))
                heard = client.predict(product, golden["rows"])
                assert heard.status == 200, heard.text
                assert largest_difference(heard.json()["answers"], golden["answers"]) <= 1e-6
                assert client.predict(product, [{}]).status == 422
    finally:
        stop(process)


def _ready(client: Client, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.call("GET", "/readyz").status == 200:
                return True
        except ServiceError:
            pass
        time.sleep(0.2)
    return False

"""The OpenAPI document against a real service, by schemathesis: no 5xx, nothing undeclared, nothing wrong accepted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bundles import TASKS, bundle_of, write_params

from pipelines.blocks.operations import Service
from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.records import keys
from pipelines.records.predictions import count
from pipelines.records.store import open_records
from pipelines.serving.client import Client
from pipelines.serving.launch import Running, running

pytestmark = [pytest.mark.service, pytest.mark.slow]

REFUSED = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429"]
ANY_PRODUCT = ("/v1/{product}/predict", "/v1/{product}/feedback")


@pytest.fixture(scope="module")
def key(layout: Layout) -> str:
    records = open_records(layout.records_url)
    made = keys.add(records, "fuzzer", ["predict", "feedback"])
    records.close()
    return made


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    made = Layout(tmp_path_factory.mktemp("documented"))
    write_params(made)
    return made


@pytest.fixture(scope="module")
def served(small: Layout, layout: Layout, key: str) -> Iterator[Running]:
    bundles = {product: bundle_of(small, product) for product in TASKS}
    with running(layout, bundles, Service(max_rows=20, keys="always"), log=True) as service:
        yield service


@pytest.fixture(scope="module")
def document(served: Running, key: str) -> Any:
    with Client(served.host, served.port) as client:
        heard = client.call("GET", "/docs.json", headers={"Authorization": f"Bearer {key}"})
    assert heard.status == 200
    return heard.json()


def test_every_product_has_a_path_with_its_own_fields(document: Any, small: Layout) -> None:
    for product in TASKS:
        schema = read_json(bundle_of(small, product) / "schema.json")
        body = document["paths"][f"/v1/{product}/predict"]["post"]["requestBody"]["content"]["application/json"]
        row = body["schema"]["properties"]["rows"]["items"]
        assert {field["name"] for field in schema["fields"]} <= set(row["properties"])
        assert row["additionalProperties"] is False
        size = next(field for field in schema["fields"] if field["name"] == "size")
        assert row["properties"]["size"]["enum"] == size["allowed"]
        assert body["example"]["rows"][0].keys() <= row["properties"].keys()
    for path in ANY_PRODUCT:
        (parameter,) = document["paths"][path]["parameters"]
        assert (parameter["name"], parameter["in"], parameter["schema"]["enum"]) == ("product", "path", sorted(TASKS))


def test_every_refusal_that_is_made_is_declared(document: Any) -> None:
    for path in (*ANY_PRODUCT, "/v1/wine/predict"):
        declared = set(document["paths"][path]["post"]["responses"])
        assert {"200", "400", "401", "403", "404", "413", "415", "422", "429", "503"} <= declared


def test_schemathesis_finds_nothing_against_a_real_service(
    served: Running, layout: Layout, key: str, tmp_path: Path
) -> None:
    pytest.importorskip("schemathesis", reason="a development dependency: pip install -e '.[dev]'")
    rules = [
        f"[checks.negative_data_rejection]\nexpected-statuses = {json.dumps(REFUSED)}",
        f"[checks.positive_data_acceptance]\nexpected-statuses = {json.dumps(['2xx', '404'])}",
    ]
    for path in ANY_PRODUCT:  # which rows are right depends on the product
        rules.append(f"[[operations]]\ninclude-path = {json.dumps(path)}")
        rules.append("[operations.checks.positive_data_acceptance]\nenabled = false")
    (tmp_path / "schemathesis.toml").write_text("\n".join(rules), encoding="utf-8")
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"), "run", f"{served.url}/docs.json", "--max-examples", "4",
            "--seed", "1", "--continue-on-failure", "--no-color", "--header", f"Authorization: Bearer {key}",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    assert "Tested: 15" in done.stdout
    assert key not in served.log.read_text(encoding="utf-8", errors="replace")
    log = open_records(layout.log_url)
    assert sum(count(log, product, "", "9999") for product in TASKS) > 50
    log.close()

"""Plans by a real uplift model: from fields in a request, and for the customers of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import uplift_lanes as lanes
import yaml

from pipelines.errors import ConfigError, DataError, RecordsError
from pipelines.files import read_json, read_parquet
from pipelines.layout import Layout
from pipelines.serving import plan_file
from pipelines.serving.loaded import Loaded, load
from pipelines.serving.plan_request import answer

FIELDS = ["recency", "history", "mens", "womens", "newbie", "area", "channel"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Loaded]:
    """A checkout with params.yaml, and its uplift model loaded as the service does."""
    layout = Layout(tmp_path_factory.mktemp("plans"))
    params = lanes.params_of()
    layout.params.write_text(yaml.safe_dump(params.model_dump(mode="json"), sort_keys=False))
    assert lanes.until(layout, params, lanes.rows(5000), "package").passed
    return layout, load(lanes.PRODUCT, None, layout.stage("package", lanes.PRODUCT) / "bundle")


def customers(count: int) -> pd.DataFrame:
    return lanes.rows(count, seed=11)[["id", *FIELDS]]


def test_customers_with_fields_are_asked_of_the_product(place: tuple[Layout, Loaded]) -> None:
    rows = json.loads(customers(60).to_json(orient="records"))
    body = {
        "product": lanes.PRODUCT,
        "customers": [{"id": row.pop("id"), "segment": row["area"], "fields": row} for row in rows],
        "budget": 0.4,
        "value": 1.0,
        "costs": {"mens_mail": 0.02, "womens_mail": 0.02},
        "segment_limits": {"rural": 1},
    }
    reply = answer({lanes.PRODUCT: place[1]}, "application/json", json.dumps(body).encode())
    found: dict[str, Any] = json.loads(reply.encode())
    assert reply.status == 200
    plan = found["plan"]
    assert found["version"] == place[1].version
    assert 0 < plan["contacts"] <= 20
    assert plan["contacts_per_segment"]["rural"] <= 1
    assert plan["net_interval"][0] < plan["expected_net"] < plan["net_interval"][1]
    answers = {one["id"]: one["offer"] for one in found["offers"]}
    told = place[1].answer([one["fields"] for one in body["customers"]])  # type: ignore[index]
    gains = [
        told[at]["score"][answers[one["id"]]] - 0.02
        for at, one in enumerate(body["customers"])  # type: ignore[arg-type]
        if one["id"] in answers
    ]
    assert sum(gains) == pytest.approx(plan["expected_net"], rel=1e-6)
    body["customers"][3]["fields"]["area"] = "moon"  # type: ignore[index]
    reply = answer({lanes.PRODUCT: place[1]}, "application/json", json.dumps(body).encode())
    assert reply.status == 422
    assert "customers[3].fields.area" in json.loads(reply.encode())["error"]


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_a_file_of_customers_gets_its_offers(
    place: tuple[Layout, Loaded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(plan_file, "champion_of", lambda *_: place[1])
    frame, given, out = customers(3000), tmp_path / f"in{ending}", tmp_path / f"out{ending}"
    frame.to_csv(given, index=False) if ending == ".csv" else frame.to_parquet(given)
    pairs = {"costs": ["mens_mail=0.02", "womens_mail=0.02"], "offer_minimum": ["womens_mail=100"]}
    lines = plan_file.plan_lines(place[0], lanes.PRODUCT, given, out, 10.0, 1.0, pairs, "area")
    found = read_parquet(out) if ending == ".parquet" else pd.read_csv(out)
    contacted = found[found["offer"].notna()]
    assert len(found) == len(frame)
    assert len(contacted) == 500
    assert (contacted["offer"] == "womens_mail").sum() >= 100
    best = found[["uplift mens_mail", "uplift womens_mail"]].max(axis=1)
    assert best[contacted.index].mean() > best.mean()
    assert "500 of " in lines[0]
    assert "one more unit of budget would add" in lines[2]


def test_what_is_wrong_with_a_file_or_an_option_is_said(
    place: tuple[Layout, Loaded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout, loaded = place
    given = tmp_path / "in.parquet"
    customers(50).drop(columns="recency").to_parquet(given)
    with pytest.raises(RecordsError, match="no champion yet"):
        plan_file.plan_file(layout, lanes.PRODUCT, given, {}, None, tmp_path / "out.parquet")
    monkeypatch.setattr(plan_file, "champion_of", lambda *_: loaded)
    with pytest.raises(DataError, match="'recency' is missing"):
        plan_file.plan_file(layout, lanes.PRODUCT, given, {"budget": 1.0}, None, tmp_path / "out.parquet")
    with pytest.raises(ConfigError, match="no column 'town'"):
        plan_file.plan_file(layout, lanes.PRODUCT, given, {"budget": 1.0}, "town", tmp_path / "out.parquet")
    with pytest.raises(ConfigError, match="not NAME=NUMBER"):
        plan_file.plan_lines(layout, lanes.PRODUCT, given, given, 1.0, 1.0, {"costs": ["mens_mail"]}, None)
    with pytest.raises(ConfigError, match="no product"):
        plan_file.plan_file(layout, "fax", given, {}, None, tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_the_bundle_reads_in_the_small_environment(place: tuple[Layout, Loaded]) -> None:
    import subprocess
    import sys

    folder = place[0].stage("package", lanes.PRODUCT) / "bundle"
    rows = read_json(folder / "golden.json")["rows"][:2]
    code = (
        "import json, sys\nfrom pathlib import Path\n"
        "from pipelines.serving.lean import heavy_modules, refuse_heavy_imports\nrefuse_heavy_imports()\n"
        "from pipelines.problems import load_answering\nfrom pipelines.serving.plan_request import answer\n"
        "model = load_answering('uplift', Path(sys.argv[1]), lambda _: None)\n"
        "found = model.answer(json.loads(sys.argv[2]), True)\n"
        "body = {'customers': [{'uplift': one['score']} for one in found], 'budget': 1, 'value': 1}\n"
        "assert answer({}, '', json.dumps(body).encode()).status == 200\nassert not heavy_modules(), heavy_modules()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder), json.dumps(rows)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

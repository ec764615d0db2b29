"""How a product is asked once it is served."""

from __future__ import annotations

import json
import shlex
from typing import Any

from pipelines.config import Params
from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.records.registry import champion
from pipelines.records.store import open_records

MOST_FIELDS = 40  # a wider row is asked for by a pipe instead of written out


def curl_lines(layout: Layout, params: Params, product: str) -> list[str]:
    """What to type to get an answer from the champion; one line that says so when there is none."""
    records = open_records(layout.records_url)
    try:
        version = champion(records, product)
    finally:
        records.close()
    if version is None:
        return [f"{product} has no champion: see what the scoreboard says above, then run the night again"]
    address = f"http://{params.service.host}:{params.service.port}"
    lines = [f"{product}: version {version} answers. Where no service runs yet: nightshift serve"]
    row = _example(layout, product, version)
    if row is not None and len(row) <= MOST_FIELDS:
        body = shlex.quote(json.dumps({"rows": [row]}, ensure_ascii=False))
        lines.append(f"curl -s -H 'Content-Type: application/json' -d {body} {address}/v1/{product}/predict")
    else:
        script = 'import json, sys; json.dump(json.load(sys.stdin)["example"], sys.stdout)'
        lines.append(
            f"curl -s {address}/v1/products/{product} | python3 -c '{script}' "
            f"| curl -s -H 'Content-Type: application/json' -d @- {address}/v1/{product}/predict"
        )
    return lines


def _example(layout: Layout, product: str, version: str) -> dict[str, Any] | None:
    path = layout.bundle(product, version) / "schema.json"
    if not path.is_file():
        return None
    fields = read_json(path).get("fields", [])
    return {field["name"]: field.get("example") for field in fields if isinstance(field, dict) and "name" in field}

"""Requests that a service must refuse, made from a bundle's schema: each with what the refusal must name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.serving.client import JSON_HEADERS


@dataclass(frozen=True)
class Bad:
    """One request that must be answered with a 4xx.

    Attributes:
        name: what is wrong with it.
        body: as sent.
        names: what the answer must contain, e.g. the field; empty where there is nothing to name.
        method: HTTP method.
        path: under the service's root.
        headers: as sent.
    """

    name: str
    body: bytes
    names: str
    path: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=lambda: JSON_HEADERS)


def bad_requests(product: str, schema: Mapping[str, Any], row: Mapping[str, Any], max_rows: int) -> list[Bad]:
    """Every kind of wrong request that this schema allows to make.

    Args:
        product: whose path.
        schema: ``schema.json``.
        row: a good row.
        max_rows: the service's limit.
    """
    path = f"/v1/{product}/predict"

    def rows(name: str, changed: Any, named: str) -> Bad:
        return Bad(name, json.dumps({"rows": [changed]}).encode(), named, path)

    found = [
        Bad("not JSON", b'{"rows": [', "JSON", path),
        Bad("not UTF-8", b'{"rows": ["\xff"]}', "UTF-8", path),
        Bad("empty body", b"", "empty", path),
        Bad("no object", b"[]", "object", path),
        Bad("no rows", b"{}", "rows", path),
        Bad("empty rows", b'{"rows": []}', "rows", path),
        Bad("rows no list", b'{"rows": {"a": 1}}', "rows", path),
        Bad("unknown key", json.dumps({"rows": [dict(row)], "explian": True}).encode(), "explian", path),
        Bad("explain no boolean", json.dumps({"rows": [dict(row)], "explain": "yes"}).encode(), "explain", path),
        Bad("too deep", b"[" * 200_000, "nested", path),
        Bad("too many rows", json.dumps({"rows": [{}] * (max_rows + 1)}).encode(), str(max_rows), path),
        Bad("wrong method", b"", "method", path, method="GET"),
        Bad("wrong product", json.dumps({"rows": [dict(row)]}).encode(), "no_such", "/v1/no_such/predict"),
        Bad("wrong content type", b"rows=1", "json", path, headers={"Content-Type": "text/csv"}),
        rows("row no object", 7, "row"),
        rows("unknown field", {**row, "no_such_field": 1}, "no_such_field"),
    ]
    for item in schema["fields"]:
        found += _field(item, row, rows)
    return found


def _field(item: Mapping[str, Any], row: Mapping[str, Any], rows: Any) -> list[Bad]:
    name = str(item["name"])
    wrong: dict[str, Any] = {"wrong type": ["a", "list"], "an object": {"a": 1}}
    if item["type"] == "string":
        wrong["a number"] = 3.5
        if "allowed" in item:
            wrong["unknown category"] = "no such category"
    else:
        wrong |= {"text": "x12", "NaN": float("nan"), "infinity": float("inf"), "true": True}
        if "allowed" in item:
            wrong["unknown category"] = max(item["allowed"]) + 1000
        elif item.get("maximum") is not None:
            wrong["out of range"] = item["maximum"] + max(1.0, abs(item["maximum"])) * 10
    if not item["nullable"]:
        wrong["null"] = None
    found = [rows(f"{name}: {kind}", {**row, name: value}, name) for kind, value in wrong.items()]
    if not item["nullable"]:
        found.append(rows(f"{name}: missing", {key: value for key, value in row.items() if key != name}, name))
    return found

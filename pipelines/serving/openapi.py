"""The OpenAPI document: BentoML's own, completed with what it does not know: the path parameter, refusals, keys, pages,
and a path per served product with the types, ranges and categories of that product's schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.blocks.operations import Service
from pipelines.problems import Judged, Telling
from pipelines.serving.outcomes import MAX_TEXT, THUMBS
from pipelines.serving.validate import MAX_TEXT as MAX_FIELD_TEXT

if TYPE_CHECKING:
    from pipelines.serving.loaded import Loaded

Json = dict[str, Any]
DIALECT = "3.1.0"  # the components are JSON Schema 2020-12, which 3.0 does not read
DESCRIPTION = (
    "Predictions of every product's champion. An answer names the version of the model and a request_id, and is kept "
    "in the prediction log before it is sent; the true outcome can be told later with that request_id."
)
TYPES = {"integer": "integer", "number": "number", "string": "string"}
REFUSALS = {
    400: "not JSON, not UTF-8, or of another shape",
    401: "no API key, or one that is not known",
    403: "a key that may not do this",
    404: "no such product, or no such answered row",
    413: "too many rows or bytes",
    415: "not application/json",
    422: "a row, field or outcome is wrong; problems names each",
    429: "more requests at once than this worker answers; Retry-After says when to come again",
    503: "the prediction log cannot be written; Retry-After says when to come again",
}
STREAMED = (
    "The answer of one row as server-sent events, each with JSON data: action, writing, verdict, evidence, piece (the "
    "reply in parts, sent when the whole is checked and logged), then done, with what predict answers, or error."
)
PLAIN = {"text/plain": {"schema": {"type": "string"}}}
PAGE_REFUSALS = (401,)


def document(bento: Json, served: Mapping[str, Loaded], limits: Service) -> Json:
    """The document of what is served now.

    Args:
        bento: BentoML's document of the service.
        served: the models by product.
        limits: the service block.
    """
    predict = bento["paths"]["/v1/{product}/predict"]["post"]
    feedback = bento["paths"]["/v1/{product}/feedback"]["post"]
    paths: Json = {path: {"get": _infra(path, item["get"])} for path, item in bento["paths"].items() if "get" in item}
    paths |= _pages(sorted(served))
    paths["/v1/{product}/predict"] = {"post": _predict(predict, limits)}
    paths["/v1/{product}/feedback"] = {"post": _feedback(feedback, limits)}
    for path in ("/v1/{product}/predict", "/v1/{product}/feedback"):
        paths[path]["parameters"] = [_product_parameter(sorted(served))]
    for name, loaded in sorted(served.items()):
        paths[f"/v1/{name}/predict"] = {"post": _predict(predict, limits, loaded)}
        paths[f"/v1/{name}/feedback"] = {"post": _feedback(feedback, limits, loaded)}
        if isinstance(loaded.model, Telling):
            paths[f"/v1/{name}/reply/stream"] = {"post": _stream(predict, limits, loaded)}
    components = bento.get("components", {}).get("schemas", {})
    kept = {name: schema for name, schema in components.items() if name in ("Answer", "FeedbackResult")}
    return {
        "openapi": DIALECT,
        "info": {"title": "Nightshift", "description": DESCRIPTION, "version": bento["info"]["version"]},
        "servers": [{"url": "."}],
        "tags": bento.get("tags", []),
        "security": [{}, {"key": []}],
        "paths": paths,
        "components": {
            "schemas": {**kept, "Refusal": _refusal_schema()},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "asked for except on loopback"}
            },
        },
    }


def row_schema(schema: Mapping[str, Any]) -> Json:
    """JSON Schema of one row, from a bundle's ``schema.json``."""
    fields = schema["fields"]
    properties = {str(field["name"]): _field_schema(field) for field in fields}
    if schema.get("id") and schema["id"] not in properties:
        properties[str(schema["id"])] = {
            "type": ["string", "integer", "null"],
            "maxLength": MAX_FIELD_TEXT,
            "description": "kept in the log; the model does not read it",
        }
    for name in schema.get("also", ()):
        kept = "protected: kept in the log, and the model does not read it"
        kinds = ["string", "number", "boolean", "null"]
        properties.setdefault(str(name), {"type": kinds, "maxLength": MAX_FIELD_TEXT, "description": kept})
    return {
        "type": "object",
        "required": [str(field["name"]) for field in fields if not field["nullable"]],
        "properties": properties,
        "additionalProperties": False,
    }


def _field_schema(field: Mapping[str, Any]) -> Json:
    kind = TYPES.get(field["type"])
    if kind is None:
        return {"description": field.get("description", "")}
    found: Json = {"type": [kind, "null"] if field["nullable"] else kind, "description": field.get("description", "")}
    if "allowed" in field:
        found["enum"] = [*field["allowed"], *([None] if field["nullable"] else [])]
    elif kind == "string":
        found["maxLength"] = field.get("max_length", MAX_FIELD_TEXT)
        if field.get("min_length"):
            found |= {"minLength": field["min_length"], "pattern": r"\S"}
    else:
        for bound in ("minimum", "maximum"):
            if field.get(bound) is not None:
                found[bound] = field[bound]
    return found


def outcome_schema(task: str | None, classes: list[Any]) -> Json:
    """JSON Schema of a true outcome."""
    if classes:
        return {"enum": list(classes)}
    return {"type": "number"} if task == "regression" else {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}


def _predict(operation: Json, limits: Service, loaded: Loaded | None = None) -> Json:
    rows = {"type": "object", "description": "the product's fields; GET /v1/products/PRODUCT lists them"}
    schema = {
        "type": "object",
        "required": ["rows"],
        "properties": {
            "rows": {
                "type": "array",
                "minItems": 1,
                "maxItems": limits.max_rows,
                "items": row_schema(loaded.schema) if loaded else rows,
            },
            "explain": {
                "type": "boolean",
                "default": False,
                "description": "also say what spoke for and against, per row",
            },
        },
        "additionalProperties": False,
    }
    return _operation(operation, schema, loaded, loaded.example() if loaded else None)


def _stream(operation: Json, limits: Service, loaded: Loaded) -> Json:
    found = _predict(operation, limits.model_copy(update={"max_rows": 1}), loaded)
    events = {"description": STREAMED, "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    responses = {**found["responses"], "200": events}
    told = {"operationId": f"stream_{loaded.product}", "summary": f"stream: {loaded.schema.get('title')}"}
    return {**found, **told, "description": STREAMED, "responses": responses}


def _feedback(operation: Json, limits: Service, loaded: Loaded | None = None) -> Json:
    schema = loaded.schema if loaded else {}
    task, classes = schema.get("task"), schema.get("outcomes", schema.get("classes")) or []
    item: Json = {
        "type": "object",
        "required": ["request_id", "outcome"],
        "properties": {
            "request_id": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"},
            "row": {"type": "integer", "minimum": 0, "maximum": (1 << 31) - 1, "default": 0},
            "outcome": outcome_schema(task, classes) if loaded else {"description": "a class, a number or a text"},
        },
        "additionalProperties": False,
    }
    if loaded and isinstance(loaded.model, Judged):
        item["properties"] |= {"thumb": {"enum": list(THUMBS), "description": "in place of an outcome"}}
        item |= {"required": ["request_id"], "oneOf": [{"required": ["outcome"]}, {"required": ["thumb"]}]}
    many = {"type": "array", "minItems": 1, "maxItems": limits.max_rows, "items": item}
    outcome = classes[-1] if classes else 1.5 if task == "regression" else "yes"
    example = {"request_id": "0" * 32, "row": 0, "outcome": outcome}
    return _operation(operation, {"oneOf": [item, many]}, loaded, example if loaded else None)


def _operation(operation: Json, schema: Json, loaded: Loaded | None, example: Any) -> Json:
    content: Json = {"schema": schema}
    if example is not None:
        content["example"] = example
    name = operation["operationId"].rpartition("__")[2]
    return {
        "operationId": f"{name}_{loaded.product}" if loaded else name,
        "summary": f"{name}: {loaded.schema.get('title', loaded.product)}" if loaded else name,
        "description": operation["description"],
        "tags": operation["tags"],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {"200": operation["responses"]["200" if "200" in operation["responses"] else 200]}
        | {str(status): _refused(status) for status in REFUSALS},
    }


def _refused(status: int) -> Json:
    found: Json = {
        "description": REFUSALS[status],
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}},
    }
    if status in (429, 503):
        found["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
    return found


def _refusal_schema() -> Json:
    problem = {
        "type": "object",
        "required": ["row", "field", "problem"],
        "properties": {
            "row": {"type": ["integer", "null"]},
            "field": {"type": ["string", "null"]},
            "problem": {"type": "string"},
        },
    }
    return {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "string"}, "problems": {"type": "array", "items": problem}},
    }


def _infra(path: str, operation: Json) -> Json:
    responses: Json = {"200": {"description": "as it should be", "content": PLAIN}}
    if path == "/readyz":
        responses["503"] = {"description": "not ready; says what it waits for", "content": PLAIN}
    return {
        "operationId": path.strip("/"),
        "description": operation["description"],
        "tags": operation["tags"],
        "responses": responses,
    }


def _pages(products: list[str]) -> Json:
    parameter = [_product_parameter(products)]
    return {
        "/v1/products": {"get": _page("products", "every product that is answered for", "application/json")},
        "/v1/products/{product}": {
            "get": _page("product", "one product: fields, classes, an example", "application/json", 404),
            "parameters": parameter,
        },
        "/v1/products/{product}/card": {
            "get": _page("card", "the model card of the version that answers", "text/markdown", 404),
            "parameters": parameter,
        },
    }


def _page(name: str, summary: str, kind: str, *refusals: int) -> Json:
    schema = {"type": "object"} if kind == "application/json" else {"type": "string"}
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": {"description": summary, "content": {kind: {"schema": schema}}}}
        | {str(status): _refused(status) for status in (*PAGE_REFUSALS, *refusals)},
    }


def _product_parameter(products: list[str]) -> Json:
    schema: Json = {"type": "string", **({"enum": products} if products else {})}
    return {"name": "product", "in": "path", "required": True, "description": "a served product", "schema": schema}

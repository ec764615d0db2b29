"""What is wrong with a block of ``params.yaml``, in words: the key, what is allowed, what was given."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


def complaint(root: type[BaseModel], item: Any) -> str:
    """One line for one entry of ``ValidationError.errors()`` of the model ``root``."""
    key = ".".join(str(part) for part in item["loc"]) or "(top level)"
    if item["type"] == "extra_forbidden":
        allowed = _allowed_keys(root, item["loc"])
        return f"{key}: unknown key" + (f"; allowed: {', '.join(allowed)}" if allowed else "")
    message = str(item["msg"]).removeprefix("Value error, ")
    given = item.get("input")
    shown = f" (got {given!r})" if isinstance(given, str | int | float | bool) else ""
    return f"{key}: {message}{shown}"


def _allowed_keys(root: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    model: Any = root
    for part in loc[:-1]:
        model = _step(model, part)
        if model is None:
            return []
    return sorted(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _step(model: Any, part: int | str) -> Any:
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return _member(model, part)
    field = model.model_fields.get(str(part))
    return field.annotation if field else None


def _member(annotation: Any, part: int | str) -> Any:
    arguments = getattr(annotation, "__args__", ())
    for argument in arguments:
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            kind = argument.model_fields.get("kind")
            if kind is None or part in getattr(kind.annotation, "__args__", ()):
                return argument
    return None

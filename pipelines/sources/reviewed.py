"""Labels by people over the source's own rows: put in where the row still is what was shown, else counted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

FILE = "reviewed.parquet"
REQUESTS = "reviewed_requests.parquet"
LABEL_SOURCE = "_label_source"
HUMAN = "human_review"


@dataclass(frozen=True)
class Reviewed:
    """One row's label by people.

    Attributes:
        key: the row's key in the source.
        fields: ``{column: value as text, None: missing}`` of what was shown.
        label: a JSON value.
    """

    key: str
    fields: Mapping[str, str | None]
    label: Any


@dataclass(frozen=True)
class Relabelled:
    """Rows with people's labels in force.

    Attributes:
        frame: the same rows and columns, and ``_label_source`` where at least one label is in force.
        used: labels in force.
        changed: how many of them differ from the source's.
        left_out: reason -> labels that are not in force.
    """

    frame: pd.DataFrame
    used: int = 0
    changed: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)


def as_frame(found: Sequence[Reviewed]) -> pd.DataFrame:
    """A table of text, sorted: ``_key``, ``_fields``, ``_label``, both JSON."""
    import pandas as pd

    rows = sorted((one.key, _json(one.fields), _json(one.label)) for one in found)
    return pd.DataFrame(rows, columns=["_key", "_fields", "_label"], dtype=object)


def apply(
    frame: pd.DataFrame,
    keys: Sequence[str],
    texts: Mapping[str, Sequence[str | None]],
    reviewed: pd.DataFrame,
    target: str,
    names: Mapping[str, Any],
) -> Relabelled:
    """``frame`` with people's labels in place of its own.

    Args:
        frame: the source's rows.
        keys: of each row.
        texts: column -> each row's value as text, to compare with what was shown.
        reviewed: as :func:`as_frame` made it.
        target: the label's column.
        names: label as text -> the value that the source writes for it.
    """
    places: dict[str, list[int]] = {}
    for row, key in enumerate(keys):
        places.setdefault(key, []).append(row)
    values = frame[target].astype(object).tolist()
    source: list[str | None] = [None] * len(frame)
    left_out: dict[str, int] = {}
    changed = 0
    for key, shown, text in reviewed.itertuples(index=False):
        fields = json.loads(shown)
        label = json.loads(text)
        same = [row for row in places.get(key, []) if _is_as_shown(fields, texts, row)]
        if not same:
            reason = "the row has changed since" if key in places else "no longer in the source"
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        for row in same:
            value = names.get(_name(label), label)
            changed += int(_name(values[row]) != _name(value))
            values[row], source[row] = value, HUMAN
    used = sum(one is not None for one in source)
    if not used:
        return Relabelled(frame, left_out=left_out)
    return Relabelled(_with(frame, target, values, source), used, changed, dict(sorted(left_out.items())))


def mark_last(frame: pd.DataFrame, rows: int) -> pd.DataFrame:
    """The last rows' labels are by people: requests whose answer was reviewed, added below the source's rows."""
    if not rows:
        return frame
    before = frame[LABEL_SOURCE].tolist() if LABEL_SOURCE in frame else [None] * len(frame)
    import pandas as pd

    marked = pd.Series([*before[: len(frame) - rows], *[HUMAN] * rows], dtype=object, index=frame.index)
    return frame.assign(**{LABEL_SOURCE: marked})


def _with(frame: pd.DataFrame, target: str, values: list[Any], source: list[str | None]) -> pd.DataFrame:
    import pandas as pd

    made = pd.Series(values, dtype=object, index=frame.index)
    kind = frame[target].dtype
    if kind.kind in "iufb":
        numbers = pd.to_numeric(made, errors="coerce")
        made = numbers.astype(kind) if kind.kind == "f" or not numbers.isna().any() else numbers
    return frame.assign(**{target: made, LABEL_SOURCE: pd.Series(source, dtype=object, index=frame.index)})


def _is_as_shown(fields: Mapping[str, str | None], texts: Mapping[str, Sequence[str | None]], row: int) -> bool:
    return all(texts[name][row] == value for name, value in fields.items() if name in texts)


def _name(value: Any) -> str:
    """A label as text: 1, 1.0 and "1" are one."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False)

"""``nightshift keys``: make, list and revoke API keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pipelines.layout import Layout
from pipelines.records import keys
from pipelines.records.store import Records, open_records


@contextmanager
def _records(layout: Layout) -> Iterator[Records]:
    records = open_records(layout.records_url)
    try:
        yield records
    finally:
        records.close()


def add_lines(layout: Layout, name: str, scopes: Sequence[str]) -> list[str]:
    """The new key, then how it is sent. Errors as :func:`pipelines.records.keys.add`."""
    with _records(layout) as records:
        key = keys.add(records, name, scopes)
    return [key, f"send it as 'Authorization: Bearer KEY'; it is not kept and cannot be shown again ({name})"]


def list_lines(layout: Layout) -> list[str]:
    """One line per key."""
    with _records(layout) as records:
        found = keys.all_keys(records)
    if not found:
        return ["no key yet: nightshift keys add NAME --scope predict --scope feedback"]
    width = max(len(key.name) for key in found)
    return [
        f"{key.name:{width}}  {','.join(key.scopes):16}  since {key.created_at[:10]}"
        + (f"  revoked {key.revoked_at[:10]}" if key.revoked_at else "")
        for key in found
    ]


def revoke_line(layout: Layout, name: str) -> str:
    """Errors as :func:`pipelines.records.keys.revoke`."""
    with _records(layout) as records:
        keys.revoke(records, name)
    return f"{name} is revoked"

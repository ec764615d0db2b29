"""The two places where the service learns what to serve."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines.layout import Layout
from pipelines.serving.board import Wanted


class Champions:
    """The champions that the records point to; asked every second."""

    def __init__(self, layout: Layout) -> None:
        from pipelines.records.store import open_records

        self._layout = layout
        self._records = open_records(layout.records_url, busy_seconds=2.0)

    def wanted(self) -> Wanted:
        from pipelines.records.registry import all_champions

        return {
            product: (version, self._layout.bundle(product, version))
            for product, version in all_champions(self._records).items()
        }

    def waits_for(self) -> str:
        return "the first champion: run a night (`nightshift night`), or `nightshift promote PRODUCT`"


class Fixed:
    """Exactly these bundles: a candidate under the smoke gate, or the models inside a Bento."""

    def __init__(self, bundles: Mapping[str, Path]) -> None:
        self._bundles = dict(bundles)

    def wanted(self) -> Wanted:
        return {product: (None, folder) for product, folder in self._bundles.items()}

    def waits_for(self) -> str:
        return "a bundle: none was named"

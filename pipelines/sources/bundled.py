"""The real data sets inside scikit-learn, as tables with an id and a target."""

from __future__ import annotations

from typing import Any

from pipelines.blocks.sources import BundledSource
from pipelines.sources.base import Place, Rows, stale_pin

SETS: dict[str, tuple[str, str]] = {
    "breast_cancer": ("load_breast_cancer", "Wolberg, Street & Mangasarian (1995), UCI 17"),
    "diabetes": ("load_diabetes", "Efron, Hastie, Johnstone & Tibshirani (2004), Least Angle Regression"),
    "wine": ("load_wine", "Aeberhard & Forina (1992), UCI 109"),
    "digits": ("load_digits", "Alpaydin & Kaynak (1998), UCI 80, test part"),
    "iris": ("load_iris", "Fisher (1936), UCI 53"),
}
"""name -> the loader's name and whom to name."""


def pin(source: BundledSource) -> dict[str, Any]:
    """``{"kind", "name", "library", "version"}``."""
    return {"kind": "bundled", "name": source.name, "library": "scikit-learn", "version": _version()}


def read(source: BundledSource, place: Place, pinned: dict[str, Any]) -> Rows:
    """Feature columns named as scikit-learn names them, blanks as ``_``; the id counts from 0; the target is last.

    Target: int64 class codes, float64 for ``diabetes`` (unscaled features, progression after one year).
    """
    if (pinned.get("name"), pinned.get("version")) != (source.name, _version()):
        raise stale_pin(place, f"it is of {pinned.get('name')} in scikit-learn {pinned.get('version')}")
    import numpy as np
    import sklearn.datasets

    loader, attribution = SETS[source.name]
    options: dict[str, Any] = {"scaled": False} if source.name == "diabetes" else {}
    found = getattr(sklearn.datasets, loader)(as_frame=True, **options)
    frame = found.data.rename(columns=lambda name: str(name).replace(" ", "_"))
    if place.id is not None:
        frame.insert(0, place.id, np.arange(len(frame), dtype=np.int64))
    frame[place.target] = found.target.astype(np.float64 if source.name == "diabetes" else np.int64)
    return Rows(frame, dict(pinned), licence="BSD-3-Clause (as part of scikit-learn)", attribution=attribution)


def _version() -> str:
    from importlib.metadata import version

    return version("scikit-learn")

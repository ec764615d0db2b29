"""The BentoML model store: a cache of the lasting bundles, made anew whenever it is needed."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.bundle import verify_bundle
from pipelines.errors import BundleError, StageError
from pipelines.layout import Layout
from pipelines.process import exclusive
from pipelines.records import registry
from pipelines.records.store import Records

WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Refilled:
    """What :func:`refill` did: tags that are in the store now, and bundles that could not be had, with the reason."""

    tags: tuple[str, ...]
    lost: dict[str, str]


def use_store(layout: Layout) -> None:
    """Point BentoML, in this process and those it starts, at this checkout's folder. Before its first import."""
    os.environ["BENTOML_HOME"] = str(layout.bentoml_home)
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    for name in ("bentos", "models", "tmp"):
        (layout.bentoml_home / name).mkdir(parents=True, exist_ok=True)


def put(layout: Layout, product: str, version: str) -> str:
    """Make sure that the store holds a lasting bundle, whole; returns its tag ``product:version``.

    Raises:
        BundleError: the lasting bundle is damaged or gone.
        StageError: BentoML refused.
    """
    folder = layout.bundle(product, version)
    verify_bundle(folder, version)
    store = _store(layout)
    import bentoml
    from bentoml.exceptions import BentoMLException

    tag = f"{product}:{version}"
    with exclusive(layout.locks / "bentoml-store.lock", "a change of the BentoML store", WAIT_SECONDS):
        if _is_whole(layout, product, version):
            return tag
        shutil.rmtree(_place(layout, product, version), ignore_errors=True)
        try:
            with bentoml.models.create(tag, labels={"product": product}, _model_store=store) as model:
                shutil.copytree(folder, Path(model.path) / "bundle")
        except BentoMLException as error:
            raise StageError(
                f"BentoML did not take the bundle: {error}",
                where={"product": product, "version": version},
                next_step="remove the BentoML home in the state folder; `nightshift refill` makes it anew",
            ) from error
    return tag


def refill(layout: Layout, records: Records) -> Refilled:
    """Make the store anew from the lasting bundles of every product's champion and recorded versions."""
    tags: list[str] = []
    lost: dict[str, str] = {}
    for product in registry.products(records):
        for version in registry.list_versions(records, product):
            try:
                tags.append(put(layout, product, version.version))
            except BundleError as error:
                lost[f"{product}:{version.version}"] = error.line()
    return Refilled(tuple(tags), lost)


def _store(layout: Layout) -> Any:
    use_store(layout)
    from bentoml._internal.models import ModelStore

    return ModelStore(layout.bentoml_home / "models")


def _place(layout: Layout, product: str, version: str) -> Path:
    return layout.bentoml_home / "models" / product / version


def _is_whole(layout: Layout, product: str, version: str) -> bool:
    try:
        verify_bundle(_place(layout, product, version) / "bundle", version)
    except BundleError:
        return False
    return (_place(layout, product, version) / "model.yaml").is_file()

"""One Bento for shipping: the service's code and pins, and the champions' models, built without a package index."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipelines.config import Params
from pipelines.errors import ConfigError, StageError
from pipelines.files import canonical_json, replaced_folder, sha256_tree, write_text
from pipelines.layout import Layout
from pipelines.records import registry
from pipelines.records.store import open_records
from pipelines.release.bento_store import put, use_store
from pipelines.supply.sbom import FILE, write_sbom

CODE = Path(__file__).resolve().parents[2]
BENTOFILE = "bentofile.yaml"
NAME = "nightshift"


@dataclass(frozen=True)
class Built:
    """A built Bento: its tag in the store, and a folder that holds it with its models, ready to be copied elsewhere."""

    tag: str
    folder: Path
    models: tuple[str, ...]


def build(layout: Layout, params: Params, products: list[str]) -> Built:
    """Build a Bento of the champions of these products (none named: of every product that has one).

    The same code and champions give the same tag. BentoML keeps its store in one place per process: call this from a
    process that has not used another checkout's.

    Raises:
        ConfigError: a product has no champion, or ``bentofile.yaml`` is not there.
        BundleError: a champion's bundle is damaged.
        StageError: BentoML could not build it.
    """
    champions = _champions(layout, params, products)
    use_store(layout)
    models = tuple(put(layout, product, version) for product, version in champions.items())
    with tempfile.TemporaryDirectory(prefix="nightshift-bento-") as name:
        context = Path(name)
        _fill(context, models)
        version = hashlib.sha256(canonical_json(sha256_tree(context)).encode("utf-8")).hexdigest()[:16]
        tag = _built(context, version, {name: layout.bundle(name, champion) for name, champion in champions.items()})
    folder = layout.state / "bentos" / tag.replace(":", "-")
    _ship(tag, folder)
    return Built(tag, folder, models)


def _champions(layout: Layout, params: Params, products: list[str]) -> dict[str, str]:
    records = open_records(layout.records_url)
    try:
        champions = registry.all_champions(records)
    finally:
        records.close()
    for product in products:
        params.product(product)
    absent = [product for product in products if product not in champions]
    if absent or not champions:
        raise ConfigError(
            f"{absent[0]} has no champion" if absent else "no product has a champion",
            next_step="run a night, or `nightshift promote PRODUCT`, then build the Bento",
        )
    return {product: champions[product] for product in products or sorted(champions)}


def _fill(context: Path, models: tuple[str, ...]) -> None:
    """Copy what the bentofile includes, and nothing else of the checkout, into an empty folder, with the bentofile that
    names the models."""
    path = CODE / BENTOFILE
    if not path.is_file():
        raise ConfigError("no such file", where={"file": path}, next_step="restore it from git")
    options = yaml.safe_load(path.read_text(encoding="utf-8"))
    for item in options["include"]:
        source, target = CODE / item, context / item
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    write_text(context / BENTOFILE, yaml.safe_dump({**options, "models": list(models)}, sort_keys=True))


def _built(context: Path, version: str, bundles: dict[str, Path]) -> str:
    import bentoml
    from bentoml.exceptions import BentoMLException, NotFound

    tag = f"{NAME}:{version}"
    try:
        return str(bentoml.bentos.get(tag).tag)
    except NotFound:
        pass
    try:
        bento = bentoml.bentos.build_bentofile(str(context / BENTOFILE), version=version, build_ctx=str(context))
    except (BentoMLException, ValueError) as error:
        raise StageError(
            f"BentoML could not build the Bento: {error}", where={"tag": tag}, next_step="mend bentofile.yaml"
        ) from error
    _describe(Path(bento.path))
    code = context / "pipelines"
    write_sbom(Path(bento.path) / FILE, NAME, version, code / "serving" / "requirements.txt", bundles, code)
    return str(bento.tag)


def _describe(bento: Path) -> None:
    """BentoML puts an advertisement with a package index's address where the OpenAPI page describes the service."""
    path = bento / "apis" / "openapi.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["info"]["description"] = (bento / "README.md").read_text(encoding="utf-8")
    write_text(path, yaml.safe_dump(content, sort_keys=True))


def _ship(tag: str, folder: Path) -> None:
    """The Bento as a folder that needs no store: BentoML's export, with the models inside."""
    import bentoml

    with replaced_folder(folder) as temporary:
        target = temporary / "exported"
        bentoml.bentos.export_bento(tag, str(target), output_format="folder")
        for path in list(target.iterdir()):
            path.rename(temporary / path.name)
        target.rmdir()

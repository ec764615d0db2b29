"""One bundle, checked and in memory, ready to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.bundle import verify_bundle
from pipelines.errors import BundleError, NightshiftError
from pipelines.files import read_json
from pipelines.problems import PROBLEMS, Answering, answers_apart, load_answering
from pipelines.products import derive_for
from pipelines.serving.validate import RowValidator

GOLDEN_TOLERANCE = 1e-6
"""Largest difference of a score between what was judged and what is served."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model in memory; never changed after it is made.

    Attributes:
        product: the product that it answers for.
        version: the bundle's hash.
        folder: where the bundle lies.
        schema: ``schema.json``.
        model: answers raw rows.
        validator: says what is wrong with rows.
    """

    product: str
    version: str
    folder: Path
    schema: Mapping[str, Any]
    model: Answering
    validator: RowValidator

    def answer(self, rows: Sequence[Mapping[str, Any]], explain: bool = False) -> list[dict[str, Any]]:
        """One answer per row, in order; the rows have passed the validator."""
        return self.model.answer(rows, explain)

    def summary(self) -> dict[str, Any]:
        """Product, version and task, for ``/v1/products``."""
        return {
            "product": self.product,
            "version": self.version,
            "title": self.schema.get("title", self.product),
            "task": self.schema["task"],
            "predict": f"/v1/{self.product}/predict",
        }

    def example(self) -> dict[str, Any]:
        """A request body that can be sent as it is."""
        return {"rows": [{field["name"]: field["example"] for field in self.schema["fields"]}], "explain": False}


def load(product: str, version: str | None, folder: Path) -> Loaded:
    """Check a bundle against its manifest, load it, and let it answer its golden rows.

    The golden rows hold the loaded model, and the code that derives its features, to the answers that were judged: code
    that has changed since the bundle was packed is found here, before a request meets it.

    Raises:
        BundleError: a file is changed, missing or extra, the version or product is another, the problem is not one that
            this code serves, or a golden answer differs.
    """
    manifest = verify_bundle(folder, version)
    where = {"product": product, "version": manifest.version}
    if manifest.product != product or manifest.problem not in PROBLEMS:
        raise BundleError(
            f"the bundle is of {manifest.product} ({manifest.problem})",
            where=where,
            next_step="name the bundle of this product, packed by this code",
        )
    try:
        schema = read_json(folder / "schema.json")
        model = load_answering(manifest.problem, folder, derive_for)
        loaded = Loaded(
            product,
            manifest.version,
            folder,
            schema,
            model,
            RowValidator(schema, getattr(model, "complaints", None)),
        )
        _check_golden(manifest.problem, loaded, read_json(folder / "golden.json"))
    except NightshiftError as error:
        raise error.at(**where) from error
    except (AttributeError, LookupError, TypeError, ValueError, OSError) as error:
        raise BundleError(
            f"the bundle's files do not fit this code: {type(error).__name__} {error}",
            where=where,
            next_step="pack it again with this code",
        ) from error
    return loaded


def _check_golden(problem: str, loaded: Loaded, golden: Mapping[str, Any]) -> None:
    problems, _ = loaded.validator.check(golden["rows"])
    if problems:
        raise BundleError(
            f"golden row {problems[0].row} is refused: {problems[0].field} {problems[0].problem}",
            next_step="pack it again with this code",
        )
    difference = answers_apart(problem, loaded.answer(golden["rows"]), golden["answers"])
    if not difference <= GOLDEN_TOLERANCE:
        raise BundleError(
            f"the golden rows are answered otherwise than when it was packed: scores differ by {difference:.3g}",
            where={"limit": GOLDEN_TOLERANCE},
            next_step="serve it with the code and versions that packed it, or train and pack it again",
        )

"""The package stage of uplift: everything that the service and the watch need of one model, in one folder."""

from __future__ import annotations

import shutil

import numpy as np

from pipelines.bundle import MANIFEST, describe_files, write_manifest
from pipelines.errors import DataError
from pipelines.features.tabular import Derive
from pipelines.features.values import rows_to_columns
from pipelines.files import read_json, write_json, write_parquet, write_text
from pipelines.problems.common.packing import bundle_verdict, copy_models, golden_rows, reference_rows, test_rows
from pipelines.problems.uplift.answer.answers import as_answers
from pipelines.problems.uplift.answer.predictor import Predictor
from pipelines.problems.uplift.package.card_text import render
from pipelines.step import Step
from pipelines.verdicts import Verdict

MIB = 1 << 20


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write ``bundle/``; blocked by its size, or where the packed files answer the golden rows otherwise than judged.

    Raises:
        DataError: no test row fits the schema, so nothing could prove the bundle.
    """
    bundle = step.out / "bundle"
    prepare, result = step.input("prepare"), step.input("evaluate") / "result"
    copy_models(step.input("export"), bundle)
    for source in (prepare / "schema.json", prepare / "features.json", result / "choice.json"):
        shutil.copyfile(source, bundle / source.name)
    schema = read_json(bundle / "schema.json")
    predictor = Predictor.load(bundle, lambda _: derive)
    test = test_rows(prepare, result)
    rows, positions = golden_rows(test, schema)
    if not rows:
        raise DataError(
            "no test row fits the schema",
            where={"rows": len(test)},
            next_step="look at the prepare stage's schema.json",
        )
    told = predictor.told(rows_to_columns(rows, predictor.fields))
    names = [f"score_{at + 1}" for at in range(len(predictor.arms) - 1)]
    judged = test.iloc[positions][names].to_numpy(dtype=np.float64)
    difference = float(np.max(np.abs(predictor.uplift(told) - judged)))
    write_json(bundle / "golden.json", {"rows": rows, "answers": as_answers(predictor, told)})
    write_parquet(bundle / "reference.parquet", reference_rows(test, step))
    write_text(bundle / "card.md", render(read_json(result / "card.json"), describe_files(bundle)))
    manifest = write_manifest(bundle, step.name, step.product.problem)
    size = manifest.size_bytes + (bundle / MANIFEST).stat().st_size
    return bundle_verdict(step, size / MIB, difference)

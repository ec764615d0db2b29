"""The package stage of texts: everything that the service and the watch need of one model, in one folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.bundle import MANIFEST, describe_files, write_manifest
from pipelines.errors import DataError
from pipelines.features.tabular import Derive
from pipelines.features.text import words
from pipelines.files import json_number, read_json, write_json, write_parquet, write_text
from pipelines.problems.common.identity import unit_hash
from pipelines.problems.common.packing import bundle_verdict, copy_models, golden_rows, reference_rows, test_rows
from pipelines.problems.model_card import render_card
from pipelines.problems.text.answer import cases
from pipelines.problems.text.answer.answers import as_answers
from pipelines.problems.text.answer.predictor import Predictor
from pipelines.problems.text.answer.watched import WORDS
from pipelines.problems.text.core.prepared import Prepared, load_prepared
from pipelines.step import Step
from pipelines.verdicts import Verdict

MIB = 1 << 20


def run(step: Step, derive: Derive | None) -> Verdict:  # noqa: ARG001 - every problem's signature
    """Write ``bundle/``: models, tokenizer, schema, choice, known words, cases, golden rows, card, reference, manifest.

    Blocked when the bundle is larger than the product's size budget, or when the packed files answer the golden rows
    otherwise than what was judged, beyond the limit of the parity gate.

    Raises:
        DataError: no test row fits the schema, so nothing could prove the bundle.
    """
    bundle = step.out / "bundle"
    prepare, result = step.input("prepare"), step.input("evaluate") / "result"
    copy_models(step.input("export"), bundle)
    for source in (prepare / "schema.json", result / "choice.json"):
        shutil.copyfile(source, bundle / source.name)
    predictor = Predictor.assemble(bundle / "choice.json", bundle / "schema.json", bundle / "export.json")
    prepared = load_prepared(prepare, step.product.columns)
    _write_words(bundle, prepared)
    _write_cases(step, bundle, prepared, predictor)

    test = test_rows(prepare, result)
    schema = read_json(bundle / "schema.json")
    longest = int(schema["fields"][0]["max_length"])
    fitting = test[test[predictor.field].str.len() <= longest].reset_index(drop=True)
    rows, positions = golden_rows(fitting, schema)
    if not rows:
        raise DataError(
            "no test text fits the schema",
            where={"rows": len(test)},
            next_step="raise prepare.max_characters",
        )
    scores = predictor.predict([row[predictor.field] for row in rows])
    names = [f"score_{place}" for place in range(len(predictor.classes))]
    judged = fitting.iloc[positions][names].to_numpy(dtype=np.float64)
    difference = float(np.max(np.abs(scores - judged)))
    shown = np.array([json_number(value) for value in scores.ravel().tolist()]).reshape(scores.shape)
    write_json(bundle / "golden.json", {"rows": rows, "answers": as_answers(predictor, shown)})
    write_parquet(bundle / "reference.parquet", reference_rows(test, step))
    write_text(bundle / "card.md", render_card(read_json(result / "card.json"), {"files": describe_files(bundle)}))
    manifest = write_manifest(bundle, step.name, step.product.problem)
    size = manifest.size_bytes + (bundle / MANIFEST).stat().st_size
    return bundle_verdict(step, size / MIB, difference)


def _write_words(bundle: Path, prepared: Prepared) -> None:
    """Every word of the train texts: what the watch holds new texts against."""
    known = {word for text in prepared.at(prepared.rows("train")) for word in words(text)}
    write_json(bundle / WORDS, sorted(known))


def _write_cases(step: Step, bundle: Path, prepared: Prepared, predictor: Predictor) -> None:
    """``export.cases`` train rows at most, by salted hash; ids, labels and the beginnings of the texts."""
    most = step.product.export.cases
    if not most:
        return
    train = prepared.rows("train")
    identifier = step.product.columns.id
    told = []
    keys = [str(prepared.texts[row]) for row in train]
    order = np.argsort(unit_hash(keys, f"{step.product.prepare.split.salt}/cases"), kind="stable")[:most]
    picked = train[np.sort(order)]
    for row in picked.tolist():
        entry: dict[str, Any] = {
            "id": row if identifier is None else _plain(prepared.frame[identifier].iloc[row]),
            "label": prepared.classes[int(prepared.y[row])],
            "text": prepared.texts[row][: cases.SHOWN_LETTERS],
        }
        told.append(entry)
    cases.pack(predictor, bundle, told, prepared.at(picked))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value

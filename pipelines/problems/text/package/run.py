"""The package stage of texts: everything that the service and the watch need of one model, in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.tabular import Derive
from pipelines.features.text import words
from pipelines.files import json_number, read_json, write_json
from pipelines.problems.common.identity import unit_hash
from pipelines.problems.common.packing import golden_rows, open_bundle, reference_rows, seal_bundle, test_rows
from pipelines.problems.common.provenance import by_people
from pipelines.problems.model_card import render_card
from pipelines.problems.text.answer import cases
from pipelines.problems.text.answer.answers import as_answers
from pipelines.problems.text.answer.predictor import Predictor
from pipelines.problems.text.answer.watched import WORDS
from pipelines.problems.text.core.prepared import Prepared, load_prepared
from pipelines.problems.text.package.scope import measure
from pipelines.step import Step
from pipelines.verdicts import Verdict


def run(step: Step, derive: Derive | None) -> Verdict:  # noqa: ARG001 - every problem's signature
    """Write ``bundle/``: models, tokenizer, schema, choice, known words, cases, golden rows, card, reference, manifest.

    Blocked when the bundle is larger than the product's size budget, or when the packed files answer the golden rows
    otherwise than what was judged, beyond the limit of the parity gate.

    Raises:
        DataError: no test row fits the schema, so nothing could prove the bundle.
    """
    bundle = open_bundle(step, "schema.json")
    prepare, result = step.input("prepare"), step.input("evaluate") / "result"
    predictor = Predictor.assemble(bundle / "choice.json", bundle / "schema.json", bundle / "export.json")
    prepared = load_prepared(prepare, step.product.columns)
    _write_words(bundle, prepared)
    picked = _write_cases(step, bundle, prepared, predictor)
    scope = measure(step.product, prepared, predictor, cases.load(bundle), picked)
    if scope is not None:
        write_json(bundle / "scope.json", scope)

    test = test_rows(prepare, result)
    schema = read_json(bundle / "schema.json")
    longest = int(schema["fields"][0]["max_length"])
    fitting = test[test[predictor.field].str.len() <= longest].reset_index(drop=True)
    rows, positions = golden_rows(fitting, schema)
    scores = predictor.predict([row[predictor.field] for row in rows])
    names = [f"score_{place}" for place in range(len(predictor.classes))]
    judged = fitting.iloc[positions][names].to_numpy(dtype=np.float64)
    difference = float(np.max(np.abs(scores - judged)))
    shown = np.array([json_number(value) for value in scores.ravel().tolist()]).reshape(scores.shape)
    write_json(bundle / "golden.json", {"rows": rows, "answers": as_answers(predictor, shown)})

    def card(facts: dict[str, Any], files: dict[str, Any]) -> str:
        return render_card({**facts, "scope": scope}, {"files": files})

    return seal_bundle(step, reference_rows(test, step), card, difference)


def _write_words(bundle: Path, prepared: Prepared) -> None:
    """Every word of the train texts: what the watch holds new texts against."""
    known = {word for text in prepared.at(prepared.rows("train")) for word in words(text)}
    write_json(bundle / WORDS, sorted(known))


def _write_cases(step: Step, bundle: Path, prepared: Prepared, predictor: Predictor) -> NDArray[np.int64]:
    """``export.cases`` train rows with a person's label at most, by salted hash; ids, labels and the beginnings of the
    texts. Returns these rows."""
    most = step.product.export.cases
    if not most:
        return np.zeros(0, dtype=np.int64)
    train = prepared.rows("train")
    train = train[by_people(prepared.frame)[train]]
    identifier = step.product.columns.id
    told = []
    keys = [str(prepared.texts[row]) for row in train]
    order = np.argsort(unit_hash(keys, f"{step.product.prepare.split.salt}/cases"), kind="stable")[:most]
    picked = train[np.sort(order)]
    for row in picked.tolist():
        entry: dict[str, Any] = {
            "id": row if identifier is None else _plain(prepared.frame[identifier].iloc[row]),
            "label": prepared.labels(row) if prepared.y.ndim == 2 else prepared.classes[int(prepared.y[row])],
            "text": prepared.texts[row][: cases.SHOWN_LETTERS],
        }
        told.append(entry)
    cases.pack(predictor, bundle, told, prepared.at(picked))
    return picked


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _card(facts: dict[str, Any], files: dict[str, Any]) -> str:
    return render_card(facts, {"files": files})

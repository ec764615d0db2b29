"""The review queue as the command line and the night call it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelines.config import Params
from pipelines.errors import DataError, NightshiftError
from pipelines.files import write_text
from pipelines.layout import Layout
from pipelines.records import review, review_answers
from pipelines.records.store import Records, open_records
from pipelines.review.exchange import export_lines, import_lines, read_lines
from pipelines.review.filling import fill
from pipelines.review.label_studio import task_of
from pipelines.review.report import report
from pipelines.review.shown import classes_of, displayed


def fill_lines(layout: Layout, params: Params, products: Sequence[str]) -> Iterator[str]:
    """Fill the queues of these products, of all where none is named; one line each. One that fails stops no other.

    Raises:
        ConfigError: no such product.
    """
    for product in products:
        params.product(product)
    for product in products or list(params.products):
        try:
            yield fill(layout, params, product)
        except NightshiftError as error:
            yield f"{product}: the review queue stays as it was: {error.line()}"


def report_lines(layout: Layout, params: Params, product: str) -> list[str]:
    """See :func:`pipelines.review.report.report`."""
    block = params.product(product)
    with _opened(layout) as records:
        return report(records, block, product)


def export_line(layout: Layout, params: Params, product: str, file: Path, label_studio: bool) -> str:
    """Write the queue to a file, whole or not at all; one line."""
    block = params.product(product)
    with _opened(layout) as records:
        lines = export_lines(records, product)
        if label_studio:
            said = {item.id: answers for item, answers in review_answers.votes(records, product)}
            tasks = [
                task_of(item, displayed(params, product, item.shown), block.columns.text, said.get(item.id, []))
                for item in review.items_of(records, product)
                if item.shown and item.state != "withdrawn"
            ]
            write_text(file, json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")
            return f"{product}: {len(tasks)} tasks written to {file.name}"
    write_text(file, "".join(json.dumps(line, ensure_ascii=True, sort_keys=True) + "\n" for line in lines))
    return f"{product}: {len(lines)} items with {sum(len(line['answers']) for line in lines)} answers in {file.name}"


def import_line(layout: Layout, params: Params, product: str, file: Path) -> str:
    """Take answers from a file, all or none; one line.

    Raises:
        DataError: the file cannot be read, or a line cannot be right.
    """
    block = params.product(product)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"the file cannot be read: {error}", where={"file": file.name}, next_step="name a file that export wrote"
        ) from error
    with _opened(layout) as records:
        try:
            done = import_lines(records, block, product, classes_of(layout, block, product), read_lines(text))
        except DataError as error:
            raise error.at(file=file.name) from error
    older = f", {done.older} older than what is here left out" if done.older else ""
    return f"{product}: {done.answers} answers taken, {done.known} were here already{older}; {done.items} new items"


@contextlib.contextmanager
def _opened(layout: Layout) -> Iterator[Records]:
    records = open_records(layout.records_url)
    try:
        yield records
    finally:
        records.close()

"""What a task of the DAG ``promote`` starts: a question made or an answer applied, in a process apart from Airflow's.

``python -m pipelines.night.approval_worker RESULT question PRODUCT [VERSION]`` and
``... RESULT approve|decline PRODUCT VERSION WHO WHY`` write a JSON object to the file RESULT; ``error`` in it is one
line where something went wrong, with ``transient`` beside it.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipelines.config import load_params
from pipelines.errors import EXIT_OK, EXIT_TRANSIENT, NightshiftError
from pipelines.files import write_json
from pipelines.layout import Layout, find_layout
from pipelines.night.shared import is_shared


def perform(layout: Layout, kind: str, arguments: list[str]) -> dict[str, Any]:
    """The answer as JSON; errors pass through."""
    from pipelines.release import approval

    params = load_params(layout.params)
    if is_shared():
        from pipelines.night.shared.nights import bring_product

        bring_product(layout, arguments[0], lane=True)
    if kind == "question":
        product, version = arguments[0], arguments[1] if len(arguments) > 1 else None
        return asdict(approval.question(layout, params, product, version))
    act = {"approve": approval.approve, "decline": approval.decline}[kind]
    return {"line": act(layout, params, *arguments)}


def main(arguments: list[str]) -> int:
    """Entry point; see the module."""
    result, kind, *rest = arguments
    code = EXIT_OK
    try:
        answer = perform(find_layout(), kind, rest)
    except NightshiftError as error:
        answer = {"error": error.line(), "transient": error.transient}
        code = EXIT_TRANSIENT if error.transient else error.exit_code
    print(f"nightshift: {answer.get('error') or answer['line']}", flush=True)
    write_json(Path(result), answer)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

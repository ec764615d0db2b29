"""The service's own pins: what it imports, and all that those need, in the versions of this environment.

``python -m pipelines.serving.pins`` writes ``requirements.txt`` beside this file anew; a test holds the two together.
"""

from __future__ import annotations

import re
from importlib.metadata import distribution
from pathlib import Path

FILE = Path(__file__).with_name("requirements.txt")
DIRECT = (
    "anyio", "bentoml", "httptools", "lightgbm", "numpy", "onnxruntime", "psycopg", "psycopg-binary", "pydantic",
    "pyyaml", "scipy", "sqlalchemy", "starlette", "tokenizers", "uvloop",
)  # fmt: skip
HEADER = """\
# What the prediction service needs, and nothing else: no airflow, dvc, great-expectations, evidently, pandas, torch.
# Written by `python -m pipelines.serving.pins`; the versions are those of the project's environment.
"""


def pins() -> dict[str, str]:
    """``{package: version}`` of :data:`DIRECT` and everything they require on this platform, sorted."""
    from packaging.requirements import Requirement

    found: dict[str, str] = {}
    queue: list[tuple[str, frozenset[str]]] = [(name, frozenset()) for name in DIRECT]
    done: set[tuple[str, frozenset[str]]] = set()
    while queue:
        item = queue.pop()
        if item in done:
            continue
        done.add(item)
        name, extras = item
        installed = distribution(name)
        found[name] = installed.version.partition("+")[0]
        for line in installed.requires or []:
            needed = Requirement(line)
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""}):
                queue.append((_canonical(needed.name), frozenset(needed.extras)))
    return dict(sorted(found.items()))


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def text() -> str:
    """The content of ``requirements.txt``."""
    return HEADER + "".join(f"{name}=={version}\n" for name, version in pins().items())


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")

"""In the development environment as in the shipped one: what is not shipped cannot be imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

HEAVY = frozenset(
    {
        "airflow", "dask", "dvc", "evidently", "great_expectations", "matplotlib", "optuna", "pandas", "pyarrow",
        "sklearn", "torch", "transformers",
    }
)  # fmt: skip


class _Refuse(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the importer's signature
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in HEAVY:
            raise ModuleNotFoundError(f"{fullname} is not part of the service's environment", name=fullname)
        return None


def refuse_heavy_imports() -> None:
    """From now on importing anything of :data:`HEAVY` raises ``ModuleNotFoundError``, as where it is not installed.

    LightGBM imports pandas and scikit-learn where it finds them; without them the process starts sooner and is smaller.
    """
    if not any(isinstance(finder, _Refuse) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Refuse())


def heavy_modules() -> list[str]:
    """Which of :data:`HEAVY` this process has imported."""
    return sorted(HEAVY & set(sys.modules))

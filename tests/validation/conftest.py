"""Great Expectations, imported once."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def great_expectations() -> None:
    """Its import takes seconds; no single test should be charged for it."""
    from pipelines.validation.gx import _great_expectations

    _great_expectations()

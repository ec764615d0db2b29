"""What is special about one product. Most products need no code here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipelines.errors import ConfigError
from pipelines.features.tabular import Derive

LabelFunction = Callable[[Mapping[str, Any]], Any]
"""A row without its target in, a class or None out."""


def derive_for(name: str | None) -> Derive | None:
    """The derived features that ``columns.features`` names, or None where it names none.

    Raises:
        ConfigError: no module of that name.
    """
    if name is None:
        return None
    if name == "credit_risk":
        from pipelines.products import credit_risk

        return credit_risk.derive
    if name == "campaign_response":
        from pipelines.products import campaign_response

        return campaign_response.derive
    if name == "rossmann":
        from pipelines.products import rossmann

        return rossmann.derive
    raise ConfigError(
        f"no derived features named {name!r}",
        where={"key": "columns.features"},
        next_step="choose credit_risk, campaign_response, rossmann or null,"
        " or add a module to pipelines/products and name it in its __init__.py",
    )


def functions_for(name: str) -> Mapping[str, LabelFunction]:
    """The labelling functions of the module that ``label.weak.module`` names, by name.

    Raises:
        ConfigError: no module of that name.
    """
    if name == "customer_intent_demo":
        from pipelines.products import customer_intent_demo

        return customer_intent_demo.LABEL_FUNCTIONS
    raise ConfigError(
        f"no labelling functions in a module {name!r}",
        where={"key": "label.weak.module"},
        next_step="choose customer_intent_demo,"
        " or add a module with LABEL_FUNCTIONS to pipelines/products and name it in its __init__.py",
    )

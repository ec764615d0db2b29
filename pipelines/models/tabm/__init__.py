"""TabM: one network that is an ensemble of MLPs with shared weights, on piecewise-linear embeddings of the numbers."""

from pipelines.models.tabm.fitting import DEFAULTS, fit
from pipelines.models.tabm.model import NetModel, load

__all__ = ["DEFAULTS", "NetModel", "fit", "load"]

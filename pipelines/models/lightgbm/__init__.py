"""LightGBM's boosted trees."""

from pipelines.models.lightgbm.boosting import DEFAULTS, OBJECTIVE, TreesModel, fit, load, matrix

__all__ = ["DEFAULTS", "OBJECTIVE", "TreesModel", "fit", "load", "matrix"]

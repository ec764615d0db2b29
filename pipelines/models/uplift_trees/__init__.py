"""Uplift learners on LightGBM: the T-learner and the doubly robust learner, several arms against one control."""

from pipelines.models.uplift_trees.boosting import DEFAULTS, LEARNERS, UpliftData, UpliftTrees, fit, uplift_of

__all__ = ["DEFAULTS", "LEARNERS", "UpliftData", "UpliftTrees", "fit", "uplift_of"]

"""A recurrent network over a series' past: one model for all series, trained with torch, answered with numpy."""

from pipelines.models.sequence.scoring import SequenceNet

__all__ = ["SequenceNet"]

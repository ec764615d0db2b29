"""The chosen model as served."""

"""The export stage of texts."""

"""The evaluate stage of texts."""

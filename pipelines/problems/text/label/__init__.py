"""The label stage of texts."""

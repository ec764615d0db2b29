"""The package stage of texts."""

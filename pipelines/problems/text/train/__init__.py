"""The train stage of texts."""

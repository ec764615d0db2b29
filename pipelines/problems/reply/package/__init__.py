"""The package stage of replies."""

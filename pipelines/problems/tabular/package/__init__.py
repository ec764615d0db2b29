"""The package stage of tables."""

"""The export stage of tables."""

"""The evaluate stage of tables."""

"""The label stage of tables."""

"""The train stage of tables."""

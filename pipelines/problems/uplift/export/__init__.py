"""The export stage of uplift."""

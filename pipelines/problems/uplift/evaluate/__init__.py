"""The evaluate stage of uplift."""

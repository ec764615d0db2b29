"""The label stage of uplift."""

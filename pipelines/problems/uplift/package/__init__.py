"""The package stage of uplift."""

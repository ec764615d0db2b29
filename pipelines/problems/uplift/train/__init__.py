"""The train stage of uplift."""

"""The prepare stage of uplift."""

"""Which rows say what was demanded."""

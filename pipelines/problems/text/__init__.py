"""Text classification: one class per text, from words alone."""

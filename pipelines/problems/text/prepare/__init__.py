"""The prepare stage of texts."""

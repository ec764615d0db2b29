"""The evaluate stage of replies."""

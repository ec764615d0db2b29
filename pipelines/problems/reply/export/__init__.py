"""The export stage of replies."""

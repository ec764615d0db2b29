"""The train stage of replies."""

"""The prepare stage of replies."""

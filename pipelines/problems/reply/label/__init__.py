"""The label stage of replies."""

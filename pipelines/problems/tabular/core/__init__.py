"""The prepared rows, as several stages meet them."""

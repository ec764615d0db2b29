"""One bundle, with the last stretch of history."""

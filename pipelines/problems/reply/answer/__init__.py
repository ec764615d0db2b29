"""A packaged model of replies, answering situations."""

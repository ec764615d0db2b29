"""A packaged model of a table, answering raw rows."""

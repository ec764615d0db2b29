"""Embedded simulators: rows from a written-down process, so that the best possible score is known."""

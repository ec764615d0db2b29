from __future__ import annotations

from pipelines.errors import EXIT_TRANSIENT, EXIT_UNAVAILABLE, BusyError, SourceError


def test_an_error_is_one_line_with_what_where_and_next() -> None:
    error = SourceError("the file\nis empty", where={"file": "a.csv", "column": None}, next_step="check the export")
    assert str(error) == "the file is empty [file=a.csv] -> check the export"
    assert error.exit_code == EXIT_UNAVAILABLE


def test_places_are_added_without_overwriting_what_the_raiser_knew() -> None:
    error = SourceError("gone", where={"file": "a.csv"}, next_step="look").at(product="p", file="other")
    assert "product=p, file=a.csv" in str(error)


def test_a_busy_lock_is_transient() -> None:
    error = BusyError("train is already running", next_step="wait")
    assert error.transient
    assert error.exit_code == EXIT_TRANSIENT

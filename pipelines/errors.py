"""The one family of errors: what happened, where, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping

EXIT_OK = 0
EXIT_BLOCKED = 1  # a gate said no, or a lane failed
EXIT_USAGE = 2  # the command line or params.yaml is wrong
EXIT_DATA = 65  # the input data cannot be used (sysexits EX_DATAERR)
EXIT_UNAVAILABLE = 69  # a service or file that is needed is not there (EX_UNAVAILABLE)
EXIT_TRANSIENT = 75  # try again later (EX_TEMPFAIL)


class NightshiftError(Exception):
    """Base of every error that Nightshift raises on purpose.

    Args:
        what: what happened, one clause.
        where: the place, e.g. ``{"product": "credit_risk", "stage": "fetch", "column": "AGE", "rows": 12}``.
        next_step: what the reader should do, one clause.
    """

    exit_code: int = EXIT_BLOCKED
    transient: bool = False

    def __init__(
        self,
        what: str,
        *,
        where: Mapping[str, object] | None = None,
        next_step: str,
        transient: bool | None = None,
    ) -> None:
        self.what = what
        self.where = dict(where or {})
        self.next_step = next_step
        if transient is not None:
            self.transient = transient
        super().__init__(self.line())

    def line(self) -> str:
        """The error as one line: ``what [key=value, ...] -> next step``."""
        place = ", ".join(f"{key}={value}" for key, value in self.where.items() if value is not None)
        text = f"{self.what} [{place}] -> {self.next_step}" if place else f"{self.what} -> {self.next_step}"
        return " ".join(text.split())

    def at(self, **where: object) -> NightshiftError:
        """Add places the raiser did not know (existing keys stay) and return self, for ``raise error.at(...)``."""
        self.where = {**where, **self.where}
        self.args = (self.line(),)
        return self


class ConfigError(NightshiftError):
    """``params.yaml``, an environment variable or a command-line argument is wrong."""

    exit_code = EXIT_USAGE


class SourceError(NightshiftError):
    """Rows cannot be had: unreachable host, wrong checksum, truncated or empty file."""

    exit_code = EXIT_UNAVAILABLE


class DataError(NightshiftError):
    """Rows are there but cannot be used: a missing column, one class only, too few rows."""

    exit_code = EXIT_DATA


class StageError(NightshiftError):
    """A stage cannot run: an input is missing, another process holds it, it was killed."""


class BusyError(StageError):
    """Somebody else holds the lock; the same call may go through later."""

    exit_code = EXIT_TRANSIENT
    transient = True


class BundleError(NightshiftError):
    """A packaged model is incomplete, changed since it was packed, or of a format this code does not read."""

    exit_code = EXIT_DATA


class RecordsError(NightshiftError):
    """The records database is unreachable, locked or of another version."""

    exit_code = EXIT_UNAVAILABLE


class ServiceError(NightshiftError):
    """The prediction service did not start or answered what it should not."""

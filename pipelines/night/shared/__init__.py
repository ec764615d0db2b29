"""Nights on several machines that share a git repository, a DVC remote and the records' database, and no disk.

``NIGHTSHIFT_SHARED=remote`` turns it on, in every process of every machine. Each task then brings its inputs from the
remote and sends its outputs there; lock entries, notes and the hashes of all else travel through the records.
"""

from __future__ import annotations

import os

from pipelines.errors import ConfigError

VARIABLE = "NIGHTSHIFT_SHARED"


def is_shared() -> bool:
    """Whether nights are shared between machines.

    Raises:
        ConfigError: the variable holds something else than ``remote``, or each machine would have records of its own.
    """
    value = os.environ.get(VARIABLE, "")
    if not value:
        return False
    if value != "remote":
        raise ConfigError(
            f"{VARIABLE} is {value!r}", where={"variable": VARIABLE}, next_step="set it to `remote`, or to nothing"
        )
    if not os.environ.get("NIGHTSHIFT_RECORDS_URL"):
        raise ConfigError(
            "machines that share their nights need one records database",
            where={"variable": "NIGHTSHIFT_RECORDS_URL"},
            next_step="set it to a PostgreSQL that all of them reach: postgresql+psycopg://user@host/name",
        )
    return True

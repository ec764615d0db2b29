"""API keys: who may ask the service. A key is shown once, when it is made; what is kept is its SHA-256.

A plain SHA-256 is right here, as it would not be for passwords: a key is 256 random bits, so there is no dictionary
that a slow hash (bcrypt, argon2) would slow down, and a slow one would only be paid by each request.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select, update

from pipelines.errors import ConfigError
from pipelines.records.schema import api_keys
from pipelines.records.store import Records, now

SCOPES = ("predict", "feedback")
PREFIX = "ns_"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class ApiKey:
    """One key, without the key. ``digest`` is the SHA-256 in hex; times are UTC ISO."""

    name: str
    digest: str
    scopes: tuple[str, ...]
    created_at: str
    revoked_at: str | None


def digest_of(key: str) -> str:
    """SHA-256 of a key, hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def add(records: Records, name: str, scopes: Sequence[str]) -> str:
    """Make a key and return it; it cannot be shown again.

    Raises:
        ConfigError: the name is taken (also by a revoked key: the log names clients by it) or not a name, or a scope is
            none of :data:`SCOPES`.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise ConfigError(
            f"no such scope: {unknown[0]!r}" if unknown else "a key without a scope may do nothing",
            next_step=f"choose of: {', '.join(SCOPES)}",
        )
    if NAME.fullmatch(name) is None:
        raise ConfigError(
            f"not a name for a key: {name[:64]!r}",
            next_step="use small letters, digits, dots, dashes and underscores, at most 64",
        )
    key = PREFIX + secrets.token_urlsafe(32)
    with records.changing() as connection:
        if connection.execute(select(api_keys.c.name).where(api_keys.c.name == name)).first() is not None:
            raise ConfigError(
                f"there is a key named {name!r}, or there was one",
                next_step="choose another name: the log names clients by it",
            )
        connection.execute(
            insert(api_keys).values(
                name=name, digest=digest_of(key), scopes=[s for s in SCOPES if s in scopes], created_at=now()
            )
        )
    return key


def revoke(records: Records, name: str) -> ApiKey:
    """End a key; services stop taking it within about a second.

    Raises:
        ConfigError: no such key, or it is revoked already.
    """
    living = (api_keys.c.name == name) & api_keys.c.revoked_at.is_(None)
    with records.changing() as connection:
        changed = connection.execute(update(api_keys).where(living).values(revoked_at=now()))
        row = connection.execute(select(api_keys).where(api_keys.c.name == name)).first()
        if row is None or not changed.rowcount:
            raise ConfigError(
                f"no living key is named {name!r}", next_step="choose one that `nightshift keys list` shows"
            )
    return _key(row._mapping)


def all_keys(records: Records) -> list[ApiKey]:
    """Every key, revoked ones too, by name."""
    with records.reading() as connection:
        return [_key(row._mapping) for row in connection.execute(select(api_keys).order_by(api_keys.c.name))]


def _key(row: object) -> ApiKey:
    values = dict(row)  # type: ignore[call-overload]
    return ApiKey(**{**values, "scopes": tuple(values["scopes"])})

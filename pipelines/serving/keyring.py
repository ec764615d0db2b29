"""Whether a request may do what it asks for: API keys, checked before its body is read."""

from __future__ import annotations

import hmac
import ipaddress
import logging
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any

from pipelines.errors import NightshiftError
from pipelines.records.keys import ApiKey, all_keys, digest_of
from pipelines.records.store import Records
from pipelines.serving.answers import Reply, refusal

logger = logging.getLogger("nightshift.serving")

BEARER = "bearer "
ASK = ((b"www-authenticate", b"Bearer"),)
FORWARDED = (b"forwarded", b"x-forwarded-for")
MISSING = "this service asks for a key: send the header 'Authorization: Bearer KEY' (`nightshift keys add` makes one)"


class Keyring:
    """The living keys, looked up anew every second; none, and only this machine may ask, until :meth:`open`.

    Args:
        always: ask for a key on loopback too.
    """

    def __init__(self, always: bool) -> None:
        self._always = always
        self._records: Records | None = None
        self._living: tuple[ApiKey, ...] = ()
        self._troubled = False

    def open(self, records: Records) -> None:
        """Where the keys lie."""
        self._records = records

    def refresh(self) -> None:
        """Look the keys up; when the records cannot be read, those known last stay."""
        if self._records is None:
            return
        try:
            self._living = tuple(key for key in all_keys(self._records) if key.revoked_at is None)
        except NightshiftError as error:
            if not self._troubled:
                logger.error("the keys could not be looked up, those known last stay: %s", error.line())
            self._troubled = True
        else:
            self._troubled = False

    def admit(self, scope: MutableMapping[str, Any], headers: Mapping[bytes, bytes], need: str | None) -> str | Reply:
        """The client's name (empty where no key is asked for), or the refusal: 401 no key or a wrong one, 403 a key
        that may not do this.

        Args:
            scope: ASGI.
            headers: its headers by name.
            need: ``predict``, ``feedback``, or None: any living key.
        """
        sent = headers.get(b"authorization")
        if sent is None:
            if not self._always and on_loopback(scope, headers):
                return ""
            return refusal(401, MISSING, headers=ASK)
        text = sent.decode("latin-1")
        if text[: len(BEARER)].lower() != BEARER:
            return refusal(401, MISSING, headers=ASK)
        key = self._find(text[len(BEARER) :].strip())
        if key is None:
            return refusal(401, "this key is not known here, or it is revoked", headers=ASK)
        if need is not None and need not in key.scopes:
            return refusal(403, f"the key {key.name!r} may {' and '.join(key.scopes)}, not {need}")
        return key.name

    def _find(self, secret: str) -> ApiKey | None:
        """All keys are compared, each in constant time: how long it takes says nothing of how near a guess was."""
        digest = digest_of(secret)
        found = None
        for key in self._living:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found


def on_loopback(scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> bool:
    """Whether the connection begins and ends on this machine and no proxy stands between."""
    if any(name in headers for name in FORWARDED):
        return False
    server, client = scope.get("server"), scope.get("client")
    if not server or not client:
        return False
    return _is_loopback(str(server[0])) and _is_loopback(str(client[0]))


@lru_cache(maxsize=1024)
def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False

"""The mail server: Airflow's connection ``smtp_default``, read from the environment without importing Airflow."""

from __future__ import annotations

import contextlib
import json
import os
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pipelines.errors import ConfigError

VARIABLE = "AIRFLOW_CONN_SMTP_DEFAULT"


@dataclass(frozen=True)
class SmtpServer:
    """How to reach the server. ``sender``, if set, takes the place of every mail's sender."""

    host: str
    port: int
    login: str = ""
    password: str = field(default="", repr=False)
    use_ssl: bool = True
    starttls: bool = True
    verify: bool = True
    timeout_seconds: float = 30.0
    sender: str = ""

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host


def smtp_server(environment: Mapping[str, str] = os.environ) -> SmtpServer | None:
    """The server that ``AIRFLOW_CONN_SMTP_DEFAULT`` (JSON or URI) names, or None when it is not set.

    The extra fields mean what they mean to Airflow's SMTP hook: ``disable_ssl``, ``disable_tls`` (any non-empty text
    counts as true), ``from_email``, ``timeout`` (seconds) and ``ssl_context`` (``default`` or ``none``).

    Raises:
        ConfigError: the variable cannot be read, names no host, or asks for OAuth 2.
    """
    text = environment.get(VARIABLE, "").strip()
    if not text:
        return None
    try:
        fields, extra = _from_json(text) if text.startswith("{") else _from_uri(text)
        port = int(fields.get("port") or 0)
        timeout = float(extra.get("timeout", 30))
    except (ValueError, TypeError, AttributeError):
        raise _wrong("it is neither JSON nor a URI that Airflow reads") from None
    if not fields.get("host"):
        raise _wrong("it names no host")
    if extra.get("auth_type", "basic") != "basic":
        raise _wrong(f"auth_type {extra['auth_type']!r} is not supported here, only basic")
    return SmtpServer(
        host=str(fields["host"]),
        port=port,
        login=str(fields.get("login") or ""),
        password=str(fields.get("password") or ""),
        use_ssl=not extra.get("disable_ssl", False),
        starttls=not extra.get("disable_tls", False),
        verify=extra.get("ssl_context") != "none",
        timeout_seconds=timeout,
        sender=str(extra.get("from_email") or ""),
    )


def _wrong(what: str) -> ConfigError:
    return ConfigError(
        f"the mail connection cannot be used: {what}",
        where={"variable": VARIABLE},
        next_step="set it to e.g. smtp://user:password@host:587/?disable_ssl=true, or to Airflow's JSON form",
    )


def _from_json(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    fields = json.loads(text)
    extra = fields.get("extra") or {}
    return fields, json.loads(extra) if isinstance(extra, str) else dict(extra)


def _from_uri(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    parts = urlsplit(text)
    if not parts.scheme:
        raise ValueError(text)
    extra: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "__extra__" in extra:
        extra = json.loads(extra["__extra__"])
    fields = {
        "host": unquote(parts.hostname or ""),
        "port": parts.port,
        "login": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }
    return fields, extra


@contextlib.contextmanager
def connected(server: SmtpServer) -> Iterator[smtplib.SMTP]:
    """A session with the server: encrypted and logged in as the connection says.

    Over SSL, STARTTLS is used only where the server offers it as well.

    Raises:
        OSError, smtplib.SMTPException: unreachable, not trusted, or the login was refused.
    """
    context = ssl.create_default_context() if server.verify else ssl._create_unverified_context()
    client: smtplib.SMTP
    if server.use_ssl:
        client = smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout_seconds, context=context)
    else:
        client = smtplib.SMTP(server.host, server.port, timeout=server.timeout_seconds)
    with client:
        client.ehlo()
        if server.starttls and (not server.use_ssl or client.has_extn("starttls")):
            client.starttls(context=context)
            client.ehlo()
        if server.login and server.password:
            client.login(server.login, server.password)
        yield client

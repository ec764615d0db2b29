"""Airflow's connection as text, in both of its forms, and the session that follows from it."""

from __future__ import annotations

import json
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ConfigError
from pipelines.monitoring.smtp import VARIABLE, SmtpServer, connected, smtp_server

FORMS = [
    "smtp://me%40bank:p%2Fw%3F@mail.example:587/?disable_ssl=true&from_email=ml%40bank.example&timeout=5",
    json.dumps(
        {
            "conn_type": "smtp", "host": "mail.example", "port": 587, "login": "me@bank", "password": "p/w?",
            "extra": {"disable_ssl": True, "from_email": "ml@bank.example", "timeout": 5},
        }
    ),
    json.dumps(
        {
            "conn_type": "smtp", "host": "mail.example", "port": "587", "login": "me@bank", "password": "p/w?",
            "extra": '{"disable_ssl": true, "from_email": "ml@bank.example", "timeout": 5}',
        }
    ),
    "smtp://me%40bank:p%2Fw%3F@mail.example:587/?__extra__="
    "%7B%22disable_ssl%22%3A%20true%2C%20%22from_email%22%3A%20%22ml%40bank.example%22%2C%20%22timeout%22%3A%205%7D",
]  # fmt: skip


@pytest.mark.parametrize("text", FORMS)
def test_every_form_of_a_connection_gives_the_same_server(text: str) -> None:
    assert smtp_server({VARIABLE: text}) == SmtpServer(
        host="mail.example",
        port=587,
        login="me@bank",
        password="p/w?",
        use_ssl=False,
        starttls=True,
        timeout_seconds=5.0,
        sender="ml@bank.example",
    )


def test_no_variable_is_no_server() -> None:
    assert smtp_server({}) is None
    assert smtp_server({VARIABLE: " "}) is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "mail.example",
        "smtp://:pw@/",
        '{"conn_type": "smtp"}',
        "smtp://mail:x/",
        "smtp://h/?auth_type=oauth2",
    ],
)
def test_what_cannot_be_read_is_one_clear_error(text: str) -> None:
    with pytest.raises(ConfigError, match=VARIABLE) as raised:
        smtp_server({VARIABLE: text})
    assert "pw" not in str(raised.value)


def test_the_password_is_not_in_the_representation() -> None:
    assert "p/w?" not in repr(smtp_server({VARIABLE: FORMS[0]}))


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", [*FORMS, "smtp://mail.example", "smtp://mail.example:25/?disable_tls=false&disable_ssl="]
)
def test_airflow_reads_the_same_from_the_same_text(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv(VARIABLE, text)
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    server, hook = smtp_server(), SmtpHook("smtp_default")
    hook.smtp_connection = hook.get_connection("smtp_default")
    assert server is not None
    assert (server.host, server.port or None) == (hook.host, hook.port)
    assert (server.login, server.password) == (hook.smtp_user, hook.smtp_password)
    assert (server.use_ssl, server.starttls) == (hook.use_ssl, hook.smtp_starttls)
    assert (server.timeout_seconds, server.sender or None) == (hook.timeout, hook.from_email)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed certificate for localhost."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", names, "-keyout", str(key), "-out", str(cert)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs the openssl command")
    return key, cert


def _login(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> Any:
    from aiosmtpd.smtp import AuthResult

    return AuthResult(success=(data.login, data.password) == (b"me", b"secret"))


@pytest.mark.parametrize("first", ["starttls", "ssl"])
def test_encrypted_sessions_log_in_and_a_wrong_certificate_is_refused(
    first: str, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiosmtpd.controller import Controller
    from aiosmtpd.handlers import Sink

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])
    secured = {"ssl_context": context} if first == "ssl" else {"tls_context": context, "require_starttls": True}
    relaxed = {"auth_require_tls": False} if first == "ssl" else {}
    controller = Controller(Sink(), hostname="127.0.0.1", port=0, authenticator=_login, **secured, **relaxed)
    controller.port = _port()
    controller.start()
    try:
        base = f"smtp://me:secret@127.0.0.1:{controller.port}/"
        uri = base if first == "ssl" else f"{base}?disable_ssl=true"
        server = smtp_server({VARIABLE: uri})
        assert server is not None
        with pytest.raises(ssl.SSLCertVerificationError), connected(server):
            pass
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
        with connected(server) as client:
            assert client.noop()[0] == 250
            assert isinstance(client.sock, ssl.SSLSocket)
        trusting = smtp_server({VARIABLE: uri + ("&" if "?" in uri else "?") + "ssl_context=none"})
        monkeypatch.delenv("SSL_CERT_FILE")
        assert trusting is not None
        with connected(trusting) as client:
            assert client.noop()[0] == 250
    finally:
        controller.stop()


def _port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""Windows of the credit simulator, and a real SMTP server on loopback."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import date
from typing import Any

import pandas as pd
import pytest
from windows import PRODUCT, day

from pipelines.config import Params, load_params
from pipelines.layout import Layout
from pipelines.monitoring.reference import Reference, make_reference


@pytest.fixture(scope="session")
def params(root: Any) -> Params:
    """The parameters of the checkout."""
    return load_params(root / "params.yaml")


@pytest.fixture(scope="session")
def reference_rows() -> pd.DataFrame:
    """1,500 rows of the world without a shift."""
    return day(rows=1500, on=date(2026, 1, 1))


@pytest.fixture(scope="session")
def reference(reference_rows: pd.DataFrame, params: Params) -> Reference:
    """The sketches of those rows."""
    return make_reference(reference_rows, PRODUCT, "0123456789abcdef", params.products[PRODUCT])


@dataclasses.dataclass
class Mailbox:
    """What a test's SMTP server received, and what it shall refuse."""

    port: int = 0
    received: list[Any] = dataclasses.field(default_factory=list)
    refuse_recipients: set[str] = dataclasses.field(default_factory=set)
    refuse_subjects: set[str] = dataclasses.field(default_factory=set)

    @property
    def connection(self) -> str:
        """The value of ``AIRFLOW_CONN_SMTP_DEFAULT``."""
        return f"smtp://127.0.0.1:{self.port}/?disable_ssl=true&disable_tls=true"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if address in self.refuse_recipients:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        text = envelope.content.decode("ascii")
        if any(subject in text for subject in self.refuse_subjects):
            return "554 not wanted"
        self.received.append(envelope)
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A running SMTP server without encryption."""
    from aiosmtpd.controller import Controller

    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=_free_port())
    controller.start()
    box.port = controller.port
    yield box
    controller.stop()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    return _free_port()


@pytest.fixture
def layout(tmp_path: Any) -> Layout:
    """An empty checkout."""
    return Layout(tmp_path)

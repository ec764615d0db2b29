"""The doctor finds what is broken and says how it is mended; what is whole is ok."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from drafting import make_project

from pipelines.layout import Layout
from pipelines.onboarding.doctor import examine, findings, machine, project, services
from pipelines.onboarding.doctor.finding import Finding


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    for name in ("AIRFLOW_CONN_SMTP_DEFAULT", "NIGHTSHIFT_RECORDS_URL", "NIGHTSHIFT_LOG_URL"):
        monkeypatch.delenv(name, raising=False)
    return make_project(tmp_path / "project")


def states(found: Iterator[Finding]) -> list[str]:
    return [finding.state for finding in found]


@contextlib.contextmanager
def listening() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_packages_are_held_against_the_pins(layout: Layout) -> None:
    (layout.root / "requirements.txt").write_text("numpy==0.0.1\nno-such-package==1\n# x\n")
    (wrong,) = machine.environment(layout)
    assert wrong.state == "mend"
    assert "instead of 0.0.1" in wrong.detail
    assert "no-such-package missing" in wrong.detail
    assert "make setup" in wrong.mend
    import numpy

    (layout.root / "requirements.txt").write_text(f"numpy=={numpy.__version__}\n")
    assert states(machine.environment(layout)) == ["ok"]


def test_little_disk_must_be_mended(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    assert states(machine.disk(layout))[0] == "mend"


def test_the_clock_is_held_against_the_file_system(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    assert states(machine.clock(layout)) == ["ok"]
    now = machine.time.time()
    monkeypatch.setattr(machine.time, "time", lambda: now + 3600)
    assert states(machine.clock(layout)) == ["mend"]


def test_a_gpu_is_missed_only_where_the_profile_asks_for_one(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.config import load_params

    params = load_params(layout.params)
    monkeypatch.setattr(machine.shutil, "which", lambda _: None)
    assert states(machine.gpu(params)) == ["ok"]
    cuda = params.model_copy(update={"profile": params.profile.model_copy(update={"device": "cuda"})})
    assert states(machine.gpu(cuda)) == ["mend"]


def test_a_mail_server_that_does_not_answer_must_be_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SMTP_DEFAULT", raising=False)
    assert states(services.mail()) == ["note"]
    with listening() as port:
        pass
    server = {"host": "127.0.0.1", "port": port, "extra": {"disable_ssl": True, "disable_tls": True, "timeout": 1}}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(server))
    (found,) = services.mail()
    assert found.state == "mend"
    assert str(port) in found.detail


def test_databases_of_another_version_or_none_at_all_must_be_mended(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import update

    from pipelines.records.schema import schema_version
    from pipelines.records.store import open_records

    assert states(services.databases(layout)) == ["ok", "ok"]
    records = open_records(layout.records_url)
    with records.changing() as connection:
        connection.execute(update(schema_version).values(version=99))
    records.close()
    (bad, log) = services.databases(layout)
    assert (bad.state, log.state) == ("mend", "ok")
    assert "99" in bad.detail
    with listening() as port:
        pass
    monkeypatch.setenv("NIGHTSHIFT_LOG_URL", f"postgresql+psycopg://u@127.0.0.1:{port}/x?connect_timeout=2")
    assert states(services.databases(layout)) == ["mend", "mend"]


def test_ports_in_use_are_named(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as port:
        monkeypatch.setattr(services, "AIRFLOW_PORT", port)
        (found,) = services.ports(layout, None)
    assert found.state == "note"
    assert f"{port} (Airflow)" in found.detail


def test_a_remote_that_is_a_folder_is_tried(layout: Layout, tmp_path: Path) -> None:
    assert states(project.dvc_remote(layout)) == ["mend"]
    folder = layout.root / ".dvc"
    folder.mkdir()
    (folder / "config").write_text("[core]\n    analytics = false\n")
    assert states(project.dvc_remote(layout)) == ["note"]
    (folder / "config").write_text(f"[core]\n    remote = far\n['remote \"far\"']\n    url = {tmp_path}\n")
    (found,) = project.dvc_remote(layout)
    assert found.state in {"ok", "note"}
    assert str(tmp_path) in found.detail
    (folder / "config").write_text("[core]\n    remote = far\n")
    assert states(project.dvc_remote(layout)) == ["mend"]


def test_a_broken_suite_and_broken_parameters_are_findings(layout: Layout) -> None:
    layout.suite("credit_risk").write_text("{")
    named = {finding.name: finding for finding in findings(layout) if finding.state == "mend"}
    assert "credit_risk" in named["suites"].detail
    layout.params.write_text("products: {}\n")
    said: list[str] = []
    assert not examine(layout, said.append)
    assert any(line.startswith("MEND  params.yaml") for line in said)
    assert all("->" in line for line in said if line.startswith("MEND"))

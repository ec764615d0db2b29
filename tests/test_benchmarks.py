"""`make bench`: nothing is left out silently, one failure stops no other, and the table says how each ended."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("nightshift_bench", ROOT / "benchmarks" / "bench.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_script_is_run_unless_it_is_a_helper(bench: ModuleType) -> None:
    there = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    assert {one.script for one in bench.benches()} == there - set(bench.HELPERS)
    assert set(bench.HELPERS) < there
    keys = [one.key for one in bench.benches()]
    assert len(keys) == len(set(keys))


def test_every_option_of_the_table_is_one_that_the_benchmark_has(bench: ModuleType) -> None:
    for one in bench.benches():
        text = (ROOT / "benchmarks" / f"{one.script}.py").read_text(encoding="utf-8")
        for option in f"{one.small} {one.full}".split():
            assert not option.startswith("--") or f'"{option}"' in text, (one.script, option)


def test_a_failure_stops_no_other_and_fails_the_command_at_its_end(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "good.py").write_text("import sys\nprint('figures of', *sys.argv[1:])\n")
    (tmp_path / "benchmarks" / "bad.py").write_text("raise SystemExit('no good')\n")
    (tmp_path / "benchmarks" / "new.py").write_text("print('not listed')\n")
    made = (
        bench.Bench("bad", "fails"),
        bench.Bench("good", "passes", "--rows 3", "--rows 900"),
        bench.Bench("absent", "needs data", needs="mirror"),
    )
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    monkeypatch.setattr(bench, "BENCHES", made)
    monkeypatch.delenv("NIGHTSHIFT_MIRROR", raising=False)
    monkeypatch.setattr(sys, "argv", ["bench.py"])
    with pytest.raises(SystemExit, match="failed: bad"):
        bench.main()
    lines = (tmp_path / ".nightshift" / "bench" / "table.md").read_text(encoding="utf-8").splitlines()
    assert "| bad | fails | FAILED |" in lines[4]
    assert "exit 1: no good" in lines[4]
    assert "| good | passes | passed |" in lines[5]
    assert "figures of --rows 3" in lines[5]
    assert "| absent | needs data | left out | 0 | needs the public data" in lines[6]
    assert "| new | - | passed |" in lines[7]
    assert (tmp_path / ".nightshift" / "bench" / "good.txt").read_text() == "figures of --rows 3\n"
    monkeypatch.setattr(sys, "argv", ["bench.py", "--size", "full", "--only", "good"])
    bench.main()
    assert "figures of --rows 900" in capsys.readouterr().out


def test_the_make_target_passes_size_and_names() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "--silent", "-o", "setup", "bench", "SIZE=full", "ONLY=chaos dag_parse"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "benchmarks/bench.py --size full --only chaos dag_parse" in done.stdout

from __future__ import annotations

import copy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dvc import dvcfile
from dvc.utils.serialize import dumps_yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_project import behave, environment, make_tiny

from pipelines.files import write_json
from pipelines.night.quick_lock import quick_lock

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.sampled_from([0.1, 1e-05, 0.0001, 1e20, -2.5, 100.0]),
    st.decimals(-1000, 1000, places=4).map(float),  # DVC itself loses the 17th digit of a float that it reads again
    st.sampled_from(
        ["yes", "1e3", "0123", "null", "", " a", "a: b", "# c", "a\nb", "'", '"', "2026-01-01", "数据", "~"]
    ),
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=100),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("abc_", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.from_regex(r"\A[a-z]{1,8}(@[a-z_]{1,8}(-[a-z]{1,4})?)?\Z")
STAGES = st.dictionaries(
    NAMES, st.fixed_dictionaries({"cmd": st.text("ab c/-", min_size=1), "params": VALUES}), max_size=4
)


def dump(path: Path, stages: dict[str, Any]) -> None:
    """What ``Lockfile.dump_stages`` does with the file, through whatever ``modify_yaml`` is at the moment."""
    with dvcfile.modify_yaml(path) as data:
        if not data:
            data.update({"schema": "2.0"})
        data["stages"] = data.get("stages", {})
        for name, stage in stages.items():
            data["stages"].update({name: copy.deepcopy(stage)})


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=STAGES, after=STAGES)
def test_the_bytes_are_those_that_dvc_writes(tmp_path: Path, before: dict[str, Any], after: dict[str, Any]) -> None:
    theirs, ours = tmp_path / "theirs" / "dvc.lock", tmp_path / "ours" / "dvc.lock"
    for path in (theirs, ours):
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        dump(path, before)
    dump(theirs, after)
    with quick_lock():
        dump(ours, after)
    assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        "schema: '2.0'\nstages: {}\n",
        "# by hand\nschema: '2.0'\nstages:\n  a:\n    cmd: x\n",
        "stages:\n  a:\n    cmd: x\nschema: '2.0'\n",
        "schema: '2.0'\nstages:\n  'a b':\n    cmd: x\n",
        "schema: '2.0'\nstages:\n  a: {cmd: x}\n",
        "schema: '2.0'\n",
    ],
)
def test_a_file_that_is_not_as_dvc_writes_it_is_left_to_dvc(tmp_path: Path, text: str) -> None:
    theirs, ours = tmp_path / "theirs" / "dvc.lock", tmp_path / "ours" / "dvc.lock"
    for path in (theirs, ours):
        path.parent.mkdir()
        path.write_text(text)
    dump(theirs, {"a": {"cmd": "y"}})
    with quick_lock():
        dump(ours, {"a": {"cmd": "y"}})
    assert yaml_of(ours) == yaml_of(theirs)


def yaml_of(path: Path) -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(path.read_text())


def test_an_error_in_between_leaves_the_file_and_dvc_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "dvc.lock"
    path.write_text(dumps_yaml({"schema": "2.0", "stages": {"a": {"cmd": "x"}}}))
    before, original = path.read_bytes(), dvcfile.modify_yaml
    with pytest.raises(KeyboardInterrupt), quick_lock(), dvcfile.modify_yaml(path) as data:
        data["stages"]["a"] = {"cmd": "y"}
        raise KeyboardInterrupt
    assert path.read_bytes() == before
    assert dvcfile.modify_yaml is original


@pytest.mark.slow
def test_a_lane_by_night_leaves_the_lock_that_dvc_repro_by_hand_leaves(tmp_path: Path) -> None:
    layout = make_tiny(tmp_path / "tiny", ("alpha",), ("one",), code_files=2)
    write_json(layout.snapshot("alpha") / "pin.json", {"day": "2026-11-24"})
    targets = ["fetch@alpha", "validate@alpha", "label@alpha"]
    for behaviour in ({}, {"fetch@nobody": {}}):  # from nothing, then everything anew
        behave(layout, behaviour)
        for target in targets:
            answer = str(tmp_path / "result.json")
            command = [sys.executable, "-m", "pipelines.night.worker", answer, "repro", target, "n1"]
            subprocess.run(command, cwd=layout.root, env=environment(layout), check=True, capture_output=True)
    by_night = (layout.root / "dvc.lock").read_bytes()
    shutil.rmtree(layout.state / "lanes")
    (layout.root / "dvc.lock").unlink()
    for behaviour in ({}, {"fetch@nobody": {}}):
        behave(layout, behaviour)
        for target in targets:
            command = [sys.executable, "-m", "dvc", "repro", "-q", "-s", target]
            subprocess.run(command, cwd=layout.root, env=environment(layout), check=True, capture_output=True)
    assert (layout.root / "dvc.lock").read_bytes() == by_night

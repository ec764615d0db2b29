from __future__ import annotations

from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import ConfigError
from pipelines.serving.pins import pins as serving_pins
from pipelines.supply.licences import check_licences, is_allowed, licence_of, read_pins
from pipelines.supply.policy import Exceptional, Policy, read_policy

ROOT = Path(__file__).resolve().parents[2]
FREE = frozenset({"MIT", "Apache-2.0", "BSD-3-Clause"})


def test_every_pinned_package_is_allowed_or_an_exception_with_a_reason() -> None:
    pins = read_pins(ROOT / "requirements.txt")
    found = check_licences(pins, read_policy())
    assert len(found) == len(pins) > 300
    assert [one for one in found if one.trouble] == []


def test_what_the_policy_says_is_not_in_a_bento_is_not() -> None:
    shipped = set(serving_pins())
    left_out = [name for name, one in read_policy().exceptions.items() if "not in a Bento" in one.reason]
    assert len(left_out) >= 4
    assert not shipped & set(left_out)


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT AND Apache-2.0", True),
        ("MIT AND (GPL-3.0-only OR Apache-2.0)", True),
        ("(MIT OR Apache-2.0) AND GPL-3.0-only", False),
        ("Apache-2.0 WITH LLVM-exception AND MIT", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("", False),
        ("(MIT", False),
        ("MIT MIT", False),
        ("MIT OR", False),
        (")", False),
        ("MIT WITH", False),
        ("see the file LICENSE", False),
    ],
)
def test_an_expression_is_allowed_when_it_can_be_met(expression: str, allowed: bool) -> None:
    assert is_allowed(expression, FREE) is allowed


@given(st.text(alphabet="MITORANDWH() -.20abc", max_size=40))
def test_whatever_is_written_there_is_answered(text: str) -> None:
    assert is_allowed(text, frozenset()) is False


def package(folder: Path, *lines: str) -> Distribution:
    place = folder / "thing-1.0.dist-info"
    place.mkdir(exist_ok=True)
    (place / "METADATA").write_text("\n".join(["Metadata-Version: 2.4", "Name: thing", "Version: 1.0", *lines, ""]))
    return Distribution.at(place)


def test_an_expression_is_trusted_before_classifiers_and_those_before_free_text(tmp_path: Path) -> None:
    classifier = "Classifier: License :: OSI Approved :: MIT License"
    assert licence_of(package(tmp_path, "License-Expression: ISC", classifier, "License: GPL")) == "ISC"
    assert licence_of(package(tmp_path, classifier, "License: GPL")) == "MIT"
    both = [classifier, "Classifier: License :: OSI Approved :: Apache Software License"]
    assert licence_of(package(tmp_path, *both)) == "Apache-2.0 AND MIT"
    assert licence_of(package(tmp_path, "Classifier: License :: OSI Approved", "License: EPL-2.0")) == "EPL-2.0"
    assert licence_of(package(tmp_path)) == ""


def test_trouble_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pins = {"numpy": distribution("numpy").version, "hypothesis": "0.1", "no-such-package": "1", "tqdm": "0"}
    reason = "because it is a test"
    policy = Policy(
        licences=("MIT",),
        exceptions={
            "tqdm": Exceptional(licence="GPL-3.0-only", reason=reason),
            "gone": Exceptional(licence="GPL-3.0-only", reason=reason),
        },
    )
    found = {one.name: one.trouble for one in check_licences(pins, policy)}
    assert "not on the list: BSD-3-Clause AND 0BSD" in found["numpy"]
    assert "not on the list: MPL-2.0" in found["hypothesis"]
    assert "not installed" in found["no-such-package"]
    assert "its metadata says 'MPL-2.0 AND MIT'" in found["tqdm"]
    assert "no pin" in found["gone"]


def test_a_line_that_pins_nothing_is_refused_with_its_number(tmp_path: Path) -> None:
    (tmp_path / "pins.txt").write_text("# a comment\nnumpy==2.0  # why\npsycopg[binary]==3.1 ; os_name=='posix'\n\n")
    assert read_pins(tmp_path / "pins.txt") == {"numpy": "2.0", "psycopg": "3.1"}
    (tmp_path / "pins.txt").write_text("numpy==2.0\npandas>=2\n")
    with pytest.raises(ConfigError, match="not pinned: pandas>=2") as raised:
        read_pins(tmp_path / "pins.txt")
    assert raised.value.where["line"] == 2


@pytest.mark.parametrize("text", ["licences: [MIT]\nother: 1\n", "licences: [MIT]\nlicences: [ISC]\n", "- a\n", "a: ["])
def test_a_policy_that_says_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.yaml").write_text(text)
    with pytest.raises(ConfigError):
        read_policy(tmp_path / "policy.yaml")

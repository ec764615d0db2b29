"""Which licence an installed package has, read from its metadata, and whether the policy allows it.

A package says it as an SPDX expression (PEP 639), as trove classifiers, or as free text, in that order of trust.
Several classifiers may mean a choice or a duty to keep all: they are read as all, and a choice is an exception with its
reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import cast

from pipelines.errors import ConfigError
from pipelines.supply.policy import Policy

TOKEN = re.compile(r"\s*(\(|\)|[^\s()]+)")
VAGUE = {"OSI Approved", "DFSG approved"}
NAMES = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0 license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "artistic license": "Artistic",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "gnu general public license (gpl)": "GPL",
    "gnu general public license v2 (gplv2)": "GPL-2.0-only",
    "gnu general public license v2 or later (gplv2+)": "GPL-2.0-or-later",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "new bsd license": "BSD-3-Clause",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
    "zope public license": "ZPL-2.1",
}
"""Classifiers and usual wordings, in lower case. "BSD" without a number is read as its stricter usual form."""


@dataclass(frozen=True)
class Checked:
    """One pinned package: ``trouble`` is empty where it may stay."""

    name: str
    version: str
    licence: str
    trouble: str = ""


def read_pins(path: Path) -> dict[str, str]:
    """``{package: version}`` of a file of ``name==version`` lines, as written.

    Raises:
        ConfigError: a line that is none.
    """
    pins: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        wanted = line.partition("#")[0].partition(";")[0].strip()
        if not wanted:
            continue
        name, equals, version = wanted.partition("==")
        if not equals or not version.strip():
            raise ConfigError(
                f"not pinned: {wanted}", where={"file": path, "line": number}, next_step="write name==version"
            )
        pins[name.partition("[")[0].strip()] = version.strip()
    return pins


def licence_of(package: Distribution) -> str:
    """The package's licence as an expression of SPDX ids, or its own words where it has no other; empty: none."""
    told = cast(Message, package.metadata)
    expression = str(told.get("License-Expression") or "").strip()
    if expression:
        return expression
    classified = [
        text.split(" :: ")[-1] for text in told.get_all("Classifier") or [] if str(text).startswith("License ::")
    ]
    named = sorted({NAMES.get(text.lower(), text) for text in classified if text not in VAGUE})
    if named:
        return " AND ".join(named)
    lines = str(told.get("License") or "").strip().splitlines()
    words = lines[0].strip() if lines else ""
    return NAMES.get(words.lower(), words)


def is_allowed(expression: str, allowed: frozenset[str]) -> bool:
    """Whether an SPDX expression can be met with these licences: one side of OR, both of AND; ``id WITH exception`` as
    ``id``. What is no expression is not allowed."""
    tokens = TOKEN.findall(expression)
    try:
        value, rest = _either(tokens, allowed)
    except IndexError:
        return False
    return value and not rest


def _either(tokens: list[str], allowed: frozenset[str]) -> tuple[bool, list[str]]:
    value, rest = _both(tokens, allowed)
    while rest and rest[0].upper() == "OR":
        more, rest = _both(rest[1:], allowed)
        value = value or more
    return value, rest


def _both(tokens: list[str], allowed: frozenset[str]) -> tuple[bool, list[str]]:
    value, rest = _one(tokens, allowed)
    while rest and rest[0].upper() == "AND":
        more, rest = _one(rest[1:], allowed)
        value = value and more
    return value, rest


def _one(tokens: list[str], allowed: frozenset[str]) -> tuple[bool, list[str]]:
    head, rest = tokens[0], tokens[1:]
    if head == "(":
        value, rest = _either(rest, allowed)
        if rest[0] != ")":
            return False, rest
        return value, rest[1:]
    if rest and rest[0] == "WITH":
        rest[1]  # an exception only permits more
        rest = rest[2:]
    return head in allowed, rest


def check_licences(pins: Mapping[str, str], policy: Policy) -> list[Checked]:
    """Every pinned package with its licence and what is wrong with it, by name; at last exceptions without a pin."""
    allowed, used = frozenset(policy.licences), set()
    found: list[Checked] = []
    for name, version in sorted(pins.items()):
        try:
            package = distribution(name)
        except PackageNotFoundError:
            found.append(Checked(name, version, "", "not installed: `make setup`"))
            continue
        licence, exception = licence_of(package), policy.exceptions.get(name)
        installed = package.version.partition("+")[0]
        trouble = "" if installed == version else f"version {installed} is installed: `make setup`"
        if exception is not None:
            used.add(name)
            if exception.licence != licence:
                trouble = f"the exception is for {exception.licence!r}, its metadata says {licence!r}"
            elif is_allowed(licence, allowed):
                trouble = "needs no exception: its licence is allowed"
        elif not is_allowed(licence, allowed):
            trouble = f"its licence is not on the list: {licence or 'it names none'}"
        found.append(Checked(name, version, licence, trouble))
    for name in sorted(set(policy.exceptions) - used):
        found.append(Checked(name, "-", policy.exceptions[name].licence, "an exception, but no pin"))
    return found

"""What a person says about a new product on the command line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipelines.blocks.base import NAME_PATTERN
from pipelines.errors import ConfigError


@dataclass(frozen=True)
class Wish:
    """The command line of ``nightshift new``, as given.

    Attributes:
        product: the new name.
        data: a file, a glob or a database URL (``query`` given).
        target: the column to learn.
        problem: given kind of problem; None: from the other options.
        keep: leak suspects that are known before the outcome.
        group: reply: the dialogue; target: reply: what was said.
        known: forecast: columns that are known in advance.
        drop: columns to leave out.
        unprotected: protected-looking column -> the reason why it may be a feature.
        writing: ``encoding``, ``separator``, ``decimal``, ``thousands`` where given.
    """

    product: str
    data: str
    target: str
    query: str | None = None
    problem: str | None = None
    task: str | None = None
    positive: str | None = None
    id: str | None = None
    text: str | None = None
    time: str | None = None
    group: str | None = None
    treatment: str | None = None
    control: str | None = None
    horizon: int | None = None
    series: str | None = None
    known: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    unprotected: Mapping[str, str] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=dict)
    writing: Mapping[str, str] = field(default_factory=dict)

    def answers(self) -> dict[str, str]:
        """Options that answer a question, by their names."""
        given = {"--task": self.task, "--positive": self.positive, "--decimal": self.writing.get("decimal")}
        given |= {"--control": self.control}
        return {option: value for option, value in given.items() if value is not None}


def check_name(product: str) -> None:
    """Raises:
    ConfigError: not a name that a product can have.
    """
    if not re.fullmatch(NAME_PATTERN, product):
        plain = re.sub(r"[^a-z0-9_]+", "_", product.lower()).strip("_")[:48]
        hint = f", e.g. {plain}" if re.fullmatch(NAME_PATTERN, plain) else ""
        raise ConfigError(
            f"{product!r} cannot be a product's name",
            next_step=f"use small letters, digits and _, a letter first, at most 48{hint}",
        )


def check_columns(wish: Wish, columns: Iterable[str]) -> None:
    """Every column that the command line names must be there.

    Raises:
        ConfigError: names the option, the column and the nearest name.
    """
    known = list(columns)
    single = {"--target": wish.target, "--id": wish.id, "--text": wish.text, "--time": wish.time}
    reply = wish.problem == "reply"
    single |= {"--dialogue" if reply else "--group": wish.group, "--treatment": wish.treatment, "--series": wish.series}
    single = {"--reply" if reply and option == "--target" else option: name for option, name in single.items()}
    named = [(option, name) for option, name in single.items() if name is not None]
    named += [("--known", name) for name in wish.known]
    named += [("--keep", name) for name in wish.keep] + [("--drop", name) for name in wish.drop]
    named += [("--unprotected", name) for name in wish.unprotected] + [("--dates", name) for name in wish.dates]
    for option, name in named:
        if name not in known:
            near = difflib.get_close_matches(name.casefold(), {str(k).casefold(): k for k in known}, n=1, cutoff=0.5)
            real = next((k for k in known if near and k.casefold() == near[0]), None)
            hint = f"the nearest name is {real!r}" if real else f"there are: {', '.join(known[:10])}"
            raise ConfigError(f"{option} {name}: no such column", next_step=hint)
    roles = [name for option, name in named if option not in {"--keep", "--dates", "--unprotected"}]
    twice = [name for name in roles if roles.count(name) > 1]
    if twice:
        raise ConfigError(f"the column {twice[0]!r} is given two roles", next_step="give each column one role")


def pairs(option: str, given: Iterable[str]) -> dict[str, str]:
    """``COLUMN=VALUE`` options as a mapping. Raises ConfigError for one without ``=``."""
    found: dict[str, str] = {}
    for item in given:
        name, sign, value = item.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise ConfigError(
                f"{option} {item}: not of the form COLUMN=VALUE", next_step=f"write {option} COLUMN=VALUE"
            )
        found[name.strip()] = value.strip()
    return found

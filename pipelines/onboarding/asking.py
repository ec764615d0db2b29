"""What cannot be decided from the data is asked on a terminal, and elsewhere said with the option that decides it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Protocol

from pipelines.errors import ConfigError


class Asker(Protocol):
    """Decides what data cannot."""

    def choose(self, question: str, choices: Sequence[str], option: str) -> str:
        """One of ``choices``; ``option`` is the command-line option that answers it, e.g. ``--positive``."""
        ...

    def prefer(self, question: str, choices: Sequence[str], option: str) -> str:
        """As :meth:`choose`, but the first choice is taken, and said by the caller, where nobody can be asked."""
        ...

    def confirm(self, question: str) -> bool:
        """Yes or no."""
        ...


class Refuse:
    """Without a terminal: every open question is an error that names its option."""

    def choose(self, question: str, choices: Sequence[str], option: str) -> str:
        shown = [str(choice) for choice in choices[:12]]
        raise ConfigError(
            f"cannot be decided from the data: {question}",
            where={"choices": " | ".join(shown)},
            next_step=f"say it: {option} {shown[0] if len(shown) == 1 else 'CHOICE'}",
        )

    def prefer(self, question: str, choices: Sequence[str], option: str) -> str:  # noqa: ARG002
        return choices[0]

    def confirm(self, question: str) -> bool:
        raise ConfigError(question, next_step="say yes with --yes")


class Terminal:
    """Asks a person."""

    def choose(self, question: str, choices: Sequence[str], option: str) -> str:
        sys.stdout.write(f"\n{question} (answers {option})\n")
        for place, choice in enumerate(choices, start=1):
            sys.stdout.write(f"  {place}) {choice}\n")
        while True:
            answer = input("> ").strip()
            if answer in choices:
                return answer
            if answer.isdigit() and 1 <= int(answer) <= len(choices):
                return choices[int(answer) - 1]
            sys.stdout.write(f"one of 1 to {len(choices)}, or the words themselves\n")

    def prefer(self, question: str, choices: Sequence[str], option: str) -> str:
        return self.choose(question, choices, option)

    def confirm(self, question: str) -> bool:
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}


class Said:
    """Answers that were given beforehand, by option; everything else goes to another asker."""

    def __init__(self, answers: Mapping[str, str], rest: Asker) -> None:
        self.answers, self.rest = dict(answers), rest

    def choose(self, question: str, choices: Sequence[str], option: str) -> str:
        given = self.answers.get(option)
        if given is None:
            return self.rest.choose(question, choices, option)
        if given not in choices:
            raise ConfigError(
                f"{option} {given}: no such choice",
                where={"choices": " | ".join(map(str, choices[:12]))},
                next_step="choose one of them",
            )
        return given

    def prefer(self, question: str, choices: Sequence[str], option: str) -> str:
        return self.rest.prefer(question, choices, option)

    def confirm(self, question: str) -> bool:
        return self.rest.confirm(question)


def asker() -> Asker:
    """A person where both ends are a terminal."""
    return Terminal() if sys.stdin.isatty() and sys.stdout.isatty() else Refuse()

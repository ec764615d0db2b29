"""What the command line calls: options as a wish, drafting, drafting again, and how to ask the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelines.config import load_params
from pipelines.errors import ConfigError
from pipelines.layout import Layout
from pipelines.onboarding import drafts
from pipelines.onboarding.asking import Asker, asker
from pipelines.onboarding.door import again, new_product
from pipelines.onboarding.served import curl_lines
from pipelines.onboarding.wish import Wish, pairs

Say = Callable[[str], None]


def wish_of(
    product: str,
    data: str | None,
    target: str | None,
    single: Mapping[str, str | None],
    many: Mapping[str, Sequence[str] | None],
    writing: Mapping[str, str | None],
    horizon: int | None = None,
) -> Wish:
    """The options of ``nightshift new`` together.

    Raises:
        ConfigError: ``--data`` or ``--target`` is missing, or an option is not of its form.
    """
    single, target, problem = _of_replies(dict(single), target)
    for option, value in (("--data", data), ("--target", target)):
        if not value:
            raise ConfigError(f"{option} is missing", next_step="give --data FILE --target COLUMN; see new --help")
    for option, value, allowed in (
        ("--task", single.get("task"), ("binary", "multiclass", "regression")),
        ("--problem", problem, ("tabular", "text", "uplift", "forecast", "reply")),
        ("--decimal", writing.get("decimal"), (".", ",")),
        ("--thousands", writing.get("thousands"), ("", ".", ",", "'", " ")),
    ):
        if value is not None and value not in allowed:
            raise ConfigError(f"{option} {value}: no such choice", next_step=f"choose one of: {' | '.join(allowed)}")
    return Wish(
        product=product,
        data=str(data),
        target=str(target),
        known=tuple(many.get("known") or ()),
        keep=tuple(many.get("keep") or ()),
        drop=tuple(many.get("drop") or ()),
        unprotected=pairs("--unprotected", many.get("unprotected") or ()),
        dates=pairs("--dates", many.get("dates") or ()),
        writing={key: value for key, value in writing.items() if value is not None},
        horizon=horizon,
        **{key: value for key, value in single.items() if value is not None},
    )


def _of_replies(single: dict[str, str | None], target: str | None) -> tuple[dict[str, Any], str | None, str | None]:
    """``--dialogue`` and ``--reply`` as group and target of the problem ``reply``."""
    dialogue, reply = single.pop("dialogue", None), single.pop("reply", None)
    if dialogue is None and reply is None:
        return single, target, single.get("problem")
    for option, value in (("--dialogue", dialogue), ("--reply", reply)):
        if value is None:
            raise ConfigError(
                f"{option} is missing", next_step="give --dialogue COLUMN --reply COLUMN, docs/replies.md"
            )
    for option, other in (("--group", single.get("group")), ("--target", target)):
        if other is not None:
            raise ConfigError(f"{option} and --dialogue, --reply say the same", next_step=f"leave {option} out")
    problem = single.get("problem") or "reply"
    return {**single, "group": dialogue, "problem": problem}, reply, problem


def draft_new(layout: Layout, wish: Wish, say: Say, write: bool = True) -> None:
    """See :func:`pipelines.onboarding.door.new_product`."""
    new_product(layout, wish, say, write=write)


def draft_again(layout: Layout, product: str, data: str | None, yes: bool, say: Say, ask: Asker | None = None) -> None:
    """Show what a new draft of the suite would change, and write it when that is confirmed.

    Raises:
        ConfigError: see :func:`pipelines.onboarding.door.again`.
    """
    merged = again(layout, product, say, data=data, ask=ask)
    if not merged.changed:
        return
    person = ask or asker()
    if yes or (not _nobody(person) and person.confirm("write it?")):
        drafts.write(layout, product, merged)
        say(f"written: expectations/{product}.json")
    else:
        say("nothing was written; --yes writes it")


def _nobody(person: Asker) -> bool:
    from pipelines.onboarding.asking import Refuse

    return isinstance(person, Refuse)


def how_to_ask(layout: Layout, product: str) -> list[str]:
    """The curl line of a product."""
    return curl_lines(layout, load_params(layout.params), product)

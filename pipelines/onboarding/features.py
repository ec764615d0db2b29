"""Which columns a new product learns from."""

from __future__ import annotations

import math

from pipelines.blocks.sources import FileSource
from pipelines.errors import ConfigError, DataError
from pipelines.onboarding import roles, suspects
from pipelines.onboarding.asking import Asker
from pipelines.onboarding.conclusion import Conclusion
from pipelines.onboarding.roles import Part


def give_roles(found: Conclusion) -> None:
    """Every column's role, said in a few lines.

    Raises:
        ConfigError: the given id is none.
    """
    wish, facts = found.wish, found.look.facts
    taken = [name for name in (wish.target, wish.time, wish.group, wish.treatment, wish.text) if name is not None]
    if wish.id is not None:
        found.id, why = _given_id(found, wish.id)
    else:
        found.id, why = roles.pick_id(facts, taken)
    found.say("id", f"{found.id}: {why}" if found.id else why)
    if found.id and facts[found.id].pointed:
        found.say("id", f"{found.id} is written like 7.0; it is read as whole numbers")
    own = found.source.missing if isinstance(found.source, FileSource) else ()
    for name, fact in facts.items():
        if name in taken or name == found.id:
            continue
        part = roles.part_of(fact, found.look.raw[name], own)
        if found.problem == "text":
            part = Part("left out", f"a text model reads {wish.text} alone")
        if name in wish.drop:
            part = Part("left out", "you said so")
        found.parts[name] = part
        feature = part.role in {"numeric", "categorical"}
        if feature and roles.PROTECTED_NAME.search(name) and name not in wish.unprotected:
            found.protected = (*found.protected, name)


def _given_id(found: Conclusion, name: str) -> tuple[str, str]:
    fact = found.look.facts[name]
    twice = _repeated(found, name)
    if fact.unique is False and twice > 0.01:
        raise ConfigError(
            f"--id {name}: {twice:.1%} of the rows have an id that an earlier row has",
            next_step=f"give --group {name} instead if one {name} may have many rows, or another id",
        )
    return name, "you said so" + ("" if fact.unique else "; ids seen before go to quarantine")


def _repeated(found: Conclusion, name: str) -> float:
    values = found.look.raw[name]
    return float(values.duplicated().mean())


def say_parts(found: Conclusion) -> None:
    if found.problem == "text":
        found.say("text", f"{found.wish.text} is what is read; other columns are left out")
        return
    numeric, categorical = found.of("numeric"), found.of("categorical")
    features = [name for name in (*numeric, *categorical) if name not in found.protected]
    found.say(
        "features", f"{len(features)}: {_names(numeric, found)} are numbers, {_names(categorical, found)} categories"
    )
    groups: dict[str, list[str]] = {}
    for name, part in found.parts.items():
        if part.role == "left out" and part.note != "leak":
            groups.setdefault(part.why if part.note != "nearly empty" else "99% or more missing", []).append(name)
    for why, names in list(groups.items())[:12]:
        found.say("left out", f"{_list(names)}: {why}")
    if len(groups) > 12:
        found.say(
            "left out", f"and {sum(len(n) for n in list(groups.values())[12:])} more, see the comments in params.yaml"
        )
    noted = [(name, part) for name, part in found.parts.items() if part.note and part.role != "left out"]
    for name, part in noted[:8]:
        found.say("note", f"{name}: {part.note}")
    for name in found.wish.unprotected:
        found.say("protected", f"{name} may be a feature: {found.wish.unprotected[name]}")
    if found.protected:
        found.say("protected", f"{_list(list(found.protected))}: by their names; kept for slices, never features")
        found.options.append(("protected", "--unprotected COLUMN=REASON makes one a feature"))
    entity = [name for name, part in found.parts.items() if part.note == "names"]
    if entity and found.group is None:
        found.options.append(("group", f"--group {entity[0]} if rows of one {entity[0]} must not part at the split"))
    when = [name for name, part in found.parts.items() if part.note == "date"]
    if when and found.time is None:
        found.options.append(
            ("time", f"--time {when[0]} if it says when a row was known: the test side is then the newest rows")
        )
    prose = [name for name, part in found.parts.items() if part.note == "text"]
    if prose:
        found.options.append(
            ("text", f"--text {prose[0]} makes it a text problem; a table's models do not read free text")
        )


def _names(names: list[str], found: Conclusion) -> str:
    kept = [name for name in names if name not in found.protected]
    return f"{len(kept)} ({_list(kept)})" if kept else "0"


def _list(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def find_leaks(found: Conclusion, asker: Asker) -> None:
    """Leave out what tells the target alone, unless a person says that it is known before the outcome.

    Raises:
        DataError: nothing else is left.
    """
    features = [[n for n in found.of(role) if n not in found.protected] for role in ("numeric", "categorical")]
    told = suspects.telling(found.table, found.target, *features)
    kept: set[str] = set(found.wish.keep)
    outdoing = {one.name: one.sentence().partition(":")[0].removeprefix(f"{one.name} ") for one in told.outdoing}
    doubts = dict(outdoing)
    for name in told.suspects():
        part = f"alone tells the target ({told.alone.get(name, 1.0):.3f} of 1)"
        doubts[name] = "is the target under another name" if name in told.same else part
    for name, how in doubts.items():
        if name not in kept:
            question = f"{name} {how}. Is it known before the outcome?"
            kept |= {name} if asker.prefer(question, ["no", "yes"], f"--keep {name}") == "yes" else set()
        if name in kept:
            found.known_before |= {name: "CHECK: say how it is known before the outcome"} if name in outdoing else {}
            found.say("leak", f"{name} {how}; kept: you said that it is known before the outcome")
        else:
            found.parts[name] = Part("left out", f"leak suspect: {how}", "leak")
            found.say("leak", f"{name} {how}: left out. If it is known before the outcome: --keep {name}")
    gone = {name for name in doubts if name not in kept}
    if not [n for n in (*features[0], *features[1]) if n not in gone]:
        raise DataError(
            "every feature is a leak suspect: each alone tells the target",
            where={"columns": _list(sorted(gone))},
            next_step="give --keep COLUMN for those that are known before the outcome",
        )
    say_parts(found)
    best = told.best(gone)
    if best:
        unit = "rank agreement" if found.target.task == "regression" else "ROC AUC"
        found.say(
            "most telling",
            f"{best[0]}, {unit} {best[1]:.3f} alone: is it known before the outcome? If not: --drop {best[0]}",
        )
        if best[1] > suspects.LIMIT - 0.01:
            found.leakage_auc = 1.0 if best[1] > suspects.LIMIT else min(0.995, math.ceil((best[1] + 0.01) * 200) / 200)

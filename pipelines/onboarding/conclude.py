"""From a look at the data to decisions about a table: roles, split, metric, models; each with its reason."""

from __future__ import annotations

from typing import Any

from pipelines.blocks.models import Profile
from pipelines.blocks.sources import FileSource, SqlSource
from pipelines.errors import ConfigError
from pipelines.onboarding import dates, roles
from pipelines.onboarding.arms import settle_arms
from pipelines.onboarding.asking import Asker
from pipelines.onboarding.conclusion import Conclusion
from pipelines.onboarding.features import find_leaks, give_roles, say_parts
from pipelines.onboarding.forecasts import conclude_forecast
from pipelines.onboarding.look import Look
from pipelines.onboarding.planning import settle_metric, settle_models, settle_split
from pipelines.onboarding.replies import conclude_replies
from pipelines.onboarding.target import Target, understand
from pipelines.onboarding.wish import Wish
from pipelines.sources.local import Dialect

OPTIONS = {
    "text": "--text COLUMN", "uplift": "--treatment COLUMN", "forecast": "--series COLUMN",
    "reply": "--dialogue COLUMN --reply COLUMN",
}  # fmt: skip


def conclude(wish: Wish, look: Look, profile: Profile, asker: Asker) -> Conclusion:
    """All decisions about a product.

    Raises:
        ConfigError: something only a person knows; names the option.
        DataError: the data cannot be learnt from.
    """
    problem = _problem(wish)
    source, time_said = _source(wish, look, asker)
    if problem == "reply":
        return conclude_replies(wish, look, source)
    if problem == "forecast":
        return conclude_forecast(wish, look, source, time_said)
    dialect = Dialect.of(source) if isinstance(source, FileSource) else Dialect()
    task = {"text": "multiclass", "uplift": "binary"}.get(problem, wish.task)
    target = understand(look.facts[wish.target], task, asker, dialect)
    source = _with_spellings(source, target)
    found = Conclusion(wish, look, source, look.table(source), target, None, wish.time, wish.group)
    found.problem = problem
    found.said += look.said
    found.say(
        "rows",
        f"{look.rows:,} rows, {len(look.facts)} columns"
        + ("" if look.whole else "; an even sample of them was looked at closely"),
    )
    _say_target(found)
    if time_said:
        found.say("time", time_said)
    if wish.treatment is not None:
        settle_arms(found, asker)
    give_roles(found)
    if problem != "text":
        find_leaks(found, asker)
    else:
        say_parts(found)
    settle_split(found)
    settle_metric(found)
    settle_models(found, profile)
    return found


def _problem(wish: Wish) -> str:
    """The kind of problem that the options make it.

    Raises:
        ConfigError: options that do not fit together, or a kind that is not drafted.
    """
    kinds = {"text": wish.text, "uplift": wish.treatment, "forecast": wish.series}
    kinds |= {"reply": wish.group if wish.problem == "reply" else None}
    chosen = [kind for kind, option in kinds.items() if option]
    if len(chosen) > 1:
        told = " and ".join(OPTIONS[kind].split()[0] for kind in chosen)
        raise ConfigError(f"{told} are {len(chosen)} problems", next_step="give one of them")
    by_options = chosen[0] if chosen else "tabular"
    if wish.problem is not None and wish.problem != by_options:
        told = f"give {OPTIONS[wish.problem]}" if wish.problem in OPTIONS else f"leave {OPTIONS[by_options]} out"
        raise ConfigError(f"--problem {wish.problem} does not fit the other options", next_step=told)
    return by_options


def _source(wish: Wish, look: Look, asker: Asker) -> tuple[FileSource | SqlSource, str]:
    """The source with words for missing and the format of the time column."""
    if isinstance(look.source, SqlSource):
        return look.source, f"{wish.time} says when a row was known" if wish.time else ""
    update: dict[str, Any] = {}
    if own := roles.missing_words(look.facts):
        update["missing"] = own
        look.said.append(("missing", f"{' '.join(own)} among numbers: read as missing"))
    formats: dict[str, tuple[str, ...]] = {name: (form,) for name, form in wish.dates.items()}
    said = ""
    if wish.time is not None:
        said, chosen = _time(wish, look, asker)
        if chosen:
            formats.setdefault(wish.time, chosen)
    if formats:
        update["dates"] = formats
    return look.source.model_copy(update=update), said


def _time(wish: Wish, look: Look, asker: Asker) -> tuple[str, tuple[str, ...]]:
    assert wish.time is not None
    fact = look.facts[wish.time]
    if fact.native == "date" or (fact.native == "number" and fact.numbers):
        return f"{wish.time}: rows of later days stay out of a night, the last ones are the test side", ()
    if wish.time in wish.dates:
        return f"{wish.time}: dates as {wish.dates[wish.time]}, as you said", ()
    texts = [value for value in look.raw[wish.time] if isinstance(value, str)]
    found = dates.find(wish.time if not texts or not texts[0].isdigit() else f"{wish.time} date", texts)
    if found is None:
        shown = ", ".join(repr(text) for text in texts[:3])
        raise ConfigError(
            f"the dates of {wish.time} cannot be read: {shown}",
            next_step=f"give their strptime format, e.g. --dates '{wish.time}=%d.%m.%Y'",
        )
    if found.open:
        form = asker.choose(
            f"whether {texts[0]!r} in {wish.time} has the day or the month first",
            [found.formats[0], *found.open],
            f"--dates {wish.time}=FORMAT, FORMAT",
        )
        return f"{wish.time}: dates as {form}, as you said", (form,)
    written = " or ".join(found.formats) or "ISO 8601"
    return f"{wish.time}: dates as {written}; rows of later days stay out of a night", found.formats


def _with_spellings(source: FileSource | SqlSource, target: Target) -> FileSource | SqlSource:
    if not target.spellings:
        return source
    if isinstance(source, SqlSource):
        ways = ", ".join(repr(way) for way in list(target.spellings)[:5])
        raise ConfigError(
            f"the target's classes are written in several ways: {ways}",
            where={"column": target.column},
            next_step="make them one in the query, with CASE WHEN ... END",
        )
    return source.model_copy(update={"spellings": {target.column: dict(target.spellings)}})


def _say_target(found: Conclusion) -> None:
    target = found.target
    found.say("problem", f"{found.problem}, {target.task}: {target.column} is {target.why}")
    if target.task == "binary":
        rows = sum(target.classes.values())
        share = target.classes[str(target.positive)] / rows
        found.say("positive", f"{target.positive!r} ({target.positive_why}); {share:.1%} of {rows:,} labelled rows")
    elif target.task == "multiclass":
        ranked = sorted(target.classes.items(), key=lambda item: -item[1])
        shown = ", ".join(f"{value} {rows:,}" for value, rows in ranked[:6])
        found.say("classes", f"{len(ranked)}: {shown}{' ...' if len(ranked) > 6 else ''}")
    else:
        fact = found.look.facts[target.column]
        found.say("target", f"{fact.low:g} to {fact.high:g}")
    if target.blank:
        found.say("labels", f"{target.blank:,} rows have no label: they teach nothing and are left out")
    if target.spellings:
        ways = ", ".join(f"{way} = {meant}" for way, meant in list(target.spellings.items())[:6])
        found.say("spellings", f"{ways}: written into source.spellings")
    if target.refused:
        odd = ", ".join(f"{value!r} ({rows})" for value, rows in list(target.refused.items())[:5])
        found.say("labels", f"too rare to learn, or no label: {odd}; these rows go to quarantine")

"""Labelling functions: what each of them answers for each row."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.weak import (
    AnswersFunction,
    CodeFunction,
    KeywordFunction,
    RegexFunction,
    RuleFunction,
    Weak,
    ZeroShotFunction,
)
from pipelines.errors import ConfigError, DataError, NightshiftError
from pipelines.features.values import as_numbers, category_key
from pipelines.problems.common.identity import column_keys
from pipelines.problems.common.weak_model import Votes

if TYPE_CHECKING:
    import pandas as pd

LabelFunction = Callable[[Mapping[str, Any]], Any]
"""A row ``{column: value}`` without its target in, a class or None out."""

ZeroShot = Callable[[ZeroShotFunction, Sequence[str], Sequence[str]], NDArray[np.int64]]
"""The function's block, texts and descriptions in the order of the classes in; class index or -1 per text out."""

Simple = KeywordFunction | RegexFunction | RuleFunction | AnswersFunction


def votes_of(
    weak: Weak, frame: pd.DataFrame, target: str, classes: Sequence[Any], text: str | None, names: Sequence[str],
    code: Mapping[str, LabelFunction], zero_shot: ZeroShot | None,
) -> Votes:  # fmt: skip
    """Class index per row and function, int64 ``[n, m]``; -1: no answer.

    Args:
        weak: the functions.
        frame: the rows, ``n``; no function sees ``target`` or a column whose name begins with ``_``.
        target: the label column.
        classes: known classes, in order of their index.
        text: the text column that keyword, regex and zero_shot read by default.
        names: what names each row in an error, ``[n]``.
        code: the product's own functions by name.
        zero_shot: how texts are compared with descriptions; None: this kind of problem has no texts.

    Raises:
        ConfigError: a function, column or class in params.yaml that is not there.
        DataError: a function that raises, or answers something that is no class; names the row.
    """
    index = {category_key(value): place for place, value in enumerate(classes)}
    seen = frame[[name for name in frame.columns if name != target and not str(name).startswith("_")]]
    votes = np.full((len(frame), len(weak.functions)), -1, dtype=np.int64)
    for place, function in enumerate(weak.functions):
        if isinstance(function, CodeFunction):
            votes[:, place] = _by_code(function, seen, index, names, code)
        elif isinstance(function, ZeroShotFunction):
            votes[:, place] = _by_meaning(function, seen, classes, text, zero_shot)
        else:
            votes[:, place] = _by_block(function, seen, index, text, names)
    return votes


def _by_code(
    function: CodeFunction, seen: pd.DataFrame, index: Mapping[str | None, int], names: Sequence[str],
    code: Mapping[str, LabelFunction],
) -> NDArray[np.int64]:  # fmt: skip
    if function.name not in code:
        raise _unknown("labelling function", function.name, sorted(code), "label.weak.functions")
    run = code[function.name]
    answer = np.full(len(seen), -1, dtype=np.int64)
    for place, row in enumerate(seen.to_dict("records")):
        try:
            said = run(row)
        except NightshiftError:
            raise
        except Exception as error:
            raise DataError(
                f"the labelling function {function.name!r} raised {type(error).__name__}:"
                f" {' '.join(str(error).split())[:120]}",
                where={"row": names[place]},
                next_step="mend it: a function answers None where it has nothing to say",
            ) from error
        if said is not None:
            answer[place] = _class_of(said, index, function.name, names[place])
    return answer


def _by_block(
    function: Simple, seen: pd.DataFrame, index: Mapping[str | None, int], text: str | None, names: Sequence[str]
) -> NDArray[np.int64]:
    column = function.column or text
    if column is None or column not in seen:
        raise _unknown("column", str(column), [str(name) for name in seen.columns], f"function {function.name}")
    answer = np.full(len(seen), -1, dtype=np.int64)
    if isinstance(function, AnswersFunction):
        sure = np.ones(len(seen), dtype=bool)
        if function.confidence is not None:
            if function.confidence not in seen:
                found = [str(name) for name in seen.columns]
                raise _unknown("column", function.confidence, found, f"function {function.name}")
            with np.errstate(invalid="ignore"):
                sure = as_numbers(seen[function.confidence].to_numpy()) >= function.least
        for place, said in enumerate(column_keys(seen[column].to_numpy())):
            if said is not None and sure[place]:
                answer[place] = _class_of(function.names.get(said, said), index, function.name, names[place])
        return answer
    label = index.get(category_key(function.label))
    if label is None:
        raise _unknown("class", str(function.label), [str(key) for key in index], f"function {function.name}")
    answer[_hits(function, seen[column])] = label
    return answer


def _hits(function: KeywordFunction | RegexFunction | RuleFunction, values: pd.Series[Any]) -> NDArray[np.bool_]:
    if isinstance(function, RuleFunction):
        if function.values:
            wanted = {category_key(value) for value in function.values}
            return np.array([key in wanted for key in column_keys(values.to_numpy())], dtype=bool)
        numbers = as_numbers(values.to_numpy())
        least = -np.inf if function.least is None else function.least
        most = np.inf if function.most is None else function.most
        with np.errstate(invalid="ignore"):
            return np.asarray((numbers >= least) & (numbers <= most))
    texts = [value if isinstance(value, str) else "" for value in values.tolist()]
    if isinstance(function, RegexFunction):
        pattern = re.compile(function.pattern, re.IGNORECASE)
        return np.array([pattern.search(text) is not None for text in texts], dtype=bool)
    some, none = _phrases(function.words), _phrases(function.unless)
    return np.array(
        [some.search(text) is not None and (not function.unless or none.search(text) is None) for text in texts],
        dtype=bool,
    )


def _phrases(words: Sequence[str]) -> re.Pattern[str]:
    """Any of the phrases, as whole words, whatever is between the words of one."""
    parts = [r"\W+".join(re.escape(word) for word in phrase.split()) for phrase in words]
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)", re.IGNORECASE)


def _by_meaning(
    function: ZeroShotFunction, seen: pd.DataFrame, classes: Sequence[Any], text: str | None, zero_shot: ZeroShot | None
) -> NDArray[np.int64]:
    if zero_shot is None or text is None:
        raise ConfigError(
            f"the labelling function {function.name!r} of kind zero_shot needs texts",
            where={"key": "label.weak.functions"},
            next_step="use it in products of the problem text",
        )
    known = [str(value) for value in classes]
    for name in function.descriptions:
        if name not in known:
            raise _unknown("class", name, known, f"function {function.name}")
    told = [function.descriptions.get(name, name.replace("_", " ")) for name in known]
    return zero_shot(function, [str(value) for value in seen[text].tolist()], told)


def _class_of(said: Any, index: Mapping[str | None, int], function: str, row: str) -> int:
    place = index.get(category_key(said))
    if place is None:
        known = [str(key) for key in index]
        near = difflib.get_close_matches(str(said), known, n=1)
        hint = f"; the nearest class is {near[0]!r}" if near else f"; the classes are {', '.join(known[:8])}"
        raise DataError(
            f"the labelling function {function!r} answered {said!r}, which no person's label is{hint}",
            where={"row": row},
            next_step="mend the function; or have one row at least of that class labelled by a person",
        )
    return place


def _unknown(what: str, name: str, known: Sequence[str], key: str) -> ConfigError:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; the nearest is {near[0]!r}" if near else ""
    listed = ", ".join(known[:8]) or "none"
    return ConfigError(
        f"no {what} {name!r}{hint}", where={"key": key}, next_step=f"mend params.yaml; there is: {listed}"
    )

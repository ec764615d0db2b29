"""Split, key metric and models of a new product."""

from __future__ import annotations

import math
from typing import Any

from pipelines.blocks.columns import Columns
from pipelines.blocks.models import Candidate, Profile
from pipelines.blocks.stages import Split
from pipelines.errors import DataError
from pipelines.onboarding import suspects
from pipelines.onboarding.conclusion import Conclusion

LEAST_ROWS = 200
FOLDS_UP_TO = 300_000  # rows; beyond, one model and a valid side say as much and cost a fifth
RARE_POSITIVE = 0.05
SALTS = 40
CELLS = 500_000  # of a table without id, up to which all rows are dealt out once to see what each side gets
SLICES = 3


def settle_split(found: Conclusion) -> None:
    """How rows are given a side.

    Raises:
        DataError: too few rows, or no split that gives every side some of every class.
    """
    target, wish = found.target, found.wish
    rows = found.look.rows - target.blank - sum(target.refused.values())
    if rows < LEAST_ROWS:
        raise DataError(
            f"{rows} labelled rows are too few to train, choose and judge by",
            next_step=f"bring at least {LEAST_ROWS}, better some thousand",
        )
    found.split = "time" if wish.time else "group" if wish.group else "hash"
    found.salt = wish.product.replace("_", "-")
    why = {
        "time": f"by {wish.time}: the newest rows are the test side, as in production",
        "group": f"by {wish.group}: its rows stay on one side",
        "hash": f"by a hash of {found.id or 'the content'}: a row never changes its side",
    }[found.split]
    keyed = found.id is not None or found.group is not None
    if found.look.whole and found.split != "time" and (keyed or found.table.size <= CELLS):
        _good_salt(found)
    found.say("split", why)


def _good_salt(found: Conclusion) -> None:
    """Of a small data set: a salt with which every side has rows of every class."""
    from pipelines.problems.common.identity import column_keys
    from pipelines.problems.common.splits import assign

    frame = suspects.labelled(found.table, found.target)
    columns = Columns(target=found.target.column, task=found.target.task, id=found.id, group=found.group)
    keys = (
        column_keys(frame[found.target.column].to_numpy()) if found.target.task != "regression" else [""] * len(frame)
    )
    first = found.salt
    for number in range(1, SALTS + 1):
        salt = first if number == 1 else f"{first}-{number}"
        side = assign(frame, columns, Split(by="group" if found.split == "group" else "hash", salt=salt))
        counts: dict[tuple[str, Any], int] = {}
        for place, key in zip(side.tolist(), keys, strict=True):
            counts[place, key] = counts.get((place, key), 0) + 1
        enough = all(counts.get((place, key), 0) >= 3 for place in ("train", "valid", "test") for key in set(keys))
        if enough and min((side == place).sum() for place in ("train", "valid", "test")) >= 22:
            found.salt = salt
            return
    raise DataError(
        "no split gives every side rows of every class",
        where={"classes": len(set(keys)), "rows": len(frame)},
        next_step="bring more rows of the rare classes, or merge them",
    )


def settle_metric(found: Conclusion) -> None:
    """The key metric, and a floor that only says: better than knowing nothing."""
    target = found.target
    if found.problem == "uplift":
        found.metric, found.floor = "policy_value", ("policy_value", 0.0)
        found.metric_why = "what the best offer to each customer brings over contacting nobody"
        found.floor_why = "contacting nobody brings 0"
    elif target.task == "binary":
        share = target.classes[str(target.positive)] / sum(target.classes.values())
        if share < RARE_POSITIVE:
            found.metric, found.floor = "average_precision", ("average_precision", _down(share))
            found.metric_why = "positives are rare: what counts is how many of the top cases are real"
            found.floor_why = "the share of positives: what chance gives"
        else:
            found.metric, found.floor = "roc_auc", ("roc_auc", 0.5)
            found.metric_why = "how well cases are ranked, at any threshold"
            found.floor_why = "what chance gives"
    elif target.task == "multiclass":
        ranked = sorted(target.classes.values(), reverse=True)
        share = ranked[0] / sum(ranked)
        if ranked[0] > 5 * ranked[-1]:
            trivial = 2 * share / (1 + share) / len(ranked)
            found.metric, found.floor = "macro_f1", ("macro_f1", _down(trivial))
            found.metric_why = "classes differ in size: every class counts the same"
        else:
            found.metric, found.floor = "accuracy", ("accuracy", _down(share))
            found.metric_why = "classes are of similar size: the share of right answers"
        found.floor_why = "what always answering the most frequent class gives"
    else:
        import pandas as pd

        values = pd.to_numeric(found.table[target.column], errors="coerce").dropna()
        found.spread = float(values.std()) or 1.0
        heavy = float((values - values.mean()).abs().max()) > 20 * found.spread
        found.metric, found.floor = ("mae" if heavy else "rmse"), ("r2", 0.0)
        found.metric_why = (
            "mean absolute error: a few huge values must not decide"
            if heavy
            else "root mean squared error, in the target's unit"
        )
        found.floor_why = "what always answering the mean gives"
    found.say(
        "key metric",
        f"{found.metric}: {found.metric_why}; floor {found.floor[0]} {found.floor[1]:g}, {found.floor_why}",
    )


def _down(share: float) -> float:
    return math.floor(share * 1000) / 1000


def settle_models(found: Conclusion, profile: Profile) -> None:
    """Which candidates the rule of docs/models.md trains at this size, and the slices to look at."""
    from pipelines.problems.tabular.train.candidates import decide

    if found.problem != "tabular":
        _other_models(found, profile)
        return
    rows = found.look.rows - found.target.blank
    if rows > FOLDS_UP_TO or found.split == "time":
        found.folds = 0
    train = int(rows * 0.64)
    features = len([n for n in (*found.of("numeric"), *found.of("categorical")) if n not in found.protected])
    base = {"product": found.wish.product, "problem": "tabular"}
    for family, what in (("lightgbm", "boosted trees"), ("tabm", "a neural network")):
        candidate = Candidate.model_validate({**base, "model": family, "family": family})
        choice = decide(candidate, profile, train, features)
        found.say("models", f"{family} ({what}), {'trained' if choice.train else 'left out for now'}: {choice.reason}")
    few = [name for name in found.of("categorical") if 2 <= (found.look.facts[name].distinct or 99) <= 8]
    shown = [n for n in found.protected if 2 <= (found.look.facts[n].distinct or 99) <= 12]
    found.slices = tuple(dict.fromkeys([*shown, *few]))[: SLICES + len(shown)]


def _other_models(found: Conclusion, profile: Profile) -> None:
    """The candidates of text and uplift."""
    if found.problem == "uplift":
        found.folds = 3
        found.say("models", "t_learner (a model per arm), trained: the plain way to an effect")
        found.say("models", "dr_learner (doubly robust), trained: its effects are corrected by who was treated")
        few = [name for name in found.of("categorical") if 2 <= (found.look.facts[name].distinct or 99) <= 8]
        found.slices = tuple(few[:SLICES])
        return
    from pipelines.problems.text.train.candidates import ENCODER_MIN_ROWS

    train = int((found.look.rows - found.target.blank) * 0.64)
    found.say("models", "linear_text (words and letter n-grams), trained: cheap, and what others must beat")
    enough = train >= ENCODER_MIN_ROWS
    told = "trained where its tokens fit the profile" if enough else "left out for now"
    rule = f"{train} train rows; an encoder is trained from {ENCODER_MIN_ROWS} on, device {profile.device}"
    found.say("models", f"encoder (a transformer), {told}: {rule}")

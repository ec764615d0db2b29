"""Rows of the source that a person should see: unsure and unlabelled, suspect, or judged otherwise by other models.

Only rows of the train side are chosen. A model chooses them: labels mended where it stumbles would flatter it on the
valid and test sides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Params, Product
from pipelines.features.values import as_numbers
from pipelines.files import read_json, read_parquet
from pipelines.layout import Layout
from pipelines.problems.common import splits
from pipelines.problems.common.choosing_rows import review_order
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.common.identity import column_keys, row_keys, same_value, unit_hash
from pipelines.records.review import Ask
from pipelines.review.models import SIMILAR, Models, chances, divergence, proposals
from pipelines.review.shown import as_label, shown_columns, shown_of
from pipelines.review.vectors import nearest, vectors
from pipelines.sources.reviewed import HUMAN, LABEL_SOURCE

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]
POOL = 2000  # rows that the models are asked about; more are thinned by salted hash
SUSPECT = {"regression": 0.8427}  # erf(1): beyond the label stage's outlier limit
LIKELY_WRONG = 0.5  # another class is more probable than the given one, out of fold
EDGE = 0.3  # labelled rows count as unsure from here on, where no row is unlabelled


@dataclass(frozen=True)
class Pool:
    """Rows as accepted, and what a person would see of each.

    Attributes:
        frame: accepted rows, ``n`` of them.
        keys: of each row.
        fetched: rows as fetched.
        place: of a key in ``fetched``.
        columns: that a person sees.
        train: on the train side, ``[n]``.
        labelled: with a label of the source or of people, ``[n]``.
        by_people: the label is by people, ``[n]``.
    """

    frame: pd.DataFrame
    keys: list[str]
    fetched: pd.DataFrame
    place: dict[str, int]
    columns: tuple[str, ...]
    train: NDArray[np.bool_]
    labelled: NDArray[np.bool_]
    by_people: NDArray[np.bool_]

    def shown(self, key: str) -> dict[str, Any]:
        """What a person sees of a row, as fetched."""
        return shown_of(self.fetched, [self.place[key]], self.columns)[0]


def read_pool(layout: Layout, params: Params, name: str) -> Pool | None:
    """The lane's accepted rows; None where the lane has not come so far."""
    product = params.product(name)
    paths = [layout.stage(stage, name) / "rows.parquet" for stage in ("fetch", "validate")]
    if not all(path.is_file() for path in paths):
        return None
    fetched, frame = (read_parquet(path) for path in paths)
    if not len(frame):
        return None
    place = {key: row for row, key in enumerate(row_keys(fetched, product.columns))}
    side = splits.assign(frame, product.columns, product.prepare.split)
    keys = row_keys(frame, product.columns)
    here = np.array([key in place for key in keys], dtype=bool)
    target = frame[product.columns.target].to_numpy()
    if product.columns.task == "regression":
        labelled = ~np.isnan(as_numbers(target))
    else:
        labelled = np.array([key is not None for key in column_keys(target)], dtype=bool)
    people = np.zeros(len(frame), dtype=bool)
    if LABEL_SOURCE in frame:
        people = (frame[LABEL_SOURCE] == HUMAN).to_numpy()
    columns = shown_columns(params, name)
    return Pool(frame, keys, fetched, place, columns, (side == "train") & here, labelled, people)


class RowChooser:
    """Chooses rows of one product. ``known``: names of items that are not to be asked again, by their key."""

    def __init__(
        self, params: Params, name: str, pool: Pool, models: Models | None, known: Mapping[str, Collection[str]]
    ) -> None:
        self.params, self.name, self.pool, self.models, self.known = params, name, pool, models, known
        self.product: Product = params.product(name)
        self._likely: dict[str, Any] = {}
        self._near: tuple[FloatArray, NDArray[np.int64]] | None = None

    def suspects(self, layout: Layout, most: int) -> list[Ask]:
        """Labels that look wrong out of fold, as the label stage has ranked them, most suspect first."""
        path = layout.stage("label", self.name) / "rows.parquet"
        if not path.is_file():
            return []
        rows = read_parquet(path)
        suspicion = dict(zip(row_keys(rows, self.product.columns), rows["_suspect"].tolist(), strict=True))
        value = np.array([suspicion.get(key, 0.0) for key in self.pool.keys])
        usable = self._usable(self.pool.labelled & (value > SUSPECT.get(self.product.columns.task, LIKELY_WRONG)))
        listed = path.with_name("suspects.json")
        self._likely = {one["id"]: one["proposed"] for one in read_json(listed)} if listed.is_file() else {}
        ranked = [(self.pool.keys[row] not in self._likely, -value[row], row) for row in usable.tolist()]
        chosen = np.array([row for _, _, row in sorted(ranked)][:most], dtype=np.int64)
        return [
            self._ask(row, "suspect", f"models that did not see this label think it wrong: {value[row]:.2f} of 1", rank)
            for rank, row in enumerate(chosen.tolist())
        ]

    def unsure(self, layout: Layout, most: int) -> list[Ask]:
        """Unlabelled rows of which the model is unsure, unlike each other; labelled ones on the edge where all have a
        label."""
        if self.models is None or self.models.numeric:
            return []
        rows = self._thinned(self._usable(~self.pool.labelled))
        if len(rows):
            frame = self.pool.frame.iloc[rows]
            p = self.models.probabilities(frame)
            chance = chances(p, self.models.several)
            order = review_order(chance, self._vectors(frame), most, seed=0)
            return [
                self._ask(int(rows[place]), "uncertain", f"the model is only {chance[place].max():.0%} sure", rank)
                for rank, place in enumerate(order.tolist())
            ]
        return self._on_the_edge(layout, most)

    def _on_the_edge(self, layout: Layout, most: int) -> list[Ask]:
        path = layout.stage("label", self.name) / "rows.parquet"
        if not path.is_file():
            return []
        judged = read_parquet(path)
        suspicion = dict(zip(row_keys(judged, self.product.columns), judged["_suspect"].tolist(), strict=True))
        value = np.array([suspicion.get(key, 0.0) for key in self.pool.keys])
        rows = self._thinned(self._usable((value > EDGE) & (value <= LIKELY_WRONG)))
        if not len(rows):
            return []
        p = np.stack([1.0 - value[rows], value[rows]], axis=1)
        order = review_order(p, self._vectors(self.pool.frame.iloc[rows]), most, seed=0)
        why = "the label is about as probable as another one, out of fold"
        return [self._ask(int(rows[place]), "uncertain", why, rank) for rank, place in enumerate(order.tolist())]

    def disputed(self, most: int) -> list[Ask]:
        """Unlabelled rows on which members or models decide otherwise, furthest apart first."""
        rows = self._thinned(self._usable(~self.pool.labelled))
        if self.models is None or not len(rows):
            return []
        opinions = self.models.opinions(self.pool.frame.iloc[rows])
        if len(opinions) < 2:
            return []
        apart = divergence(opinions, self.models.numeric, self.models.several)
        order = [place for place in np.argsort(-apart, kind="stable")[:most].tolist() if apart[place] > 0.0]
        why = f"{len(opinions)} models do not agree"
        return [self._ask(int(rows[place]), "disagreement", why, rank) for rank, place in enumerate(order)]

    def complete(self, ask: Ask) -> Ask:
        """With the proposed labels and similar labelled cases: only for what is really asked."""
        row = self.pool.keys.index(ask.key)
        frame = self.pool.frame.iloc[[row]]
        proposed: Sequence[dict[str, Any]] = ()
        if self.models is not None:
            p = self.models.probabilities(frame)[0]
            proposed = proposals(p, self.models.classes, self.models.numeric)
        if ask.source == "suspect" and ask.key in self._likely:  # the model may have learned the wrong label by heart
            first = [one for one in proposed if same_value(one["label"], self._likely[ask.key])]
            rest = [one for one in proposed if not same_value(one["label"], self._likely[ask.key])]
            proposed = [*(first or [{"label": self._likely[ask.key]}]), *rest]
        given = as_label(frame[self.product.columns.target].iloc[0])
        return Ask(**{**vars(ask), "proposed": proposed, "given": given, "similar": self._similar(row)})

    def _similar(self, row: int) -> list[dict[str, Any]]:
        text = self.product.columns.text
        if text is not None:
            found = self.models.similar(str(self.pool.frame[text].iloc[row])) if self.models else []
            own = self.pool.shown(self.pool.keys[row]).get(text)
            return [
                {"label": as_label(one["label"]), "text": one["text"], "similarity": round(one["similarity"], 3)}
                for one in found
                if one["text"] != str(own)[: len(one["text"])]
            ]
        if self._near is None:
            rows = self._thinned(np.flatnonzero(self.pool.train & self.pool.labelled))
            self._near = (self._plain_vectors(self.pool.frame), rows)
        made, rows = self._near
        others = rows[rows != row]
        found_rows = nearest(made[row], made[others], SIMILAR)
        target, columns = self.product.columns.target, shown_columns(self.params, self.name)
        return [
            {
                "label": as_label(self.pool.frame[target].iloc[others[place]]),
                "text": _line(self.pool.shown(self.pool.keys[others[place]]), columns),
                "similarity": round(cosine, 3),
            }
            for place, cosine in found_rows
        ]

    def _ask(self, row: int, source: Any, why: str, rank: int) -> Ask:
        key = self.pool.keys[row]
        wanted = self.product.label.review.annotators
        return Ask(self.name, source, "row", key, self.pool.shown(key), why=why, priority=-float(rank), wanted=wanted)

    def _usable(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Train rows of the mask that are not known already and whose label is not by people."""
        rows = np.flatnonzero(mask & self.pool.train & ~self.pool.by_people)
        if not self.known:
            return rows
        keep = [row for row in rows.tolist() if not self._is_known(row)]
        return np.array(keep, dtype=np.int64)

    def _is_known(self, row: int) -> bool:
        names = self.known.get(self.pool.keys[row], ())
        return bool(names) and self._ask(row, "suspect", "", 0).name in names

    def _thinned(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        if len(rows) <= POOL:
            return rows
        place = unit_hash([self.pool.keys[row] for row in rows], f"{self.product.prepare.split.salt}/review")
        return np.sort(rows[np.argsort(place, kind="stable")[:POOL]])

    def _vectors(self, frame: pd.DataFrame) -> FloatArray:
        own = self.models.embed(frame) if self.models is not None else None
        return own if own is not None else self._plain_vectors(frame)

    def _plain_vectors(self, frame: pd.DataFrame) -> FloatArray:
        names = [name for name in shown_columns(self.params, self.name) if name in frame]
        return vectors(frame_columns(frame, names), self.product.columns.numeric, self.product.columns.text)


def _line(shown: dict[str, Any], columns: Sequence[str]) -> str:
    return ", ".join(f"{name} {shown[name]}" for name in columns if shown.get(name) is not None)[:300]

"""What is counted of one column while the data streams past, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.sources.local import BLANK, Dialect, plain_number

if TYPE_CHECKING:
    import pandas as pd

MAX_STRAY = 20  # texts kept of those that are no number
HASHES = 64_000_000  # for all columns together: 8 bytes each

Native = Literal["text", "number", "bool", "date"]


@dataclass
class Facts:
    """Counts of all rows of one column.

    Attributes:
        name: the column.
        native: how the source types it; text formats type nothing.
        rows: rows seen.
        missing: empty, null, or one of the texts that stand for it among numbers.
        blank: empty or null alone.
        numbers: values that read as numbers; whole: those without a fraction.
        pointed: whole numbers that are written with a fraction, ``7.0``.
        coded: numbers with a leading zero, which make the column text.
        low, high: of the finite numbers.
        stray: values that are no numbers, with their rows; the first ``MAX_STRAY`` of them.
        counts: rows per value as text, or None when there are more values than are counted.
        unique: no value twice in all rows; None: not known (too many values to keep).
    """

    name: str
    limit: int = 2000
    native: Native = "text"
    rows: int = 0
    missing: int = 0
    blank: int = 0
    numbers: int = 0
    whole: int = 0
    pointed: int = 0
    coded: int = 0
    low: float = np.inf
    high: float = -np.inf
    stray: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] | None = field(default_factory=dict)
    unique: bool | None = True
    _hashes: list[NDArray[np.uint64]] = field(default_factory=list, repr=False)

    @property
    def present(self) -> int:
        return self.rows - self.missing

    @property
    def distinct(self) -> int | None:
        """Distinct values, or None when there are more than are counted."""
        return None if self.counts is None else len(self.counts)

    @property
    def number_share(self) -> float:
        """Share of the present values that are numbers."""
        return self.numbers / self.present if self.present else 0.0

    @property
    def all_whole(self) -> bool:
        return self.numbers > 0 and self.whole == self.numbers

    @property
    def held(self) -> int:
        """Hashes that are kept."""
        return sum(len(part) for part in self._hashes)

    def add(self, column: pd.Series, dialect: Dialect) -> None:
        """Count another piece of the column."""
        import pandas as pd

        self.rows += len(column)
        if pd.api.types.is_bool_dtype(column.dtype):
            self.native = "bool"
            self._tally(column.map({True: "true", False: "false"}).to_numpy(dtype=object), dialect)
        elif pd.api.types.is_datetime64_any_dtype(column.dtype):
            self.native = "date"
            self._dates(column)
        elif pd.api.types.is_numeric_dtype(column.dtype):
            self.native = "number"
            self._numbers(column.to_numpy(dtype=np.float64, na_value=np.nan))
        else:
            self._tally(column.to_numpy(dtype=object), dialect)

    def close(self) -> None:
        """After the last piece: settle whether the values are unique."""
        if self._hashes:
            every = np.concatenate(self._hashes)
            self._hashes = []
            self.unique = bool(self.unique) and len(np.unique(every)) == len(every) and len(every) == self.present
        elif self.unique:
            self.unique = None if self.present else False

    def forget(self) -> None:
        """Give up on knowing whether the values are unique: too many to keep."""
        self._hashes, self.unique = [], None

    def _dates(self, column: pd.Series) -> None:
        absent = int(column.isna().sum())
        self.blank += absent
        self.missing += absent
        self.counts, self.unique = None, False

    def _numbers(self, values: NDArray[np.float64]) -> None:
        present = values[~np.isnan(values)]
        self.blank += len(values) - len(present)
        self.missing += len(values) - len(present)
        if not len(present):
            return
        uniques, weight = np.unique(present, return_counts=True)
        self._range(uniques, weight)
        if self.counts is not None:
            self._count(
                [
                    str(int(v)) if v == np.floor(v) and abs(v) < 2**53 else repr(v)
                    for v in uniques[: self.limit + 1].tolist()
                ],
                weight,
            )
        self._keep(uniques.view(np.uint64), len(present), self.all_whole)

    def _tally(self, values: NDArray[Any], dialect: Dialect) -> None:
        import pandas as pd

        codes, found = pd.factorize(values, use_na_sentinel=True)
        weight = np.bincount(codes[codes >= 0], minlength=len(found))
        null = int((codes < 0).sum())
        texts = [_text(value) for value in found]
        absent = np.array([not text.strip() for text in texts], dtype=bool)
        self.blank += null + int(weight[absent].sum())
        token = BLANK | set(dialect.missing)
        nothing = absent | np.array([text in token for text in texts], dtype=bool)
        self.missing += null + int(weight[nothing].sum())
        kept = np.flatnonzero(~nothing)
        self._words([texts[at] for at in kept], weight[kept], dialect)
        if self.counts is not None:
            self._count([texts[at].strip() for at in np.flatnonzero(~absent)], weight[~absent])
        hashes = pd.util.hash_array(np.array([texts[at] for at in kept], dtype=object)) if self.unique else None
        if hashes is not None:
            self._keep(hashes, int(weight[kept].sum()), self.numbers == 0 or self.all_whole)

    def _words(self, texts: list[str], weight: NDArray[np.int64], dialect: Dialect) -> None:
        import pandas as pd

        if not texts:
            return
        plain = texts
        if not dialect.plain:
            plain = [
                text if (r := plain_number(text, dialect.decimal, dialect.thousands)) is None else r for text in texts
            ]
        numbers = pd.to_numeric(pd.Series(plain, dtype=object), errors="coerce").to_numpy(dtype=np.float64)
        ok = ~np.isnan(numbers)
        self._range(numbers[ok], weight[ok])
        for at in np.flatnonzero(ok):
            bare = plain[at].strip().lstrip("+-")
            if len(bare) > 1 and bare[0] == "0" and bare.isdigit():
                self.coded += int(weight[at])
            elif "." in bare and numbers[at] == np.floor(numbers[at]):
                self.pointed += int(weight[at])
        for at in np.flatnonzero(~ok):
            text = texts[at].strip()
            if text in self.stray or len(self.stray) < MAX_STRAY:
                self.stray[text] = self.stray.get(text, 0) + int(weight[at])

    def _range(self, numbers: NDArray[np.float64], weight: NDArray[np.int64]) -> None:
        self.numbers += int(weight.sum())
        finite = np.isfinite(numbers)
        self.whole += int(weight[finite & (numbers == np.floor(numbers))].sum())
        if finite.any():
            self.low = min(self.low, float(numbers[finite].min()))
            self.high = max(self.high, float(numbers[finite].max()))

    def _count(self, texts: list[str], weight: NDArray[np.int64]) -> None:
        assert self.counts is not None
        if len(texts) > self.limit:
            self.counts = None
            return
        for text, rows in zip(texts, weight.tolist(), strict=False):
            self.counts[text] = self.counts.get(text, 0) + rows
        if len(self.counts) > self.limit:
            self.counts = None

    def _keep(self, hashes: NDArray[np.uint64], present: int, nameable: bool) -> None:
        if self.unique and (len(hashes) < present or not nameable):
            self._hashes, self.unique = [], False
        elif self.unique:
            self._hashes.append(np.asarray(hashes, dtype=np.uint64))


def _key(value: float) -> str:
    return str(int(value)) if value == np.floor(value) and abs(value) < 2**53 else repr(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)

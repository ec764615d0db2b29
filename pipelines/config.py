"""``params.yaml`` as typed models: an unknown key, a wrong type or value is named with what is allowed."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipelines.complaints import complaint
from pipelines.errors import ConfigError

NAME_PATTERN = r"^[a-z][a-z0-9_]{0,47}$"
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Block(BaseModel):
    """A block of ``params.yaml``: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Costs(Block):
    """What a wrong decision costs, in one currency unit per case."""

    false_positive: float = Field(gt=0, description="cost of acting on a case that was fine")
    false_negative: float = Field(gt=0, description="cost of missing a case")


class Fairness(Block):
    """Limits on the gap between the best and the worst group of a protected column."""

    max_recall_gap: Share | None = Field(default=None, description="largest gap in recall (equal opportunity)")
    max_selection_gap: Share | None = Field(default=None, description="largest gap in the share of cases acted on")
    min_group_rows: int = Field(default=200, ge=1, description="smaller groups are shown, not judged")


class Requirements(Block):
    """What the product must achieve. The gates read it; the model card answers it point by point."""

    users: str = Field(description="who uses the answer")
    decision: str = Field(description="the decision that the answer serves")
    floors: dict[str, float] = Field(default_factory=dict, description="metric -> lowest value allowed")
    ceilings: dict[str, float] = Field(default_factory=dict, description="metric -> highest value allowed")
    costs: Costs | None = None
    latency_p99_ms: float = Field(gt=0, description="one row, 99th percentile, milliseconds")
    bundle_size_mb: float = Field(gt=0, description="packaged model on disk, MiB")
    service_memory_mb: float = Field(gt=0, description="one service worker with this product, MiB resident")
    protected: tuple[str, ...] = Field(default=(), description="columns kept for slices, never features")
    protected_as_features: dict[str, str] = Field(
        default_factory=dict, description="protected column -> the reason why it may be a feature all the same"
    )
    fairness: Fairness = Fairness()
    retention_days: int = Field(gt=0, description="how long logged predictions are kept, days")


class SimulatorSource(Block):
    """Rows from an embedded simulator with a known data-generating process."""

    kind: Literal["simulator"]
    name: str = Field(description="simulator's name, e.g. credit")
    seed: int = 7
    start: str = Field(default="2026-01-01", description="first simulated day, YYYY-MM-DD")
    rows_at_start: int = Field(default=4000, ge=10, description="rows known on the first day")
    rows_per_day: int = Field(default=10, ge=0, description="rows added each day after the first")


class PublicSource(Block):
    """A public file: the mirror folder (``NIGHTSHIFT_MIRROR``) is tried first, then the URL."""

    kind: Literal["public"]
    path: str = Field(description="path inside the mirror folder")
    url: str = Field(description="original or archived address, tried when the mirror has no such file")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the file's bytes")
    licence: str
    attribution: str
    homepage: str = ""
    newlines: Literal["as_is", "lf"] = Field(default="as_is", description="lf: line ends become LF before the check")


class BundledSource(Block):
    """A real data set inside scikit-learn."""

    kind: Literal["bundled"]
    name: Literal["breast_cancer", "diabetes", "wine", "digits", "iris"]


class FileSource(Block):
    """CSV, TSV, JSONL or Parquet files, gzip too."""

    kind: Literal["file"]
    path: str = Field(description="path or glob; relative to params.yaml")
    format: Literal["auto", "csv", "tsv", "jsonl", "parquet"] = "auto"


Source = Annotated[SimulatorSource | PublicSource | BundledSource | FileSource, Field(discriminator="kind")]


class Columns(Block):
    """The roles of the columns of a table."""

    id: str | None = Field(default=None, description="entity id; the hash split is made from it")
    target: str
    task: Literal["binary", "multiclass", "regression"]
    positive: int | str = Field(default=1, description="binary: the target value that counts as positive")
    time: str | None = Field(default=None, description="when the row was known")
    group: str | None = Field(default=None, description="rows of one group never part at the split")
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    features: str | None = Field(default=None, description="module in pipelines/products that derives more features")

    @model_validator(mode="after")
    def _roles_are_disjoint(self) -> Columns:
        both = sorted(set(self.numeric) & set(self.categorical))
        if both:
            raise ValueError(f"listed as numeric and as categorical: {both}")
        if self.target in {*self.numeric, *self.categorical}:
            raise ValueError(f"the target {self.target!r} is listed as a feature")
        return self


class Validate(Block):
    """The data contract."""

    suite: str = Field(description="expectations/<suite>.json")
    quarantine_limit: Share = Field(default=0.02, description="share of rows; more in quarantine blocks the lane")
    min_rows: int = Field(default=500, ge=1, description="rows; fewer accepted rows block the lane")


class Label(Block):
    """Where labels come from and how far to trust them."""

    outcome_window_days: int | None = Field(default=None, ge=0, description="younger rows have no label yet, days")
    conflicts: Literal["drop", "keep"] = Field(default="drop", description="same features, different labels")
    noise_folds: int = Field(default=5, ge=2, le=20, description="folds of the out-of-fold label-noise estimate")
    max_noise: Share = Field(default=0.5, description="estimated share of wrong labels that blocks the lane")


class Split(Block):
    """Which side of the split a row is on; it never changes while data grows."""

    by: Literal["hash", "time", "group", "official"] = "hash"
    salt: str = Field(default="nightshift", description="changes every row's side: only on purpose")
    test_share: Share = 0.2
    valid_share: Share = 0.16
    column: str | None = Field(default=None, description="official: the column with train/valid/test")


class Prepare(Block):
    """From labelled rows to features with a fixed schema."""

    split: Split = Split()
    balance: Literal["none", "weights", "undersample"] = "none"
    leakage_auc: Share = Field(default=0.98, description="one feature alone with a higher ROC AUC is a leak suspect")
    max_overlap: Share = Field(default=0.0, description="share of test rows that equal a train row")
    max_categories: int = Field(default=200, ge=2, description="rarer categories become 'other'")


class Evaluate(Block):
    """How a model is judged."""

    metric: str = Field(description="key metric: chooses the model and heads the scoreboard")
    resamples: int = Field(default=1000, ge=100, description="bootstrap resamples")
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.95
    calibration: Literal["auto", "none", "platt", "isotonic"] = "auto"
    ensemble: bool = True
    slices: dict[str, tuple[float, ...]] = Field(
        default_factory=dict, description="column -> bin edges; empty: one slice per value"
    )


class Export(Block):
    """The numerical-parity gate."""

    max_difference: float = Field(default=1e-4, gt=0, description="largest difference of a probability")
    rows: int = Field(default=2000, ge=10, description="test rows compared")
    int8: bool = Field(default=False, description="also try int8 weights for the nets")


class Release(Block):
    """When a packaged model may take over."""

    promote: Literal["automatic", "approval"] = "automatic"
    margin: float = Field(default=0.005, ge=0, description="non-inferiority margin on the key metric")
    smoke_requests: int = Field(default=50, ge=1, description="golden requests sent to the started service")


class Watch(Block):
    """How production is watched."""

    day_rows: int = Field(default=500, ge=50, description="rows of one simulated production day")
    drift_limit: float = Field(default=0.1, gt=0, description="effect size per column, method's own unit")
    drift_share: Share = Field(default=0.3, description="share of drifted columns that makes the report an alarm")
    missing_limit: Share = Field(default=0.05, description="change of a column's missing share that counts")
    unseen_limit: Share = Field(default=0.01, description="share of rows in categories the reference lacks that counts")
    significance: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.01, description="largest p-value that counts, after Benjamini-Hochberg over all tests of a window"
    )


class Product(Block):
    """One product: its requirements first, then how they are met."""

    title: str
    data: Literal["demo", "public", "own"] = Field(description="which set of nights it belongs to")
    problem: Literal["tabular"]
    requirements: Requirements
    source: Source
    columns: Columns
    validation: Validate
    label: Label = Label()
    prepare: Prepare = Prepare()
    evaluate: Evaluate
    export: Export = Export()
    release: Release = Release()
    watch: Watch = Watch()

    @property
    def feature_columns(self) -> tuple[str, ...]:
        """Raw columns that may become features, in order: numeric, then categorical."""
        barred = set(self.requirements.protected) - set(self.requirements.protected_as_features)
        return tuple(c for c in (*self.columns.numeric, *self.columns.categorical) if c not in barred)


class Search(Block):
    """Hyper-parameter search. The budget is trials, not seconds: the same search gives the same model."""

    method: Literal["none", "grid", "random", "tpe"] = "none"
    trials: int = Field(default=0, ge=0, description="models tried")
    space: dict[str, list[Any]] = Field(
        default_factory=dict, description="parameter -> choices, or [low, high, 'int'|'float'|'log']"
    )


class Candidate(Block):
    """One model that may be trained for one product. The key in params.yaml is ``<product>-<model>``."""

    product: str
    problem: Literal["tabular"] = Field(description="the product's; dvc.yaml reads it here")
    model: str = Field(pattern=NAME_PATTERN)
    family: Literal["lightgbm", "tabm"]
    use: Literal["auto", "always", "never"] = Field(default="auto", description="auto: by the written rule")
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1, description="one model per seed, answers averaged")
    folds: Literal[0] | Annotated[int, Field(ge=2, le=20)] = Field(
        default=0, description="0: stop early on the valid rows; n: cross-fitted, n models on train and valid rows"
    )
    params: dict[str, Any] = Field(default_factory=dict, description="hyper-parameters over the family's defaults")
    search: Search = Search()


class Profile(Block):
    """The machine, as stated (never sniffed): the same profile gives the same bytes."""

    device: Literal["cpu", "cuda"] = "cpu"
    precision: Literal["fp32", "bf16"] = Field(default="fp32", description="autocast dtype while training nets")
    threads: int = Field(default=2, ge=1, description="CPU threads per stage")


class Night(Block):
    """The nightly run."""

    schedule: str = Field(default="0 2 * * *", description="cron, UTC")
    stage_timeout_minutes: int = Field(default=120, ge=1)
    retries: int = Field(default=2, ge=0, description="for transient errors only")
    retry_delay_seconds: int = Field(default=30, ge=0)
    first_as_of: str = Field(
        default="2026-06-30", pattern=r"^\d{4}-\d{2}-\d{2}$", description="day of the first snapshot of a fresh clone"
    )


class Mail(Block):
    """Drift and failure mails. The server is Airflow's connection ``smtp_default``; without one: the outbox."""

    to: tuple[str, ...] = ("oncall@localhost",)
    sender: str = "nightshift@localhost"
    language: Literal["en", "zh"] = "en"


class Service(Block):
    """The prediction service."""

    host: str = "127.0.0.1"
    port: int = Field(default=3000, ge=1, le=65535)
    workers: int = Field(default=1, ge=1)
    max_rows: int = Field(default=1000, ge=1, description="rows per request")
    max_body_mb: float = Field(default=8.0, gt=0, description="request body, MiB")


class Params(Block):
    """All of ``params.yaml``."""

    night: Night = Night()
    mail: Mail = Mail()
    service: Service = Service()
    profile: Profile = Profile()
    products: dict[Annotated[str, Field(pattern=NAME_PATTERN)], Product]
    candidates: dict[str, Candidate]

    @field_validator("products")
    @classmethod
    def _at_least_one(cls, value: dict[str, Product]) -> dict[str, Product]:
        if not value:
            raise ValueError("no product: add a block under products")
        return value

    @model_validator(mode="after")
    def _candidates_fit(self) -> Params:
        for key, candidate in self.candidates.items():
            if candidate.product not in self.products:
                raise ValueError(f"candidates.{key}.product: no product {candidate.product!r}")
            problem = self.products[candidate.product].problem
            if candidate.problem != problem:
                raise ValueError(f"candidates.{key}.problem: must be {problem}, as in products.{candidate.product}")
            if key != f"{candidate.product}-{candidate.model}":
                raise ValueError(f"candidates.{key}: the key must be {candidate.product}-{candidate.model}")
        for name in self.products:
            if not any(candidate.product == name for candidate in self.candidates.values()):
                raise ValueError(f"products.{name}: no candidate; add candidates.{name}-<model>")
        return self

    def product(self, name: str) -> Product:
        """The block of a product.

        Raises:
            ConfigError: no such product.
        """
        if name not in self.products:
            raise ConfigError(
                f"no product {name!r}",
                where={"file": "params.yaml"},
                next_step=f"choose one of: {', '.join(sorted(self.products))}",
            )
        return self.products[name]

    def candidates_of(self, product: str) -> dict[str, Candidate]:
        """``{model: candidate}`` of one product, in the order of the file."""
        return {c.model: c for c in self.candidates.values() if c.product == product}

    def select(self, data: str) -> list[str]:
        """Products of one set of nights: ``demo`` or ``public`` (each with ``own``), or ``all``; in file order."""
        return [name for name, product in self.products.items() if data == "all" or product.data in {data, "own"}]


def load_params(path: Path) -> Params:
    """Read and check ``params.yaml``.

    Raises:
        ConfigError: the file is missing, not YAML, or a key or value is not allowed; names the first few.
    """
    try:
        stamp = path.stat()
    except FileNotFoundError as error:
        raise ConfigError("no such file", where={"file": path}, next_step="restore it from git") from error
    return _load(path, stamp.st_mtime_ns, stamp.st_size)


@cache
def _load(path: Path, _mtime: int, _size: int) -> Params:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_loader())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"not readable as YAML: {error}", where={"file": path.name}, next_step="mend the line named above"
        ) from error
    return parse_params(content, path.name)


def _loader() -> type[yaml.SafeLoader]:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_params(content: object, file: str = "params.yaml") -> Params:
    """Check already-read YAML content; errors as :func:`load_params`."""
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        lines = [complaint(Params, item) for item in problems[:5]]
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        raise ConfigError(
            "; ".join(lines) + more, where={"file": file}, next_step="mend the keys named above"
        ) from error

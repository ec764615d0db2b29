"""``nightshift new``: from the command line to a block, candidates and a suite, all of them said first."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from pipelines.blocks.sources import FileSource, SqlSource
from pipelines.complaints import complaint
from pipelines.config import Params, load_params
from pipelines.errors import ConfigError
from pipelines.layout import Layout
from pipelines.onboarding import drafts
from pipelines.onboarding.asking import Asker, Said, asker
from pipelines.onboarding.block import candidate_block, product_block
from pipelines.onboarding.conclude import conclude
from pipelines.onboarding.conclusion import Conclusion
from pipelines.onboarding.insert import Text, edit_params
from pipelines.onboarding.look import Data, look
from pipelines.onboarding.suite import Expectation, draft, refused
from pipelines.onboarding.wish import Wish, check_columns, check_name
from pipelines.sources import Place
from pipelines.step import TerminalProgress

Say = Callable[[str], None]
ENOUGH_LIMIT = 0.1  # share of rows in quarantine beyond which a contract is none


@dataclass(frozen=True)
class Drafted:
    """What was drafted.

    Attributes:
        conclusion: the decisions.
        block, candidates: text of ``params.yaml``.
        suite: the suite, laid over the one that was there.
    """

    conclusion: Conclusion
    block: str
    candidates: str
    suite: drafts.Merged


def new_product(layout: Layout, wish: Wish, say: Say, *, write: bool = True, ask: Asker | None = None) -> Drafted:
    """Look, conclude, say, and write block and suite.

    Args:
        layout: the checkout.
        wish: the command line.
        say: takes one line for a person.
        write: False only shows what would be written.
        ask: for what cannot be decided; default: a person where there is a terminal.

    Raises:
        ConfigError: something only a person knows, a wrong option, a name that is taken.
        SourceError, DataError: the data cannot be read, or not be learnt from.
    """
    check_name(wish.product)
    params = load_params(layout.params)
    if wish.product in params.products:
        raise ConfigError(
            f"there is a product {wish.product!r} already",
            where={"file": "params.yaml"},
            next_step="choose another name, draft its suite again with --again, or take it out: nightshift remove",
        )
    drafted = draft_product(layout, params, wish, say, ask)
    if not write:
        say("\nproducts:\n" + drafted.block + "\ncandidates:\n" + drafted.candidates)
        say(drafted.suite.diff(f"expectations/{wish.product}.json"))
        return drafted
    if drafted.suite.before:
        say(f"suite          expectations/{wish.product}.json was there: a person's rules in it stay")
    existed = bool(drafted.suite.before)
    drafts.write(layout, wish.product, drafted.suite)

    def add(text: Text) -> None:
        text.append("products", product_block(drafted.conclusion, text.indent("products")), blank=True)
        text.append("candidates", candidate_block(drafted.conclusion, text.indent("candidates")), blank=False)

    try:
        edit_params(layout, add)
    except BaseException:
        if not existed:
            layout.suite(wish.product).unlink(missing_ok=True)
        raise
    rules = drafted.suite.after.count('"type"')
    say(f"\nwritten        params.yaml: products.{wish.product} and its candidates")
    say(f"               expectations/{wish.product}.json: {rules} rules, each with its reason")
    say(f"next           read both, mend what is marked CHECK, then: nightshift night --product {wish.product}")
    return drafted


def draft_product(layout: Layout, params: Params, wish: Wish, say: Say, ask: Asker | None = None) -> Drafted:
    """As :func:`new_product`, without writing anything."""
    data = data_of(layout, wish)
    ask = Said(wish.answers(), ask or asker())
    seen = look(data, wish.writing, ask, TerminalProgress(f"new {wish.product}", every_seconds=5.0))
    check_columns(wish, seen.facts)
    found = conclude(wish, seen, params.profile, ask)
    rules = _accepting(found, draft(found))
    for topic, sentence in found.said:
        say(f"{topic:<14} {sentence}")
    for topic, sentence in found.options:
        say(f"{'option':<14} {sentence}" if topic else sentence)
    notes = f"Drafted by `nightshift new` from {seen.rows:,} rows. Edit it like code: --again keeps your edits."
    merged = drafts.merge(layout, wish.product, rules, notes)
    return Drafted(found, product_block(found), candidate_block(found), merged)


def _accepting(found: Conclusion, rules: list[Expectation]) -> list[Expectation]:
    """The rules, so that they accept the present data: those that refuse too much only count instead."""
    numeric = found.of("numeric") + ([found.target.column] if found.target.task == "regression" else [])
    shares = refused(found.table, rules, numeric)
    worst = sorted((place for place in shares if place >= 0), key=lambda place: -shares[place])
    for place in worst:
        if sum(shares.values()) <= found.quarantine:
            break
        if rules[place]["kwargs"].get("column") in {found.id, found.target.column}:
            continue
        rules[place] = {**rules[place], "severity": "warning"}
        found.say(
            "contract", f"{drafts.key_of(rules[place])} fails for {shares.pop(place):.1%} of the rows: it only counts"
        )
    total = sum(shares.values())
    if total > found.quarantine:
        found.quarantine = math.ceil(150 * total) / 100
        if found.quarantine > ENOUGH_LIMIT:
            raise ConfigError(
                f"{total:.1%} of the rows would go to quarantine",
                where={"product": found.wish.product},
                next_step="mend the source, or leave the columns out that are named above: --drop COLUMN",
            )
        found.say(
            "contract", f"{total:.1%} of the rows go to quarantine today: the limit is drafted as {found.quarantine}"
        )
    elif total > 0:
        found.say("contract", f"{total:.2%} of the rows go to quarantine today, limit {found.quarantine:.0%}")
    return rules


def data_of(layout: Layout, wish: Wish) -> Data:
    """The source as ``params.yaml`` will name it.

    Raises:
        ConfigError: a web address, a query without a database, a database without a query.
    """
    place = Place(wish.product, layout.root, layout.downloads, wish.time, wish.target, wish.id)
    text = wish.data
    if re.match(r"^(https?|ftp|s3|gs)://", text):
        raise ConfigError(
            "--data is a web address",
            where={"data": text},
            next_step="fetch the file and give its path; a public file is described in docs/data.md (kind: public)",
        )
    database = re.match(r"^[a-z][a-z0-9+_]*://", text)
    variable = wish.query is not None and re.fullmatch(r"[A-Z][A-Z0-9_]*", text)
    if (database or variable) and wish.query is None:
        raise ConfigError(
            "a database needs a query", next_step="give one SELECT as --query, e.g. 'SELECT * FROM customers'"
        )
    if wish.query is not None and not (database or variable):
        raise ConfigError(
            "--query is given, but --data is no database",
            where={"data": text},
            next_step="give a URL such as sqlite:///shop.db, or the name of an environment variable that holds one",
        )
    try:
        if wish.query is not None:
            key = "url" if database else "url_from"
            value = _sqlite_from_root(layout, text) if database else text
            return Data(SqlSource.model_validate({"kind": "sql", key: value, "query": wish.query}), place)
        return Data(FileSource(kind="file", path=_from_root(layout, text)), place)
    except ValidationError as error:
        told = "; ".join(complaint(SqlSource, item) for item in error.errors(include_url=False))
        raise ConfigError(told, where={"data": re.sub(r":[^:/@]+@", ":***@", text)}, next_step="mend --data") from error


def _from_root(layout: Layout, text: str) -> str:
    """A path relative to ``params.yaml`` where it lies below, else absolute."""
    whole = Path(os.path.abspath(text))  # noqa: PTH100 - resolve() would follow links out of the checkout
    return whole.relative_to(layout.root).as_posix() if whole.is_relative_to(layout.root) else str(whole)


def _sqlite_from_root(layout: Layout, url: str) -> str:
    found = re.fullmatch(r"(sqlite(?:\+\w+)?:///)([^?:].*)", url)
    return found.group(1) + _from_root(layout, found.group(2)) if found else url


def again(
    layout: Layout, product: str, say: Say, *, data: str | None = None, ask: Asker | None = None
) -> drafts.Merged:
    """Draft the suite of an existing product again, with the roles that its block gives; nothing is written.

    Raises:
        ConfigError: no such product, or one whose source is no file or query.
    """
    params = load_params(layout.params)
    block = params.product(product)
    if not isinstance(block.source, FileSource | SqlSource):
        raise ConfigError(
            f"the source of {product} is {block.source.kind}: its suite is no draft",
            next_step="edit expectations/*.json by hand",
        )
    wish = _wish_of(layout, params, product)
    if data is not None:
        wish = replace(wish, data=data)
    drafted = draft_product(layout, params, wish, lambda _: None, ask)
    merged = drafted.suite
    name = f"expectations/{product}.json"
    say(merged.diff(name) if merged.changed else f"{name}: nothing to change")
    for title, keys in (("a person's, kept", merged.kept), ("taken out by a person, stays out", merged.removed)):
        if keys:
            say(f"{title}: {', '.join(keys[:10])}{' ...' if len(keys) > 10 else ''}")
    say("params.yaml is never changed by --again.")
    return merged


def _wish_of(layout: Layout, params: Params, product: str) -> Wish:
    """The command line that would give the product's block."""
    block = params.product(product)
    columns, source = block.columns, block.source
    writing: dict[str, str] = {}
    used = {*columns.numeric, *columns.categorical}
    if isinstance(source, FileSource):
        writing = {"decimal": source.decimal, "thousands": source.thousands}
        writing |= {k: v for k, v in (("encoding", source.encoding), ("separator", source.separator)) if v is not None}
        data = source.path if Path(source.path).is_absolute() else str(layout.root / source.path)
        query = None
    else:
        assert isinstance(source, SqlSource)
        data, query = str(source.url or source.url_from), source.query
        if found := re.fullmatch(r"(sqlite(?:\+\w+)?:///)([^/?].*)", data):
            data = found.group(1) + str(layout.root / found.group(2))
    return Wish(
        product=product, data=data, target=columns.target, query=query, problem=block.problem, task=columns.task,
        positive=str(columns.positive) if columns.task == "binary" else None, id=columns.id, time=columns.time,
        group=columns.group, text=columns.text, treatment=columns.treatment, series=columns.series, known=columns.known,
        control=None if columns.control is None else str(columns.control),
        horizon=block.prepare.forecast.horizon if block.prepare.forecast else None,
        keep=tuple(sorted(used)), unprotected=dict(block.requirements.protected_as_features),
        dates={name: forms[0] for name, forms in source.dates.items()} if isinstance(source, FileSource) else {},
        writing=writing,
    )  # fmt: skip

"""Packaged versions, the champion of each product, and who promoted what, when and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from pipelines.errors import RecordsError
from pipelines.records.schema import champions, promotions, versions
from pipelines.records.store import Records, now

Kind = Literal["promote", "rollback"]


@dataclass(frozen=True)
class Version:
    """One packaged model of one product.

    Attributes:
        product: the product's name.
        version: the bundle's hash.
        night: the night that made it first.
        digests: hex digests of what it was made from: ``data``, ``code``, ``params``.
        metrics: ``{metric: {"value", "low", "high"}}`` on the test split.
        verdicts: ``{gate: verdict}`` of the gates after packaging, filled in by :func:`add_verdict`.
        created_at: UTC ISO time, filled in when it is recorded.
    """

    product: str
    version: str
    night: str
    digests: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    verdicts: Mapping[str, Any] = field(default_factory=dict)
    created_at: str = ""


@dataclass(frozen=True)
class Promotion:
    """One move of a product's champion pointer. ``numbers`` are what the gates saw; ``at`` is a UTC ISO time."""

    id: int
    product: str
    kind: Kind
    from_version: str | None
    to_version: str
    who: str
    why: str
    night: str | None
    numbers: Mapping[str, Any]
    at: str


def add_version(records: Records, version: Version) -> Version:
    """Record a packaged version. One that is recorded already stays as it is and is returned."""
    with records.changing() as connection:
        known = _version(connection, version.product, version.version)
        if known is not None:
            return known
        stamped = replace(version, created_at=now())
        connection.execute(
            insert(versions).values(
                product=stamped.product,
                version=stamped.version,
                night=stamped.night,
                digests=dict(stamped.digests),
                metrics=dict(stamped.metrics),
                verdicts=dict(stamped.verdicts),
                created_at=stamped.created_at,
            )
        )
    return stamped


def add_verdict(records: Records, product: str, version: str, gate: str, verdict: Mapping[str, Any]) -> None:
    """Keep what a gate said of a recorded version; a later word of the same gate replaces the earlier one.

    Raises:
        RecordsError: the version is not recorded.
    """
    with records.changing() as connection:
        known = _version(connection, product, version)
        if known is None:
            raise _not_recorded(product, version)
        chosen = (versions.c.product == product) & (versions.c.version == version)
        connection.execute(update(versions).where(chosen).values(verdicts={**known.verdicts, gate: dict(verdict)}))


def find_version(records: Records, product: str, version: str) -> Version | None:
    """One recorded version, or None."""
    with records.reading() as connection:
        return _version(connection, product, version)


def products(records: Records) -> list[str]:
    """Every product that has a recorded version, by name."""
    query = select(versions.c.product).distinct().order_by(versions.c.product)
    with records.reading() as connection:
        return [str(name) for name in connection.scalars(query)]


def list_versions(records: Records, product: str) -> list[Version]:
    """All versions of a product, oldest first."""
    query = select(versions).where(versions.c.product == product).order_by(versions.c.created_at, versions.c.version)
    with records.reading() as connection:
        return [Version(**row._mapping) for row in connection.execute(query)]


def champion(records: Records, product: str) -> str | None:
    """The version that answers for a product, or None before the first promotion."""
    with records.reading() as connection:
        return _champion(connection, product)


def all_champions(records: Records) -> dict[str, str]:
    """``{product: version}`` of every product that has a champion. The service asks this every second."""
    with records.reading() as connection:
        rows = connection.execute(select(champions.c.product, champions.c.version).order_by(champions.c.product))
        return {row.product: row.version for row in rows}


def move_champion(
    records: Records,
    product: str,
    to: str,
    *,
    kind: Kind,
    who: str,
    why: str,
    expected: str | None,
    night: str | None = None,
    numbers: Mapping[str, Any] | None = None,
) -> Promotion:
    """Point a product at another version and write the history row, in one transaction.

    Args:
        expected: the champion that the decision was made against; None for the first.

    Raises:
        RecordsError: ``to`` is not recorded, is the champion already, or the champion is no longer ``expected``.
    """
    with records.changing() as connection:
        current = connection.execute(
            select(champions.c.version).where(champions.c.product == product).with_for_update()
        ).scalar()
        _check_move(connection, product, to, current, expected)
        values = {
            "product": product,
            "kind": kind,
            "from_version": current,
            "to_version": to,
            "who": who,
            "why": why,
            "night": night,
            "numbers": dict(numbers or {}),
            "at": now(),
        }
        key = connection.execute(insert(promotions).values(**values)).inserted_primary_key
        identity = int(key[0]) if key is not None else 0
        if current is None:
            connection.execute(insert(champions).values(product=product, version=to, promotion=identity))
        else:
            connection.execute(
                update(champions).where(champions.c.product == product).values(version=to, promotion=identity)
            )
    return Promotion(id=identity, **values)  # type: ignore[arg-type]


def history(records: Records, product: str) -> list[Promotion]:
    """Every promotion and rollback of a product, newest first."""
    query = select(promotions).where(promotions.c.product == product).order_by(promotions.c.id.desc())
    with records.reading() as connection:
        return [Promotion(**row._mapping) for row in connection.execute(query)]


def _version(connection: Connection, product: str, version: str) -> Version | None:
    query = select(versions).where(versions.c.product == product, versions.c.version == version)
    row = connection.execute(query).first()
    return Version(**row._mapping) if row else None


def _champion(connection: Connection, product: str) -> str | None:
    found: str | None = connection.execute(select(champions.c.version).where(champions.c.product == product)).scalar()
    return found


def _check_move(connection: Connection, product: str, to: str, current: str | None, expected: str | None) -> None:
    if _version(connection, product, to) is None:
        raise _not_recorded(product, to)
    if current != expected:
        raise RecordsError(
            "the champion has changed since this was decided",
            where={"product": product, "expected": expected or "none", "champion": current or "none"},
            next_step=f"look at `nightshift plan {product}`, then decide again",
            transient=True,
        )
    if current == to:
        raise RecordsError(
            "this version is the champion already",
            where={"product": product, "version": to},
            next_step="nothing is left to do",
        )


def _not_recorded(product: str, version: str) -> RecordsError:
    return RecordsError(
        "no such version is recorded",
        where={"product": product, "version": version},
        next_step=f"choose one that `nightshift history {product}` lists",
    )

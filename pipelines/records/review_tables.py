"""The tables of the review queue: what is asked of people, and what they answered."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)


def review_tables(metadata: MetaData) -> tuple[Table, Table]:
    """``review_items`` and ``review_answers``. JSON is kept as ASCII text: PostgreSQL keeps no NUL in a text."""
    counter = BigInteger().with_variant(Integer(), "sqlite")
    items = Table(
        "review_items",
        metadata,
        Column("id", counter, primary_key=True, autoincrement=True),
        Column("product", String(48), nullable=False),
        Column("name", String(64), nullable=False),  # BLAKE2b of kind, key and what is shown
        Column("kind", String(16), nullable=False),  # row | request | chat
        Column("key", Text, nullable=False),  # JSON text: row key of the source, or "request id:row"
        Column("source", String(32), nullable=False),  # why it is asked, in one word
        Column("why", Text, nullable=False),  # JSON text: the same in a sentence
        Column("shown", Text, nullable=False),  # JSON object; null once it is forgotten
        Column("proposed", Text, nullable=False),  # JSON list of {"label", "confidence"}, best first
        Column("given", Text, nullable=False),  # JSON: the label that the row carries now
        Column("similar", Text, nullable=False),  # JSON list of {"label", "text", "similarity"}
        Column("priority", Float, nullable=False),  # larger is sooner
        Column("state", String(16), nullable=False),  # open | settled | withdrawn
        Column("wanted", Integer, nullable=False),  # annotators; a tie asks for one more
        Column("created_at", String(32), nullable=False),
        Column("held_by", String(64)),  # the annotator who looks at it now
        Column("held_until", String(32)),
        UniqueConstraint("product", "name", name="review_items_once"),
        Index("review_items_by_state", "product", "state", "priority"),
    )
    answers = Table(
        "review_answers",
        metadata,
        Column("id", counter, primary_key=True, autoincrement=True),
        Column("item", counter, ForeignKey("review_items.id"), nullable=False),
        Column("annotator", String(64), nullable=False),
        Column("action", String(16), nullable=False),  # answer | skip | retract
        Column("answer", Text, nullable=False),  # JSON; null unless it is an answer
        Column("sureness", Integer),  # 1 a guess, 2 fairly sure, 3 sure
        Column("note", Text, nullable=False),  # JSON text
        Column("at", String(32), nullable=False),
        Column("once", String(64), nullable=False, unique=True),  # made by the client: a repeated post is one answer
        Index("review_answers_by_item", "item", "annotator", "id"),
    )
    return items, answers

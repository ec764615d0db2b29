"""Corrected replies on their way into the next snapshot: from the prediction log to prepared rows."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from reply_lanes import PRODUCT, Lane, frame_of, params_for, write_params
from reply_world import rows

from pipelines.files import read_parquet
from pipelines.layout import Layout
from pipelines.night.matured import pin_feedback
from pipelines.problems.reply.core.dialogue import split_history
from pipelines.records.feedback import Feedback, add
from pipelines.records.predictions import Logged, append
from pipelines.records.store import open_records
from pipelines.sources.feedback import FILE, merge

AT = "2026-05-01T10:00:00.000Z"
FIRST = "customer: my parrot ordered a parcel"
CHAT = [
    (FIRST, "Which number does the parcel of your parrot have?", "ask_parcel"),
    (f"{FIRST}\nagent: Which number?\ncustomer: P123456", "I am sorry, Red Van has lost the parcel P123456.", "lost"),
]


def told(layout: Layout) -> Path:
    """Two corrected turns of one chat, a confirmed one and one without an action, pinned in a folder."""
    answer = {"reply": "Hello!", "action": "hello", "hand_over": False, "confidence": 0.9}
    answers = [
        {**answer, "alternatives": [{"reply": text, "action": acted, "quality": 0.3}]} for _, text, acted in CHAT
    ]
    entries = [
        Logged(
            f"r{place}", 0, PRODUCT, "v", AT, {"history": history, "knowledge": None, "looked_up": 0}, answers[place]
        )
        for place, (history, _, _) in enumerate(CHAT)
    ]
    entries.append(Logged("r8", 0, PRODUCT, "v", AT, {"history": "customer: hey there", "looked_up": 0}, answer))
    unread = {"reply": None, "action": None, "hand_over": True}
    entries.append(Logged("r9", 0, PRODUCT, "v", AT, {"history": "customer: где", "looked_up": 0}, unread))
    log = open_records(layout.log_url)
    append(log, entries)
    outcomes = [text for _, text, _ in CHAT] + ["Hello!", "Please write English."]
    results = add(log, [Feedback(e.request_id, 0, PRODUCT, o, AT) for e, o in zip(entries, outcomes, strict=True)])
    log.close()
    assert {result.status for result in results} == {"joined"}
    folder = layout.root / "pinned"
    folder.mkdir()
    pinned = pin_feedback(layout, params_for(), PRODUCT, date(2026, 5, 2), folder)
    assert pinned["feedback"]["rows"] == 4
    return folder / FILE


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "project")
    made.root.mkdir()
    write_params(made)
    return made


def test_corrected_replies_become_rows_of_the_source(layout: Layout, tmp_path: Path) -> None:
    source = frame_of(rows(600))
    merged = merge(source, read_parquet(told(layout)), params_for().product(PRODUCT).columns)
    assert merged.used == 3
    assert merged.left_out == {"without action": 1}
    fresh = merged.frame.iloc[len(source) :]
    assert fresh["reply"].tolist() == [*(text for _, text, _ in CHAT), "Hello!"]
    assert fresh["action"].tolist() == ["ask_parcel", "lost", "hello"]
    assert fresh["turn"].tolist() == [0, 1, 0]
    assert fresh["dialogue_id"].nunique() == 2
    lane = Lane(tmp_path / "lane", frame=merged.frame)
    assert lane.run("label").passed
    assert lane.run("prepare").passed
    prepared = read_parquet(lane.layout.stage("prepare", PRODUCT) / "rows.parquet")
    chat = prepared[prepared["history"].str.startswith(FIRST)]
    assert len(chat) == 2
    assert chat["_split"].nunique() == 1


def test_an_official_split_and_dialogues_with_numbers_take_them_too(layout: Layout) -> None:
    """As STAR names dialogues and sides."""
    source = frame_of(rows(60))
    source["dialogue_id"] = source["dialogue_id"].rank(method="dense").astype("int64")
    source["split"] = "train"
    block: dict[str, Any] = {"split": {"by": "official", "column": "split", "test_share": 0.1, "valid_share": 0.1}}
    params = params_for(prepare=block)
    folder = told(layout).parent
    (folder / FILE).unlink()
    pin_feedback(layout, params, PRODUCT, date(2026, 5, 2), folder)
    merged = merge(source, read_parquet(folder / FILE), params.product(PRODUCT).columns)
    fresh = merged.frame.iloc[len(source) :]
    assert merged.used == 3
    assert set(fresh["split"]) == {"train"}
    assert fresh["dialogue_id"].dtype == "int64"
    assert not set(fresh["dialogue_id"]) & set(source["dialogue_id"])
    assert all(split_history(history) for history in fresh["history"])

"""The train stage of replies with pretrained weights of a folder: what it writes answers as it did in training."""

from __future__ import annotations

import json
from pathlib import Path

import pretrained
import pytest
from reply_lanes import PRODUCT, SEARCH, Lane, params_for
from reply_world import rows

from pipelines.errors import ConfigError
from pipelines.files import read_json, read_parquet
from pipelines.problems.reply.core.prepared import load_prepared
from pipelines.problems.reply.core.slots import values_of
from pipelines.problems.reply.core.writing import load_writer, source_text

BRIEF = {
    "rows": 200, "epochs": 1, "batch": 32, "learning_rate": 0.003, "longest": 40, "tokens": 10, "decoding": "greedy",
}  # fmt: skip


def _lane(tmp_path: Path, weights: str) -> Lane:
    lane = Lane(tmp_path, params_for({"retrieval": SEARCH, "seq2seq": {**BRIEF, "weights": weights}}))
    for stage in ("label", "prepare"):
        assert lane.run(stage).passed
    return lane


def test_weights_that_are_not_there_end_the_stage_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no folder './nowhere' with a model"):
        _lane(tmp_path, "./nowhere").run("train", "seq2seq")


@pytest.mark.slow
def test_a_bart_of_a_folder_is_tuned_written_as_graphs_and_read_back(tmp_path: Path) -> None:
    pretrained.save("bart", tmp_path / "model", [row["reply"] for row in rows(60)])
    lane = _lane(tmp_path, "./model")
    with pretrained.kept() as kept:
        assert lane.run("train", "seq2seq").passed
    folder = lane.layout.stage("train", PRODUCT, "seq2seq")
    record = read_json(folder / "model.json")
    assert str(tmp_path) not in json.dumps(record)
    writer = load_writer(folder, record["decoding"])
    prepared = load_prepared(lane.layout.stage("prepare", PRODUCT), lane.params.products[PRODUCT])
    judged = prepared.rows("test")[:5]
    situations = prepared.situations(judged)
    values = [values_of(one) for one in situations]
    texts = read_parquet(folder / "predictions.parquet").set_index("_row").loc[judged]["texts"].tolist()
    for told, one in zip(texts, writer(situations, values), strict=True):
        assert json.loads(told).keys() == one.keys()
    pieces = writer.network.pieces
    sources = [pieces.encode(source_text(*pair)) for pair in zip(situations, values, strict=True)]
    assert pretrained.difference(*kept, writer.network, [source[-30:] for source in sources]) < 1e-3
    assert {"{Parcel}", "<customer>", "<known>"} <= set(pieces.tokens)

from __future__ import annotations

import io
import json
from pathlib import Path

from pipelines.night.display import Display, last_output


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def log(path: Path, *events: tuple[str, str]) -> Path:
    path.write_text("".join(json.dumps({"event": text, "logger": logger}) + "\n" for logger, text in events))
    return path


def test_the_last_line_is_the_steps_own(tmp_path: Path) -> None:
    path = log(tmp_path / "a.log", ("task.stdout", "epoch 1/9"), ("task.stdout", "epoch 2/9"), ("task", "::endgroup::"))
    assert last_output(path) == "epoch 2/9"


def test_a_log_that_is_missing_empty_or_half_written_is_no_trouble(tmp_path: Path) -> None:
    assert last_output(tmp_path / "none.log") == ""
    assert last_output(log(tmp_path / "empty.log")) == ""
    path = log(tmp_path / "half.log", ("task.stdout", "epoch 1/9"))
    path.write_text(path.read_text() + '{"event": "epo')
    assert last_output(path) == "epoch 1/9"


def test_a_terminal_shows_what_runs_and_cleans_up_after_itself(tmp_path: Path) -> None:
    stream = Terminal()
    display = Display(stream)
    display.start("alpha.train_one", log(tmp_path / "a.log", ("task.stdout", "epoch 2/9")))
    display.last = float("-inf")
    display.tick()
    assert "alpha.train_one 0 s: epoch 2/9" in stream.getvalue()
    display.end("alpha.train_one", "success", 3.2)
    display.close()
    assert stream.getvalue().endswith("3.2 s  done\n")
    assert "\x1b[K" in stream.getvalue()


def test_a_file_gets_whole_lines_only() -> None:
    stream = io.StringIO()
    display = Display(stream)
    display.start("alpha.fetch")
    display.tick()
    display.end("alpha.fetch", "failed", 1.0)
    assert "\r" not in stream.getvalue()
    assert "alpha.fetch" in stream.getvalue()
    assert "FAILED" in stream.getvalue()

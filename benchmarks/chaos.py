"""Faults, and whether the next night repairs itself: its lanes must end with the bytes of a night without a fault.

    python benchmarks/chaos.py [--full | --only NAME ...]

Each fault strikes a small checkout of its own (real git, DVC and Airflow, stages that take no time; see
tests/tiny_project.py). A fault passes when the night that it strikes says so or survives it, when the next night needs
no person, and when the lanes then hold the bytes of a clean run. Faults that need a mount or a program that is not
there are skipped. The default is a small choice; a Celery worker's death has a test of its own
(tests/night/test_cluster_night.py), and so has a damaged remote between machines (tests/night/test_shared_steps.py).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import chaos_around  # noqa: E402, F401 - registers its faults
import chaos_kills  # noqa: E402, F401
from chaos_tools import FAULTS, LANE, Skipped, clean_bytes  # noqa: E402
from tiny_project import make_tiny  # noqa: E402

SMALL = ("kill_9_of_a_stage", "kill_9_of_the_night", "dvc_lock_cut_short", "half_a_line_in_the_log")


def strike(name: str, folder: Path, clean: dict[str, str]) -> tuple[str, str]:
    """What became of the next night, and what the struck one did."""
    layout = make_tiny(folder / name, products=(LANE,), models=("one",))
    try:
        told = FAULTS[name](layout)
        return ("same bytes" if clean_bytes(layout) == clean else "OTHER BYTES"), told
    except Skipped as reason:
        return "skipped", str(reason)
    except (RuntimeError, TimeoutError) as error:
        return "NOT REPAIRED", str(error)


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=list(FAULTS), default=list(SMALL))
    parser.add_argument("--full", action="store_true", help="all faults: about a minute each on two quiet cores")
    arguments = parser.parse_args()
    names = list(FAULTS) if arguments.full else arguments.only
    bad = 0
    with tempfile.TemporaryDirectory(prefix="nightshift-chaos-") as folder:
        clean = clean_bytes(make_tiny(Path(folder) / "clean", products=(LANE,), models=("one",)))
        print(f"{'fault':36} {'next night':14} seconds  the struck night", flush=True)
        for name in names:
            began = time.monotonic()
            word, told = strike(name, Path(folder), clean)
            bad += word.isupper()
            print(f"{name:36} {word:14} {time.monotonic() - began:7.1f}  {told}", flush=True)
    print(f"{len(names)} faults, {bad} not survived")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

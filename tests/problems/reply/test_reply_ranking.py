"""The ranker and the hand-over threshold."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.problems.reply.answer.ranking import Ranker
from pipelines.problems.reply.core.candidates import FEATURES, Candidate, Proposals
from pipelines.problems.reply.evaluate.ranking import fit, quality, threshold_for


def test_quality_is_the_f1_of_the_longest_common_subsequence() -> None:
    assert quality("the same", "the same") == 1.0
    assert quality("a b c d", "a x c d") == pytest.approx(0.75)
    assert quality("", "a") == 0.0


def test_fitted_ranker_prefers_what_was_good_and_survives_json() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    proposals, wanted = [], []
    for _ in range(200):
        made = [Candidate(f"reply {n}", 0, features=list(rng.normal(size=len(FEATURES)))) for n in range(4)]
        proposals.append(Proposals(made, np.zeros(1, dtype=np.float32)))
        wanted.append([1.0 / (1.0 + np.exp(-3.0 * one.features[4])) for one in made])
    ranker = fit(proposals, wanted)
    assert int(np.argmax(np.abs(ranker.weight))) == 4
    x = np.array([one.features for one in proposals[0].candidates])
    assert np.allclose(Ranker.from_json(ranker.to_json()).quality(x), ranker.quality(x), atol=1e-5)
    assert np.abs(ranker.quality(x) - np.array(wanted[0])).max() < 0.1


def test_threshold_holds_the_share_of_good_replies_or_sends_nothing() -> None:
    confidence = np.linspace(0, 1, 1000)
    good = confidence > 0.5
    found, seen = threshold_for(confidence, good, 0.9)
    assert 0.4 < found < 0.55
    assert seen["good"] >= 0.9
    nothing, seen = threshold_for(confidence, np.zeros(1000, dtype=bool), 0.9)
    assert nothing > 1.0
    assert seen["sent"] == 0.0

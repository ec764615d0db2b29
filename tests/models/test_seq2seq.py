"""The encoder-decoder: pieces, the numpy network beside transformers, decoding, training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nets_writing import OPTIONS, TEXTS, pair, pieces

from pipelines.blocks.models import Profile
from pipelines.errors import BundleError, ConfigError
from pipelines.models.seq2seq import runtime, training
from pipelines.models.seq2seq.decoding import Decoding, stream, write
from pipelines.models.seq2seq.pieces import END, PAD, START, Pieces
from pipelines.models.seq2seq.runtime import Network


def test_texts_survive_the_pieces_and_slots_stay_whole() -> None:
    for text in TEXTS:
        assert pieces().decode(pieces().encode(text)) == text
    assert len(pieces().encode("{Name}")) == 1
    again = Pieces(**pieces().to_json())
    assert again.encode(TEXTS[1]) == pieces().encode(TEXTS[1])


def test_numpy_network_with_its_cache_equals_transformers() -> None:
    import torch

    model, network = pair()
    sources = [pieces().encode(text) for text in TEXTS[:3]]
    tokens = np.array([[START, 9, 10, 12], [START, 11, 12, 13], [START, 5, 6, 7]])
    cache = network.encode(sources)
    ours = np.stack([network.step(tokens[:, at], cache) for at in range(tokens.shape[1])], axis=1)
    width = max(map(len, sources))
    padded = torch.tensor([source + [PAD] * (width - len(source)) for source in sources])
    with torch.no_grad():
        raw = model(
            input_ids=padded, attention_mask=(padded != PAD).long(), decoder_input_ids=torch.tensor(tokens)
        ).logits
    assert np.abs(ours - torch.log_softmax(raw, -1).numpy()).max() < 1e-4


def test_beam_is_never_less_likely_than_greedy_and_batches_change_nothing() -> None:
    _, network = pair()
    sources = [pieces().encode(text) for text in TEXTS]
    greedy = write(network, sources, Decoding("greedy", longest=10))
    alone = [write(network, [source], Decoding("greedy", longest=10))[0] for source in sources]
    assert [one[0][0] for one in greedy] == [one[0][0] for one in alone]
    wide = write(network, sources, Decoding("beam", 4, longest=10))
    assert all(len({tuple(text) for text, _ in one}) == len(one) for one in wide)
    assert all(beam[0][1] >= one[0][1] - 1e-5 for beam, one in zip(wide, greedy, strict=True))


def test_sampling_follows_its_seed_and_a_tiny_nucleus_is_greedy() -> None:
    _, network = pair()
    sources = [pieces().encode(text) for text in TEXTS]
    how = Decoding("sample", 2, longest=8, temperature=1.3, top_p=0.95, seed=4)
    assert write(network, sources, how) == write(network, sources, how)
    narrow = write(network, sources, Decoding("sample", 1, longest=8, top_p=1e-9))
    greedy = write(network, sources, Decoding("greedy", longest=8))
    assert [one[0][0] for one in narrow] == [one[0][0] for one in greedy]


@pytest.mark.parametrize("how", [Decoding(longest=12), Decoding("beam", 3, longest=12), Decoding("sample", 1, seed=2)])
def test_streamed_tokens_are_those_of_the_written_text(how: Decoding) -> None:
    _, network = pair()
    for text in TEXTS:
        source = pieces().encode(text)
        assert list(stream(network, source, how)) == write(network, [source], how)[0][0][0]


def test_a_closed_stream_computes_no_further_token() -> None:
    _, network = pair()
    steps = 0

    class Counting(Network):
        def step(self, tokens: Any, cache: Any) -> Any:
            nonlocal steps
            steps += 1
            return super().step(tokens, cache)

    counting = Counting(network._w, network.pieces, network.shape)
    tokens = stream(counting, pieces().encode(TEXTS[0]), Decoding(longest=16))
    first = [next(tokens), next(tokens)]
    tokens.close()
    assert len(first) == steps == 2
    assert list(tokens) == []


@pytest.mark.parametrize("how", [Decoding(longest=10), Decoding("beam", 3, longest=10), Decoding("sample", 2)])
def test_forbidden_tokens_are_never_written(how: Decoding) -> None:
    _, network = pair()
    sources = [pieces().encode(text) for text in TEXTS[:2]]
    free = write(network, sources, how)
    forbidden = np.zeros((2, len(pieces().tokens)), dtype=bool)
    banned = free[0][0][0][0]
    forbidden[0, banned] = True
    bound = write(network, sources, how, forbidden)
    assert all(banned not in text for text, _ in bound[0])
    if how.method != "sample":
        assert bound[1] == free[1]


def test_saved_network_answers_as_before_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    _, network = pair()
    assert network.save(tmp_path) == list(runtime.FILES)
    source = [pieces().encode(TEXTS[0])]
    assert write(runtime.load(tmp_path), source, Decoding()) == write(network, source, Decoding())
    (tmp_path / runtime.FILES[0]).write_bytes(b"no zip")
    with pytest.raises(BundleError):
        runtime.load(tmp_path)


def test_wrong_hyper_parameters_are_named() -> None:
    with pytest.raises(ConfigError, match="no decoding"):
        training.settings({"decoding": "dream"})
    with pytest.raises(ConfigError, match="multiple of heads"):
        training.settings({"dimensions": 30, "heads": 4})


@pytest.mark.slow
def test_training_learns_to_copy_slots_and_is_repeatable() -> None:
    held = pieces()
    pairs = [(held.encode(text), held.encode(text)) for text in TEXTS] * 20
    options = training.settings({**OPTIONS, "epochs": 40, "batch": 16, "learning_rate": 0.004, "dropout": 0.0})
    network, seen = training.train(pairs, held, options, 0, Profile(threads=1))
    brief = {**options, "epochs": 1}
    first, again = (training.train(pairs, held, brief, 0, Profile(threads=1))[0] for _ in range(2))
    assert seen["steps"] == 200
    written = write(network, [held.encode(text) for text in TEXTS], Decoding())
    assert [held.decode(one[0][0]) for one in written] == TEXTS
    assert write(again, [held.encode(TEXTS[0])], Decoding()) == write(first, [held.encode(TEXTS[0])], Decoding())
    assert END not in written[0][0][0]

"""A trained encoder-decoder of transformers as two ONNX graphs: what is read once, and one step with its cache.

Any model that answers to ``AutoModelForSeq2SeqLM`` and keeps keys and values in an ``EncoderDecoderCache``.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipelines.errors import ConfigError

if TYPE_CHECKING:
    import torch


def graphs(model: Any) -> tuple[bytes, bytes]:
    """``(encoder, step)`` of an evaluated model; see :mod:`pipelines.models.seq2seq.graphs` for what they take.

    Raises:
        ConfigError: torch cannot write the model down as a graph.
    """
    import torch
    from transformers.cache_utils import DynamicCache, EncoderDecoderCache

    class Reading(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
            hidden = self.model.get_encoder()(input_ids=tokens, attention_mask=mask).last_hidden_state
            cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
            start = torch.full_like(tokens[:, :1], int(self.model.config.decoder_start_token_id))
            self.model(
                attention_mask=mask, encoder_outputs=(hidden,), decoder_input_ids=start, past_key_values=cache,
                use_cache=True,
            )  # fmt: skip
            return _parts(cache.cross_attention_cache)

    class Step(torch.nn.Module):
        def __init__(self, layers: int) -> None:
            super().__init__()
            self.model, self.layers = model, layers

        def forward(self, tokens: torch.Tensor, mask: torch.Tensor, *past: torch.Tensor) -> tuple[torch.Tensor, ...]:
            own, cross = DynamicCache(), DynamicCache()
            for layer in range(self.layers):
                own.update(past[2 * layer], past[2 * layer + 1], layer)
                place = 2 * (self.layers + layer)
                cross.update(past[place], past[place + 1], layer)
            cache = EncoderDecoderCache(own, cross)
            cache.is_updated = dict.fromkeys(range(self.layers), True)
            hidden = torch.zeros((*mask.shape, int(self.model.config.hidden_size)))
            found = self.model(
                attention_mask=mask, encoder_outputs=(hidden,), decoder_input_ids=tokens, past_key_values=cache,
                use_cache=True,
            )  # fmt: skip
            return (torch.log_softmax(found.logits[:, -1].float(), -1), *_parts(cache.self_attention_cache))

    model = model.eval()
    model.set_attn_implementation("eager")
    tokens = torch.arange(21).reshape(3, 7)
    mask = torch.ones_like(tokens)
    mask[1, 5:] = 0
    reading = Reading()
    with torch.no_grad():
        cross = reading(tokens, mask)
    rows, heads, _, width = cross[0].shape
    own = [torch.zeros(rows, heads, 4, width) for _ in cross]
    free = torch.export.Dim.DYNAMIC
    source, row, written = {0: free, 1: free}, {0: free}, {0: free, 2: free}
    first = _graph(reading, (tokens, mask), (source, source))
    step = _graph(
        Step(len(cross) // 2),
        (torch.ones(rows, 1, dtype=torch.long), mask, *own, *cross),
        (row, source, (*[written] * len(own), *[written] * len(cross))),
    )
    return first, step


def _parts(cache: Any) -> tuple[torch.Tensor, ...]:
    """Keys and values of each layer in turn."""
    return tuple(part for layer in cache.layers for part in (layer.keys, layer.values))


def _graph(module: Any, given: tuple[Any, ...], shapes: tuple[Any, ...]) -> bytes:
    import torch

    try:
        with _quiet():
            program = torch.onnx.export(module, given, dynamo=True, dynamic_shapes=shapes, verbose=False)
            assert program is not None
            program.optimize()
            return _bare(program.model_proto)
    except Exception as error:  # torch's exporter raises what it likes
        raise ConfigError(
            f"this kind of model cannot be served: {' '.join(str(error).split())[:200]}",
            where={"key": "candidates.*.params.weights", "model": module.model.config.model_type},
            next_step="choose a BART or T5, or scratch",
        ) from error


def _bare(proto: Any) -> bytes:
    """The graph without what the exporter notes about it: paths of source files, its own version."""
    graph, functions = proto.graph, proto.functions
    values = [*graph.value_info, *graph.input, *graph.output, *graph.initializer]
    nodes = [*graph.node, *(node for function in functions for node in function.node)]
    for part in (proto, graph, *functions, *values, *nodes):
        if hasattr(part, "metadata_props"):
            del part.metadata_props[:]
        if hasattr(part, "doc_string"):
            part.doc_string = ""
    proto.producer_name, proto.producer_version, proto.graph.name = "nightshift", "", "seq2seq"
    return bytes(proto.SerializeToString(deterministic=True))


@contextmanager
def _quiet() -> Iterator[None]:
    """Neither warnings nor the exporter's log."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)

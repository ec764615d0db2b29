"""The torch device that the profile states."""

from __future__ import annotations

import torch

from pipelines.errors import ConfigError


def torch_device(stated: str) -> torch.device:
    """``cpu`` or ``cuda``, as ``profile.device`` states.

    Raises:
        ConfigError: the profile says cuda, and there is no GPU.
    """
    if stated == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "the profile says cuda, but torch sees no GPU",
            where={"key": "profile.device"},
            next_step="set profile.device to cpu, or mend the driver",
        )
    return torch.device(stated)

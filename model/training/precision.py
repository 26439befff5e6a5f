"""Which arithmetic a training uses."""

import torch

from ..predictor import fast_at


def mixed(device: torch.device) -> torch.autocast:
    """Multiply in bfloat16 where the device has instructions for it (predictor.fast_at), else in float32 throughout.

    Weights, losses and optimiser stay float32.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=fast_at("bfloat16", device))

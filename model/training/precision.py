"""Which arithmetic a training uses."""

import torch


def mixed(device: torch.device) -> torch.autocast:
    """Multiply in bfloat16 where the device is built for it (CUDA, processors with AMX), else in float32 throughout.

    Weights, losses and optimiser stay float32. On a processor without AMX bfloat16 is slower than float32.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" or _has_amx())


def _has_amx() -> bool:
    capabilities = getattr(torch.cpu, "get_capabilities", dict)  # torch before 2.10 does not tell
    return bool(capabilities().get("amx_bf16", False))

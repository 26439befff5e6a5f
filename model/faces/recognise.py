"""The pack's identity encoder as something that tells people apart."""

import copy

import torch
from torch import Tensor

from ..metrics.recognise import Recogniser
from ..packs.pack import Pack


def pack_recogniser(pack: Pack, device: torch.device) -> Recogniser:
    """The identity encoder of a pack, on that device; the pack's own networks stay where they are."""
    network = pack.networks.identity if device.type == "cpu" else copy.deepcopy(pack.networks.identity).to(device)

    @torch.inference_mode()
    def embed(crops: Tensor) -> Tensor:
        return network(crops.to(device))

    return Recogniser(f"pack {pack.spec.name}", pack.spec.resolution, embed)

"""Face recognisers behind one call: the judge's own, or FaceNet where its weights lie on this computer."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ..errors import ModelFilesError
from .judge import JudgePack
from .local import facenet_file

FACENET_SIDE = 160
FACENET_MARGIN = 0.19
"""Part of an aligned crop that is cut off on each side, so that FaceNet sees about what MTCNN would give it."""


@dataclass(frozen=True)
class Recogniser:
    """A network that turns aligned crops into embeddings."""

    name: str
    resolution: int
    """Side of the crops in pixels."""
    embed: Callable[[Tensor], Tensor]
    """[B, 3, S, S] signed -> [B, D] of length 1, on the network's device."""


def judge_recogniser(judge: JudgePack) -> Recogniser:
    """The judge's own identity encoder."""
    device = next(judge.identity.parameters()).device

    @torch.no_grad()
    def embed(crops: Tensor) -> Tensor:
        return judge.identity(crops.to(device))

    return Recogniser(f"judge {judge.hash[:8]}", judge.resolution, embed)


def load_facenet(device: torch.device) -> Recogniser | None:
    """InceptionResnetV1 trained on VGGFace2 (Schroff et al. 2015), or None where its weights are not here."""
    path = facenet_file()
    if path is None:
        return None
    from facenet_pytorch import InceptionResnetV1  # noqa: PLC0415 - it imports torchvision

    network = InceptionResnetV1(classify=False)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict({n: t for n, t in state.items() if not n.startswith("logits.")})
    except (OSError, RuntimeError, LookupError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise ModelFilesError(f"{path} does not hold FaceNet's weights ({error}); delete it") from error
    network = network.to(device).eval()

    @torch.no_grad()
    def embed(crops: Tensor) -> Tensor:
        cut = round(FACENET_MARGIN * crops.shape[-1])
        face = crops[..., cut : crops.shape[-1] - cut, cut : crops.shape[-1] - cut].to(device)
        face = F.interpolate(face, size=(FACENET_SIDE, FACENET_SIDE), mode="bilinear", antialias=True)
        return network(face * (127.5 / 128))  # (byte - 127.5) / 128, the range that it was trained on

    return Recogniser("FaceNet (VGGFace2)", 256, embed)

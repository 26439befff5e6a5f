"""A small clip, a small pack and a detector that knows where the face is: our nodes without ComfyUI."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import write_tiny_pack
from torch import Tensor

import dva
from dva.model.faces.detect import Detection
from dva.model.types import FloatArray
from dva.nodes import align_faces
from dva.nodes.load_model import LoadModel

FRAMES, HEIGHT, WIDTH = 6, 48, 64
WITHOUT_FACE = (5,)
SHAPE = np.array([[-0.2, -0.15], [0.2, -0.15], [0.0, 0.05], [-0.15, 0.25], [0.15, 0.25]])
"""Landmarks of a face of side 1 round its middle."""


class KnownFace:
    """Finds one face in the middle of every frame but those whose first pixel is white."""

    def __init__(self, device: torch.device) -> None: ...

    def detect(self, image: np.ndarray, *, thorough: bool = True) -> list[Detection]:
        if image[0, 0].min() == 255:
            return []
        middle, side = np.array([WIDTH / 2, HEIGHT / 2]), 12.0
        box = np.concatenate([middle - side / 2, middle + side / 2])
        return [Detection(box, middle + SHAPE * side, 0.99)]

    def follow(self, image: np.ndarray, landmarks: Sequence[FloatArray]) -> list[Detection | None]:
        found = self.detect(image)
        return [found[0] if found else None for _ in landmarks]


@dataclass(frozen=True)
class Chain:
    """The graph that everybody builds, on one IMAGE batch or VIDEO; each step's outputs by name."""

    model: object
    frames: object

    def node(self, name: str):
        mapping = dva.NODE_CLASS_MAPPINGS[f"DVA_{name}"]
        return getattr(mapping(), mapping.FUNCTION)

    def align(self, frame_rate: float = 24.0):
        return self.node("AlignFaces")(self.model, self.frames, "largest", 0.1, frame_rate)

    def encode(self, track):
        return self.node("EncodeVideo")(self.model, track, self.frames, 4)[0]

    def edit(self, code, strength: float = 1.0, keyframes: str = "", **more: object):
        """Everything as a list, as this node gets it from ComfyUI."""
        return self.node("EditByAttribute")([self.model], [code], ["Eyeglasses"], [strength], [keyframes], **more)[0][0]

    def decode(self, code):
        return self.node("Decode")(self.model, code)

    def paste(self, track, crops, mask, feather: float = 0.08, **more: object):
        return self.node("PasteBack")(self.frames, track, crops, mask, feather, **more)


@pytest.fixture(autouse=True)
def as_comfyui_runs_nodes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(align_faces, "FaceDetector", KnownFace)
    with torch.inference_mode():
        yield


@pytest.fixture(scope="session")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two packs, tiny and other."""
    folder = tmp_path_factory.mktemp("packs")
    write_tiny_pack(folder / "tiny")
    write_tiny_pack(folder / "other", seed=1)
    return folder


@pytest.fixture
def model(packs: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DVA_PACKS", str(packs))
    return LoadModel().load("tiny")[0]


@pytest.fixture
def images() -> Tensor:
    """[T, H, W, 3]: values between the 8-bit codes, and one beyond white, as other nodes leave them."""
    images = torch.rand(FRAMES, HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(0)) * 0.9
    images[:, -1, -1] = 1.25
    images[list(WITHOUT_FACE), 0, 0] = 1.0
    return images


@pytest.fixture
def chain(model, images: Tensor) -> Chain:
    return Chain(model, images)

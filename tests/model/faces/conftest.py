"""What the tests of faces share."""

from pathlib import Path

import pytest
import torch

from dva.model.faces.recognise import pack_recogniser
from dva.model.metrics.recognise import Recogniser
from dva.model.packs.pack import load_pack


@pytest.fixture(scope="session")
def mini_recogniser(project: Path) -> Recogniser:
    """The embedded pack's identity encoder."""
    return pack_recogniser(load_pack(project / "model" / "packs" / "mini"), torch.device("cpu"))

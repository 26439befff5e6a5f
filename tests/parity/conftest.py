"""The published network with filled weights, as a checkpoint that is imported and loaded: once for all parity tests."""

import copy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from filled import filled, filled_tensors
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dva.model.autoencoder import Autoencoder
from dva.model.packs.official import PublishedFiles, import_published
from dva.model.packs.pack import Networks, Pack, load_pack
from dva.model.packs.published import ATTRIBUTES

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "golden"
EDITED = "Young"
"""The attribute whose row of the classifier is that of the reference edit."""


def reference_arrays() -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for name in ("networks", "training_loss", "alignment"):
        with np.load(GOLDEN / f"{name}.npz") as stored:
            arrays |= dict(stored)
    return arrays


@pytest.fixture(scope="package")
def golden() -> dict[str, NDArray[Any]]:
    """What the reference implementation computed with these weights, by name of the array."""
    if not GOLDEN.is_dir():
        pytest.skip("the reference arrays are not on this machine")
    return reference_arrays()


@pytest.fixture(scope="package")
def pictures(golden: dict[str, NDArray[Any]]) -> Tensor:
    """[2, 3, 256, 256] uint8, what the reference outputs were made from."""
    del golden  # it skips where there are none
    crops: list[NDArray[np.uint8]] = []
    for name in ("crop_a.png", "crop_b.png"):
        with Image.open(GOLDEN / name) as picture:
            crops.append(np.array(picture))
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous()


@pytest.fixture(scope="package")
def crops(pictures: Tensor) -> Tensor:
    """[2, 3, 256, 256] signed, channels first as for the reference."""
    return pictures.float() / 127.5 - 1


@pytest.fixture(scope="package")
def pack() -> Pack:
    """A checkpoint in the published format, imported and loaded; the files are gone again."""
    arrays = reference_arrays() if GOLDEN.is_dir() else {}
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        files = PublishedFiles(folder / "model.ckpt", folder / "classifier.ckpt", folder / "latent.pkl")
        averages = {f"ema_model.{n}": t for n, t in filled_tensors().items()}
        torch.save({"state_dict": averages, "epoch": 0}, files.model)
        weight = filled("classifier.weight", (len(ATTRIBUTES), 512))
        weight[list(ATTRIBUTES).index(EDITED)] = torch.from_numpy(arrays.get("edit_w", np.ones(512)))
        bias = filled("classifier.bias", (len(ATTRIBUTES),))
        torch.save({"state_dict": {"classifier.weight": weight, "classifier.bias": bias}}, files.classifier)
        mean, std = (torch.from_numpy(arrays.get(f"edit_{n}", np.ones(512, np.float32)))[None] for n in ("mean", "std"))
        torch.save({"conds_mean": mean, "conds_std": std}, files.statistics)
        import_published(files, folder / "dva-256", {"licence": "none: these weights are drawn"})
        return load_pack(folder / "dva-256")


@pytest.fixture(scope="package")
def networks(pack: Pack) -> Networks:
    """The pack's networks with channels first, as the reference had them.

    With channels last, as the autoencoder lays them out for speed, eps is off by 2e-5 instead of 1e-6, and a step down
    from t = 800 multiplies that by 25.
    """
    return pack.networks


@pytest.fixture(scope="package")
def autoencoder(pack: Pack) -> Autoencoder:
    """The pack as everyone uses it."""
    return Autoencoder(replace(pack, networks=copy.deepcopy(pack.networks)), torch.device("cpu"))

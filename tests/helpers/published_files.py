"""Files as the authors publish them, around a network small enough for tests."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import FACTS
from torch import Tensor

from dva.model.errors import ModelFilesError
from dva.model.packs import official
from dva.model.packs.official import PublishedFiles
from dva.model.packs.pack import FILES, Networks, spec_from_json


def small_networks(seed: int = 0) -> Networks:
    torch.manual_seed(seed)
    return Networks(spec_from_json(FACTS)).eval()


def small_facts() -> dict[str, Any]:
    facts = copy.deepcopy(FACTS)
    del facts["licence"]
    return facts | {"name": "dva-256"}


def small_tensors(
    tensors: dict[str, Tensor], classifier: dict[str, Tensor], statistics: dict[str, Tensor]
) -> dict[str, dict[str, Tensor]]:
    """Takes the names as they are; the published network's own mapping has tests of its own."""
    wanted = small_networks().state_dict()
    faults = [n for n in wanted.keys() ^ tensors.keys() if n not in tensors or n not in wanted]
    faults += [n for n in wanted.keys() & tensors.keys() if wanted[n].shape != tensors[n].shape]
    if faults:
        raise ModelFilesError(f"these do not fit: {sorted(faults)}")
    denoiser = {n: t for n, t in tensors.items() if n.startswith(("unet.", "face_code."))}
    table = {
        "directions": classifier["classifier.weight"],
        "biases": classifier["classifier.bias"],
        "id_mean": statistics["conds_mean"][0],
        "id_std": statistics["conds_std"][0],
    }
    return dict(zip(FILES, (denoiser, {n: t for n, t in tensors.items() if n not in denoiser}, table), strict=True))


def expect_small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an import take the small network for the published one."""
    monkeypatch.setattr(official, "published_facts", small_facts)
    monkeypatch.setattr(official, "published_tensors", small_tensors)


def write_published(folder: Path, seed: int = 0, **changes: Tensor | None) -> PublishedFiles:
    """The three files. changes: tensors of the moving averages to set, or to leave out where None."""
    folder.mkdir(parents=True, exist_ok=True)
    averages = dict(small_networks(seed).state_dict()) | changes
    raw = small_networks(seed + 100).state_dict()
    state = {f"model.{n}": t for n, t in raw.items()}
    state |= {f"ema_model.{n}": t for n, t in averages.items() if t is not None}
    torch.save({"state_dict": state, "epoch": 3, "optimizer_states": [{"state": raw}]}, folder / "model.ckpt")
    linear = {"classifier.weight": torch.randn(2, 6), "classifier.bias": torch.randn(2)}
    torch.save({"state_dict": linear}, folder / "classifier.ckpt")
    rows = {"conds": torch.randn(9, 6), "conds_mean": torch.randn(1, 6), "conds_std": torch.rand(1, 6)}
    torch.save(rows, folder / "latent.pkl")
    return PublishedFiles(folder / "model.ckpt", folder / "classifier.ckpt", folder / "latent.pkl")

"""What the published encoders see in two aligned photographs, and the edited identity."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from filled import empty_networks, relative_error
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from dva.model.autoencoder import Autoencoder, Perceived
from dva.model.editing.attribute import attribute_edit, edited_identity, total_step
from dva.model.encoders.landmarks import motion_code
from dva.model.encoders.published.parser import training_mask, video_mask
from dva.model.packs.pack import Networks, Pack
from dva.model.packs.published_names import published_layout

FLOAT32 = 1e-4
SCALE = 0.25
EDITED = "Young"
"""The attribute in whose row conftest.py puts the reference edit."""


@dataclass(frozen=True)
class Seen:
    """Outputs for both pictures."""

    z_id: Tensor
    z_lnd: Tensor
    logits: Tensor


@pytest.fixture(scope="module")
def seen(networks: Networks, crops: Tensor) -> Seen:
    with torch.no_grad():
        return Seen(networks.identity(crops), motion_code(networks.landmarks(crops)), networks.parser(crops))


@pytest.fixture(scope="module")
def perceived(autoencoder: Autoencoder, pictures: Tensor) -> Perceived:
    """The same by the public road: a clip of two frames."""
    return autoencoder.perceive(pictures, np.arange(2))


def test_identity(seen: Seen, perceived: Perceived, golden) -> None:
    assert relative_error(seen.z_id, golden["z_id"]) < FLOAT32
    assert relative_error(perceived.z_id[None], golden["z_id_rep"]) < FLOAT32


def test_motion(seen: Seen, perceived: Perceived, golden) -> None:
    assert relative_error(seen.z_lnd, golden["z_lnd"]) < FLOAT32
    assert relative_error(perceived.z_lnd, golden["z_lnd"]) < FLOAT32


def test_face_code_takes_the_clips_mean_as_it_is(networks: Networks, perceived: Perceived, golden) -> None:
    z_face = networks.face_code(perceived.z_id.expand(2, -1), perceived.z_lnd)
    assert relative_error(z_face, golden["z_face"]) < FLOAT32
    unit = F.normalize(perceived.z_id, dim=0)
    assert relative_error(networks.face_code(unit.expand(2, -1), perceived.z_lnd), golden["z_face"]) > FLOAT32


def test_parser_logits(seen: Seen, golden) -> None:
    # The array has every eighth pixel of the doubled picture, of which ours are every other.
    assert relative_error(seen.logits[:1, :, ::4, ::4], golden["parser_logits_s8"]) < FLOAT32


def test_masks(perceived: Perceived, golden) -> None:
    for mask, name in ((training_mask(perceived.parsing), "mask_train"), (video_mask(perceived.parsing), "mask_video")):
        assert (mask.numpy() == golden[name][:, 0].astype(bool)).mean() >= 0.995


def test_edited_identity_and_its_face_code(pack: Pack, perceived: Perceived, golden) -> None:
    edit = attribute_edit(pack, EDITED, SCALE, 1)
    kept = edited_identity(perceived.z_id, total_step([edit], slice(None)), pack.id_mean, pack.id_std)
    # The published rule gives the identity length 1, ours the length that it had: docs/decisions/0013.
    edited = F.normalize(kept, dim=1)
    assert relative_error(edited, golden["z_id_edit"]) < FLOAT32
    assert relative_error(pack.networks.face_code(edited, perceived.z_lnd[:1]), golden["z_face_edit"]) < FLOAT32


def test_the_layout_is_the_published_checkpoints(shared: Path) -> None:
    published = json.loads((shared / "golden" / "official_tensors.json").read_text(encoding="utf-8"))
    layout = published_layout(empty_networks())
    assert layout.shapes == {name: tuple(shape) for name, (shape, _) in published.items()}
    unused = layout.shapes.keys() - layout.ours.keys()
    assert {name.split(".")[1] for name in unused} == {"lndnet", "bgnet"}

"""The embedded pack itself: a few facts that a broken or swapped weight file could not satisfy."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("numba")

from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.code import SourceFacts
from dva.model.editing.attribute import attribute_edit
from dva.model.packs.pack import TEXT_FILE, Pack
from dva.model.synth import (
    PARSING,
    Rendering,
    build_head,
    can_toggle,
    render,
    sample_identity,
    sample_motion,
    sample_scene,
    toggle,
)
from dva.model.types import FaceTrack

pytestmark = pytest.mark.pack
FACES = 6


@pytest.fixture(scope="module")
def pack() -> Pack:
    return open_pack("mini")


@pytest.fixture(scope="module")
def people(pack: Pack) -> list[tuple[Rendering, Rendering]]:
    """Heads without gray hair, each with its gray-haired twin; seeds that no training used."""
    pairs: list[tuple[Rendering, Rendering]] = []
    seed = 88_000
    while len(pairs) < FACES:
        seed += 1
        rng = np.random.default_rng(seed)
        identity = sample_identity(rng)
        if identity.has("Gray_Hair") or identity.has("Wearing_Hat") or not can_toggle(identity, "Gray_Hair"):
            continue
        head, motion, scene = build_head(identity), sample_motion(rng), sample_scene(rng)
        gray = build_head(toggle(identity, "Gray_Hair", value=True, rng=rng))
        size = pack.spec.resolution
        pairs.append((render(head, motion, scene, size), render(gray, motion, scene, size, crop_of=head)))
    return pairs


def pictures(renderings: list[Rendering]) -> torch.Tensor:
    return torch.from_numpy(np.stack([r.image for r in renderings])).permute(0, 3, 1, 2).contiguous()


def test_it_fits_in_15_megabytes_and_its_clip_in_6(project: Path):
    sizes = {f.name: f.stat().st_size for f in (project / "model/packs/mini").iterdir()}
    assert sizes.pop(TEXT_FILE) <= 6_000_000
    assert sum(sizes.values()) <= 15_000_000


def test_landmarks_and_parsing_agree_with_the_renderer(pack: Pack, people: list[tuple[Rendering, Rendering]]):
    faces = [pair[0] for pair in people]
    crops = pictures(faces).float() / 127.5 - 1
    points = pack.networks.landmarks(crops)
    truth = torch.from_numpy(np.stack([f.landmarks for f in faces]))
    eyes = (truth[:, 36] - truth[:, 45]).norm(dim=1)
    assert float(((points - truth)[:, 17:].norm(dim=2).mean(1) / eyes).mean()) < 0.08
    labels = pack.networks.parser(crops).argmax(1)
    known = torch.from_numpy(np.stack([f.parsing for f in faces])).long()
    assert float((labels == known).float().mean()) > 0.85
    assert pack.spec.parser_classes == PARSING


def test_gray_hair_goes_towards_the_truth(pack: Pack, people: list[tuple[Rendering, Rendering]]):
    before, truth = (pictures([pair[k] for pair in people]).float() / 255 for k in (0, 1))
    changed = ((truth - before).abs().amax(1, keepdim=True) > 0.06).float()
    shares = []
    for i in range(FACES):
        difference = edited(pack, pictures([people[i][0]]))[0]
        wanted = (truth[i] - before[i]) * changed[i]
        shares.append(float((difference * wanted).sum() / wanted.square().sum()))
    assert np.mean(shares) > 0.4, shares


def edited(pack: Pack, crops: torch.Tensor) -> torch.Tensor:
    frames, size = len(crops), crops.shape[-1]
    quads = np.repeat(np.array([[0, 0], [0, size], [size, size], [size, 0]], float)[None], frames, 0)
    track = FaceTrack(
        quads, np.zeros((frames, 5, 2)), np.zeros(frames, np.uint8), np.ones(frames), (size, size), Fraction(24)
    )
    autoencoder = Autoencoder(pack, torch.device("cpu"))
    code = autoencoder.encode(crops, track, SourceFacts("faces", (size, size), Fraction(24), frames))
    return autoencoder.decode(code.with_edit(attribute_edit(pack, "Gray_Hair", 1.0, frames))).difference

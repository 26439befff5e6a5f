from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import SIDE, tiny_pack

from dva.model.autoencoder import Autoencoder
from dva.model.code import ClipCode, SourceFacts, load_code, save_code
from dva.model.editing.attribute import attribute_edit
from dva.model.editing.exchange import with_gaussian_noise, with_identity, with_motion, with_noise
from dva.model.errors import InputError, ModelFilesError, UsageError
from dva.model.samplers import PATHS, shared_noise_edit
from dva.model.schedule import TRAIN_STEPS
from dva.model.types import FRAME_STATUS, FaceTrack

RATE = Fraction(25)


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory: pytest.TempPathFactory) -> Autoencoder:
    return Autoencoder(tiny_pack(tmp_path_factory.mktemp("packs") / "tiny"), torch.device("cpu"))


def encoded(autoencoder: Autoencoder, name: str, missing: tuple[int, ...], frames: int, seed: int) -> ClipCode:
    status = np.zeros(frames, np.uint8)
    status[list(missing)] = FRAME_STATUS.index("missing")
    quads = np.tile(np.array([[0, 0], [0, 9], [9, 9], [9, 0]], float), (frames, 1, 1))
    quads[list(missing)] = np.nan
    track = FaceTrack(quads, np.zeros((frames, 5, 2)), status, np.ones(frames), (32, 32), RATE)
    rng = torch.Generator().manual_seed(seed)
    crops = torch.randint(0, 256, (frames, 3, SIDE, SIDE), dtype=torch.uint8, generator=rng)
    return autoencoder.encode(crops, track, SourceFacts(name, (32, 32), RATE, frames), 10 + seed)


@pytest.fixture(scope="module")
def a(autoencoder: Autoencoder) -> ClipCode:
    return encoded(autoencoder, "a.mp4", (3,), 5, 1)


@pytest.fixture(scope="module")
def b(autoencoder: Autoencoder) -> ClipCode:
    """Longer than a, encoded in other steps, and without a face in frames 0 and 2."""
    return encoded(autoencoder, "b.mp4", (0, 2), 6, 2)


PARTNERS = {0: 1, 1: 1, 2: 1, 4: 4}
"""Frame of a -> frame of b whose features it takes: the last with a face, or the first."""


def test_a_clip_that_takes_everything_from_another_becomes_it(autoencoder: Autoencoder, a: ClipCode, b: ClipCode):
    made = autoencoder.reconstruct(with_noise(with_motion(with_identity(a, b), b), b))
    other = autoencoder.reconstruct(b)
    for here, there in PARTNERS.items():
        torch.testing.assert_close(made[here], other[there], rtol=1e-3, atol=1e-4)
    assert not made[3].any()


def test_a_clip_that_takes_its_own_features_stays(autoencoder: Autoencoder, a: ClipCode):
    own = with_noise(with_motion(with_identity(a, a), a), a)
    torch.testing.assert_close(autoencoder.reconstruct(own), autoencoder.reconstruct(a))
    difference = autoencoder.decode(with_identity(a, a)).difference
    assert difference.abs().max() < 1e-3  # half precision of the residual, which an identity leaves in place


def test_exchanged_frames_are_decoded_although_no_attribute_changes(autoencoder: Autoencoder, a: ClipCode, b: ClipCode):
    decoded = autoencoder.decode(with_identity(a, b))
    assert decoded.difference.flatten(1).any(1).tolist() == [True, True, True, False, True]
    assert decoded.mask.flatten(1).any(1).tolist() == [True, True, True, False, True]


@pytest.mark.parametrize("exchange", [with_noise, with_motion, lambda a, _: with_gaussian_noise(a)])
def test_the_old_residual_is_not_added_to_new_noise_or_motion(
    autoencoder: Autoencoder, a: ClipCode, b: ClipCode, exchange
):
    mixed = exchange(a, b)
    usable = a.track.usable()
    shown = autoencoder.decode(mixed).difference + a.crops.float() / 255
    expected = ((autoencoder.reconstruct(mixed) + 1) / 2).clamp(0, 1)
    torch.testing.assert_close(shown[usable], expected[usable], rtol=0, atol=1e-5)
    assert a.residual.any()  # the given code is untouched


def test_an_edit_acts_on_the_identity_that_was_taken(autoencoder: Autoencoder, a: ClipCode, b: ClipCode):
    edit = attribute_edit(autoencoder.pack, "Eyeglasses", 0.8, len(a))
    mixed = with_identity(a.with_edit(edit), b)
    by_hand = replace(a, z_id=b.z_id, edits=(edit,))
    torch.testing.assert_close(autoencoder.reconstruct(mixed), autoencoder.reconstruct(by_hand))
    assert a.with_edit(edit).regions() == ("face",)
    assert mixed.regions() == ("head",)


def test_an_identity_is_taken_beside_the_sources_own(autoencoder: Autoencoder, a: ClipCode, b: ClipCode):
    """Where a solver edits so, the crops are the source, and the change is what the two identities differ in."""
    shared = replace(a, solver="shared_noise")
    mixed = with_identity(with_identity(shared, b), b)
    levels = PATHS["shared_noise"].levels(autoencoder.pack.spec.schedule, a.steps, a.start)
    with torch.no_grad():
        own, other = (autoencoder.predictor(z.expand(len(a), -1), a.z_lnd) for z in (a.z_id, b.z_id))
        by_hand = shared_noise_edit(a.crops.float() / 127.5 - 1, levels, own, other)
    usable = a.track.usable()
    made = autoencoder.decode(mixed).difference + a.crops.float() / 255
    torch.testing.assert_close(made[usable], ((by_hand + 1) / 2).clamp(0, 1)[usable], rtol=0, atol=1e-4)
    assert autoencoder.decode(with_identity(shared, a)).difference.abs().max() < 1e-6


def test_the_sources_own_identity_is_kept_in_the_file(a: ClipCode, b: ClipCode, tmp_path: Path):
    save_code(with_identity(a, b), tmp_path / "mixed.dva")
    found = load_code(tmp_path / "mixed.dva")
    assert found.own_id is not None
    assert torch.equal(found.own_id, a.z_id)
    assert torch.equal(found.z_id, b.z_id)
    save_code(replace(with_identity(a, b), own_id=None), tmp_path / "first.dva")  # as the first files were written
    assert load_code(tmp_path / "first.dva").own_id is None


def test_gaussian_noise_is_one_normal_draw_for_the_whole_clip(a: ClipCode):
    noise = with_gaussian_noise(a, seed=7).noise.float()
    usable = a.track.usable()
    assert (noise[usable] == noise[0]).all()
    assert not noise[~usable].any()
    assert abs(float(noise[0].mean())) < 0.15  # 768 numbers: four standard errors
    assert abs(float(noise[0].std()) - 1) < 0.12
    assert with_gaussian_noise(a).start == TRAIN_STEPS
    assert torch.equal(with_gaussian_noise(a, seed=7).noise, noise.half())
    assert not torch.equal(with_gaussian_noise(a, seed=8).noise, noise.half())


@pytest.mark.parametrize("exchange", [with_motion, with_noise])
def test_a_shorter_clip_cannot_give_what_every_frame_needs(a: ClipCode, b: ClipCode, exchange):
    with pytest.raises(UsageError, match=r"a\.mp4 has 5 frames, too few .* of 6"):
        exchange(b, a)


def test_an_identity_may_come_from_a_shorter_clip(a: ClipCode, b: ClipCode):
    assert torch.equal(with_identity(b, a).z_id, a.z_id)


@pytest.mark.parametrize("exchange", [with_identity, with_motion, with_noise])
def test_a_clip_of_another_pack_is_refused(a: ClipCode, b: ClipCode, exchange):
    with pytest.raises(ModelFilesError, match=r"a\.mp4 was encoded by pack tiny .* encode both"):
        exchange(a, replace(b, pack_hash="0" * 64))


def test_a_clip_without_any_face_has_nothing_to_give(a: ClipCode, b: ClipCode):
    missing = np.full(len(b), FRAME_STATUS.index("missing"), np.uint8)
    with pytest.raises(InputError, match=r"no frame of b\.mp4 has a face"):
        with_motion(a, replace(b, track=replace(b.track, status=missing)))


def test_a_mixed_code_survives_its_file(autoencoder: Autoencoder, a: ClipCode, b: ClipCode, tmp_path: Path):
    mixed = with_noise(with_identity(a, b), b)
    save_code(mixed, tmp_path / "mixed.dva")
    back = load_code(tmp_path / "mixed.dva")
    assert back.exchanged == ("identity", "noise")
    assert torch.equal(autoencoder.decode(back).difference, autoencoder.decode(mixed).difference)

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import SIDE, tiny_pack

from dva.model.autoencoder import Autoencoder
from dva.model.code import ClipCode, SourceFacts
from dva.model.editing.attribute import attribute_edit, edited_identity
from dva.model.errors import ModelFilesError, UsageError
from dva.model.packs.pack import Pack
from dva.model.samplers import PATHS, Solver, shared_noise_edit
from dva.model.types import FRAME_STATUS, FaceTrack, Region

FRAMES = 5
MISSING = 3


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return tiny_pack(tmp_path_factory.mktemp("packs") / "tiny")


@pytest.fixture(scope="module")
def autoencoder(pack: Pack) -> Autoencoder:
    return Autoencoder(pack, torch.device("cpu"))


def track_of(frames: int) -> FaceTrack:
    status = np.zeros(frames, np.uint8)
    status[MISSING] = FRAME_STATUS.index("missing")
    quads = np.tile(np.array([[0, 0], [0, 9], [9, 9], [9, 0]], float), (frames, 1, 1))
    quads[MISSING] = np.nan
    return FaceTrack(quads, np.zeros((frames, 5, 2)), status, np.ones(frames), (32, 32), Fraction(30000, 1001))


@pytest.fixture(scope="module")
def code(autoencoder: Autoencoder) -> ClipCode:
    rng = torch.Generator().manual_seed(0)
    crops = torch.randint(0, 256, (FRAMES, 3, SIDE, SIDE), dtype=torch.uint8, generator=rng)
    return autoencoder.encode(crops, track_of(FRAMES), SourceFacts("clip.mp4", (32, 32), Fraction(30000, 1001), FRAMES))


def test_unedited_code_decodes_to_no_difference_without_a_network(
    autoencoder: Autoencoder, code: ClipCode, monkeypatch
):
    monkeypatch.setattr(autoencoder, "predictor", lambda *_: pytest.fail("evaluated the network"))
    decoded = autoencoder.decode(code)
    assert not decoded.difference.any()
    assert not decoded.mask.any()


def test_zero_strength_is_the_same_as_no_edit(autoencoder: Autoencoder, pack: Pack, code: ClipCode):
    decoded = autoencoder.decode(code.with_edit(attribute_edit(pack, "Eyeglasses", 0.0, FRAMES)))
    assert not decoded.difference.any()


def test_edits_that_cancel_are_no_edit(autoencoder: Autoencoder, pack: Pack, code: ClipCode):
    there, back = (attribute_edit(pack, "Eyeglasses", strength, FRAMES) for strength in (0.7, -0.7))
    decoded = autoencoder.decode(code.with_edit(there).with_edit(back))
    assert not decoded.difference.any()
    assert not decoded.mask.any()


@pytest.mark.parametrize(("region", "grows"), [("hair", False), ("skin", False), ("face+hair", True), ("head", True)])
def test_a_colour_stays_where_the_source_has_it_and_a_shape_may_grow(
    autoencoder: Autoencoder, pack: Pack, code: ClipCode, region: Region, grows: bool
):
    """The tiny parser calls every pixel of the edited picture skin, wherever the source has hair or a wall."""
    wall, skin, hair = (pack.spec.parser_classes.index(name) for name in ("background", "skin", "hair"))
    parsing = torch.full_like(code.parsing, wall)
    parsing[:, :5], parsing[:, 5:9] = hair, skin
    edit = replace(attribute_edit(pack, "Gray_Hair", 1.0, FRAMES), region=region)
    mask = autoencoder.decode(replace(code, parsing=parsing).with_edit(edit)).mask
    there = {"hair": parsing == hair, "skin": parsing == skin}
    for frame in np.flatnonzero(code.track.usable()):
        assert torch.equal(mask[frame], torch.ones_like(mask[frame]) if grows else there[region][frame])


def test_each_of_two_edits_keeps_its_region(autoencoder: Autoencoder, pack: Pack, code: ClipCode):
    wall, skin, hair = (pack.spec.parser_classes.index(name) for name in ("background", "skin", "hair"))
    parsing = torch.full_like(code.parsing, wall)
    parsing[:, :5], parsing[:, 5:9] = hair, skin
    edit = attribute_edit(pack, "Gray_Hair", 1.0, FRAMES)
    both = (
        replace(code, parsing=parsing).with_edit(replace(edit, region="hair")).with_edit(replace(edit, region="skin"))
    )
    assert torch.equal(autoencoder.decode(both).mask[0], parsing[0] != wall)


def test_residual_makes_reconstruction_exact(autoencoder: Autoencoder, code: ClipCode):
    source = code.crops.float() / 127.5 - 1
    usable = code.track.usable()
    again = autoencoder.reconstruct(code) + code.residual.float()
    assert (again - source)[usable].abs().max() < 2e-3  # half precision of the residual


@pytest.mark.parametrize("solver", PATHS)
def test_every_solver_decodes_by_its_own_path(autoencoder: Autoencoder, code: ClipCode, solver: Solver):
    """The way by hand from the stored noise, frame by frame, with the clip's one identity."""
    encoded = autoencoder.encode(code.crops, code.track, code.source, 4, solver)
    path = PATHS[solver]
    levels = path.levels(autoencoder.pack.spec.schedule, 4, encoded.start)
    x0 = encoded.crops.float() / 127.5 - 1
    with torch.no_grad():
        for i in np.flatnonzero(encoded.track.usable()):
            predict = autoencoder.predictor(encoded.z_id[None], encoded.z_lnd[i : i + 1])
            noise = path.encode(x0[i : i + 1], levels, predict)
            torch.testing.assert_close(encoded.noise[i : i + 1].float(), noise, rtol=2e-3, atol=2e-3)
            by_hand = path.decode(encoded.noise[i : i + 1].float(), levels, predict)
            torch.testing.assert_close(autoencoder.reconstruct(encoded)[i : i + 1], by_hand, rtol=1e-3, atol=1e-4)


def test_a_reconstruction_and_the_residual_make_up_the_edited_crop(
    autoencoder: Autoencoder, pack: Pack, code: ClipCode
):
    edited = code.with_edit(attribute_edit(pack, "Eyeglasses", 0.7, FRAMES))
    usable = code.track.usable()
    made = ((autoencoder.reconstruct(edited) + code.residual.float() + 1) / 2).clamp(0, 1) - code.crops.float() / 255
    torch.testing.assert_close(autoencoder.decode(edited).difference[usable], made[usable], rtol=0, atol=1e-5)


def test_guidance_goes_beyond_the_edit_at_every_step(autoencoder: Autoencoder, pack: Pack, code: ClipCode):
    """One step by hand: the noise seen is 1.5 times the edited identity's less half of the source's own."""
    short = autoencoder.encode(code.crops, code.track, code.source, 2, "ddim")
    edited = short.with_edit(attribute_edit(pack, "Eyeglasses", 0.1, FRAMES))
    [clean, top] = PATHS["ddim"].levels(pack.spec.schedule, 2, short.start)
    x, a = short.noise[:1].float(), top.alpha_bar
    with torch.no_grad():
        z_id = edited_identity(short.z_id, edited.edits[0].step[None] * 0.1, pack.id_mean, pack.id_std)
        own = autoencoder.predictor(short.z_id[None], short.z_lnd[:1])(x, top.t)
        other = autoencoder.predictor(z_id, short.z_lnd[:1])(x, top.t)
    x0 = ((x - (1 - a) ** 0.5 * (1.5 * other - 0.5 * own)) / a**0.5).clamp(-1, 1)
    assert clean.alpha_bar == 1
    torch.testing.assert_close(autoencoder.reconstruct(edited.with_guidance(0.5))[:1], x0, rtol=1e-4, atol=1e-4)
    assert not torch.equal(autoencoder.reconstruct(edited)[:1], x0)


def shared(code: ClipCode, autoencoder: Autoencoder) -> ClipCode:
    return autoencoder.encode(code.crops, code.track, code.source, 4, "shared_noise")


def test_an_edit_through_shared_noise_leaves_x_t_alone(autoencoder: Autoencoder, pack: Pack, code: ClipCode):
    """Source and edit are looked at side by side from the crops: what the noise map holds is never asked for."""
    edited = shared(code, autoencoder).with_edit(attribute_edit(pack, "Eyeglasses", 6.0, FRAMES))
    other = replace(edited, noise=torch.ones_like(edited.noise), residual=torch.ones_like(edited.residual))
    decoded = autoencoder.decode(edited)
    assert decoded.difference.abs().max() > 0.005  # of a network with drawn weights
    assert torch.equal(autoencoder.decode(other).difference, decoded.difference)


def test_frames_that_are_alike_change_alike_through_shared_noise(autoencoder: Autoencoder, pack: Pack, code: ClipCode):
    """However their noise maps differ: that is where an edit's flicker would come from."""
    still = replace(shared(code, autoencoder), crops=code.crops[:1].expand_as(code.crops).contiguous())
    still = replace(still, z_lnd=still.z_lnd[:1].expand_as(still.z_lnd).contiguous())
    difference = autoencoder.decode(still.with_edit(attribute_edit(pack, "Eyeglasses", 6.0, FRAMES))).difference
    for frame in np.flatnonzero(code.track.usable()):
        torch.testing.assert_close(difference[frame], difference[0], rtol=0, atol=1e-5)


def test_an_exchanged_clip_is_edited_from_what_it_decodes_to(autoencoder: Autoencoder, pack: Pack, code: ClipCode):
    own = shared(code, autoencoder)
    mixed = replace(own, z_lnd=own.z_lnd.flip(1), exchanged=("motion",))
    edited = mixed.with_edit(attribute_edit(pack, "Eyeglasses", 6.0, FRAMES))
    usable, levels = code.track.usable(), PATHS["shared_noise"].levels(pack.spec.schedule, 4, own.start)
    base = autoencoder.reconstruct(mixed) + mixed.residual.float()
    z_id = edited_identity(mixed.z_id, 6.0 * edited.edits[0].step[None], pack.id_mean, pack.id_std)
    with torch.no_grad():
        own_eps, edited_eps = (
            autoencoder.predictor(z.expand(FRAMES, -1), mixed.z_lnd) for z in (mixed.z_id[None], z_id)
        )
        by_hand = ((shared_noise_edit(base, levels, own_eps, edited_eps) + 1) / 2).clamp(0, 1)
    made = autoencoder.decode(edited).difference + code.crops.float() / 255
    torch.testing.assert_close(made[usable], by_hand[usable], rtol=0, atol=1e-4)


@pytest.mark.parametrize("guidance", [-0.1, 4.1, float("nan")])
def test_impossible_guidance_is_refused(code: ClipCode, guidance: float):
    with pytest.raises(UsageError, match="guidance must lie between 0 and 4"):
        code.with_guidance(guidance)


def test_edits_add_up_whatever_their_order(autoencoder: Autoencoder, pack: Pack, code: ClipCode):
    a = attribute_edit(pack, "Eyeglasses", 0.7, FRAMES)
    b = attribute_edit(pack, "Gray_Hair", -0.4, FRAMES)
    ab = autoencoder.decode(code.with_edit(a).with_edit(b)).difference
    ba = autoencoder.decode(code.with_edit(b).with_edit(a)).difference
    torch.testing.assert_close(ab, ba, rtol=0, atol=1e-5)
    halves = code.with_edit(attribute_edit(pack, "Eyeglasses", 0.35, FRAMES))
    halves = halves.with_edit(attribute_edit(pack, "Eyeglasses", 0.35, FRAMES)).with_edit(b)
    torch.testing.assert_close(autoencoder.decode(halves).difference, ab, rtol=0, atol=1e-5)


def test_a_curve_edits_only_the_frames_where_it_is_not_zero(autoencoder: Autoencoder, pack: Pack, code: ClipCode):
    curve = np.array([0, 0.5, 0, 0.5, 1], np.float32)
    decoded = autoencoder.decode(code.with_edit(attribute_edit(pack, "eyeglasses", curve, FRAMES)))
    changed = decoded.difference.flatten(1).any(1)
    assert changed.tolist() == [False, True, False, False, True]  # frame 3 has no face
    constant = autoencoder.decode(code.with_edit(attribute_edit(pack, "Eyeglasses", 0.5, FRAMES)))
    torch.testing.assert_close(decoded.difference[1], constant.difference[1], rtol=0, atol=1e-5)


def test_identity_is_the_mean_over_frames_with_a_face(autoencoder: Autoencoder, code: ClipCode):
    usable = np.flatnonzero(code.track.usable())
    singles = [autoencoder.networks.identity(code.crops[i : i + 1].float() / 127.5 - 1)[0] for i in usable]
    torch.testing.assert_close(torch.stack(singles).mean(0), code.z_id, rtol=1e-4, atol=1e-5)


def test_a_code_of_another_pack_is_refused(code: ClipCode, tmp_path: Path):
    other = Autoencoder(tiny_pack(tmp_path / "other", seed=1), torch.device("cpu"))
    with pytest.raises(ModelFilesError, match="made by pack tiny"):
        other.decode(code)


@pytest.mark.parametrize("steps", [1, 1001])
def test_impossible_steps_are_refused(autoencoder: Autoencoder, code: ClipCode, steps: int):
    with pytest.raises(UsageError, match="steps must lie between"):
        autoencoder.encode(code.crops, code.track, code.source, steps)


def test_steps_that_no_stride_of_the_published_path_gives_are_refused(autoencoder: Autoencoder, code: ClipCode):
    with pytest.raises(UsageError, match=r"cannot take 600 steps.* 500 or 1000"):
        autoencoder.encode(code.crops, code.track, code.source, 600, "published")


def test_crops_of_another_size_are_refused(autoencoder: Autoencoder, code: ClipCode):
    with pytest.raises(UsageError, match="crops must be uint8"):
        autoencoder.encode(code.crops[:, :, :8], code.track, code.source)


def test_more_steps_reconstruct_better_by_plain_ddim(autoencoder: Autoencoder, code: ClipCode):
    def error(steps: int) -> float:
        encoded = autoencoder.encode(code.crops, code.track, code.source, steps, "ddim")
        return float(encoded.residual.float().abs().mean())

    assert error(200) < error(10)


def test_frames_that_are_solved_early_leave_the_others_their_own_motion(
    autoencoder: Autoencoder, code: ClipCode, monkeypatch
):
    """Second route: one frame a chunk. The network is asked about fewer frames as they are solved."""
    flat = code.crops.clone()
    flat[0] = 128
    sizes: list[int] = []
    watched = autoencoder._watched

    def counted(predict, look):
        seen = watched(predict, look)
        return lambda x, t, rows=None: sizes.append(len(x)) or seen(x, t, rows)

    monkeypatch.setattr(autoencoder, "_watched", counted)
    together = autoencoder.encode(flat, code.track, code.source, 20, "shared_noise")
    assert 0 < min(sizes) < max(sizes) == FRAMES - 1
    monkeypatch.setattr(autoencoder, "chunk", 1)
    alone = autoencoder.encode(flat, code.track, code.source, 20, "shared_noise")
    torch.testing.assert_close(together.noise.float(), alone.noise.float(), rtol=0, atol=5e-3)

"""What the chain of nodes does to an IMAGE batch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import SIDE

from dva.model.errors import InputError, ModelFilesError, UsageError
from dva.nodes.load_model import LoadModel

FRAMES, HEIGHT, WIDTH, MISSING = 6, 48, 64, 5


def square_of(track, frame: int) -> tuple[slice, slice]:
    """Rows and columns that hold the whole square of a frame."""
    quad = track.face.quads[frame]
    left, top = np.floor(quad.min(axis=0)).astype(int)
    right, bottom = np.ceil(quad.max(axis=0)).astype(int) + 1
    return slice(max(top, 0), bottom), slice(max(left, 0), right)


def test_strength_0_gives_every_sample_back(chain, images):
    track, _, _ = chain.align()
    crops, mask = chain.decode(chain.edit(chain.encode(track), 0.0))
    pasted, _ = chain.paste(track, crops, mask)
    assert torch.equal(pasted, images)
    assert not mask.any()


def test_an_edit_stays_inside_the_square_and_its_mask(chain, images):
    before = images.clone()
    track, _, _ = chain.align()
    crops, mask = chain.decode(chain.edit(chain.encode(track)))
    held = crops.clone(), mask.clone()
    pasted, _ = chain.paste(track, crops, mask)
    assert torch.equal(images, before), "the input was modified in place"
    assert torch.equal(crops, held[0]) and torch.equal(mask, held[1])
    for i in range(FRAMES):
        rows, columns = square_of(track, i if i != MISSING else 0)
        assert (pasted[i, rows, columns] != images[i, rows, columns]).any() == (i != MISSING)
        outside = torch.ones(HEIGHT, WIDTH, dtype=torch.bool)
        outside[rows, columns] = i == MISSING
        assert torch.equal(pasted[i][outside], images[i][outside])


def test_nothing_is_written_where_the_mask_was_painted_out(chain, images):
    """The square lies upright, so the left half of the crop is the left half of the square in the frame."""
    track, _, _ = chain.align()
    crops, mask = chain.decode(chain.edit(chain.encode(track)))
    painted = mask[:1].clone()
    painted[:, :, : SIDE // 2] = 0
    pasted, _ = chain.paste(track, crops, painted, feather=0.0)
    middle = int(track.face.quads[0, :, 0].mean())
    pixel = (track.face.quads[0, 3, 0] - track.face.quads[0, 0, 0]) / SIDE
    kept = int(middle - 3 * pixel)  # the soft edge is never narrower than a crop pixel, a cubic curve reaches two
    assert torch.equal(pasted[:, :, :kept], images[:, :, :kept])
    assert (pasted[0, :, middle:] != images[0, :, middle:]).any()


def test_crops_and_mask_stand_one_to_one_with_the_frames(chain):
    track, crops, report = chain.align()
    assert crops.shape == (FRAMES, SIDE, SIDE, 3)
    assert crops.flatten(1).any(1).tolist() == [i != MISSING for i in range(FRAMES)]
    assert "5 of 6" in report
    assert f"passed through as they are: {MISSING}" in report
    edited, mask = chain.decode(chain.edit(chain.encode(track)))
    assert edited.shape == crops.shape
    assert mask.shape == crops.shape[:3]
    assert mask.flatten(1).any(1).tolist() == [i != MISSING for i in range(FRAMES)]
    assert edited.min() >= 0
    assert edited.max() <= 1


def test_keyframes_leave_the_frames_of_strength_0_alone(chain, images):
    track, _, _ = chain.align()
    crops, mask = chain.decode(chain.edit(chain.encode(track), 0.8, "1:0, 3:1"))
    pasted, _ = chain.paste(track, crops, mask)
    changed = (pasted != images).flatten(1).any(1).tolist()
    assert changed == [False, False, True, True, True, False]
    constant, _ = chain.decode(chain.edit(chain.encode(track), 0.8))
    torch.testing.assert_close(crops[4], constant[4])


@pytest.mark.parametrize("wrap", [list, lambda curve: [curve], lambda curve: [torch.tensor(curve)]])
def test_a_curve_is_taken_whole(chain, wrap) -> None:
    """It comes as a list of items, as one item that is a list, or as one tensor; keyframes multiply it."""
    track, _, _ = chain.align()
    code = chain.encode(track)
    given = wrap([0.0, 0.5, 1.0, 0.5, 0.0, 0.0])
    edited = chain.edit(code, 0.8, curve=given)
    np.testing.assert_allclose(edited.edits[0].strength, [0, 0.4, 0.8, 0.4, 0, 0], rtol=1e-6)
    assert edited.edited_frames().tolist() == [False, True, True, True, False, False]
    both = chain.edit(code, 0.8, "2:1, 3:0", curve=given)
    np.testing.assert_allclose(both.edits[0].strength, [0, 0.4, 0.8, 0, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(chain.edit(code, 0.8, curve=[0.5]).edits[0].strength, [0.4] * FRAMES, rtol=1e-6)


@pytest.mark.parametrize(
    ("curve", "sentence"),
    [
        ([1.0] * 5, "curve holds 5 numbers for a clip of 6 frames"),
        ([[1.0] * 7], "curve holds 7 numbers for a clip of 6 frames"),
        ([], "curve holds 0 numbers"),
        ([1.0, 1.0, float("nan"), 1.0, 1.0, 1.0], "finite numbers, but item 2"),
        (["a"] * 6, "a list of numbers"),
        ([11.0] * 6, "must lie within -10 and 10"),
    ],
)
def test_a_curve_that_does_not_fit_is_refused(chain, curve, sentence) -> None:
    code = chain.encode(chain.align()[0])
    with pytest.raises(UsageError, match=sentence):
        chain.edit(code, curve=curve)


def test_a_list_of_strengths_still_gives_a_list_of_codes(chain) -> None:
    """As ComfyUI maps every other node: the shorter lists repeat their last item."""
    code = chain.encode(chain.align()[0])
    edit = chain.node("EditByAttribute")
    (codes,) = edit([chain.model], [code], ["Eyeglasses", "Gray_Hair"], [0.25, 0.5, 0.75], [""])
    assert [(c.edits[0].name, float(c.edits[0].strength[0])) for c in codes] == [
        ("Eyeglasses", 0.25),
        ("Gray_Hair", 0.5),
        ("Gray_Hair", 0.75),
    ]


def test_edits_chain_and_cancel(chain, images):
    track, _, _ = chain.align()
    there = chain.edit(chain.encode(track), 0.7)
    crops, mask = chain.decode(chain.edit(there, -0.7))
    assert torch.equal(chain.paste(track, crops, mask)[0], images)


def test_the_track_mask_lies_on_the_face(chain):
    track, _, _ = chain.align()
    (mask,) = chain.node("TrackMask")(track, chain.frames, "face")
    assert mask.shape == (FRAMES, HEIGHT, WIDTH)
    assert not mask[MISSING].any()
    rows, columns = square_of(track, 0)
    outside = mask[0].clone()
    outside[rows, columns] = 0
    assert not outside.any()
    assert mask[0, HEIGHT // 2, WIDTH // 2] == 1  # the tiny parser calls everything skin
    assert mask.min() >= 0
    assert mask.max() <= 1


def test_one_frame_is_a_clip(chain, images):
    single = type(chain)(chain.model, images[:1])
    track, _, _ = single.align()
    crops, mask = single.decode(single.edit(single.encode(track)))
    assert (single.paste(track, crops, mask)[0] != images[:1]).any()


def test_a_code_comes_back_from_its_file(chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    track, _, _ = chain.align()
    code = chain.edit(chain.encode(track))
    chain.node("SaveClipCode")(code, "shots/a")
    chain.node("SaveClipCode")(code, "shots/a")
    load = chain.node("LoadClipCode")
    again, track_again = load(chain.model, "shots/a_00002_.dva")
    assert torch.equal(chain.decode(again)[0], chain.decode(code)[0])
    np.testing.assert_array_equal(track_again.face.quads, track.face.quads)
    state = load.__self__.IS_CHANGED(None, "shots/a_00001_.dva")
    chain.node("SaveClipCode")(chain.edit(code), "shots/b")
    (tmp_path / "output/shots/b_00001_.dva").replace(tmp_path / "output/shots/a_00001_.dva")
    assert load.__self__.IS_CHANGED(None, "shots/a_00001_.dva") != state
    for name in ("../secret.dva", "shots/none.dva"):
        with pytest.raises(InputError, match="no clip code"):
            load(chain.model, name)
    for prefix in ("../a", "", "."):
        with pytest.raises(UsageError, match="leads outside"):
            chain.node("SaveClipCode")(code, prefix)


@pytest.mark.parametrize(
    ("shape", "remedy"),
    [((2, 8, 8, 4), "Split Image with Alpha"), ((0, 8, 8, 3), "is empty"), ((8, 8, 3), "what makes")],
)
def test_what_is_no_clip_is_refused_in_a_sentence_that_helps(chain, shape, remedy):
    with pytest.raises(InputError, match=f"at least one RGB picture .*; .*{remedy}"):
        type(chain)(chain.model, torch.zeros(shape)).align()


def test_a_clip_without_a_face_is_refused(chain):
    with pytest.raises(InputError, match="no face found in any of the 3 frames"):
        type(chain)(chain.model, torch.ones(3, HEIGHT, WIDTH, 3)).align()


def test_the_track_of_another_clip_is_refused(chain, images):
    track, crops, _ = chain.align()
    for other in (images[:4], images[:, :40]):
        wrong = type(chain)(chain.model, other)
        with pytest.raises(InputError, match="give the clip that was tracked"):
            wrong.encode(track)
        with pytest.raises(InputError, match="give the clip that was tracked"):
            wrong.paste(track, crops, torch.zeros(FRAMES, SIDE, SIDE))
        with pytest.raises(InputError, match="give the clip that was tracked"):
            chain.node("TrackMask")(track, other, "face")


def test_crops_and_masks_that_do_not_fit_are_refused(chain):
    track, crops, _ = chain.align()
    mask = torch.zeros(FRAMES, SIDE, SIDE)
    for wrong in (crops[:3], crops[:, :8], torch.cat([crops, crops[..., :1]], -1)):
        with pytest.raises(InputError, match=r"crops must be an IMAGE of 6 pictures of 16x16"):
            chain.paste(track, wrong, mask)
    for wrong in (mask[:3], mask[:, :8], mask[0]):
        with pytest.raises(InputError, match="mask must be a MASK"):
            chain.paste(track, crops, wrong)


def test_two_packs_in_one_chain_are_refused(chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    track, _, _ = chain.align()
    code = chain.encode(track)
    other = type(chain)(LoadModel().load("other")[0], chain.frames)
    with pytest.raises(ModelFilesError, match="one Load DVA Model into both"):
        other.encode(track)
    for use in (other.edit, other.decode):
        with pytest.raises(ModelFilesError, match="made by pack tiny"):
            use(code)
    monkeypatch.chdir(tmp_path)
    chain.node("SaveClipCode")(code, "clip")
    with pytest.raises(ModelFilesError, match="made by pack tiny"):
        other.node("LoadClipCode")(other.model, "clip_00001_.dva")

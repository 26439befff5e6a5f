"""Whom to follow, what to do with gaps, what lies in front of the face, and edits by words."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import SIDE
from torch import Tensor

from dva.dva_plugin.host import PlainHost
from dva.model.errors import InputError, ModelFilesError, UsageError
from dva.model.faces.strip import COLOURS
from dva.model.types import FRAME_STATUS, Progress
from dva.nodes import edit_by_text
from dva.nodes.load_model import LoadModel

FRAMES, HEIGHT, WIDTH = 6, 48, 64
GAP = (8, 9)


@pytest.fixture
def gapped(chain, images: Tensor):
    """One picture throughout, so that none is a cut, without a face in a gap and at the end; 24 frames a second."""
    holes = images[:1].repeat(20, 1, 1, 1)
    holes[[*GAP, 19], 0, 0] = 1.0
    return type(chain)(chain.model, holes)


def aligned(chain, **choices: object):
    return chain.node("AlignFaces")(chain.model, chain.frames, "largest", 0.1, 24.0, **choices)


def statuses(track) -> list[str]:
    return [FRAME_STATUS[status] for status in track.face.status]


@pytest.mark.parametrize(
    ("choices", "filled"),
    [
        ({}, "interpolated"),
        ({"gaps": "hold"}, "held"),
        ({"gaps": "original"}, "missing"),
        ({"gaps": "interpolate", "max_gap": 0.04}, "missing"),
    ],
)
def test_gaps_are_filled_as_was_chosen(gapped, choices: dict, filled: str) -> None:
    track, crops, report = aligned(gapped, **choices)
    assert [statuses(track)[frame] for frame in GAP] == [filled] * 2
    assert crops[list(GAP)].any() == (filled != "missing")
    assert "8-9" in report


def test_a_gap_can_stop_the_graph_and_is_named(gapped) -> None:
    with pytest.raises(InputError, match="8-9"):
        aligned(gapped, gaps="stop")


def test_the_strip_shows_what_each_frame_is(gapped) -> None:
    track, _, report = aligned(gapped)
    strip, told = gapped.node("TrackPreview")(track, gapped.frames)
    assert told == report
    assert (strip.shape[0], strip.shape[2:]) == (1, (1600, 3))
    seen = {tuple(colour) for colour in (strip[0] * 255).round().byte().flatten(0, 1).unique(dim=0).tolist()}
    assert {COLOURS["detected"], COLOURS["interpolated"], COLOURS["missing"]} <= seen
    with pytest.raises(InputError, match="give the clip that was tracked"):
        gapped.node("TrackPreview")(track, gapped.frames[:3])


def test_a_person_who_is_not_there_is_refused(chain) -> None:
    with pytest.raises(UsageError, match=r"no person 3.*only 0"):
        chain.node("AlignFaces")(chain.model, chain.frames, "3", 0.1, 24.0)


def test_a_reference_photo_counts_instead_of_the_choice(chain, images: Tensor) -> None:
    track, _, _ = chain.node("AlignFaces")(chain.model, chain.frames, "3", 0.1, 24.0, reference=images[:1])
    np.testing.assert_array_equal(track.face.quads, chain.align()[0].face.quads)
    for wrong in (images[:2], images[:0], images[0], torch.zeros(1, 8, 8, 4)):
        with pytest.raises(InputError, match="reference must be an IMAGE of one RGB picture"):
            aligned(chain, reference=wrong)


def test_what_is_in_front_of_the_face_stays(chain, images: Tensor) -> None:
    """A mask over the full frame, one for all frames, that covers the left half."""
    track, _, _ = chain.align()
    crops, mask = chain.decode(chain.edit(chain.encode(track)))
    hand = torch.zeros(1, HEIGHT, WIDTH)
    hand[:, :, : WIDTH // 2] = 1
    pasted, _ = chain.paste(track, crops, mask, occlusion=hand)
    assert torch.equal(pasted[:, :, : WIDTH // 2], images[:, :, : WIDTH // 2])
    assert (pasted[0, :, WIDTH // 2 :] != images[0, :, WIDTH // 2 :]).any()
    each = chain.paste(track, crops, mask, occlusion=hand.expand(FRAMES, -1, -1))[0]
    assert torch.equal(each, pasted)
    for wrong in (hand[:, :10], hand.expand(3, -1, -1), hand[0]):
        with pytest.raises(InputError, match="mask"):
            chain.paste(track, crops, mask, occlusion=wrong)


def test_a_shift_of_colour_can_be_taken_off(chain, images: Tensor) -> None:
    """The mask is one half of the square; what is redder everywhere is then an edit's shift and no edit."""
    track, crops, _ = chain.align()
    redder = (crops + torch.tensor([0.2, 0.0, 0.0])).clamp(0, 1)
    mask = torch.zeros(1, SIDE, SIDE)
    mask[:, 4:12, 4:12] = 1
    change = [
        (chain.paste(track, redder, mask, detail="keep", colour_match=match)[0] - images).abs().mean()
        for match in (False, True)
    ]
    assert change[1] < 0.5 * change[0]


def test_detail_is_kept_or_replaced(chain) -> None:
    track, _, _ = chain.align()
    crops, mask = chain.decode(chain.edit(chain.encode(track)))
    kept, replaced = (chain.paste(track, crops, mask, detail=detail)[0] for detail in ("keep", "replace"))
    assert not torch.equal(kept, replaced)


@pytest.fixture
def by_text(chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Edit Identity by Text with a CLIP of a dozen words, and the stages that its progress names."""
    pytest.importorskip("open_clip")
    from small_clip import write_small_clip

    from dva.model.encoders.clip import load_clip

    path = write_small_clip(tmp_path / "small.safetensors")
    monkeypatch.setenv("DVA_DIRECTIONS", str(tmp_path / "directions"))
    monkeypatch.setattr(edit_by_text, "open_clip_model", lambda name, pack, device: load_clip(path, device))
    told: list[Progress] = []
    monkeypatch.setattr(PlainHost, "on_progress", lambda self: told.append)
    track, _, _ = chain.align()
    code = chain.encode(track)

    def edit(**changes: object):
        given = {
            "model": chain.model,
            "code": code,
            "neutral": "face",
            "target": "face with eyeglasses",
            "strength": 1.0,
            "keyframes": "",
            "iterations": 3,
            "seed": 0,
        }
        curve = changes.pop("curve", None)
        told.clear()
        lists = {name: [value] for name, value in (given | changes).items()}
        codes, reports = chain.node("EditByText")(**lists, curve=curve)
        edit.report = reports[0]
        return codes[0], sum(progress.stage == "text" for progress in told)

    return edit


def test_an_edit_by_text_is_searched_for_once(by_text) -> None:
    first, searched = by_text()
    assert (searched, by_text.report) == (3, "every word is known")
    again, searched = by_text(strength=-0.5, keyframes="0:0, 5:1")
    assert searched == 0
    assert torch.equal(first.edits[0].step, again.edits[0].step)
    np.testing.assert_allclose(again.edits[0].strength, [0, -0.1, -0.2, -0.3, -0.4, -0.5], rtol=1e-5)
    curved, searched = by_text(curve=[0.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    assert searched == 0
    assert curved.edited_frames().tolist() == [False, True, True, False, False, False]
    assert by_text(target="face with zebra beard")[1] == 3
    assert "zebra" in by_text.report


def test_a_cancelled_search_keeps_its_best_only_if_asked(by_text, monkeypatch: pytest.MonkeyPatch) -> None:
    class Cancelled(Exception):  # noqa: N818 - as ComfyUI's own, which is none of ours
        pass

    def cancel(progress: Progress) -> None:
        if progress.stage == "text" and progress.done == 2:
            raise Cancelled

    with monkeypatch.context() as patch:
        patch.setattr(PlainHost, "on_progress", lambda self: cancel)
        for kept in (False, True):
            with pytest.raises(Cancelled):
                by_text(keep_best=kept)
    _, searched = by_text(keep_best=True)
    assert searched == 0
    _, searched = by_text()
    assert searched == 3
    assert by_text(keep_best=True)[1] == 0  # what was found to the end has taken its place


def test_texts_and_networks_that_cannot_be_are_refused(chain, by_text) -> None:
    with pytest.raises(UsageError, match="knows no word"):
        by_text(target="zebra")
    for path in ("../clip.safetensors", "ViT-B-16=/etc/passwd", "/etc/passwd"):
        with pytest.raises(UsageError, match="clip must be 'pack' or a published one"):
            by_text(clip=path)
    with pytest.raises(ModelFilesError, match="made by pack tiny"):
        by_text(model=LoadModel().load("other")[0])


def test_a_pack_without_words_says_so(chain, monkeypatch: pytest.MonkeyPatch) -> None:
    code = chain.encode(chain.align()[0])
    edit = chain.node("EditByText")
    with pytest.raises(ModelFilesError, match="holds no CLIP"):
        edit([chain.model], [code], neutral=["face"], target=["beard"], strength=[1.0], keyframes=[""], iterations=[3],
             seed=[0])  # fmt: skip

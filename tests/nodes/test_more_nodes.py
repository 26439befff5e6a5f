"""Demo Clip, Swap Features and Save Video."""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import dva
from dva.model.demo.clips import DEMO_KINDS
from dva.model.errors import InputError, ModelFilesError, UsageError
from dva.model.video import ArraySource, open_video, write_video
from dva.nodes.load_model import LoadModel


def node(name: str):
    kind = dva.NODE_CLASS_MAPPINGS[f"DVA_{name}"]
    return getattr(kind(), kind.FUNCTION)


@pytest.mark.parametrize("kind", DEMO_KINDS)
def test_the_demo_clip_comes_along_with_its_sound(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("numba", "skimage"):  # ComfyUI's environment has neither
        monkeypatch.setitem(sys.modules, package, None)
    images, video = node("DemoClip")(kind=kind, seconds=0.5)
    assert (video.frame_rate, video.frame_count, video.has_audio) == (24, 12, True)
    assert torch.equal(images, torch.stack([torch.from_numpy(frame.to_rgb()) for frame in video]))


@pytest.fixture
def two(chain, images: Tensor):
    """The codes of two clips of one pack; the second one is darker, and its frames come in another order."""
    other = type(chain)(chain.model, images[[1, 2, 3, 4, 0, 5]].clamp(0, 1) ** 2)
    track, other_track = chain.align()[0], other.align()[0]
    return chain.encode(track), other.encode(other_track)


def swapped(code, other, **wanted: object):
    return node("SwapFeatures")(code, other, **{"identity": False, "motion": False, "noise": "own", "draw": 0} | wanted)


def test_features_come_from_the_other_clip_and_the_rest_stays(chain, two) -> None:
    code, other = two
    assert swapped(code, other)[0] is code
    (mixed,) = swapped(code, other, identity=True, motion=True, noise="other")
    seen = code.track.usable()
    assert torch.equal(mixed.z_id, other.z_id)
    assert torch.equal(mixed.z_lnd[seen], other.z_lnd[seen]) and torch.equal(mixed.noise[seen], other.noise[seen])
    assert torch.equal(mixed.crops, code.crops) and mixed.track is code.track
    crops, mask = chain.decode(mixed)
    assert mask.flatten(1).any(1).tolist() == seen.tolist()
    draws = [swapped(code, other, noise="random", draw=draw)[0].noise for draw in (3, 3, 4)]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    assert len(crops) == len(code)


def test_a_clip_that_cannot_give_is_refused(chain, two, images: Tensor) -> None:
    code, _ = two
    short = type(chain)(chain.model, images[:3])
    short_code = short.encode(short.align()[0])
    assert torch.equal(swapped(code, short_code, identity=True)[0].z_id, short_code.z_id)
    for feature in ({"motion": True}, {"noise": "other"}):
        with pytest.raises(UsageError, match="has 3 frames, too few"):
            swapped(code, short_code, **feature)
    foreign = type(chain)(LoadModel().load("other")[0], images)
    with pytest.raises(ModelFilesError, match="encode both with one pack"):
        swapped(code, foreign.encode(foreign.align()[0]), identity=True)


def test_a_saved_clip_has_the_samples_and_the_rate_it_had(
    images: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = ArraySource((images * 200).byte().numpy(), Fraction(30000, 1001))
    write_video(tmp_path / "clip.mkv", clip, clip)
    source = open_video(tmp_path / "clip.mkv")
    for number in (1, 2):
        saved = node("SaveVideo")(source, "shots/a", "ffv1", 24.0)
        assert saved["result"] == (str(tmp_path / f"output/shots/a_{number:05}_.mkv"),)
    again = open_video(saved["result"][0])
    assert (again.frame_rate, again.frame_count) == (source.frame_rate, source.frame_count)
    for one, other in zip(source, again, strict=True):
        assert all(map(np.array_equal, one.planes, other.planes))
    (file,) = node("SaveVideo")(images, "shots/b", "h264", 29.97)["result"]
    assert (open_video(file).frame_rate, Path(file).suffix) == (Fraction(30000, 1001), ".mp4")
    (folder,) = node("SaveVideo")(images, "shots/c", "png16", 25.0)["result"]
    pictures = open_video(folder, frame_rate=Fraction(25))
    assert (pictures.frame_count, pictures.format.bits) == (len(images), 16)
    for image, picture in zip(images, pictures, strict=True):
        np.testing.assert_allclose(picture.to_rgb(), image.clamp(0, 1).numpy(), atol=0.51 / 65535)
    with pytest.raises(UsageError, match="leads outside"):
        node("SaveVideo")(source, "../a", "ffv1", 24.0)
    with pytest.raises(InputError, match="at least one RGB picture"):
        node("SaveVideo")(images[:0], "shots/d", "h264", 24.0)
    assert sorted(path.name for path in (tmp_path / "output/shots").iterdir()) == [
        "a_00001_.mkv",
        "a_00002_.mkv",
        "b_00001_.mp4",
        "c_00001_",
    ]

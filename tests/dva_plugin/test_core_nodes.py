"""ComfyUI's nodes as we have them: what each one promises in ComfyUI's own documentation."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from dva.dva_plugin.core_nodes import CORE_NODES
from dva.dva_plugin.host import hosted_by
from dva.dva_plugin.render_host import RenderHost
from dva.model.errors import InputError
from dva.model.video import ArraySource, open_video, write_video


@pytest.fixture(autouse=True)
def host(tmp_path: Path) -> Iterator[RenderHost]:
    with hosted_by(RenderHost(tmp_path, tmp_path / "out")) as _, torch.inference_mode():
        yield RenderHost(tmp_path, tmp_path / "out")


def core(name: str, **inputs: Any) -> Any:
    kind = CORE_NODES[name]
    assert inputs.keys() <= {n for part in kind.INPUT_TYPES().values() for n in part}
    return getattr(kind(), kind.FUNCTION)(**inputs)


@pytest.fixture
def sounding(tmp_path: Path) -> Path:
    """Four frames at 30000/1001 with a tone."""
    path, rate = tmp_path / "tone.mp4", Fraction(30000, 1001)
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=rate)
        picture.width, picture.height, picture.pix_fmt = 32, 16, "yuv420p"
        voice = container.add_stream("aac", rate=48_000, layout="mono")
        for level in (40, 80, 120, 160):
            container.mux(picture.encode(av.VideoFrame.from_ndarray(np.full((16, 32, 3), level, np.uint8), "rgb24")))
        tone = np.sin(np.arange(6400) / 20)[None].astype(np.float32)
        samples = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        samples.sample_rate, samples.pts = 48_000, 0
        container.mux([*picture.encode(None), *voice.encode(samples), *voice.encode(None)])
    return path


def test_a_clip_taken_apart_and_made_again_keeps_rate_pictures_and_sound(sounding: Path, tmp_path: Path) -> None:
    (video,) = core("LoadVideo", file=sounding.name)
    images, sound, rate = core("GetVideoComponents", video=video)
    assert images.shape == (4, 16, 32, 3)
    (made,) = core("CreateVideo", images=images, fps=rate, audio=sound)
    [saved] = core("SaveVideo", video=made, filename_prefix="a/b", format="auto", codec="auto")["ui"]["text"]
    assert saved == str(tmp_path / "out/a/b_00001_.mp4")
    again = open_video(saved)
    assert (again.frame_rate, again.frame_count, again.has_audio) == (Fraction(30000, 1001), 4, True)
    for frame, image in zip(again, images, strict=True):
        assert np.abs(frame.to_rgb() - image.numpy()).max() < 0.03
    with av.open(saved) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert np.abs(heard).max() > 0.5
    (silent,) = core("CreateVideo", images=images, fps=25.0)
    assert (silent.frame_rate, silent.has_audio) == (25, False)


def test_a_picture_comes_back_as_it_was_saved_and_its_alpha_turned_round(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 4), np.uint8)
    Image.fromarray(picture, "RGBA").save(tmp_path / "p.png")
    image, mask = core("LoadImage", image="p.png [input]")
    np.testing.assert_array_equal((image[0] * 255).round().byte(), picture[..., :3])
    np.testing.assert_array_equal(((1 - mask[0]) * 255).round().byte(), picture[..., 3])
    (green,) = core("LoadImageMask", image="p.png", channel="green")
    np.testing.assert_array_equal((green[0] * 255).round().byte(), picture[..., 1])
    saved = core("SaveImage", images=torch.cat([image, 1 - image]), filename_prefix="p")["ui"]["text"]
    assert [Path(path).name for path in saved] == ["p_00001_.png", "p_00002_.png"]
    np.testing.assert_array_equal(np.asarray(Image.open(saved[0])), picture[..., :3])
    (tmp_path / "no.png").write_text("no")
    with pytest.raises(InputError, match="cannot be read as a picture"):
        core("LoadImage", image="no.png")


def solid(value: float, width: int, height: int) -> Tensor:
    return core("SolidMask", value=value, width=width, height=height)[0]


def test_masks_are_laid_on_one_another_where_they_overlap() -> None:
    below, above = solid(0.25, 6, 4), solid(0.5, 3, 3)
    (added,) = core("MaskComposite", destination=below, source=above, x=4, y=2, operation="add")
    assert added.sum() == pytest.approx(0.25 * 24 + 0.5 * 4)  # 2 by 2 of the 3 by 3 lie inside
    assert added[0, 2, 4] == 0.75
    assert torch.equal(below, solid(0.25, 6, 4)), "the input was modified in place"
    for operation, left in (("multiply", 0.125), ("subtract", 0.0), ("and", 0.0), ("or", 1.0), ("xor", 1.0)):
        (made,) = core(
            "MaskComposite",
            destination=solid(0.25, 2, 2),
            source=solid(0.6 if operation != "multiply" else 0.5, 2, 2),
            x=0,
            y=0,
            operation=operation,
        )
        assert made.unique().tolist() == [left], operation
    (inverted,) = core("InvertMask", mask=below)
    assert inverted.unique().tolist() == [0.75]
    (image,) = core("MaskToImage", mask=added)
    assert image.shape == (1, 4, 6, 3)
    assert torch.equal(core("ImageToMask", image=image, channel="blue")[0], added)
    with pytest.raises(InputError, match="no alpha"):
        core("ImageToMask", image=image, channel="alpha")


@pytest.mark.parametrize(("direction", "first"), [("right", 0.0), ("left", 1.0), ("down", 0.0), ("up", 1.0)])
def test_pictures_are_stitched_on_the_named_side(direction: str, first: float) -> None:
    dark, bright = torch.zeros(2, 4, 6, 3), torch.ones(2, 4, 6, 3)
    settings = {"direction": direction, "match_image_size": True, "spacing_width": 3, "spacing_color": "red"}
    (both,) = core("ImageStitch", image1=dark, image2=bright, **settings)
    along = both[0, 0] if direction in ("right", "left") else both[0, :, 0]
    side = 6 if direction in ("right", "left") else 4
    assert along[0, 0] == first
    assert along[-1, 0] == 1 - first
    assert along[side : side + 4].tolist() == [[1, 0, 0]] * 4  # an odd space is widened by one
    assert len(along) == 2 * side + 4
    assert torch.equal(core("ImageStitch", image1=dark, **settings)[0], dark)
    with pytest.raises(InputError, match="fit side to side"):
        core("ImageStitch", image1=dark, image2=bright[:, :3, :5], **settings)


def test_a_clip_is_written_to_the_file_that_the_user_named(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    clip = ArraySource(images, Fraction(25))
    write_video(tmp_path / "a.mkv", clip, clip)
    host = RenderHost(tmp_path, tmp_path / "out")
    host.running, host.targets = "8", {"8": tmp_path / "b.mkv"}
    with hosted_by(host):
        core("SaveVideo", video=open_video(tmp_path / "a.mkv"), filename_prefix="x", format="auto", codec="auto")
    for frame, image in zip(open_video(tmp_path / "b.mkv"), images, strict=True):
        np.testing.assert_array_equal(frame.to_rgb8(), image)
    assert not (tmp_path / "out").exists()

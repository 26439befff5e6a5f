"""Colour arithmetic on source samples, judged by libswscale and by hand."""

from fractions import Fraction

import av
import numpy as np
import pytest

from dva.model.errors import UsageError
from dva.model.video import ColourSpace, ColourTags, Frame
from dva.model.video.colour import Matrix, colour_space
from dva.model.video.formats import fill_picture, pixel_format, read_planes

RATE = Fraction(25)
SWS_COLOUR = {"bt601": "ITU601", "bt709": "ITU709", "bt2020": "BT2020"}
ACCURATE = 0x4000 | 0x2000 | 0x40000 | 4  # full chroma interpolation and input, accurate rounding, bicubic


def random_frame(name: str, size: tuple[int, int] = (20, 28), matrix: Matrix = "bt709", *, full: bool = False) -> Frame:
    rng = np.random.default_rng(3)
    layout = pixel_format(name)
    colour = colour_space(ColourTags(), layout, size[0])
    if layout.family == "yuv":
        colour = ColourSpace(matrix, full, ColourTags())
    planes = tuple(rng.integers(0, layout.peak + 1, shape).astype(layout.dtype) for shape in layout.plane_shapes(size))
    return Frame(0, planes, layout, colour, 0, 1 / RATE, 1)


def swscale_rgb(frame: Frame) -> np.ndarray:
    picture = fill_picture(frame.planes, frame.format.name, frame.size)
    code = "JPEG" if frame.colour.full_range else "MPEG"
    rgb = picture.reformat(
        format="rgb48le", src_colorspace=SWS_COLOUR[frame.colour.matrix], src_color_range=code,
        dst_color_range="JPEG", interpolation=ACCURATE,
    )  # fmt: skip
    return rgb.to_ndarray() / 65535


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("name", ["yuv444p", "yuv444p10le"])
def test_rgb_agrees_with_libswscale_on_noise(name: str, matrix: Matrix, full: bool) -> None:
    frame = random_frame(name, matrix=matrix, full=full)
    np.testing.assert_allclose(frame.to_rgb() * 255, swscale_rgb(frame) * 255, atol=1.0)


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "yuv420p10le"])
def test_rgb_of_smooth_chroma_agrees_with_libswscale(name: str) -> None:
    layout = pixel_format(name)
    luma, *chroma = (
        np.add.outer(np.linspace(low, high, rows), np.linspace(0.0, 0.05, columns)) * layout.peak
        for (rows, columns), (low, high) in zip(
            layout.plane_shapes((40, 64)), [(0.3, 0.6), (0.4, 0.5), (0.5, 0.4)], strict=True
        )
    )
    planes = (luma, *chroma)
    colour = ColourSpace("bt601", full_range=False, tags=ColourTags())
    frame = Frame(0, tuple(plane.astype(layout.dtype) for plane in planes), layout, colour, 0, 1 / RATE, 1)
    np.testing.assert_allclose(frame.to_rgb() * 255, swscale_rgb(frame) * 255, atol=2.0)


@pytest.mark.parametrize(
    ("codes", "rgb"),
    [((16, 128, 128), (0, 0, 0)), ((235, 128, 128), (255, 255, 255)), ((81, 90, 240), (254, 0, 0)),
     ((145, 54, 34), (0, 255, 1)), ((41, 240, 110), (0, 0, 255))],
)  # fmt: skip
def test_the_colour_bars_of_bt601(codes: tuple[int, ...], rgb: tuple[int, ...]) -> None:
    layout = pixel_format("yuv420p")
    planes = tuple(
        np.full(shape, code, np.uint8) for shape, code in zip(layout.plane_shapes((4, 4)), codes, strict=True)
    )
    colour = colour_space(ColourTags(matrix=6, range=1), layout, 480)
    frame = Frame(0, planes, layout, colour, 0, 1 / RATE, 1)
    np.testing.assert_allclose(frame.to_rgb8(), np.broadcast_to(rgb, (4, 4, 3)), atol=1)


def test_rgb_images_come_back_as_they_went_in() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    frame = Frame.from_rgb8(4, image, Fraction(30000, 1001))
    assert np.array_equal(frame.to_rgb8(), image)
    assert frame.pts * frame.time_base == 4 * Fraction(1001, 30000)


@pytest.mark.parametrize(("height", "matrix"), [(480, "bt601"), (719, "bt601"), (720, "bt709"), (2160, "bt709")])
def test_untagged_colours_follow_the_number_of_lines(height: int, matrix: Matrix) -> None:
    colour = colour_space(ColourTags(), pixel_format("yuv420p"), height)
    assert (colour.matrix, colour.full_range, colour.tags.matrix) == (matrix, False, 2)


FORMATS = ["yuv420p", "yuv422p10le", "yuv444p", "yuv440p", "yuv411p", "yuva420p", "gbrp", "gbrap", "gbrp10le", "gray"]


@pytest.mark.parametrize("size", [(20, 28), (19, 27)])
@pytest.mark.parametrize("name", FORMATS)
def test_adding_nothing_changes_no_sample(name: str, size: tuple[int, int]) -> None:
    frame = random_frame(name, size)
    added = frame.add_rgb(np.zeros((*size, 3), np.float32), 0, 0)
    assert all(after is before for before, after in zip(frame.planes, added.planes, strict=True))


@pytest.mark.parametrize("size", [(20, 28), (19, 27)])
@pytest.mark.parametrize("name", FORMATS)
def test_an_edit_touches_only_the_samples_of_its_window(name: str, size: tuple[int, int]) -> None:
    frame = random_frame(name, size)
    top, left = 7, 9
    delta = np.full((size[0] - top - 3, size[1] - left, 3), (0.2, -0.1, 0.3), np.float32)
    delta[:, :4] = 0
    added = frame.add_rgb(delta, top, left)
    for before, after in zip(frame.planes, added.planes, strict=True):
        down, across = round(size[0] / before.shape[0]), round(size[1] / before.shape[1])
        outside = np.ones(before.shape, bool)
        outside[top // down : -(-(size[0] - 3) // down), (left + 4) // across :] = False
        assert np.array_equal(before[outside], after[outside])
    if frame.format.has_alpha:
        assert np.array_equal(frame.planes[-1], added.planes[-1])


@pytest.mark.parametrize("name", ["yuv444p", "yuv444p10le", "gbrp", "gbrp10le"])
def test_adding_a_difference_adds_that_difference(name: str) -> None:
    layout = pixel_format(name)
    middle = tuple(np.full((6, 8), (layout.peak + 1) // 2, layout.dtype) for _ in range(3))
    frame = Frame(0, middle, layout, colour_space(ColourTags(matrix=9), layout, 6), 0, 1 / RATE, 1)
    delta = np.random.default_rng(1).uniform(-0.15, 0.15, (6, 8, 3)).astype(np.float32)
    seen = frame.add_rgb(delta, 0, 0).to_rgb() - frame.to_rgb()
    np.testing.assert_allclose(seen, delta, atol=(4 if layout.bits == 8 else 2) / layout.peak)  # 8 bits are dithered


def test_a_chroma_sample_gets_the_mean_of_its_block() -> None:
    frame = random_frame("yuv420p", (4, 4), "bt601")
    frame = Frame(
        0, tuple(np.full_like(plane, 128) for plane in frame.planes), frame.format, frame.colour, 0, 1 / RATE, 1
    )
    delta = np.zeros((1, 1, 3), np.float32)
    delta[0, 0] = (0, 0, 0.75)  # blue moves Cb by 0.5 * 224 codes per unit, a quarter of it over four pixels
    added = frame.add_rgb(delta, 3, 2)
    assert added.planes[1].tolist() == [[128, 128], [128, 128 + 21]]
    assert abs(added.planes[0][3, 2] - 128 - 0.75 * 0.114 * 219) < 1


def test_the_last_chroma_sample_of_an_odd_edge_is_not_diluted() -> None:
    frame = random_frame("yuv420p", (3, 3), "bt601")
    frame = Frame(
        0, tuple(np.full_like(plane, 128) for plane in frame.planes), frame.format, frame.colour, 0, 1 / RATE, 1
    )
    added = frame.add_rgb(np.full((1, 1, 3), (0, 0, 0.75), np.float32), 2, 2)
    assert added.planes[1][1, 1] == 128 + 84


def test_an_edit_neither_leaves_the_legal_codes_nor_pulls_others_in() -> None:
    layout = pixel_format("yuv444p")
    luma = np.array([[16, 235, 250, 3]], np.uint8)
    frame = Frame(0, (luma, *(np.full((1, 4), 128, np.uint8),) * 2), layout,
                  colour_space(ColourTags(), layout, 1), 0, 1 / RATE, 1)  # fmt: skip
    delta = np.array([[[-22 / 219] * 3, [22 / 219] * 3, [22 / 219] * 3, [-22 / 219] * 3]], np.float32)
    assert frame.add_rgb(delta, 0, 0).planes[0].tolist() == [[16, 235, 250, 3]]
    assert frame.add_rgb(-delta, 0, 0).planes[0].tolist() == [[38, 213, 228, 25]]


@pytest.mark.parametrize("name", ["gray", "gray10le", "gray16le"])
def test_a_slow_ramp_has_no_bands(name: str) -> None:
    """Averaged over 16 x 16 pixels, which is what an eye does, each spot changes as asked: to a tenth of 1/255."""
    layout = pixel_format(name)
    flat = np.full((64, 256), layout.peak // 2, layout.dtype)
    frame = Frame(0, (flat,), layout, colour_space(ColourTags(), layout, 64), 0, 1 / RATE, 1)
    codes = np.linspace(-3, 3, 256) * layout.peak / 255
    delta = np.broadcast_to((codes / layout.peak)[None, :, None], (64, 256, 3)).astype(np.float32)
    change = frame.add_rgb(delta, 0, 0).planes[0].astype(float) - flat
    seen = change.reshape(4, 16, 16, 16).mean(axis=(1, 3))
    np.testing.assert_allclose(
        seen, np.broadcast_to(codes.reshape(16, 16).mean(axis=1), (4, 16)), atol=0.1 * layout.peak / 255
    )


def test_what_is_nearly_no_change_is_none() -> None:
    frame = random_frame("yuv420p")
    added = frame.add_rgb(np.full((20, 28, 3), 1e-5, np.float32), 0, 0)
    assert all(np.array_equal(a, b) for a, b in zip(frame.planes, added.planes, strict=True))


@pytest.mark.parametrize("name", ["yuv420p", "yuv410p", "yuv422p10le", "gbrap", "gray"])
def test_a_part_looks_as_it_does_in_the_whole(name: str) -> None:
    frame = random_frame(name, (61, 75))
    part, top, left = frame.part(20, 19, 40, 50)
    inside = np.s_[20 - top : 40 - top, 19 - left : 50 - left]
    np.testing.assert_array_equal(part.to_rgb()[inside], frame.to_rgb()[20:40, 19:50])
    assert part.size[0] < 61


def test_a_window_outside_the_frame_is_refused() -> None:
    with pytest.raises(UsageError, match="does not lie inside the frame of 28x20"):
        random_frame("gray").add_rgb(np.zeros((4, 4, 3), np.float32), 18, 0)


def test_frames_cannot_be_changed_in_place() -> None:
    frame = Frame.from_rgb8(0, np.zeros((2, 2, 3), np.uint8), RATE)
    with pytest.raises(ValueError, match="read-only"):
        frame.planes[0][0, 0] = 1


@pytest.mark.parametrize("name", ["nv12", "nv21", "yuyv422", "rgb24", "bgra"])
def test_packed_formats_become_planes_without_loss(name: str) -> None:
    """There and back through libswscale gives the same bytes."""
    rng = np.random.default_rng(5)
    picture = av.VideoFrame(16, 8, name)
    for plane in picture.planes:
        np.frombuffer(plane, np.uint8)[:] = rng.integers(0, 256, plane.buffer_size)
    planes, layout = read_planes(picture)
    back = fill_picture(planes, layout.name, (8, 16)).reformat(format=name)
    for before, after in zip(picture.planes, back.planes, strict=True):
        row = {"nv12": 16, "nv21": 16, "yuyv422": 32, "rgb24": 48, "bgra": 64}[name]
        one, other = (np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, :row] for plane in (before, after))
        assert np.array_equal(one, other)


def test_p010_holds_its_ten_bits_at_the_top() -> None:
    picture = av.VideoFrame(16, 8, "p010le")
    codes = [np.random.default_rng(5).integers(0, 1024, (rows, 16)).astype(np.uint16) for rows in (8, 4)]
    for plane, samples in zip(picture.planes, codes, strict=True):
        np.frombuffer(plane, np.uint16).reshape(plane.height, -1)[:, :16] = samples << 6
    planes, layout = read_planes(picture)
    assert layout.name == "yuv420p10le"
    for samples, expected in zip(planes, [codes[0], codes[1][:, ::2], codes[1][:, 1::2]], strict=True):
        assert np.array_equal(samples, expected)

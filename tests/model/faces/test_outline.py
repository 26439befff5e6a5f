"""Where an edit ends: on the frame's own edges, in the feather alone, and in proportion to light."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import zoom

from dva.model.errors import UsageError
from dva.model.faces.guided import EDGE, guided_map
from dva.model.faces.light import mixed_change
from dva.model.faces.paste import mask_in_frame, paste
from dva.model.faces.region import region_alpha
from dva.model.faces.settings import PasteSettings
from dva.model.video import Frame

RATE = Fraction(25)
SIDE, SCALE = 32, 8
QUAD = np.array([[0.0, 0.0], [0.0, 256.0], [256.0, 256.0], [256.0, 0.0]]) - 0.5
"""A frame of 256 x 256 that a square of 32 covers: eight pixels to one."""


def wavy_head() -> NDArray[np.bool_]:
    """[256, 256]: a disk whose outline waves by five pixels, finer than the crop can hold."""
    y, x = np.mgrid[:256, :256] - 127.5
    return np.hypot(x, y) < 80 + 5 * np.sin(12 * np.arctan2(y, x))


def picture(head: NDArray[np.bool_], noise: float = 0.01) -> Frame:
    rng = np.random.default_rng(0)
    image = np.where(head[..., None], (0.25, 0.18, 0.12), (0.75, 0.72, 0.65)) + rng.normal(0, noise, (256, 256, 3))
    return Frame.from_rgb_float(0, image.clip(0, 1).astype(np.float32), RATE)


def low(head: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The head as a parser sees it: a firm mask of the crop's size."""
    return (head.reshape(SIDE, SCALE, SIDE, SCALE).mean(axis=(1, 3)) > 0.5).astype(np.float32)


def changed(alpha: NDArray[np.float32], head: NDArray[np.bool_]) -> NDArray[np.float32]:
    frame, lighter = picture(head), np.full((SIDE, SIDE, 3), 0.3, np.float32)
    pasted = paste(frame, QUAD, lighter, alpha, "keep")
    return np.abs(pasted.to_rgb() - frame.to_rgb()).mean(axis=-1)


def test_the_edit_ends_where_the_head_does_to_the_pixel() -> None:
    """Judged by the true outline, which no mask of the crop's size knows: half of what a plain feather spills."""
    head = wavy_head()
    alpha = region_alpha(low(head)[None], RATE)[0]
    band = zoom(alpha, SCALE, order=1) * (1 - zoom(alpha, SCALE, order=1)) > 0.05
    guided, plain = changed(alpha, head), 0.3 * zoom(alpha, SCALE, order=1)
    spilt, kept = guided[band & ~head].mean(), guided[band & head].mean()
    assert spilt < plain[band & ~head].mean() / 2
    assert kept > plain[band & head].mean()
    assert kept > 5 * spilt


def test_noise_on_a_wall_draws_no_outline() -> None:
    """Where the frame shows no edge the feather is smooth: the change follows the mask alone."""
    alpha = region_alpha(low(wavy_head())[None], RATE)[0]
    nothing = np.zeros((256, 256), bool)
    change = changed(alpha, nothing)
    frame = picture(nothing, noise=0)
    little = np.full((SIDE, SIDE, 3), 0.1, np.float32)
    smooth = paste(frame, QUAD, little, alpha, "keep").to_rgb() - frame.to_rgb()
    assert np.abs(np.diff(smooth, axis=0)).max() < 0.1 / 10
    assert change[128, 128] > 0.2


def test_the_feather_holds_the_outline() -> None:
    """Whatever the frame shows: 0 where alpha is 0, and all of the change where alpha is 1."""
    rng = np.random.default_rng(4)
    image = rng.random((256, 256, 3)).astype(np.float32) * np.float32(0.5)
    frame = Frame.from_rgb_float(0, image, RATE)
    alpha = region_alpha(low(wavy_head())[None], RATE)[0]
    delta = paste(frame, QUAD, np.full((SIDE, SIDE, 3), 0.25, np.float32), alpha, "keep").to_rgb() - frame.to_rgb()
    block = np.ones((SCALE, SCALE))
    # a crop pixel and its eight neighbours are what a sample between them can see, cubic two of them
    inside = np.kron(low_filter(alpha == 1, 2), block) > 0
    outside = np.kron(low_filter(alpha == 0, 1), block) > 0
    assert not delta[outside].any()
    np.testing.assert_allclose(delta[inside], 0.25, atol=1e-5)


def low_filter(where: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """True where all neighbours within reach are."""
    padded = np.pad(where, reach, mode="edge")
    size = 2 * reach + 1
    return np.lib.stride_tricks.sliding_window_view(padded, (size, size)).all(axis=(2, 3))


def test_the_guided_map_is_a_least_squares_fit() -> None:
    """Against numpy's own solver, in one window that covers the whole picture."""
    rng = np.random.default_rng(1)
    guide, target = rng.random((5, 5, 3)).astype(np.float32), rng.random((5, 5)).astype(np.float32)
    tiled = [np.pad(a, [(10, 10), (10, 10)] + [(0, 0)] * (a.ndim - 2), mode="wrap") for a in (guide, target)]
    found = guided_map(tiled[0], tiled[1], 2)[12, 12]  # every window of a periodic picture holds the same pixels
    colours, values = guide.reshape(-1, 3).astype(float), target.ravel().astype(float)
    centred = colours - colours.mean(axis=0)
    stiff = np.concatenate([centred, np.eye(3) * np.sqrt(EDGE * len(values))])
    slope = np.linalg.lstsq(stiff, np.concatenate([values - values.mean(), np.zeros(3)]), rcond=None)[0]
    np.testing.assert_allclose(found[:3], slope, atol=1e-4)
    np.testing.assert_allclose(found[3], values.mean() - slope @ colours.mean(axis=0), atol=1e-4)


def test_half_black_and_half_white_is_half_the_light() -> None:
    black, one = np.zeros((1, 1, 3), np.float32), np.ones((1, 1, 3), np.float32)
    delta = mixed_change(black, one, np.full((1, 1), 0.5, np.float32), transfer=1)
    np.testing.assert_allclose(delta**2.4, 0.5, rtol=1e-5)
    coded = mixed_change(black, one, np.full((1, 1), 0.5, np.float32), transfer=16)  # PQ has a curve of its own
    np.testing.assert_allclose(coded, 0.5)


def test_mixing_nothing_or_by_nothing_adds_nothing() -> None:
    rng = np.random.default_rng(2)
    image, change = rng.random((8, 8, 3)).astype(np.float32), rng.random((8, 8, 3)).astype(np.float32)
    strength = rng.random((8, 8)).astype(np.float32)
    change[:4], strength[:, :4] = 0, 0
    delta = mixed_change(image, change, strength, transfer=2)
    assert not delta[:4].any()
    assert not delta[:, :4].any()
    np.testing.assert_array_equal(mixed_change(image, change, np.ones_like(strength), transfer=2), change)


def test_a_head_that_only_just_fits_keeps_its_crown() -> None:
    """The square's border cuts an edit off softly only where the region runs out of the square."""
    y, x = np.mgrid[:64, :64]
    mask = ((np.hypot(x - 31.5, y - 34) < 31) & (y > 2))[None]
    alpha = region_alpha(mask, RATE)[0]
    assert alpha[6, 31] > 0.95
    runs_out = region_alpha(((x > 16) & (x < 47) & (y > 20))[None], RATE)[0]
    assert runs_out[63, 31] == 0
    assert 0 < runs_out[60, 31] < 0.7
    assert np.abs(np.diff(runs_out[:, 31])).max() < 0.4


def test_a_mask_in_the_frame_covers_all_that_is_written() -> None:
    head = wavy_head()
    alpha = region_alpha(low(head)[None], RATE)[0]
    shown = np.zeros((256, 256), np.float32)
    mask_in_frame(shown, QUAD, alpha)
    assert not changed(alpha, head)[shown == 0].any()


@pytest.mark.parametrize("feather", [-0.1, 0.51, float("nan")])
def test_a_feather_out_of_range_is_refused(feather: float) -> None:
    with pytest.raises(UsageError, match="the crop's side"):
        PasteSettings(feather=feather)

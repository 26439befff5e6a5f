"""One person through a clip, on faces that a script places; and one real photograph."""

import sys
import tracemalloc
import warnings
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import cast

import numpy as np
import pytest
from faces import face

from dva.model.errors import InputError, ModelFilesError
from dva.model.faces.detect import Detection, FaceDetector
from dva.model.faces.people import People, people_of
from dva.model.faces.smooth import smooth_line
from dva.model.faces.track import face_track, track_face
from dva.model.faces.tracklet import Tracklet
from dva.model.types import FRAME_STATUS, FaceTrack, FloatArray
from dva.model.video import ArraySource

RATE = 25
Script = Callable[[int], list[tuple[float, float, float]]]


class ScriptedDetector:
    """Sees the faces (x, y, side) that a script gives for the frame whose number the first pixel holds."""

    def __init__(self, script: Script) -> None:
        self.script = script

    def detect(self, image: np.ndarray, *, thorough: bool = True) -> list[Detection]:
        return [face(*place) for place in self.script(int(image[0, 0, 0]))]

    def follow(self, image: np.ndarray, landmarks: Sequence[FloatArray]) -> list[Detection | None]:
        found = self.detect(image)
        return [
            next((seen for seen in found if np.abs(seen.landmarks - points).max() < seen.side / 4), None)
            for points in landmarks
        ]


def track(script: Script, frames: int, smoothing: float = 0.0) -> FaceTrack:
    images = np.zeros((frames, 24, 32, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(frames)
    detector = cast(FaceDetector, ScriptedDetector(script))
    return track_face(ArraySource(images, Fraction(RATE)), detector, smoothing=smoothing)


def names(found: FaceTrack) -> list[str]:
    return [FRAME_STATUS[index] for index in found.status]


def test_a_straight_move_stays_straight_to_both_ends() -> None:
    """Zero phase: the smoothed square of a steady motion is the raw one, in every frame."""

    def script(t: int) -> list[tuple[float, float, float]]:
        return [(100 + 3 * t, 80 - t, 60)]

    np.testing.assert_allclose(track(script, 50, smoothing=0.1).quads, track(script, 50).quads, atol=1e-6)


def test_shiver_goes_and_motion_stays() -> None:
    rng = np.random.default_rng(0)
    path = 100 + 40 * np.sin(np.arange(100) * 2 * np.pi / 60)
    shaken = path + rng.normal(0, 1, 100)

    found = smooth_line(shaken[:, None], 2.5)[:, 0]
    assert np.abs(np.diff(found - path, 2)).mean() < 0.1 * np.abs(np.diff(shaken - path, 2)).mean()
    assert np.abs(found - path).max() < 2.5


def test_away_from_the_ends_smoothing_is_the_gaussian_mean() -> None:
    values = np.random.default_rng(0).random((60, 2))
    offsets = np.arange(-6, 7)
    weights = np.exp(-0.5 * (offsets / 2) ** 2)
    mean = np.stack([np.convolve(column, weights / weights.sum(), "valid") for column in values.T], axis=1)
    np.testing.assert_allclose(smooth_line(values, 2.0)[6:-6], mean, atol=1e-9)


@pytest.mark.parametrize("sigma", [0.0, 0.01, 0.05])
def test_a_sigma_of_far_less_than_a_frame_leaves_the_values(sigma: float) -> None:
    """As for a picture every other second, where a tenth of a second is a twentieth of a frame."""
    values = np.random.default_rng(0).random((9, 2))
    np.testing.assert_array_equal(smooth_line(values, sigma), values)


def test_short_gaps_are_bridged_and_long_ones_are_not() -> None:
    away = {*range(10, 22), *range(40, 60)}
    found = track(lambda t: [] if t in away else [(100 + t, 80, 60)], 80, smoothing=0.1)
    assert names(found)[10:22] == ["interpolated"] * 12
    assert names(found)[40:60] == ["missing"] * 20
    assert names(found).count("detected") == 80 - 32
    assert np.isnan(found.quads[40:60]).all()
    assert np.isfinite(found.quads[found.usable()]).all()
    assert found.landmarks[15, :, 0].mean() == pytest.approx(100 + 15, abs=1e-3)
    assert not found.confidence[10:22].any()


def test_nothing_is_smoothed_across_a_long_gap() -> None:
    def script(t: int) -> list[tuple[float, float, float]]:
        return [] if 20 <= t < 40 else [(100 if t < 20 else 125, 80, 60)]

    np.testing.assert_allclose(track(script, 60, smoothing=0.2).quads[:20], track(script, 60).quads[:20], atol=1e-6)


def test_two_people_do_not_swap_when_one_goes_away() -> None:
    """The larger one hides for a while; the track waits instead of taking the other."""

    def script(t: int) -> list[tuple[float, float, float]]:
        small = [(200.0, 80.0, 50.0)]
        return small if 30 <= t < 45 else [(90.0, 80.0, 70.0), *small]

    found = track(script, 100)
    assert names(found)[30:45] == ["missing"] * 15
    middles = found.quads[found.usable()].mean(axis=1)
    assert np.abs(middles[:, 0] - 90).max() < 10


def test_the_largest_is_whoever_covers_most_over_the_clip() -> None:
    """A large face for five frames weighs less than a smaller one that is always there."""
    found = track(lambda t: [(60, 80, 50), *([(250, 80, 80)] if t < 5 else [])], 60)
    assert names(found) == ["detected"] * 60
    assert found.quads[0].mean(axis=0)[0] == pytest.approx(60, abs=5)


def test_one_wild_detection_is_replaced() -> None:
    found = track(lambda t: [(100 + (25 if t == 20 else 0), 80, 60)], 41)
    assert names(found)[20] == "interpolated"
    np.testing.assert_allclose(found.quads[20], found.quads[19], atol=1e-6)


def test_a_single_frame_is_a_clip() -> None:
    assert names(track(lambda t: [(100, 80, 60)], 1, smoothing=0.1)) == ["detected"]


def test_no_face_at_all_is_said() -> None:
    with pytest.raises(InputError, match="no face found in any of the 24 frames of the clip; "):
        track(lambda t: [], 24)


def test_a_missing_detector_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "facenet_pytorch", None)
    with pytest.raises(ModelFilesError, match=r"facenet-pytorch 2\.5\.3.*install"):
        FaceDetector()


def test_a_real_face_is_found_where_it_is() -> None:
    """scikit-image's astronaut: eyes, nose and mouth, also at half size and in the mirror."""
    pytest.importorskip("facenet_pytorch")
    data = pytest.importorskip("skimage.data")
    image = data.astronaut()
    detector = FaceDetector()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = detector.detect(image)
        smaller = detector.detect(np.ascontiguousarray(image[::2, ::2]))
        mirror_image = detector.detect(np.ascontiguousarray(image[:, ::-1]))
    assert len(found) == len(smaller) == len(mirror_image) == 1
    read_off_by_hand = [[203.7, 100.7], [246.5, 103.3], [224, 127], [202.8, 139.5], [244.2, 140.7]]
    np.testing.assert_allclose(found[0].landmarks, read_off_by_hand, atol=2.5)
    np.testing.assert_allclose(smaller[0].landmarks * 2, found[0].landmarks, atol=3)
    mirrored = mirror_image[0].landmarks[[1, 0, 2, 4, 3]] * [-1, 1] + [511, 0]
    np.testing.assert_allclose(mirrored, found[0].landmarks, atol=2)


def test_a_still_photograph_with_camera_noise_does_not_shiver() -> None:
    """No corner of the square moves by 0.15 % of the face's width from one frame to the next."""
    pytest.importorskip("facenet_pytorch")
    photo = pytest.importorskip("skimage.data").astronaut()[:300, 60:420]
    rng = np.random.default_rng(0)
    images = np.stack([np.clip(photo + rng.normal(0, 4, photo.shape), 0, 255).astype(np.uint8) for _ in range(20)])
    quads = track_face(ArraySource(images, Fraction(RATE)), FaceDetector()).quads
    assert np.linalg.norm(np.diff(quads, axis=0), axis=-1).max() < 0.0015 * face_width(quads)


def test_a_panned_photograph_is_followed() -> None:
    """The square keeps its place on the face to 1 % of the face's width, to the first and the last frame."""
    pytest.importorskip("facenet_pytorch")
    photo = pytest.importorskip("skimage.data").astronaut()
    rng = np.random.default_rng(0)
    left = [round(20 + 4 * t) for t in range(20)]
    views = [photo[:300, x : x + 340] + rng.normal(0, 4, (300, 340, 3)) for x in left]
    images = np.stack([np.clip(view, 0, 255).astype(np.uint8) for view in views])
    quads = track_face(ArraySource(images, Fraction(RATE)), FaceDetector()).quads
    on_photo = quads + np.stack([left, np.zeros(20)], axis=1)[:, None]
    assert np.abs(on_photo - on_photo.mean(axis=0)).max() < 0.01 * face_width(quads)


def face_width(quads: FloatArray) -> float:
    """About half of the square's side is face."""
    return 0.5 * float(np.linalg.norm(quads[:, 3] - quads[:, 0], axis=1).mean())


def test_100_000_frames_fit_in_memory() -> None:
    """What is kept of a face while a clip is read, and the track made of it, grow by a little a frame."""
    frames, some = 5_000, [face(100 + t, 80, 60) for t in range(7)]
    tracemalloc.start()
    try:
        tracklet = Tracklet(0)
        for t in range(frames):
            tracklet.add(some[t % 7])
        kept, _ = tracemalloc.get_traced_memory()
        people = People(people_of([[tracklet]], frames, RATE), frames, (1080, 1920), Fraction(RATE))
        found = face_track(people, people.people[0])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == frames
    assert kept * 100_000 / frames < 15e6
    assert peak * 100_000 / frames < 200e6

"""68 landmarks, without the network's weights: a stand-in that marks where the picture is bright."""

from fractions import Fraction
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from faces import SHAPE, face
from torch import Tensor
from torch.nn import functional

from dva.model.errors import Interrupted, ModelFilesError, UsageError
from dva.model.faces.align import five_points, square_axes
from dva.model.faces.appearance import Appearance
from dva.model.faces.detect import Detection, FaceDetector
from dva.model.faces.notes import Notes
from dva.model.faces.people import Person
from dva.model.faces.points68 import MIRRORED, WEIGHTS, Landmarks68, load_landmarks68
from dva.model.faces.track import track_face, with_68_landmarks
from dva.model.types import ignore_progress
from dva.model.video import ArraySource


def brightest(crops: Tensor) -> Tensor:
    """Heat [B, 68, 64, 64] that says of every landmark: where the crop is bright."""
    return functional.avg_pool2d(crops.mean(1, keepdim=True), 4).expand(-1, 68, -1, -1) ** 2


def test_a_bright_spot_is_found_to_a_fraction_of_a_cell() -> None:
    """Wherever the spot lies between the cells; a cell is 1.25 pixels of this frame."""
    y, x = np.mgrid[:240, :320]
    errors = []
    for offset in np.linspace(0, 2, 6):
        spot = np.array([160 + offset, 118 + 0.7 * offset])
        image = 255 * np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / (2 * 2.0**2))
        frame = np.repeat(image[..., None], 3, axis=2).astype(np.uint8)
        found = Landmarks68(brightest, torch.device("cpu")).find(frame, np.array([160.0, 120.0]) + SHAPE * 50)
        errors.append(np.abs(found - spot).max())
    assert max(errors) < 0.4


def test_the_mirror_of_the_mirror_is_the_face() -> None:
    """And the landmarks of a mirrored face, renamed, are those of the face: eyes, brows and corners change sides."""
    np.testing.assert_array_equal(MIRRORED[MIRRORED], np.arange(68))
    assert [MIRRORED[i] for i in (0, 8, 30, 36, 39, 48, 54, 60)] == [16, 8, 30, 45, 42, 54, 48, 64]


def test_five_of_68_lie_where_the_five_would() -> None:
    rng = np.random.default_rng(0)
    points = rng.random((3, 68, 2))
    five = five_points(points)
    np.testing.assert_allclose(five[:, 0], points[:, 36:42].mean(1))
    np.testing.assert_allclose(five[:, 2:], points[:, [30, 48, 54]])
    for of_five, of_68 in zip(square_axes(five), square_axes(points), strict=True):
        np.testing.assert_array_equal(of_five, of_68)
    with pytest.raises(UsageError, match="5 or 68 landmarks, not 21"):
        five_points(points[:, :21])


class StillFace(FaceDetector):
    """Sees one face in the middle of every frame, and 68 landmarks in it."""

    def __init__(self) -> None: ...

    def detect(self, image: np.ndarray, *, thorough: bool = True) -> list[Detection]:
        return [face(160, 120, 60)]

    def follow(self, image, landmarks):
        return [face(160, 120, 60) for _ in landmarks]

    @property
    def dense(self) -> Landmarks68:
        return cast(Landmarks68, self)

    def find(self, image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        points = np.zeros((68, 2))
        points[36:42], points[42:48], points[30], points[48], points[54] = landmarks + 2
        return points


def test_the_track_has_68_landmarks_and_its_square_from_them() -> None:
    source = ArraySource(np.zeros((12, 240, 320, 3), np.uint8), Fraction(25))
    found = track_face(source, StillFace())
    assert found.landmarks.shape == (12, 68, 2)
    centre, _, _ = square_axes(face(160, 120, 60).landmarks[None] + 2)
    np.testing.assert_allclose(found.quads.mean(axis=1), np.repeat(centre, 12, axis=0), atol=1e-6)


def test_landmarks_that_were_found_before_a_kill_are_not_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who is away for a while; the pictures' grey decides where the landmarks lie."""

    class Grey(StillFace):
        def __init__(self, patience: int = 99) -> None:
            self.patience = patience

        def find(self, image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
            if self.patience == 0:
                raise Interrupted("stop")
            self.patience -= 1
            return super().find(image, landmarks) + image[0, 0, 0]

    class Told:
        done = 0

        def advance(self, done: int) -> None:
            self.done = done

    monkeypatch.setattr("dva.model.faces.notes.NOTE_EVERY", 4)
    images = np.zeros((30, 240, 320, 3), np.uint8) + np.arange(30, dtype=np.uint8)[:, None, None, None]
    source, notes = ArraySource(images, Fraction(25)), Notes(tmp_path / "notes.safetensors", Told())
    seen = np.array([*range(3, 12), *range(20, 28)])
    points = np.repeat(face(160, 120, 60).landmarks[None], len(seen), axis=0)
    person = Person(0, seen, points, np.ones(len(seen)), np.full(len(seen), 60.0), Appearance())
    with pytest.raises(Interrupted):
        with_68_landmarks(source, person, Grey(10), ignore_progress, notes)
    rest = Grey(len(seen) - 8)
    resumed = with_68_landmarks(source, person, rest, ignore_progress, notes)
    assert rest.patience == 0
    undisturbed = with_68_landmarks(source, person, Grey(), ignore_progress)
    np.testing.assert_array_equal(resumed.landmarks, undisturbed.landmarks)
    assert len(np.unique(resumed.landmarks[:, 36, 0])) == len(seen)
    with_68_landmarks(source, person, Grey(0), ignore_progress, notes)  # all of them are known now


def test_without_weights_there_are_none_and_nothing_is_fetched(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("opened a connection"))
    assert load_landmarks68(torch.device("cpu")) is None


def test_a_file_of_that_name_with_other_contents_is_said(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("face_alignment")
    path = tmp_path / WEIGHTS
    torch.save({"a": torch.zeros(1)}, path)
    monkeypatch.setattr("dva.model.faces.points68.hub_file", lambda name: path if name == WEIGHTS else None)
    with pytest.raises(ModelFilesError, match="does not hold face-alignment's weights"):
        load_landmarks68(torch.device("cpu"))

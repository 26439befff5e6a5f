"""Faces in one frame: boxes and five landmarks, from facenet-pytorch's MTCNN (Zhang et al. 2016).

Two looks. The first finds faces in a reduced frame, or in a window round the place where a face was a moment ago. The
second cuts every face out upright at one size and asks the last of MTCNN's three networks alone, on several views at
once, for its landmarks: they neither depend on the size of the shot nor shiver with the grid of the reduced frame, and
a face that is already known costs no search.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ..errors import ModelFilesError
from ..types import ByteArray, FloatArray
from .align import crop_from_frame, frame_from_crop_matrix, quads_from_landmarks, scale_of, square_axes, transform
from .points68 import Landmarks68, load_landmarks68

SEARCH_SIDE = 960
"""Long side in pixels of the frame that the first look sees; faces from 1/48 of it are found, 40 pixels of 1920."""
THOROUGH_SIDE = 1920
"""The same for a frame in which nothing was found."""
SMALLEST_FACE = 20
WINDOW = 3.0
"""Side of the window in which a face is looked for that left its place, in sides of the face."""
WINDOW_SIDE = 144
"""Pixels to which that window is reduced; a face in it is then 48 wide."""
OTHER_SIZE = 1.6
"""A face that grew or shrank by this from one frame to the next is another one."""
MIN_SCORE = 0.9
"""The network's own threshold, 0.7, lets hands and folds of cloth through."""
MIN_FOLLOW_SCORE = 0.7
"""For a face that is looked for where it was a moment ago: a blink or a hand before it is no reason to lose it."""

NET_SIDE = 48
"""Pixels that the landmark network sees."""
SQUARE_SIDE = 96
"""Pixels of the upright square of which it sees the middle half."""
FACE_IN_SQUARE = np.array([[0.5, 0.5, 0.52]])
"""The face in its upright square: x and y of the middle and side, as parts of the square."""
FACES_IN_SQUARE = FACE_IN_SQUARE + [
    [shift_x, shift_y, zoom]
    for shift_x, shift_y in ((0.04, 0.04), (-0.04, -0.04), (0.04, -0.04), (-0.04, 0.04))
    for zoom in (-0.05, 0.08)
]
"""Eight views of the same face. The mean of what the network says about each shivers far less than any one of them."""


@dataclass(frozen=True)
class Detection:
    """One face in one frame, in frame pixels with the centre of the top-left pixel at (0, 0)."""

    box: FloatArray
    """[4] left, top, right, bottom."""
    landmarks: FloatArray
    """[5, 2] left eye, right eye, nose, left and right mouth corner, as seen in the image."""
    score: float
    """In [0, 1]."""

    @property
    def side(self) -> float:
        """The geometric mean of the box's sides."""
        return float(np.sqrt((self.box[2] - self.box[0]) * (self.box[3] - self.box[1])))

    @property
    def centre(self) -> FloatArray:
        """[2] middle of the box."""
        return (self.box[:2] + self.box[2:]) / 2


class FaceDetector:
    """MTCNN with the weights that lie in its package.

    Raises ModelFilesError where the package or its weights cannot be loaded.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        asked = torch.device(device)
        # MTCNN's area resampling and our float64 are missing on Apple's GPU; the network is small enough for the CPU.
        self._device = torch.device("cpu") if asked.type == "mps" else asked
        self._network = _load_mtcnn(self._device)

    @cached_property
    def dense(self) -> Landmarks68 | None:
        """What finds 68 landmarks, where its weights lie on this computer; looked for when first asked."""
        return load_landmarks68(self._device)

    def detect(self, image: ByteArray, *, thorough: bool = True) -> list[Detection]:
        """Find every face of a frame [H, W, 3]; thorough looks again, closely, where a quick look finds none."""
        found = self._look(image, SEARCH_SIDE)
        if not found and thorough and max(image.shape[:2]) > SEARCH_SIDE:
            found = self._look(image, THOROUGH_SIDE)
        return [self._settle(image, face.landmarks) or face for face in found]

    def follow(self, image: ByteArray, landmarks: Sequence[FloatArray]) -> list[Detection | None]:
        """Find again the faces whose landmarks [5, 2] lay about here; None for a face that is not there any more."""
        return [self._follow_one(image, points) for points in landmarks]

    def _follow_one(self, image: ByteArray, landmarks: FloatArray) -> Detection | None:
        here = self._settle(image, landmarks)
        if here is not None:
            return here
        near = self._look_near(image, landmarks)
        return self._settle(image, near.landmarks) if near else None

    def _look_near(self, image: ByteArray, landmarks: FloatArray) -> Detection | None:
        """Find the nearest face of the same size in a window round the one whose landmarks [5, 2] lay here."""
        centre, x_axis, _ = square_axes(landmarks[None])
        middle, side = centre[0], 2 * float(np.hypot(*x_axis[0])) * FACE_IN_SQUARE[0, 2]
        height, width = image.shape[:2]
        left, top = np.maximum(np.floor(middle - WINDOW / 2 * side), 0).astype(int)
        right, bottom = np.minimum(np.ceil(middle + WINDOW / 2 * side), (width, height)).astype(int)
        if right <= left or bottom <= top:
            return None
        corner = np.array([left, top])
        faces = [
            Detection(face.box + np.tile(corner, 2), face.landmarks + corner, face.score)
            for face in self._look(image[top:bottom, left:right], WINDOW_SIDE)
            if max(face.side, side) < OTHER_SIZE * min(face.side, side)
        ]
        return min(faces, key=lambda face: float(np.hypot(*(face.centre - middle))), default=None)

    def _settle(self, image: ByteArray, landmarks: FloatArray) -> Detection | None:
        """Find the landmarks of a face that lies about here, or say that there is none."""
        settled = self._landmarks_in_square(image, landmarks, FACE_IN_SQUARE)
        if settled.score < MIN_FOLLOW_SCORE:
            return None
        steady = self._landmarks_in_square(image, settled.landmarks, FACES_IN_SQUARE)
        return steady if steady.score >= MIN_FOLLOW_SCORE else None

    @torch.inference_mode()
    def _landmarks_in_square(self, image: ByteArray, landmarks: FloatArray, views: FloatArray) -> Detection:
        """Run the landmark network on views of the upright square round the landmarks."""
        (quad,) = quads_from_landmarks(landmarks[None], 0, 0)
        square = self._tensor(crop_from_frame(image, quad, SQUARE_SIDE)).movedim(-1, 0)
        faces = _cut_views((square - 127.5) / 128, views)  # the range that MTCNN was trained on
        # A face and its mirror image: the mean of both does not lean to one side.
        pairs = torch.cat([faces, faces.flip(-1)]).contiguous(memory_format=torch.channels_last)
        _, points, scores = self._network.onet(pairs)
        straight, mirrored = points.reshape(2, len(views), 2, 5).movedim(2, 3).double().cpu().numpy()
        mirrored = mirrored[:, [1, 0, 2, 4, 3]] * [-1, 1] + [1, 0]
        in_square = ((straight + mirrored) / 2 - 0.5) * views[:, None, 2:] + views[:, None, :2]
        frame_from_square = frame_from_crop_matrix(quad, SQUARE_SIDE)
        found = transform(frame_from_square, in_square.mean(axis=0) * SQUARE_SIDE - 0.5)
        middle = transform(frame_from_square, FACE_IN_SQUARE[0, :2] * SQUARE_SIDE - 0.5)
        half = FACE_IN_SQUARE[0, 2] * SQUARE_SIDE / 2 * scale_of(frame_from_square)
        return Detection(np.concatenate([middle - half, middle + half]), found, float(scores[:, 1].mean()))

    def _look(self, image: ByteArray, long_side: int) -> list[Detection]:
        import cv2  # noqa: PLC0415 - heavy

        scale = max(1.0, max(image.shape[:2]) / long_side)
        size = [round(side / scale) for side in image.shape[:2]]
        if min(size) < SMALLEST_FACE:
            return []
        reduced = cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_AREA) if scale > 1 else image
        boxes, scores, landmarks = (
            found[0] for found in self._network.detect(self._tensor(reduced[None]), landmarks=True)
        )
        if boxes is None:
            return []
        grow = np.array([image.shape[1] / size[1], image.shape[0] / size[0]])
        return [
            Detection((box + 0.5) * np.tile(grow, 2) - 0.5, (points + 0.5) * grow - 0.5, float(score))
            for box, points, score in zip(boxes.astype(np.float64), landmarks.astype(np.float64), scores, strict=True)
            if score >= MIN_SCORE
        ]

    def _tensor(self, images: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(images)).to(self._device, torch.float32)


def _load_mtcnn(device: torch.device) -> Any:  # noqa: ANN401 - the package has no types
    try:
        from facenet_pytorch import MTCNN  # noqa: PLC0415 - it imports torchvision, and dva.model must stay light

        with warnings.catch_warnings():
            # torch 2.4 and 2.5 warn about how the package loads the files that it brings along
            warnings.simplefilter("ignore", FutureWarning)
            network = MTCNN(keep_all=True, min_face_size=SMALLEST_FACE, device=device)
            return network.to(memory_format=torch.channels_last)  # its pooling layers are three times as fast
    except (ImportError, OSError, RuntimeError) as error:
        raise ModelFilesError(
            "the face detector needs the package facenet-pytorch 2.5.3 with the weights inside it, "
            f"but loading it failed ({error}); install it again: pip install --no-deps facenet-pytorch==2.5.3"
        ) from error


def _cut_views(square: torch.Tensor, views: FloatArray) -> torch.Tensor:
    """Cut faces [V, 3, NET_SIDE, NET_SIDE] out of a square [3, S, S]; views [V, 3] are middle x, y and side."""
    x, y, side = torch.from_numpy(views).to(square).unbind(1)
    zero = torch.zeros_like(side)
    square_from_view = torch.stack([side, zero, 2 * x - 1, zero, side, 2 * y - 1], dim=1).reshape(-1, 2, 3)
    grid = functional.affine_grid(square_from_view, [len(views), 3, NET_SIDE, NET_SIDE], align_corners=False)
    squares = square.expand(len(views), -1, -1, -1)
    return functional.grid_sample(squares, grid, padding_mode="border", align_corners=False)

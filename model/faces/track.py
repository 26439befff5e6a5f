"""One person through a clip: link detections into people, choose one, fill short gaps, take the shiver out."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..types import FRAME_STATUS, ByteArray, FaceTrack, FloatArray, OnProgress, Progress, ignore_progress
from ..video import FrameSource
from .align import quads_from_axes, square_axes
from .detect import Detection, FaceDetector
from .smooth import smooth_line

LOOK_EVERY = 0.2
"""Seconds between two searches of the whole frame while all known faces are followed."""
SEARCH_FOR_LOST = 1.0
"""Seconds in which every frame is searched for a face that went away."""
LONGEST_FILLED_GAP = 0.5
"""Seconds without a face that are bridged by a straight line."""
SMOOTHING = 0.1
"""Seconds: sigma of the Gaussian on the crop's size and angle; its place follows three times as fast."""
OUTLIER = 0.3
"""A detection this far from the median of its neighbours, in half sides of the square, is a wrong one."""


@dataclass
class _Person:
    """The detections of one person, in the order of the frames."""

    frames: list[int] = field(default_factory=list[int])
    detections: list[Detection] = field(default_factory=list[Detection])

    def add(self, frame: int, detection: Detection) -> None:
        self.frames.append(frame)
        self.detections.append(detection)

    def weight(self) -> float:
        """Area in the picture, summed over the frames."""
        return sum(detection.side**2 for detection in self.detections)


def track_face(
    source: FrameSource,
    detector: FaceDetector,
    person: Literal["largest"] = "largest",
    smoothing: float = SMOOTHING,
    on_progress: OnProgress = ignore_progress,
) -> FaceTrack:
    """Follow one person through a clip, reading it once, one frame at a time.

    person: "largest" is whoever covers most area over the whole clip. smoothing: seconds, 0 for none.
    Raises InputError where no frame holds a face.
    """
    people, frame_count = _find_people(source, detector, on_progress)
    if not people:
        name = source.path.name if source.path else "the clip"
        raise InputError(
            f"no face found in any of the {frame_count} frames of {name}; "
            "a face must be at least 20 pixels and a 96th of the frame wide, seen from the front or half from the side"
        )
    match person:
        case "largest":
            chosen = max(people, key=_Person.weight)
    return _track_of(chosen, frame_count, source, smoothing)


def _find_people(source: FrameSource, detector: FaceDetector, on_progress: OnProgress) -> tuple[list[_Person], int]:
    """Return everybody in the clip and the number of frames read."""
    rate = float(source.frame_rate)
    look_every = max(1, round(LOOK_EVERY * rate))
    people: list[_Person] = []
    count = 0
    for index, frame in enumerate(source):
        image = frame.to_rgb8()
        look = index % look_every == 0
        here = [person for person in people if person.frames[-1] == index - 1]
        lost = any(1 < index - person.frames[-1] <= SEARCH_FOR_LOST * rate for person in people)
        followed = [] if look or lost else detector.follow(image, [person.detections[-1].landmarks for person in here])
        kept = [face for face in followed if face is not None]
        if kept and len(kept) == len(here) and not _overlap(kept):
            for person, face in zip(here, kept, strict=True):
                person.add(index, face)
        else:
            link(people, detector.detect(image, thorough=look), index, rate)
        count = index + 1
        on_progress(Progress("find faces", count, max(count, source.frame_count)))
    return people, count


def _overlap(faces: list[Detection]) -> bool:
    """Say whether two faces are so close that one may have been followed onto the other."""
    return any(_distance(face, other) < 0.5 for index, face in enumerate(faces) for other in faces[index + 1 :])


def _distance(face: Detection, other: Detection) -> float:
    """Return how far two faces are apart, in sides of the smaller one."""
    return float(np.hypot(*(face.centre - other.centre))) / min(face.side, other.side)


def link(people: list[_Person], found: list[Detection], frame: int, rate: float) -> None:
    """Give each face of a frame to the person who was nearest; whoever is near nobody is somebody new.

    A person may move by one face within a second. After a longer absence only a face at the same place counts as the
    same person: better a person lost than two people mixed.
    """
    pairs: list[tuple[float, int, int]] = []
    for person_index, person in enumerate(people):
        last = person.detections[-1]
        reach = 1.0 if frame - person.frames[-1] <= rate else 0.5
        for face_index, face in enumerate(found):
            same_size = max(face.side, last.side) < 1.5 * min(face.side, last.side)
            if same_size and _distance(face, last) < reach:
                pairs.append((_distance(face, last), person_index, face_index))
    free_people, free_faces = set(range(len(people))), set(range(len(found)))
    for _, person_index, face_index in sorted(pairs):
        if person_index in free_people and face_index in free_faces:
            people[person_index].add(frame, found[face_index])
            free_people.remove(person_index)
            free_faces.remove(face_index)
    people.extend(_Person([frame], [found[face_index]]) for face_index in sorted(free_faces))


def _track_of(person: _Person, frame_count: int, source: FrameSource, smoothing: float) -> FaceTrack:
    rate = float(source.frame_rate)
    landmarks = np.full((frame_count, 5, 2), np.nan)
    confidence = np.zeros(frame_count, np.float32)
    good = _inliers(np.stack([detection.landmarks for detection in person.detections]))
    for frame, detection, is_good in zip(person.frames, person.detections, good, strict=True):
        if is_good:
            landmarks[frame] = detection.landmarks
            confidence[frame] = detection.score
    status = _fill_gaps(landmarks, LONGEST_FILLED_GAP * rate)
    return FaceTrack(
        quads=_smooth_quads(landmarks, smoothing * rate),
        landmarks=landmarks.astype(np.float32),
        status=status,
        confidence=confidence,
        frame_size=source.size,
        frame_rate=source.frame_rate,
    )


def _inliers(landmarks: FloatArray) -> NDArray[np.bool_]:
    """Return [D] False where the square jumps away from the median of five neighbours and comes back."""
    centre, x_axis, _ = square_axes(landmarks)
    values = np.concatenate([centre, x_axis], axis=1)
    neighbours = np.lib.stride_tricks.sliding_window_view(np.pad(values, ((2, 2), (0, 0)), mode="edge"), 5, axis=0)
    jump = np.abs(values - np.median(neighbours, axis=-1)).max(axis=1)
    return jump < OUTLIER * np.hypot(*x_axis.T)


def _fill_gaps(landmarks: FloatArray, longest: float) -> ByteArray:
    """Bridge gaps of up to `longest` frames between two detections, in place; return the status of every frame."""
    detected = ~np.isnan(landmarks[:, 0, 0])
    status = np.where(detected, FRAME_STATUS.index("detected"), FRAME_STATUS.index("missing")).astype(np.uint8)
    known = np.flatnonzero(detected)
    for before, after in pairwise(known.tolist()):
        gap = after - before - 1
        if 0 < gap <= longest:
            part = (np.arange(1, gap + 1) / (gap + 1))[:, None, None]
            landmarks[before + 1 : after] = landmarks[before] * (1 - part) + landmarks[after] * part
            status[before + 1 : after] = FRAME_STATUS.index("interpolated")
    return status


def _smooth_quads(landmarks: FloatArray, sigma: float) -> FloatArray:
    """Return quads [T, 4, 2], each run of frames smoothed by itself; sigma in frames, for size and angle."""
    quads = np.full((len(landmarks), 4, 2), np.nan)
    usable = np.flatnonzero(~np.isnan(landmarks[:, 0, 0]))
    for run in np.split(usable, np.flatnonzero(np.diff(usable) > 1) + 1):
        centre, x_axis, y_axis = square_axes(landmarks[run])
        quads[run] = quads_from_axes(
            smooth_line(centre, sigma / 3), smooth_line(x_axis, sigma), smooth_line(y_axis, sigma)
        )
    return quads

"""One person through a clip: find everybody, choose one, fill gaps, take the shiver out."""

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, UsageError
from ..metrics.recognise import Recogniser
from ..types import FRAME_STATUS, ByteArray, FaceTrack, FloatArray, OnProgress, Progress, ignore_progress
from ..video import FrameSource
from .align import quads_from_axes, square_axes
from .appearance import Appearance, look
from .choose import PersonChoice, Reference, choose_person
from .detect import FaceDetector
from .follow import Follower
from .gaps import GapPolicy, fill_gaps
from .link import link
from .notes import Notes
from .people import People, Person, people_of
from .points68 import Landmarks68
from .smooth import steady_line

SMOOTHING = 0.1
"""Seconds: sigma of the Gaussian on the crop's size and angle; its place follows three times as fast."""
OUTLIER = 0.3
"""A detection this far from the median of its neighbours, in half sides of the square, is a wrong one."""
LEAST_BELIEF = 0.05
"""Weight in smoothing of a frame that was filled in, or of the least sure detection; a sure one weighs 1."""


def track_face(
    source: FrameSource,
    detector: FaceDetector,
    person: PersonChoice = "largest",
    smoothing: float = SMOOTHING,
    on_progress: OnProgress = ignore_progress,
    *,
    gaps: GapPolicy = GapPolicy(),  # noqa: B008 - frozen
    recogniser: Recogniser | None = None,
) -> FaceTrack:
    """Follow one person through a clip, reading it once, one frame at a time.

    smoothing: seconds, 0 for none. recogniser: tells people apart where movement does not; a Reference needs one.
    The track has 68 landmarks where the detector finds them, else five. Raises InputError where no frame holds a face,
    or under the gap policy "stop" where one does not; UsageError for a number that nobody has.
    """
    if isinstance(person, Reference) and recogniser is None:
        raise UsageError("a reference photo needs a pack whose identity encoder can compare faces; none was given")
    people = find_people(source, detector, on_progress, recogniser=recogniser)
    if not people.people:
        raise no_face(source, people.frame_count)
    chosen = pick_person(people, person, detector, recogniser)
    dense = landmarks68_of(detector)
    if dense is not None:
        chosen = with_68_landmarks(source, chosen, dense, on_progress)
    return face_track(people, chosen, smoothing, gaps)


def pick_person(people: People, person: PersonChoice, detector: FaceDetector, recogniser: Recogniser | None) -> Person:
    """Who of these is meant; a Reference's photo is looked at. UsageError for a number that nobody has."""
    return choose_person(people, person, partial(look_at_photo, detector=detector, recogniser=recogniser))


def landmarks68_of(detector: FaceDetector) -> Landmarks68 | None:
    """What finds 68 landmarks, where it is there; not every detector has a notion of it."""
    return getattr(detector, "dense", None)


def with_68_landmarks(
    source: FrameSource, person: Person, dense: Landmarks68, on_progress: OnProgress, notes: Notes | None = None
) -> Person:
    """The same person with 68 landmarks in every frame, read once more from the first to the last of them."""
    total = len(person.frames)
    landmarks = np.empty((total, 68, 2))
    done, known = notes.recall() if notes is not None else (0, {})
    if done:
        landmarks[:done] = known["landmarks"]
    rows = {frame: row for row, frame in enumerate(person.frames.tolist()) if row >= done}
    begin = min(rows, default=person.last + 1)
    for index, frame in enumerate(source.frames(begin, person.last + 1), begin):
        row = rows.get(index)
        if row is None:
            continue
        landmarks[row] = dense.find(frame.to_rgb8(), person.landmarks[row])
        if notes is not None and notes.are_due(row + 1, total):
            notes.keep({"landmarks": landmarks[: row + 1]}, row + 1)
        on_progress(Progress("find landmarks", row + 1, total))
    return replace(person, landmarks=landmarks)


def find_people(
    source: FrameSource,
    detector: FaceDetector,
    on_progress: OnProgress = ignore_progress,
    *,
    recogniser: Recogniser | None = None,
    notes: Notes | None = None,
) -> People:
    """Find everybody in a clip, who may be nobody, reading it once. Memory grows by some 100 bytes a frame and face.

    notes: where the search is written down as it goes, and where it goes on from. Raises OSError for a full disk then.
    """
    rate = float(source.frame_rate)
    follower = Follower(detector, rate, recogniser)
    count, known = notes.recall() if notes is not None else (0, {})
    if count:
        follower.unpack(known, count, source)
    for index, frame in enumerate(source.frames(count), count):
        follower.see(index, frame)
        count = index + 1
        if notes is not None and notes.are_due(count, source.frame_count):
            notes.keep(follower.packed(), count)
        on_progress(Progress("find faces", count, max(count, source.frame_count)))
    groups = link(follower.tracklets, follower.cuts, rate)
    people = people_of(groups, count, rate)
    return People(people, count, source.size, source.frame_rate, tuple(follower.cuts))


def no_face(source: FrameSource, frame_count: int) -> InputError:
    """The error for a clip without any face."""
    name = source.path.name if source.path else "the clip"
    where = f"any of the {frame_count} frames" if frame_count > 1 else "the one frame"
    return InputError(
        f"no face found in {where} of {name}; "
        "a face must be at least 20 pixels and a 96th of the frame wide, seen from the front or half from the side"
    )


def look_at_photo(image: ByteArray, detector: FaceDetector, recogniser: Recogniser | None) -> Appearance:
    """Look at the largest face of a photograph [H, W, 3]; InputError where there is none."""
    faces = detector.detect(image)
    if not faces:
        height, width = image.shape[:2]
        raise InputError(
            f"no face found in the reference photo of {width}x{height}; give one with a face in clear view"
        )
    return look(image, max(faces, key=lambda face: face.side).landmarks, recogniser)


def face_track(
    people: People,
    person: Person,
    smoothing: float = SMOOTHING,
    gaps: GapPolicy = GapPolicy(),  # noqa: B008 - frozen
) -> FaceTrack:
    """Make the track of one person: wrong detections dropped, gaps filled, the square smoothed over time in seconds.

    Raises InputError under the gap policy "stop" where a frame has no detection.
    """
    rate = float(people.frame_rate)
    landmarks = np.full((people.frame_count, *person.landmarks.shape[1:]), np.nan)
    confidence = np.zeros(people.frame_count, np.float32)
    good = _inliers(person.landmarks)
    landmarks[person.frames[good]] = person.landmarks[good]
    confidence[person.frames[good]] = person.scores[good]
    status = fill_gaps(landmarks, gaps, rate, people.cuts)
    return FaceTrack(
        quads=_smooth_quads(landmarks, status, confidence, smoothing * rate, people.cuts),
        landmarks=landmarks.astype(np.float32),
        status=status,
        confidence=confidence,
        frame_size=people.frame_size,
        frame_rate=people.frame_rate,
    )


def _inliers(landmarks: FloatArray) -> NDArray[np.bool_]:
    """Return [D] False where the square jumps away from the median of five neighbours and comes back."""
    centre, x_axis, _ = square_axes(landmarks)
    values = np.concatenate([centre, x_axis], axis=1)
    neighbours = np.lib.stride_tricks.sliding_window_view(np.pad(values, ((2, 2), (0, 0)), mode="edge"), 5, axis=0)
    jump = np.abs(values - np.median(neighbours, axis=-1)).max(axis=1)
    return jump < OUTLIER * np.hypot(*x_axis.T)


def _smooth_quads(
    landmarks: FloatArray, status: ByteArray, confidence: FloatArray, sigma: float, cuts: tuple[int, ...]
) -> FloatArray:
    """Return quads [T, 4, 2], each run of frames within a shot smoothed by itself; sigma in frames, for size and angle.

    Held frames are not smoothed: they repeat the last square before them.
    """
    quads = np.full((len(landmarks), 4, 2), np.nan)
    held = status == FRAME_STATUS.index("held")
    moving = np.flatnonzero(~held & ~np.isnan(landmarks[:, 0, 0]))
    shot = np.searchsorted(cuts, moving, side="right")
    for run in np.split(moving, np.flatnonzero((np.diff(moving) > 1) | (np.diff(shot) > 0)) + 1):
        if not len(run):
            continue
        belief = np.maximum(confidence[run], LEAST_BELIEF).astype(np.float64)
        axes = square_axes(landmarks[run])
        sigmas = (sigma / 3, sigma, sigma)
        quads[run] = quads_from_axes(*(steady_line(axis, s, belief) for axis, s in zip(axes, sigmas, strict=True)))
    for frame in np.flatnonzero(held):
        quads[frame] = quads[frame - 1]
    return quads

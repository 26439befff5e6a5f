"""Frame by frame through a clip: every face becomes tracklets, which end wherever it could be doubted whose face it is.

Between two searches of the whole frame a known face costs one look at its place. A search that finds somebody new
follows them back through the frames since the last search, so that nobody begins late.
"""

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..metrics.recognise import Recogniser
from ..types import ByteArray, FloatArray
from ..video import Frame, FrameSource
from .appearance import look
from .cuts import CutFinder
from .detect import OTHER_SIZE, Detection, FaceDetector
from .tracklet import Tracklet, packed_tracklets, unpacked_tracklets

SEARCH_EVERY = 0.4
"""Seconds between two searches of the whole frame, which is as far back as somebody new is followed."""
MOST_KEPT = 12
"""Frames at most from one search to the next, all of which are kept: 150 MB of 4K."""
THOROUGH_EVERY = 3
"""Searches of which one looks closely where the quick one finds nobody."""
LOOK_EVERY = 0.4
"""Seconds between two looks at what a face looks like."""
SAME_PLACE = 0.5
"""In sides of the smaller face: found this near to where a face should be, it is that face."""
JUMP = 1.0
"""In sides: a face followed over more than this within a frame is another one."""
DOUBTFUL, CLEAR = 0.8, 1.0
"""In sides of the smaller face: nearer than the first, two faces overlap; farther than the second, no longer."""
ONE_FACE = 0.25
"""In sides of the smaller face: nearer, it is one face that two tracklets claim."""


class Follower:
    """Sees the frames of a clip in order. What it holds grows with the faces, not with the pictures."""

    def __init__(self, detector: FaceDetector, frame_rate: float, recogniser: Recogniser | None = None) -> None:
        self.tracklets: list[Tracklet] = []
        self._detector = detector
        self._recogniser = recogniser
        self._cuts = CutFinder()
        self._search_every = min(max(1, round(SEARCH_EVERY * frame_rate)), MOST_KEPT)
        self._look_every = max(1, round(LOOK_EVERY * frame_rate))
        self._searches = 0
        self._last_search = -self._search_every
        self._active: list[Tracklet] = []
        self._recent: deque[tuple[int, Frame]] = deque(maxlen=max(1, self._search_every - 1))

    @property
    def cuts(self) -> list[int]:
        """First frames of new shots so far."""
        return self._cuts.cuts

    def see(self, index: int, frame: Frame) -> None:
        """Take in the next frame."""
        image = frame.to_rgb8()
        is_cut = self._cuts.add(image)
        if is_cut:
            self._active = []
            self._recent.clear()
        if is_cut or index - self._last_search >= self._search_every:
            self._search(index, image)
        else:
            self._follow(image, self._active)
        self._settle_doubts(index)
        self._look(index, image)
        self._recent.append((index, frame))

    def packed(self) -> dict[str, NDArray[Any]]:
        """All that was learnt from the frames so far, as arrays; `unpack` goes on from there."""
        numbers = {id(tracklet): number for number, tracklet in enumerate(self.tracklets)}
        return {
            **packed_tracklets(self.tracklets),
            **self._cuts.packed(),
            "active": np.array([numbers[id(tracklet)] for tracklet in self._active], np.int64),
            "searches": np.array([self._searches, self._last_search, len(self._recent)], np.int64),
        }

    def unpack(self, arrays: dict[str, NDArray[Any]], seen: int, source: FrameSource) -> None:
        """Go on where another follower was that had seen so many frames of the clip."""
        self.tracklets = unpacked_tracklets(arrays)
        self._cuts.unpack(arrays)
        self._active = [self.tracklets[number] for number in arrays["active"].tolist()]
        self._searches, self._last_search, recent = arrays["searches"].tolist()
        self._recent.extend(enumerate(source.frames(seen - recent, seen), seen - recent))

    def _search(self, index: int, image: ByteArray) -> None:
        found = self._detector.detect(image, thorough=self._searches % THOROUGH_EVERY == 0)
        self._searches += 1
        self._last_search = index
        known = _match(self._active, found)
        for tracklet, face in known:
            tracklet.add(face)
            tracklet.found += 1
        taken = {id(face) for _, face in known}
        continued = {id(tracklet) for tracklet, _ in known}
        self._follow(image, [tracklet for tracklet in self._active if id(tracklet) not in continued])
        for face in found:
            if id(face) not in taken and not self._is_known(face.landmarks, face.side, index):
                self._begin(index, face)

    def _follow(self, image: ByteArray, tracklets: list[Tracklet]) -> None:
        """Add one frame to each tracklet, or let it end."""
        places = [tracklet.predicted() for tracklet in tracklets]
        for tracklet, place, face in zip(tracklets, places, self._detector.follow(image, places), strict=True):
            if face is not None and _is_same(face, place, tracklet.side(tracklet.end)):
                tracklet.add(face)
            else:
                self._active = [other for other in self._active if other is not tracklet]

    def _begin(self, index: int, face: Detection) -> None:
        """Start a tracklet as far back as the face can be followed."""
        earlier: list[Detection] = []
        for number, frame in reversed(self._recent):
            last = earlier[-1] if earlier else face
            (before,) = self._detector.follow(frame.to_rgb8(), [last.landmarks])
            if before is None or not _is_same(before, last.landmarks, last.side):
                break
            if self._is_known(before.landmarks, before.side, number):
                break
            earlier.append(before)
        tracklet = self._new(index - len(earlier), [*reversed(earlier), face])
        tracklet.found = 1

    def _new(self, start: int, faces: list[Detection], *, crossing: bool = False) -> Tracklet:
        tracklet = Tracklet(start, crossing=crossing)
        for face in faces:
            tracklet.add(face)
        self.tracklets.append(tracklet)
        self._active.append(tracklet)
        return tracklet

    def _is_known(self, landmarks: FloatArray, side: float, frame: int) -> bool:
        """Say whether a tracklet has this face in this frame already."""
        here = [t for t in reversed(self.tracklets) if t.start <= frame <= t.end]
        return any(
            float(np.hypot(*(t.centre(frame) - landmarks.mean(axis=0)))) < SAME_PLACE * max(t.side(frame), side)
            for t in here
        )

    def _settle_doubts(self, index: int) -> None:
        """End every tracklet that begins or ceases to overlap with another, and go on with a new one."""
        close, claimed = self._overlaps(index)
        for tracklet in list(self._active):
            doubtful, is_double = id(tracklet) in close, id(tracklet) in claimed
            if doubtful == tracklet.crossing and not is_double:
                continue
            face = tracklet.pop()
            self._active = [other for other in self._active if other is not tracklet]
            if not is_double:
                self._new(index, [face], crossing=doubtful)
        self.tracklets = [tracklet for tracklet in self.tracklets if len(tracklet)]

    def _overlaps(self, index: int) -> tuple[set[int], set[int]]:
        """Return ids of tracklets near another one, and of those that claim another one's face."""
        close: set[int] = set()
        claimed: set[int] = set()
        for number, one in enumerate(self._active):
            for other in self._active[number + 1 :]:
                side = min(one.side(index), other.side(index))
                apart = float(np.hypot(*(one.centre(index) - other.centre(index)))) / side
                if apart < (CLEAR if one.crossing or other.crossing else DOUBTFUL):
                    close |= {id(one), id(other)}
                if apart < ONE_FACE:
                    claimed.add(id(other))
        return close, claimed

    def _look(self, index: int, image: ByteArray) -> None:
        for tracklet in self._active:
            if tracklet.looked_at is None or index - tracklet.looked_at >= self._look_every:
                tracklet.appearance += look(image, tracklet.points(index), self._recogniser)
                tracklet.looked_at = index


def _is_same(face: Detection, place: FloatArray, side: float) -> bool:
    """Say whether a face may be the one that was expected here, at this size, a frame later."""
    moved = float(np.hypot(*(face.landmarks - place).mean(axis=0)))
    return moved < JUMP * side and max(face.side, side) < OTHER_SIZE * min(face.side, side)


def _match(tracklets: list[Tracklet], found: list[Detection]) -> list[tuple[Tracklet, Detection]]:
    """Pair tracklets with the faces that lie where they should be, so that the distances' sum is least."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - heavy

    if not tracklets or not found:
        return []
    apart = np.empty((len(tracklets), len(found)))
    for row, tracklet in enumerate(tracklets):
        place, side = tracklet.predicted().mean(axis=0), tracklet.side(tracklet.end)
        for column, face in enumerate(found):
            ratio = max(face.side, side) / min(face.side, side)
            distance = float(np.hypot(*(face.landmarks.mean(axis=0) - place))) / min(face.side, side)
            apart[row, column] = distance if ratio < OTHER_SIZE else np.inf
    pairs = zip(*linear_sum_assignment(np.minimum(apart, 10 * SAME_PLACE)), strict=True)
    return [(tracklets[row], found[column]) for row, column in pairs if apart[row, column] < SAME_PLACE]

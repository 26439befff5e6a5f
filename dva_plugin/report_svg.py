"""A curve over the frames of a shot as inline SVG: no script, no file beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import numpy as np

from ..model.types import FloatArray

WIDTH, HEIGHT = 620, 96
LEFT, RIGHT, TOP, BOTTOM = 62, 10, 8, 16
MOST_POINTS = 1000


@dataclass(frozen=True)
class Chart:
    """One curve, what is normal for it, and the frames that are not."""

    title: str
    curve: FloatArray
    """[T], NaN where there is no number."""
    other: FloatArray | None = None
    """[T] the same of the source, drawn pale."""
    low: float = -np.inf
    high: float = np.inf
    flagged: Sequence[int] = ()
    missing: Sequence[int] = ()
    """Frames without a face, drawn as a grey background."""


def draw(chart: Chart) -> str:
    """The chart as one <svg> element; the empty string where no frame has a number."""
    known = chart.curve[np.isfinite(chart.curve)]
    if not len(known):
        return ""
    low, high = _range(chart)
    place = _Place(len(chart.curve), low, high)
    parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(chart.title)}">']
    parts.append(f"<title>{escape(chart.title)}</title>")
    parts += [_column(place, first, last) for first, last in _runs(chart.missing)]
    if np.isfinite(chart.low) or np.isfinite(chart.high):
        top, bottom = place.y(min(chart.high, high)), place.y(max(chart.low, low))
        height = max(bottom - top, 0)
        parts.append(f'<rect class="normal" x="{LEFT}" y="{top:.1f}" width="{place.width}" height="{height:.1f}"/>')
    if chart.other is not None:
        parts.append(_line(place, chart.other, "source"))
    parts.append(_line(place, chart.curve, "edited"))
    parts += [_dot(place, frame, float(chart.curve[frame])) for frame in chart.flagged]
    parts.append(_text(LEFT - 6, TOP + 8, f"{high:.3g}", "end"))
    parts.append(_text(LEFT - 6, HEIGHT - BOTTOM, f"{low:.3g}", "end"))
    parts.append(_text(LEFT, HEIGHT - 3, "0", "start"))
    parts.append(_text(WIDTH - RIGHT, HEIGHT - 3, f"frame {len(chart.curve) - 1}", "end"))
    parts.append("</svg>")
    return "".join(parts)


@dataclass(frozen=True)
class _Place:
    """Where a frame and a value lie in the picture."""

    frames: int
    low: float
    high: float

    @property
    def width(self) -> int:
        return WIDTH - LEFT - RIGHT

    def x(self, frame: float) -> float:
        return LEFT + self.width * frame / max(self.frames - 1, 1)

    def y(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.high - value) / (self.high - self.low)


def _range(chart: Chart) -> tuple[float, float]:
    """The values at the bottom and the top: those of both curves and of the normal band, never nothing."""
    both = np.concatenate([chart.curve, chart.other if chart.other is not None else chart.curve[:0]])
    seen = [*both[np.isfinite(both)].tolist(), *(limit for limit in (chart.low, chart.high) if np.isfinite(limit))]
    low, high = min(seen), max(seen)
    room = 0.05 * (high - low) or max(abs(high), 1e-3) * 0.1
    return (max(low - room, 0.0) if low >= 0 else low - room), high + room


def _line(place: _Place, curve: FloatArray, kind: str) -> str:
    """A polyline for every stretch of frames that have a number, and a dot where it is one frame long."""
    known = np.flatnonzero(np.isfinite(curve))
    if not len(known):
        return ""
    parts: list[str] = []
    for stretch in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
        at = _thinned(stretch, curve)
        if len(at) == 1:
            at = np.repeat(at, 2)  # a round cap shows a line of no length
        points = " ".join(f"{place.x(int(t)):.1f},{place.y(float(curve[t])):.1f}" for t in at)
        parts.append(f'<polyline class="{kind}" points="{points}"/>')
    return "".join(parts)


def _thinned(frames: np.ndarray, curve: FloatArray) -> np.ndarray:
    """At most about MOST_POINTS of the frames: the lowest and the highest of each stretch."""
    if len(frames) <= MOST_POINTS:
        return frames
    kept: list[int] = []
    for stretch in np.array_split(frames, MOST_POINTS // 2):
        kept += sorted({int(stretch[np.argmin(curve[stretch])]), int(stretch[np.argmax(curve[stretch])])})
    return np.array(kept)


def _dot(place: _Place, frame: int, value: float) -> str:
    told = f"<title>frame {frame}: {value:.4g}</title>"
    return f'<circle class="flag" cx="{place.x(frame):.1f}" cy="{place.y(value):.1f}" r="3.5">{told}</circle>'


def _column(place: _Place, first: int, last: int) -> str:
    left, right = place.x(max(first - 0.5, 0)), place.x(min(last + 0.5, place.frames - 1))
    height = HEIGHT - TOP - BOTTOM
    return f'<rect class="missing" x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" height="{height}"/>'


def _runs(frames: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each run of successive frames."""
    if not len(frames):
        return []
    breaks = [0, *(k + 1 for k, (a, b) in enumerate(pairwise(frames)) if b != a + 1), len(frames)]
    return [(int(frames[a]), int(frames[b - 1])) for a, b in pairwise(breaks)]


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'

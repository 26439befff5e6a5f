"""Which frames a person should look at: those that leave the clip's own habit.

The rule is the same for every curve. The clip's median says what is normal for this edit, and its spread (1.4826 times
the median absolute deviation, which a few bad frames cannot move) how much it varies. A frame is flagged when it leaves
the median by more than REACH spreads and by more than a least step that a person would notice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..types import FloatArray
from .clip import Measured

REACH = 6.0
FEWEST = 5
"""Frames with a face below which a clip has no habit to leave."""

FlagKind = Literal["gap", "lost", "identity", "jitter", "seam", "outside", "change"]
FLAG_TEXT: dict[FlagKind, str] = {
    "gap": "the track has no face here, so nothing was edited",
    "lost": "the face is found in the source and not in the edit",
    "identity": "looks less like the rest of the clip than the source's frame does",
    "jitter": "the face sits elsewhere than in the source",
    "seam": "the edit breaks off with a hard edge",
    "outside": "pixels changed outside the head",
    "change": "changed much less or much more than the rest of the clip: unedited, or broken",
}


@dataclass(frozen=True)
class Rule:
    """One curve and what counts as leaving it."""

    kind: FlagKind
    curve: str
    side: Literal["above", "below", "both"]
    least: float
    """Least step away from the median, in the curve's unit."""
    least_share: float = 0.0
    """The same as a share of the median."""
    never: float = np.inf
    """Flagged from here on even where the whole clip is like that."""


RULES = (
    Rule("identity", "steadiness", "below", 0.05),
    Rule("jitter", "shift", "above", 1.0, never=2.0),
    Rule("seam", "seam", "above", 0.01, never=0.1),
    Rule("outside", "spill", "above", 0.1, never=0.3),
    Rule("outside", "beyond", "above", 0.002, never=0.02),
    Rule("change", "change", "both", 0.002, 0.5),
)
RULE_TEXT = (
    f"A frame is flagged where a curve leaves the clip's own median by more than {REACH:g} spreads (1.4826 times "
    "the median absolute deviation) and by at least: "
    + "; ".join(
        f"{rule.curve} {rule.least:g}"
        + (f" and {rule.least_share:.0%} of the median" if rule.least_share else "")
        + (f", or anywhere above {rule.never:g}" if np.isfinite(rule.never) else "")
        for rule in RULES
    )
    + ". Frames without a track and faces that the edit hid are always flagged."
)
"""The rules in words, for whoever reads a report."""


@dataclass(frozen=True)
class Band:
    """What is normal for a curve in this clip."""

    median: float
    low: float
    """-inf for a curve that is only watched upwards."""
    high: float


@dataclass(frozen=True)
class Flag:
    """One frame to look at, and why."""

    frame: int
    kind: FlagKind
    curve: str | None = None
    """What it was read from; None for a gap and a lost face."""
    value: float | None = None
    band: Band | None = None


def band(curve: FloatArray, rule: Rule) -> Band | None:
    """The normal range of a curve [T] under a rule; None where no frame has a number.

    A clip of fewer than FEWEST frames has no habit, and only the rule's absolute limit holds for it.
    """
    known = curve[np.isfinite(curve)]
    if not len(known):
        return None
    median = float(np.median(known))
    spread = 1.4826 * float(np.median(np.abs(known - median)))
    reach = max(REACH * spread, rule.least, rule.least_share * abs(median)) if len(known) >= FEWEST else np.inf
    low = median - reach if rule.side != "above" else -np.inf
    return Band(median, low, min(median + reach, rule.never) if rule.side != "below" else np.inf)


def flags(measured: Measured) -> list[Flag]:
    """Every flag of a clip, in the order of its frames."""
    found = [Flag(int(frame), "gap") for frame in np.flatnonzero(~measured.present)]
    found += [Flag(int(frame), "lost") for frame in np.flatnonzero(measured.lost)]
    for rule in RULES:
        curve = measured.curves[rule.curve]
        normal = band(curve, rule)
        if normal is not None:
            wrong = np.flatnonzero((curve < normal.low) | (curve > normal.high))
            found += [Flag(int(frame), rule.kind, rule.curve, float(curve[frame]), normal) for frame in wrong]
    return sorted(found, key=lambda flag: flag.frame)


def ranges(frames: Sequence[int]) -> str:
    """Frame numbers in words: 3, 7-9."""
    parts: list[list[int]] = []
    for frame in sorted(set(frames)):
        if parts and frame == parts[-1][1] + 1:
            parts[-1][1] = frame
        else:
            parts.append([frame, frame])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)

"""Tracklets to people: which pieces belong to one person.

A sum of three pieces of evidence, each positive for "the same" and negative for "another": who the identity encoder
says it is, the colours of the head, and whether the movement goes on. Colours and movement count within a shot; across
a cut little is left but identity. Two faces in one frame are two people, whatever they look like.
"""

from dataclasses import dataclass

import numpy as np

from ..types import FloatArray
from .appearance import Appearance, cosine
from .tracklet import Tracklet

MOVES_ON = 3.0
"""Seconds without a face after which its movement says nothing about where it is."""
FREE_REACH, REACH_A_SECOND = 0.6, 1.5
"""In sides of the face: how far from the expected place it may be at once, and how much farther a second later."""
SAME_SPOT = 0.5
"""In sides: somebody who comes back this near to where they left is probably the same."""
NO_EVIDENCE = 0.65
"""Part of a face's likeness to itself at which identity speaks neither for nor against."""
USUAL_LIKENESS = 0.9
"""A face's likeness to itself where no tracklet is long enough to tell."""
COLOURS_ALIKE = 0.82
"""Bhattacharyya's coefficient at which colours speak neither for nor against."""


@dataclass
class Chain:
    """Tracklets of one person, in the order of time."""

    tracklets: list[Tracklet]
    appearance: Appearance

    @classmethod
    def of(cls, tracklet: Tracklet) -> "Chain":
        return cls([tracklet], tracklet.appearance)

    def joined(self, other: "Chain") -> "Chain":
        """Both together."""
        together = sorted([*self.tracklets, *other.tracklets], key=lambda tracklet: tracklet.start)
        return Chain(together, self.appearance + other.appearance)

    def meets(self, other: "Chain") -> bool:
        """Say whether both are in the same frame somewhere."""
        return any(a.start <= b.end and b.start <= a.end for a in self.tracklets for b in other.tracklets)


def link(tracklets: list[Tracklet], cuts: list[int], frame_rate: float) -> list[list[Tracklet]]:
    """Group the tracklets of each person. cuts: first frames of new shots."""
    linker = _Linker(tracklets, cuts, frame_rate)
    sure = [Chain.of(tracklet) for tracklet in tracklets if not tracklet.crossing]
    doubtful = sorted((t for t in tracklets if t.crossing), key=len, reverse=True)
    chains = linker.join_all(linker.move_on(sure))
    for tracklet in doubtful:
        chains = linker.give(tracklet, chains)
    return [chain.tracklets for chain in chains]


class _Linker:
    def __init__(self, tracklets: list[Tracklet], cuts: list[int], frame_rate: float) -> None:
        self._cuts = np.array(cuts, int)
        self._rate = frame_rate
        likeness = [own for t in tracklets if np.isfinite(own := t.appearance.own_likeness())]
        self._no_evidence = NO_EVIDENCE * (float(np.median(likeness)) if likeness else USUAL_LIKENESS)

    def move_on(self, chains: list[Chain]) -> list[Chain]:
        """Join pieces of a shot across short gaps, all at once: who crosses whom is decided for both together."""
        from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - heavy

        if not chains:
            return []
        chains = sorted(chains, key=lambda chain: chain.tracklets[0].start)
        evidence = np.zeros((len(chains), len(chains)))
        for row, before in enumerate(chains):
            for column, after in enumerate(chains):
                gap = after.tracklets[0].start - before.tracklets[-1].end
                if 0 < gap <= MOVES_ON * self._rate:
                    evidence[row, column] = max(0.0, self._move_on(before, after))
        successor = {
            row: column
            for row, column in zip(*linear_sum_assignment(evidence, maximize=True), strict=True)
            if evidence[row, column] > 0
        }
        firsts = [number for number in range(len(chains)) if number not in successor.values()]
        return [self._string(chains, successor, first) for first in firsts]

    def _string(self, chains: list[Chain], successor: dict[int, int], number: int) -> Chain:
        chain = chains[number]
        while number in successor:
            number = successor[number]
            chain = chain.joined(chains[number])
        return chain

    def join_all(self, chains: list[Chain]) -> list[Chain]:
        """Join the likeliest pair again and again, over any distance in time, until nothing speaks for another."""
        evidence = np.full((len(chains), len(chains)), -np.inf)
        for row in range(len(chains)):
            for column in range(row):
                evidence[row, column] = self._same_person(chains[row], chains[column])
        while evidence.size and evidence.max() > 0:
            row, column = (int(i) for i in np.unravel_index(evidence.argmax(), evidence.shape))
            chains = [*chains]
            chains[column] = chains[column].joined(chains.pop(row))
            evidence = np.delete(np.delete(evidence, row, 0), row, 1)
            for other in range(len(chains)):
                if other != column:
                    pair = max(other, column), min(other, column)
                    evidence[pair] = self._same_person(chains[other], chains[column])
        return chains

    def give(self, tracklet: Tracklet, chains: list[Chain]) -> list[Chain]:
        """Give a doubtful tracklet to the person whose path it fills, or to nobody: it is no person of its own."""
        piece = Chain.of(tracklet)
        found = [
            (self._fills(chain, tracklet), number) for number, chain in enumerate(chains) if not chain.meets(piece)
        ]
        best, number = max(found, default=(0.0, -1))
        if best <= 0:
            return chains if chains else [piece]
        return [chain.joined(piece) if at == number else chain for at, chain in enumerate(chains)]

    def _fills(self, chain: Chain, tracklet: Tracklet) -> float:
        """Evidence that a tracklet lies in a gap of a chain."""
        before = [t for t in chain.tracklets if t.end < tracklet.start]
        after = [t for t in chain.tracklets if t.start > tracklet.end]
        hints = [self._movement(before[-1], tracklet)] if before else []
        hints += [self._movement(tracklet, after[0])] if after else []
        near = [hint for hint in hints if hint is not None]
        return sum(near) / len(near) + 0.5 * self._alike(chain.appearance, tracklet.appearance) if near else -1.0

    def _move_on(self, before: Chain, after: Chain) -> float:
        movement = self._movement(before.tracklets[-1], after.tracklets[0])
        if movement is None:
            return -1.0
        return movement + self._alike(before.appearance, after.appearance)

    def _movement(self, before: Tracklet, after: Tracklet) -> float | None:
        """Evidence that one face moved on as the other, 2 to -4; None after a cut or a long absence."""
        gap = after.start - before.end
        if gap > MOVES_ON * self._rate or self._cut_between(before, after):
            return None
        seconds = gap / self._rate
        half = min(gap, self._rate) / 2  # nobody goes straight on for longer than a second
        left = before.centre(before.end) + before.velocity(before.end) * half
        came = after.centre(after.start) - after.velocity(after.start, 1) * half
        sides = before.side(before.end), after.side(after.start)
        apart = float(np.hypot(*(left - came))) / min(sides) / (FREE_REACH + REACH_A_SECOND * seconds)
        grown = abs(float(np.log(sides[0] / sides[1]))) / (0.3 + 0.5 * seconds)
        return max(2 * float(np.exp(-seconds / 1.5)) - 2 * apart**2 - grown**2, -4.0)

    def _same_person(self, one: Chain, other: Chain) -> float:
        """Evidence for one person where movement no longer tells; a doubt of 1 must be overcome."""
        if one.meets(other):
            return -np.inf
        before, after = sorted((one, other), key=lambda chain: chain.tracklets[0].start)
        last = max((t for t in before.tracklets if t.end < after.tracklets[0].start), key=lambda t: t.end)
        is_cut = self._cut_between(last, after.tracklets[0])
        return self._alike(one.appearance, other.appearance, is_cut=is_cut) + _spot(last, after.tracklets[0]) - 1.0

    def _alike(self, one: Appearance, other: Appearance, *, is_cut: bool = False) -> float:
        """Evidence from what both look like: identity within 4, colours from -3 to 1 (half of it after a cut)."""
        if not (one.looks and other.looks):
            return 0.0
        colours = float(np.clip(20 * (cosine(one.colours, other.colours) - COLOURS_ALIKE), -3.0, 1.0))
        colours *= 0.5 if is_cut else 1.0
        if one.identity is None or other.identity is None:
            return colours
        sure = min(1.0, min(one.looks, other.looks) / 2)
        likeness = cosine(one.identity, other.identity)
        return colours + sure * float(np.clip(12 * (likeness - self._no_evidence), -4.0, 4.0))

    def _cut_between(self, before: Tracklet, after: Tracklet) -> bool:
        shots = np.searchsorted(self._cuts, [before.end, after.start], side="right")
        return bool(shots[0] != shots[1])


def _spot(before: Tracklet, after: Tracklet) -> float:
    """Evidence from somebody coming back to the same place at the same size: 1 or 0."""
    here: FloatArray = before.centre(before.end) - after.centre(after.start)
    sides = before.side(before.end), after.side(after.start)
    same_size = max(sides) < 1.5 * min(sides)
    return 1.0 if same_size and float(np.hypot(*here)) < SAME_SPOT * min(sides) else 0.0

"""Whose face: the largest, the one on the left, a number, or whoever looks like a photograph."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from ..errors import InputError, UsageError
from ..types import ByteArray
from .appearance import Appearance, cosine
from .people import People, Person

PERSONS = ("largest", "left", "right")
SEEN_ENOUGH = 0.25
"""Part of the longest seen person's frames; who is seen in fewer passes by, and is neither left nor right."""
NOT_ALIKE = 0.0
"""Cosine of identities at and below which nobody in the clip is the person in the photograph."""


@dataclass(frozen=True, eq=False)
class Reference:
    """The person in a photograph, who covers most area of it."""

    image: ByteArray
    """[H, W, 3] RGB."""

    def __repr__(self) -> str:
        """Tell photographs apart by their pixels: a run that goes on from an earlier one compares its request so."""
        return f"Reference({self.image.shape}, {hashlib.sha256(self.image.tobytes()).hexdigest()[:16]})"


PersonChoice: TypeAlias = Literal["largest", "left", "right"] | int | Reference


def person_choice(text: str, reference: ByteArray | None = None) -> PersonChoice:
    """Read "largest", "left", "right" or a number from 0; where there is a reference photo [H, W, 3], that counts.

    Raises UsageError for any other text.
    """
    match text:
        case _ if reference is not None:
            return Reference(reference)
        case "largest" | "left" | "right":
            return text
        case _ if text.isdecimal():
            return int(text)
        case _:
            raise UsageError(
                f"no person {text!r}; give {', '.join(PERSONS)} or a number from 0, "
                "as dva track and Track Preview list them"
            )


def choose_person(people: People, who: PersonChoice, look_at: Callable[[ByteArray], Appearance]) -> Person:
    """Find the chosen person among the people of a clip, of whom there is at least one.

    look_at: tells what the largest face of a photograph looks like. Raises UsageError for a number that nobody has and
    InputError where nobody looks like the photograph.
    """
    match who:
        case "largest":
            return people.people[0]
        case "left":
            return min(_staying(people), key=_place)
        case "right":
            return max(_staying(people), key=_place)
        case int():
            if not 0 <= who < len(people.people):
                found = f"0 to {len(people.people) - 1}" if len(people.people) > 1 else "only 0"
                raise UsageError(
                    f"no person {who} in this clip; there is {found}, as dva track and Track Preview list them"
                )
            return people.people[who]
        case Reference():
            return _most_alike(people, look_at(who.image))


def _staying(people: People) -> list[Person]:
    longest = max(len(person.frames) for person in people.people)
    return [person for person in people.people if len(person.frames) >= SEEN_ENOUGH * longest]


def _place(person: Person) -> float:
    return float(np.median(person.landmarks[..., 0]))


def _most_alike(people: People, wanted: Appearance) -> Person:
    """The person whose identity is nearest; colours do not count, a photograph has its own light."""
    if wanted.identity is None:
        raise UsageError("a reference photo needs a pack whose identity encoder can compare faces; none was given")
    likeness = [
        cosine(person.appearance.identity, wanted.identity) if person.appearance.identity is not None else -1.0
        for person in people.people
    ]
    best = int(np.argmax(likeness))
    if likeness[best] <= NOT_ALIKE:
        raise InputError("nobody in the clip looks like the reference photo; choose the person by number instead")
    return people.people[best]

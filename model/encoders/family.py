"""The two families of encoders that a pack may hold, behind one interface.

Whatever the family, an encoder takes signed crops [B, 3, S, S], prepares them as it needs, and gives

    identity    z_id [B, D]
    landmarks   points [B, 68, 2]
    parser      logits [B, classes, S, S]

so that nobody else asks which family it is. pack.json names the family; without a name it is the embedded pack's.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from torch import nn

from .identity import IdentityEncoder
from .landmarks import LandmarkEncoder
from .parser import FaceParser
from .published import RESOLUTION
from .published.identity import DIM, PublishedIdentityEncoder
from .published.landmarks import PublishedLandmarkEncoder
from .published.parser import CLASSES, PublishedParser


class EncoderFamily(Protocol):
    """Sizes that build the encoders, without weights. The parser fits crops of any side."""

    @property
    def id_dim(self) -> int:
        """D of z_id."""
        ...

    @property
    def face_hidden(self) -> tuple[int, ...]:
        """Widths between (z_id, z_lnd) and z_face."""
        ...

    @property
    def parser_classes(self) -> tuple[str, ...]:
        """What each label of the parser means."""
        ...

    def identity(self, resolution: int) -> nn.Module: ...

    def landmarks(self, resolution: int) -> nn.Module: ...

    def parser(self) -> nn.Module: ...


@dataclass(frozen=True)
class EmbeddedFamily:
    """Small encoders of any size: those of the pack `mini`."""

    id_dim: int
    face_hidden: tuple[int, ...]
    identity_widths: tuple[int, ...]
    landmark_widths: tuple[int, ...]
    landmark_hidden: int
    parser_widths: tuple[int, ...]
    parser_classes: tuple[str, ...]

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "EmbeddedFamily":
        """Read the "encoders" of a pack.json; KeyError, TypeError or ValueError where they are malformed."""
        return cls(
            id_dim=int(facts["id_dim"]),
            face_hidden=tuple(facts["face_hidden"]),
            identity_widths=tuple(facts["identity_widths"]),
            landmark_widths=tuple(facts["landmark_widths"]),
            landmark_hidden=int(facts["landmark_hidden"]),
            parser_widths=tuple(facts["parser_widths"]),
            parser_classes=tuple(facts["parser_classes"]),
        )

    def identity(self, resolution: int) -> IdentityEncoder:
        return IdentityEncoder(resolution, self.identity_widths, self.id_dim)

    def landmarks(self, resolution: int) -> LandmarkEncoder:
        return LandmarkEncoder(resolution, self.landmark_widths, self.landmark_hidden)

    def parser(self) -> FaceParser:
        return FaceParser(self.parser_widths, len(self.parser_classes))


@dataclass(frozen=True)
class PublishedFamily:
    """The published network's encoders. They have one size; crops of another raise ValueError."""

    id_dim: int = DIM
    face_hidden: tuple[int, ...] = ()
    parser_classes: tuple[str, ...] = CLASSES

    def identity(self, resolution: int) -> PublishedIdentityEncoder:
        _check_resolution(resolution)
        return PublishedIdentityEncoder()

    def landmarks(self, resolution: int) -> PublishedLandmarkEncoder:
        _check_resolution(resolution)
        return PublishedLandmarkEncoder()

    def parser(self) -> PublishedParser:
        return PublishedParser()


def family_from_json(facts: dict[str, Any]) -> EncoderFamily:
    """Read the "encoders" of a pack.json; KeyError, TypeError or ValueError where it is malformed."""
    match facts.get("family", "embedded"):
        case "embedded":
            return EmbeddedFamily.from_json(facts)
        case "published":
            return PublishedFamily()
        case other:
            raise ValueError(f"it names the encoder family {other!r}; there is embedded and published")


def _check_resolution(resolution: int) -> None:
    if resolution != RESOLUTION:
        raise ValueError(f"the published encoders see crops of side {RESOLUTION}, not {resolution}")

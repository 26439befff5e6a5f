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
    """Sizes that build the encoders, without weights."""

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

    def identity(self) -> nn.Module: ...

    def landmarks(self) -> nn.Module: ...

    def parser(self) -> nn.Module: ...


@dataclass(frozen=True)
class EmbeddedFamily:
    """Small encoders of any size: those of the pack `mini`."""

    side: int
    """Side of the crops that they look at, which may be smaller than the denoiser's."""
    id_dim: int
    face_hidden: tuple[int, ...]
    identity_widths: tuple[int, ...]
    landmark_widths: tuple[int, ...]
    landmark_hidden: int
    parser_widths: tuple[int, ...]
    parser_classes: tuple[str, ...]

    @classmethod
    def from_json(cls, facts: dict[str, Any], resolution: int) -> "EmbeddedFamily":
        """Read the "encoders" of a pack.json; KeyError, TypeError or ValueError where they are malformed.

        resolution: the pack's, which the encoders share unless they name a `side` of their own.
        """
        return cls(
            side=int(facts.get("side", resolution)),
            id_dim=int(facts["id_dim"]),
            face_hidden=tuple(facts["face_hidden"]),
            identity_widths=tuple(facts["identity_widths"]),
            landmark_widths=tuple(facts["landmark_widths"]),
            landmark_hidden=int(facts["landmark_hidden"]),
            parser_widths=tuple(facts["parser_widths"]),
            parser_classes=tuple(facts["parser_classes"]),
        )

    def identity(self) -> IdentityEncoder:
        return IdentityEncoder(self.side, self.identity_widths, self.id_dim)

    def landmarks(self) -> LandmarkEncoder:
        return LandmarkEncoder(self.side, self.landmark_widths, self.landmark_hidden)

    def parser(self) -> FaceParser:
        return FaceParser(self.side, self.parser_widths, len(self.parser_classes))


@dataclass(frozen=True)
class PublishedFamily:
    """The published network's encoders, for crops of side 256."""

    id_dim: int = DIM
    face_hidden: tuple[int, ...] = ()
    parser_classes: tuple[str, ...] = CLASSES

    def identity(self) -> PublishedIdentityEncoder:
        return PublishedIdentityEncoder()

    def landmarks(self) -> PublishedLandmarkEncoder:
        return PublishedLandmarkEncoder()

    def parser(self) -> PublishedParser:
        return PublishedParser()


def family_from_json(facts: dict[str, Any], resolution: int) -> EncoderFamily:
    """Read the "encoders" of a pack.json of that resolution.

    Raises KeyError, TypeError or ValueError where it is malformed, or where the published ones should see other crops.
    """
    match facts.get("family", "embedded"):
        case "embedded":
            return EmbeddedFamily.from_json(facts, resolution)
        case "published":
            if resolution != RESOLUTION:
                raise ValueError(f"the published encoders see crops of side {RESOLUTION}, not {resolution}")
            return PublishedFamily()
        case other:
            raise ValueError(f"it names the encoder family {other!r}; there is embedded and published")

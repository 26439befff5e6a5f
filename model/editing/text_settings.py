"""How the search for a text's direction is set."""

from dataclasses import dataclass
from typing import Literal

from ..errors import UsageError
from .chain import View

Along = Literal["attributes", "everywhere"]
"""Where a step may lead: into combinations of the pack's attribute directions, or anywhere in the identity's space (the
paper). The network was taught what the former look like; elsewhere CLIP finds steps that please it alone."""


@dataclass(frozen=True)
class TextSettings:
    """How a direction is looked for. The defaults are ours; PUBLISHED holds the paper's."""

    iterations: int = 30
    """Most of them, 1 to 10000."""
    rate: float = 0.05
    """Adam's, above 0 and up to 1: in strengths of the attributes, or in spreads of the identity over people."""
    along: Along = "attributes"
    steps: int = 5
    """S: levels of the chain, 1 to 50."""
    anchors: int = 2
    """Frames that are looked at together, evenly chosen among those with a face, 1 to 32."""
    clip_weight: float = 3.0
    """0 to 100, like the other two."""
    id_weight: float = 0.5
    l1_weight: float = 0.5
    sparse_weight: float = 0.05
    """Price of each strength of an attribute, 0 to 100: so that few attributes move and not all of them a little. It
    counts only along attributes."""
    patience: int = 4
    """Stop when the loss has not fallen by a hundredth of itself for so many iterations; 0 never stops."""
    view: View = "estimated"
    seed: int = 0
    """Of the first, tiny step."""
    keep_best: bool = False
    """When asked to stop (Interrupted), give back the best step so far instead of nothing."""

    def check(self) -> None:
        """UsageError for a number out of its range."""
        ranges = {
            "iterations": (1, 10_000),
            "steps": (1, 50),
            "anchors": (1, 32),
            "clip_weight": (0, 100),
            "id_weight": (0, 100),
            "l1_weight": (0, 100),
            "sparse_weight": (0, 100),
            "patience": (0, 10_000),
        }
        for name, (least, most) in ranges.items():
            if not least <= getattr(self, name) <= most:
                raise UsageError(f"{name} must lie between {least} and {most}, not {getattr(self, name)}")
        if not 0 < self.rate <= 1:
            raise UsageError(f"the rate must lie above 0 and not above 1, not {self.rate}")


PUBLISHED = TextSettings(
    iterations=2000, rate=0.045, along="everywhere", view="noisy", anchors=1, id_weight=5.0, l1_weight=5.0, patience=0
)
"""The published settings: five steps of one frame, 2000 iterations, all of them. Its rate of 0.002 belongs to a unit
vector of 512 numbers, each of which has a spread of about 0.044 over people; in spreads that is 0.045."""

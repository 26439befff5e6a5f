"""How an edit is brought back into its frames."""

from dataclasses import dataclass
from typing import Literal

from ..errors import UsageError

Detail = Literal["keep", "replace", "auto"]
"""Where an edited pixel takes its finest detail from, which crops of 64 to 256 pixels do not hold: `keep` from the
source, `replace` from nowhere, which is the paper's paste of the decoded pixels; `auto` from the source unless the edit
did away with what it shows."""

DETAIL: Detail = "auto"
FEATHER = 0.08
"""Width of the band round the mask's outline in which the edit fades, as part of the crop's side."""


@dataclass(frozen=True)
class PasteSettings:
    """What an artist may choose about Paste Back. UsageError for a value out of its range."""

    detail: Detail = DETAIL
    feather: float = FEATHER
    """0 to 0.5 of the crop's side."""
    colour_match: bool = False
    """Whether the shift of colour that an edit brings to what it should leave alone is taken off the whole edit."""

    def __post_init__(self) -> None:
        if not 0 <= self.feather <= 0.5:
            raise UsageError(
                f"feather is a part of the crop's side, 0 to 0.5, not {self.feather}; leave it out for {FEATHER}"
            )

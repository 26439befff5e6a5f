"""The networks that measure, as far as they lie on this computer."""

from dataclasses import dataclass, field
from importlib.util import find_spec

import torch

from ..errors import DvaError
from ..faces.detect import FaceDetector
from .judge import JudgePack
from .recognise import Recogniser, judge_recogniser, load_facenet
from .reconstruction import PictureDistance, load_lpips
from .temporal import FlowOf, load_flow


@dataclass(frozen=True)
class Instruments:
    """The networks that measure. None where one is not on this computer; `missing` says so in words."""

    detector: FaceDetector
    flow_name: str
    flow: FlowOf
    lpips: PictureDistance | None
    recogniser: Recogniser | None
    judge: JudgePack | None
    missing: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def load(cls, judge: JudgePack | None, device: torch.device) -> "Instruments":
        """Everything that lies on this computer; nothing is fetched. FaceNet judges identity where its weights are.

        DvaError where the package that computes SSIM is missing.
        """
        if find_spec("torchmetrics") is None:
            raise DvaError("measuring needs the package torchmetrics; install it: pip install torchmetrics")
        lpips, facenet = load_lpips(device), load_facenet(device)
        recogniser = facenet or (judge_recogniser(judge) if judge else None)
        missing: dict[str, str] = {}
        if lpips is None:
            missing["lpips"] = "AlexNet's weights are not in torch's download cache, and nothing is fetched"
        if recogniser is None:
            why = "neither the pack `judge` nor FaceNet's weights are on this computer"
            missing |= dict.fromkeys(("tl_id", "tg_id", "id_cosine"), why)
        return cls(FaceDetector(device), *load_flow(device), lpips, recogniser, judge, missing)

    def names(self) -> dict[str, str]:
        """What measures what, in words."""
        return {
            "optical flow": self.flow_name,
            "identity": self.recogniser.name if self.recogniser else "not measured",
            "attributes": f"judge {self.judge.hash[:8]}" if self.judge else "not measured",
        }

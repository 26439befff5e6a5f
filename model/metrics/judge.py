"""The judge: networks that no editing pack contains, and that only ever look at what an edit has made.

Another architecture than a pack's encoders, another seed, other synthetic people, so that an edit cannot please them by
fooling the networks that made it. Kept as a folder: judge.json, and judge.safetensors in half precision.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ..encoders.layers import seen_at
from ..errors import ModelFilesError
from ..packs.pack import load_strict

FORMAT_VERSION = 1
JUDGE_FACTS = "judge.json"
JUDGE_WEIGHTS = "judge.safetensors"
WIDTHS = (24, 48, 96, 160)
ATTRIBUTE_COUNT = 26
SIDE = 64
"""Side of the crops that the classifier was trained on; larger ones are looked at in this size."""
IDENTITY_WIDTHS, IDENTITY_DEPTHS, IDENTITY_DIM = (64, 128, 256), (2, 3, 2), 128


class _Residual(nn.Module):
    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(c_in, c_out, 5, stride=2, padding=2)
        self.norm = nn.GroupNorm(8, c_out)
        self.second = nn.Conv2d(c_out, c_out, 3, padding=1)
        self.skip = nn.Conv2d(c_in, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.second(F.relu(self.norm(self.first(x))))
        return F.relu(self.skip(F.avg_pool2d(x, 2)) + h)


class Judge(nn.Module):
    """Crop -> one logit an attribute: residual blocks, group norm, mean and maximum over the map."""

    def __init__(self, attributes: int = ATTRIBUTE_COUNT) -> None:
        super().__init__()
        pairs = zip((3, *WIDTHS[:-1]), WIDTHS, strict=True)
        self.blocks = nn.Sequential(*(_Residual(c_in, c_out) for c_in, c_out in pairs))
        self.out = nn.Linear(2 * WIDTHS[-1], attributes)

    def forward(self, crops: Tensor) -> Tensor:
        """crops [B, 3, S, S] signed -> logits [B, A]."""
        h = self.blocks(seen_at(crops, SIDE))
        return self.out(torch.cat([h.mean((2, 3)), h.amax((2, 3))], dim=1))


class _Mixer(nn.Module):
    """A ConvNeXt block (Liu et al. 2022): 7x7 depthwise, norm, widen four times, GELU, narrow, add."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.GroupNorm(1, width)
        self.wide = nn.Conv2d(width, 4 * width, 1)
        self.narrow = nn.Conv2d(4 * width, width, 1)
        self.scale = nn.Parameter(torch.full((width, 1, 1), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * self.narrow(F.gelu(self.wide(self.norm(self.spatial(x)))))


class JudgeIdentity(nn.Module):
    """Crop -> a unit vector that is near for one person and far for two, whatever they wear.

    Patches and depthwise mixing instead of the pack's stack of 3x3 convolutions, and a weighted mean over the map
    instead of one large linear layer.
    """

    def __init__(
        self,
        resolution: int,
        widths: tuple[int, ...] = IDENTITY_WIDTHS,
        depths: tuple[int, ...] = IDENTITY_DEPTHS,
        dim: int = IDENTITY_DIM,
    ) -> None:
        super().__init__()
        self.dim, self.resolution = dim, resolution
        stages: list[nn.Module] = []
        c_in, step = 3, 4
        for width, depth in zip(widths, depths, strict=True):
            stages += [nn.Conv2d(c_in, width, step, stride=step), nn.GroupNorm(1, width)]
            stages += [_Mixer(width) for _ in range(depth)]
            c_in, step = width, 2
        self.stages = nn.Sequential(*stages)
        side = resolution // (4 * 2 ** (len(widths) - 1))
        self.pool = nn.Conv2d(c_in, c_in, side, groups=c_in)
        self.norm = nn.LayerNorm(c_in)
        self.embed = nn.Linear(c_in, dim)

    def forward(self, crops: Tensor) -> Tensor:
        """crops [B, 3, S, S] signed -> [B, dim] of length 1."""
        deepest = self.stages(seen_at(crops, self.resolution))
        return F.normalize(self.embed(self.norm(self.pool(deepest).flatten(1))), dim=1)


@dataclass(frozen=True)
class JudgePack:
    """A loaded judge, in float32 and eval mode on one device."""

    attributes: tuple[str, ...]
    resolution: int
    """Side in pixels of the crops that both networks were trained on."""
    classifier: Judge
    identity: JudgeIdentity
    hash: str
    """sha256 of the weights."""
    facts: dict[str, Any]
    """The whole of judge.json; `worth` says how good the judge is on people that it never saw."""

    @torch.no_grad()
    def probabilities(self, crops: Tensor) -> Tensor:
        """[B, A] probability of each attribute for crops [B, 3, S, S] signed, on the judge's device."""
        return torch.sigmoid(self.classifier(crops.to(next(self.classifier.parameters()).device)))


def load_judge(folder: Path, device: torch.device | None = None) -> JudgePack:
    """Read a judge's folder and check its weights against the recorded sha256.

    Raises ModelFilesError, with the file and what to do, where something is missing, damaged or of another version.
    """
    facts = _read_facts(folder / JUDGE_FACTS)
    path = folder / JUDGE_WEIGHTS
    try:
        attributes, resolution = tuple(str(a) for a in facts["attributes"]), int(facts["resolution"])
        widths, depths = tuple(facts["identity"]["widths"]), tuple(facts["identity"]["depths"])
        identity = JudgeIdentity(resolution, widths, depths, int(facts["identity"]["dim"]))
        wanted = str(facts["files"][JUDGE_WEIGHTS]["sha256"])
    except (ArithmeticError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ModelFilesError(f"{folder / JUDGE_FACTS} is malformed ({error!r}); install the judge again") from error
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != wanted:
            raise ModelFilesError(f"{path} is damaged: its sha256 is {found[:12]}, not {wanted[:12]}; install it again")
        state = {name: tensor.float() for name, tensor in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise ModelFilesError(f"{path} cannot be read ({error}); install the judge again") from error
    both = nn.ModuleDict({"classifier": Judge(len(attributes)), "identity": identity})
    load_strict(both, state, folder)
    both.to(device or torch.device("cpu")).eval().requires_grad_(requires_grad=False)
    classifier = both["classifier"]
    assert isinstance(classifier, Judge)
    return JudgePack(attributes, resolution, classifier, identity, wanted, facts)


def _read_facts(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        version = facts["format_version"]
    except FileNotFoundError as error:
        raise ModelFilesError(f"no judge in {path.parent}: {path.name} is missing; name a judge's folder") from error
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise ModelFilesError(f"{path} cannot be read ({error}); install the judge again") from error
    if version != FORMAT_VERSION:
        raise ModelFilesError(
            f"{path} has version {version}, this program reads {FORMAT_VERSION}; update the older one"
        )
    return facts

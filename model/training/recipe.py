"""The embedded pack's recipe: its sizes, one training a network, and the order they come in."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from ..encoders.clip import CLIP_FACTS, build_clip
from ..encoders.family import EmbeddedFamily
from ..encoders.identity import IdentityEncoder
from ..errors import ModelFilesError
from ..metrics.judge import SIDE, JudgeIdentity
from ..packs.pack import PackSpec, spec_from_json
from ..synth import PARSING
from ..types import OnProgress, ignore_progress
from .attributes import KEPT, Directions, encode_people, fit_directions, keep_directions, person_means
from .batches import Conditions, pair_weights
from .captions import truth_table
from .clip import Sentences, clip_facts, clip_loss
from .data import Faces
from .denoiser import Denoiser, denoiser_loss, standardise
from .identity import IdentityTask, identity_loss
from .judge import Judge, judge_loss
from .judge_identity import JudgeIdentityTask, heads, judge_identity_loss
from .landmarks import landmark_loss
from .loop import LossOf, Plan, train, write_tensors
from .parser import parser_loss

MINI: dict[str, Any] = {
    "name": "mini",
    "resolution": 128,
    "unet": {
        "resolution": 128,
        "width": 32,
        "multipliers": [2, 2, 4],
        "blocks": 1,
        "attention": [8],
        "patch": 4,
        "resample_blocks": False,
        "groups": 8,
        "time_dim": 192,
        "face_dim": 256,
        "dropout": 0.0,
        "prediction": "v_rest",
    },
    "schedule": {"beta_first": 1e-4, "beta_last": 2e-2},
    "encoders": {
        "side": 64,
        "id_dim": 192,
        "face_hidden": [384],
        "identity_widths": [16, 40, 80, 128, 192],
        "landmark_widths": [16, 32, 64, 96, 128],
        "landmark_hidden": 128,
        "parser_widths": [24, 32, 64, 96],
        "parser_classes": list(PARSING),
    },
}
"""What pack.json of `mini` says about its networks."""
ENCODERS = EmbeddedFamily.from_json(MINI["encoders"], MINI["resolution"])

BATCH = {"identity": 64, "landmarks": 64, "parser": 32, "denoiser": 48, "judge": 64, "judge_identity": 64, "clip": 64}
PLANS = {  # in the order they are trained; the judge's two see other people and belong to no pack
    "identity": Plan(steps=3000, rate=2e-3, decay=1e-2, ema=0.995),
    "landmarks": Plan(steps=2000, rate=2e-3, decay=1e-3, ema=0.995),
    "parser": Plan(steps=1000, rate=2e-3, decay=1e-3, ema=0.995),
    "denoiser": Plan(steps=13000, rate=1.0e-3, ema=0.999, save_every=250),
    "judge": Plan(steps=5000, rate=1e-3, decay=1e-3, ema=0.995),
    "judge_identity": Plan(steps=3000, rate=1e-3, decay=1e-2, ema=0.995),
    "clip": Plan(steps=1200, rate=1.5e-3, decay=1e-2, ema=0.99, save_every=100),
}


@dataclass(frozen=True)
class Workshop:
    """Where the trainings read and write: the rendered faces, and one checkpoint a network."""

    faces: Faces
    folder: Path
    spec: PackSpec

    @classmethod
    def open(cls, faces: Faces, folder: Path) -> "Workshop":
        """Make the folder; sizes are those of MINI."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(faces, folder, spec_from_json(MINI))

    def checkpoint(self, network: str) -> Path:
        """Everything that a training goes on from."""
        return self.folder / f"{network}.safetensors"

    def averaged(self, network: str) -> Path:
        """The averaged weights alone."""
        return self.folder / f"{network}.ema.safetensors"

    @property
    def directions(self) -> Path:
        """The attribute directions that the denoiser hears, fitted once and then kept (attributes.py)."""
        return self.folder / KEPT


def train_network(
    name: str,
    workshop: Workshop,
    plan: Plan,
    device: torch.device,
    on_progress: OnProgress = ignore_progress,
) -> None:
    """Train one of the networks of PLANS, or go on with it, and write its averaged weights in float32.

    plan: that of PLANS, perhaps with another length or seed. The denoiser needs the identity encoder's weights.
    An identity encoder that comes out another throws away the directions that were fitted on it.
    """
    torch.manual_seed(plan.seed)
    network, loss = _TASKS[name](workshop)
    network = network.to(device).to(memory_format=torch.channels_last)
    run = train(network, loss, plan, workshop.checkpoint(name), on_progress)
    facts = {"steps": str(run.step), "planned": str(plan.steps), "seed": str(plan.seed)}
    if name == "identity" and not _holds(workshop.averaged(name), run.ema.state_dict()):
        workshop.directions.unlink(missing_ok=True)
    if name == "clip":
        facts[CLIP_FACTS] = json.dumps(clip_facts())
    write_tensors(workshop.averaged(name), run.ema.state_dict(), facts)


def _holds(path: Path, state: dict[str, Tensor]) -> bool:
    """Whether a file can be read and has these weights."""
    try:
        kept = load_file(path)
    except (OSError, SafetensorError):
        return False
    return kept.keys() == state.keys() and all(torch.equal(kept[name], state[name].cpu()) for name in kept)


def training_facts(workshop: Workshop, network: str) -> dict[str, str]:
    """How many steps a network's averaged weights have seen, of how many, and from which seed."""
    with safe_open(workshop.averaged(network), framework="pt") as file:
        return dict(file.metadata() or {})


def load_averaged(workshop: Workshop, network: str) -> dict[str, Tensor]:
    """The averaged weights of one network; ModelFilesError where it was not trained yet."""
    path = workshop.averaged(network)
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelFilesError(f"{path} cannot be read ({error}); train the network {network!r} first") from error


def trained_identity(workshop: Workshop) -> IdentityEncoder:
    """The identity encoder with its averaged weights."""
    encoder = ENCODERS.identity()
    state = load_averaged(workshop, "identity")
    prefix = "encoder."
    encoder.load_state_dict({n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)})
    return encoder.eval()


def conditions(workshop: Workshop) -> Conditions:
    """Everything the denoiser is told about the workshop's faces, with the directions that it heard before."""
    kept = _kept_directions(workshop)
    known = conditions_of(trained_identity(workshop), workshop.faces, kept)
    if kept is None:
        keep_directions(workshop.directions, known.directions)
    return known


def conditions_of(encoder: IdentityEncoder, faces: Faces, kept: Directions | None = None) -> Conditions:
    """Everything the denoiser is told about rendered faces, by an identity encoder that looks at ENCODERS.side."""
    z_id = encode_people(encoder, faces.seen_at(ENCODERS.side))
    z_person = person_means(z_id, faces.person)
    return Conditions(z_id, z_person, kept or fit_directions(z_person, faces), pair_weights(faces))


def directions(workshop: Workshop) -> Directions:
    """The pack's attribute directions and latent statistics."""
    return _kept_directions(workshop) or conditions(workshop).directions


def _kept_directions(workshop: Workshop) -> Directions | None:
    path = workshop.directions
    try:
        return Directions(**load_file(path)) if path.exists() else None
    except (OSError, SafetensorError, TypeError) as error:
        raise ModelFilesError(f"{path} cannot be read as directions ({error}); delete it to fit them anew") from error


def _identity(workshop: Workshop) -> tuple[nn.Module, LossOf]:
    faces = workshop.faces.seen_at(ENCODERS.side)
    encoder = ENCODERS.identity()
    task = IdentityTask(encoder, int(faces.person.max()) + 1, faces.vectors.shape[1])
    return task, lambda net, rng: identity_loss(net, faces, BATCH["identity"], rng)


def _landmarks(workshop: Workshop) -> tuple[nn.Module, LossOf]:
    encoder, faces = ENCODERS.landmarks(), workshop.faces.seen_at(ENCODERS.side)
    return encoder, lambda net, rng: landmark_loss(net, faces, BATCH["landmarks"], rng)


def _parser(workshop: Workshop) -> tuple[nn.Module, LossOf]:
    faces = workshop.faces.seen_at(ENCODERS.side)
    return ENCODERS.parser(), lambda net, rng: parser_loss(net, faces, BATCH["parser"], rng)


def _denoiser(workshop: Workshop) -> tuple[nn.Module, LossOf]:
    spec, faces = workshop.spec, workshop.faces
    known = conditions(workshop)
    network = Denoiser(spec.unet, spec.id_dim, ENCODERS.face_hidden)
    standardise(network.face_code, known, faces)
    return network, lambda net, rng: denoiser_loss(net, faces, known, spec.schedule, BATCH["denoiser"], rng)


def _judge(workshop: Workshop) -> tuple[nn.Module, LossOf]:
    faces = workshop.faces.seen_at(SIDE)
    return Judge(), lambda net, rng: judge_loss(net, faces, BATCH["judge"], rng)


def _judge_identity(workshop: Workshop) -> tuple[nn.Module, LossOf]:
    faces, owner = workshop.faces.seen_at(SIDE), heads(workshop.faces)
    task = JudgeIdentityTask(JudgeIdentity(SIDE), int(owner.max()) + 1)
    return task, lambda net, rng: judge_identity_loss(net, faces, owner, BATCH["judge_identity"], rng)


def _clip(workshop: Workshop) -> tuple[nn.Module, LossOf]:
    facts, truth = clip_facts(), truth_table(workshop.faces.vectors)
    faces = workshop.faces.seen_at(int(facts["model"]["vision_cfg"]["image_size"]))
    sentences = Sentences.write(truth, facts["merges"], np.random.default_rng(0))
    network = build_clip(facts["model"])
    return network, lambda net, rng: clip_loss(net, faces, truth, sentences, BATCH["clip"], rng)


_TASKS: dict[str, Callable[[Workshop], tuple[nn.Module, LossOf]]] = {
    "identity": _identity,
    "landmarks": _landmarks,
    "parser": _parser,
    "denoiser": _denoiser,
    "judge": _judge,
    "judge_identity": _judge_identity,
    "clip": _clip,
}

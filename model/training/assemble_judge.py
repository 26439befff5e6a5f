"""Trained networks to a judge's folder, with figures that say what its word is worth."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from ..metrics.judge import (
    FORMAT_VERSION,
    IDENTITY_DEPTHS,
    IDENTITY_WIDTHS,
    JUDGE_FACTS,
    JUDGE_WEIGHTS,
    SIDE,
    Judge,
    JudgeIdentity,
    load_judge,
)
from ..synth import ATTRIBUTES
from ..types import ByteArray, FloatArray
from .assemble import lay_out
from .augment import signed
from .data import Faces
from .judge_identity import heads
from .loop import write_tensors
from .recipe import Workshop, load_averaged, training_facts

NETWORKS = ("judge", "judge_identity")
LICENCE = "MIT; trained on faces made by code alone, no photograph of a person was used"


def assemble_judge(workshop: Workshop, folder: Path, note: str, clips: Mapping[str, ByteArray] | None = None) -> None:
    """Write judge.safetensors and judge.json from a workshop where both networks were trained.

    workshop.faces: people that neither network was trained on; the judge is measured on them. clips: name -> aligned
    crops [n, S, S, 3] of real clips, of one person each, for "same clip against other clips". note: where the training
    data came from. Raises ModelFilesError where a network was not trained, InputError where the folder cannot be
    written.
    """
    classifier, identity = trained_judge(workshop)
    worth = {
        "attributes": attribute_worth(classifier, workshop.faces),
        "identity": identity_worth(identity, workshop.faces, clips or {}),
    }
    both = {"classifier": classifier.state_dict(), "identity": identity.state_dict()}
    state = {f"{part}.{n}": t.half() for part, tensors in both.items() for n, t in tensors.items()}
    write_tensors(folder / JUDGE_WEIGHTS, state, {})
    weights = (folder / JUDGE_WEIGHTS).read_bytes()
    facts = {
        "format_version": FORMAT_VERSION,
        "name": "judge",
        "resolution": SIDE,
        "attributes": list(ATTRIBUTES),
        "identity": {"widths": list(IDENTITY_WIDTHS), "depths": list(IDENTITY_DEPTHS), "dim": identity.dim},
        "files": {JUDGE_WEIGHTS: {"bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}},
        "licence": LICENCE,
        "training": {"note": note, "networks": {name: training_facts(workshop, name) for name in NETWORKS}},
        "worth": worth,
    }
    part = folder / (JUDGE_FACTS + ".part")
    part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    part.replace(folder / JUDGE_FACTS)


def unpack_judge(folder: Path, out: Path) -> None:
    """Lay a judge's networks out as trainings leave them, the classifier to be trained further.

    The recogniser's checkpoint cannot be made: its classifier of training people is not kept. Raises ModelFilesError.
    """
    judge = load_judge(folder)
    told = judge.facts["training"]["networks"]
    lay_out(out, "judge", judge.classifier.state_dict(), told["judge"])
    recogniser = {f"encoder.{n}": t for n, t in judge.identity.state_dict().items()}
    write_tensors(out / "judge_identity.ema.safetensors", recogniser, told["judge_identity"])


def trained_judge(workshop: Workshop) -> tuple[Judge, JudgeIdentity]:
    """Both networks with their averaged weights; ModelFilesError where one was not trained yet."""
    classifier, identity = Judge(len(ATTRIBUTES)), JudgeIdentity(SIDE)
    classifier.load_state_dict(load_averaged(workshop, "judge"))
    prefix = "encoder."
    state = load_averaged(workshop, "judge_identity")
    identity.load_state_dict({n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)})
    return classifier.eval(), identity.eval()


@torch.no_grad()
def attribute_worth(classifier: Judge, faces: Faces, batch: int = 256) -> dict[str, Any]:
    """Accuracy and AUC of each attribute on rendered people, and their means over the attributes that occur."""
    scores = torch.cat([classifier(signed(images)) for images in faces.images.split(batch)]).numpy()
    truth = faces.attributes().numpy() > 0.5
    each = {
        name: {"accuracy": _rounded(np.mean((scores[:, k] > 0) == truth[:, k])), "auc": auc(scores[:, k], truth[:, k])}
        for k, name in enumerate(ATTRIBUTES)
    }
    aucs = [entry["auc"] for entry in each.values() if entry["auc"] is not None]
    accuracy = _rounded(np.mean((scores > 0) == truth))
    return {
        "pictures": len(truth),
        "accuracy": accuracy,
        "auc": _rounded(np.mean(aucs)) if aucs else None,
        "each": each,
    }


@torch.no_grad()
def identity_worth(identity: JudgeIdentity, faces: Faces, clips: Mapping[str, ByteArray]) -> dict[str, Any]:
    """AUC of cosines of one person's pictures against other people's, on rendered people and on real clips."""
    z = torch.cat([identity(signed(images)) for images in faces.images.split(256)])
    score, same, count = pair_auc(z.numpy(), heads(faces).numpy())
    worth: dict[str, Any] = {"rendered": {"auc": score, "same": same, "pairs": count}}
    if clips:
        crops = [torch.from_numpy(clip).permute(0, 3, 1, 2) for clip in clips.values()]
        z = torch.cat([identity(signed(clip)) for clip in crops])
        owner = np.repeat(np.arange(len(crops)), [len(clip) for clip in crops])
        score, same, count = pair_auc(z.numpy(), owner)
        worth["real clips"] = {"auc": score, "same": same, "pairs": count, "clips": sorted(clips)}
    return worth


def pair_auc(z: FloatArray, owner: NDArray[np.integer]) -> tuple[float | None, int, int]:
    """(AUC, pairs of one owner, all pairs) over all pairs of rows of z [N, D], scored by their dot product."""
    first, second = np.triu_indices(len(z), 1)
    cosine = (z @ z.T)[first, second]
    same = owner[first] == owner[second]
    return auc(cosine, same), int(same.sum()), len(same)


def auc(scores: FloatArray, truth: NDArray[np.bool_]) -> float | None:
    """Chance that a true row scores above a false one, ties by half (Mann and Whitney 1947); None without both
    kinds."""
    true, false = int(truth.sum()), int((~truth).sum())
    if not true or not false:
        return None
    return _rounded((rankdata(scores)[truth].sum() - true * (true + 1) / 2) / (true * false))


def _rounded(value: float | np.floating[Any]) -> float:
    return round(float(value), 4)

"""The pack's encoders on synthetic faces that no training saw.

dva forge render held_out.safetensors --seed 9000 --people 200
python -m benchmarks.encoders --faces FOLDER [--pack mini] --json OUT
"""

import argparse
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dva.dva_plugin.packs import open_pack
from dva.model.encoders.landmarks import JAW_POINTS
from dva.model.faces.detect import FaceDetector
from dva.model.packs.pack import Pack
from dva.model.synth import ATTRIBUTES, PARSING
from dva.model.training.data import Faces, load_faces


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    facts = measured(open_pack(options.pack), load_faces(options.faces), options.count)
    options.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(facts, indent=1))


@torch.no_grad()
def measured(pack: Pack, faces: Faces, count: int) -> dict[str, Any]:
    """What the encoders make of so many of the faces, drawn without choice."""
    rows = torch.randperm(len(faces.images), generator=torch.Generator().manual_seed(0))[:count]
    facts = {"faces": len(rows), **_landmarks(pack, faces, rows), **_parser(pack, faces, rows)}
    return facts | _identity(pack, faces, rows) | {"mtcnn_finds": _found(faces, rows)}


def _signed(faces: Faces, rows: Tensor) -> Tensor:
    return faces.images[rows].float() / 127.5 - 1


def _landmarks(pack: Pack, faces: Faces, rows: Tensor) -> dict[str, Any]:
    error = (pack.networks.landmarks(_signed(faces, rows)) - faces.landmarks[rows]).norm(dim=2)
    truth = faces.landmarks[rows]
    between_eyes = (truth[:, 36] - truth[:, 45]).norm(dim=1, keepdim=True)
    inner = error[:, JAW_POINTS:]
    return {
        "landmark_error_px": round(float(inner.mean()) * pack.spec.resolution, 3),
        "landmark_error_of_eye_distance": round(float((inner / between_eyes).mean()), 4),
    }


def _parser(pack: Pack, faces: Faces, rows: Tensor) -> dict[str, Any]:
    labels = torch.cat([pack.networks.parser(x).argmax(1) for x in _signed(faces, rows).split(64)])
    truth = faces.parsing[rows].long()
    overlap = {}
    for k, name in enumerate(PARSING):
        both, either = ((labels == k) & (truth == k)).sum(), ((labels == k) | (truth == k)).sum()
        if either:
            overlap[name] = round(float(both / either), 3)
    return {"parser_mean_iou": round(float(np.mean(list(overlap.values()))), 3), "parser_iou": overlap}


def _identity(pack: Pack, faces: Faces, rows: Tensor) -> dict[str, Any]:
    """Attribute accuracy by the pack's own linear classifier, and how far people lie apart."""
    z_id = torch.cat([pack.networks.identity(x) for x in _signed(faces, rows).split(64)])
    scores = (z_id - pack.id_mean) / pack.id_std @ pack.directions.T + pack.biases
    columns = [ATTRIBUTES.index(a.name) for a in pack.attributes]
    right = ((scores > 0) == (faces.attributes()[rows][:, columns] > 0.5)).float().mean(0)
    person = faces.person[rows]
    cosine = z_id @ z_id.T
    upper = torch.triu(torch.ones_like(cosine, dtype=torch.bool), 1)
    same = (person[:, None] == person[None]) & upper
    other = (person[:, None] != person[None]) & upper
    return {
        "attribute_accuracy": round(float(right.mean()), 3),
        "attribute_accuracies": {a.name: round(float(r), 3) for a, r in zip(pack.attributes, right, strict=True)},
        "identity_auc": round(_auc(cosine[same], cosine[other]), 4),
        "identity_pairs": [int(same.sum()), int(other.sum())],
    }


def _auc(higher: Tensor, lower: Tensor) -> float:
    """The chance that a draw from higher lies above one from lower."""
    ordered = lower.sort().values
    return float(torch.searchsorted(ordered, higher).double().mean() / len(ordered))


def _found(faces: Faces, rows: Tensor) -> float:
    """Share of faces that the detector finds, shown 160 pixels wide on a grey card, as in a frame."""
    detector, found = FaceDetector("cpu"), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row in rows.tolist():
            big = torch.nn.functional.interpolate(faces.images[row][None].float(), size=(256, 256), mode="bicubic")
            card = np.full((384, 384, 3), 127, np.uint8)
            card[64:320, 64:320] = big[0].clamp(0, 255).byte().permute(1, 2, 0).numpy()
            found += bool(detector.detect(card))
    return round(found / len(rows), 3)


if __name__ == "__main__":
    main()

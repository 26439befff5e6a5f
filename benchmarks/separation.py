"""How well people are told apart: by a pack's identity encoder, and by the colours of the head.

    python -m dva.benchmarks.separation CLIP ... [--pack FOLDER] [--frames 24]

One person a clip, the surest face of evenly spread frames. Printed: the median and the 5th percentile of likeness
within a clip, the median, 95th percentile and maximum between clips, and the probability that a pair of one person is
more alike than a pair of two (the area under the ROC curve). Light and background differ between clips too, which
flatters.
"""

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from dva.model.faces.appearance import look
from dva.model.faces.detect import FaceDetector
from dva.model.faces.recognise import pack_recogniser
from dva.model.metrics.recognise import Recogniser
from dva.model.packs.pack import load_pack
from dva.model.types import FloatArray
from dva.model.video import open_video

MINI = Path(__file__).parents[1] / "model" / "packs" / "mini"


def looks_at(path: Path, count: int, detector: FaceDetector, recogniser: Recogniser) -> dict[str, FloatArray]:
    """Unit vectors [n, D] of the person in a clip, by what they are made of."""
    source = open_video(path)
    identity, colours = [], []
    for index in sorted(set(np.linspace(0, source.frame_count - 1, count).round().astype(int).tolist())):
        (frame,) = source.frames(index, index + 1)
        image = frame.to_rgb8()
        faces = detector.detect(image)
        if faces:
            seen = look(image, max(faces, key=lambda face: face.score).landmarks, recogniser)
            identity.append(seen.identity)
            colours.append(seen.colours)
    return {"identity": np.stack(identity), "colours": np.stack(colours)}


def main() -> None:
    """Print one line for identity and one for colours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--pack", type=Path, default=MINI)
    parser.add_argument("--frames", type=int, default=24)
    options = parser.parse_args()
    torch.set_num_threads(1)
    detector, recogniser = FaceDetector("cpu"), pack_recogniser(load_pack(options.pack), torch.device("cpu"))
    clips = [looks_at(path, options.frames, detector, recogniser) for path in options.clips]
    print(f"{'':<10}{'same':>6}{'p5':>6}{'other':>7}{'p95':>6}{'max':>6}{'AUC':>7}")
    for kind in ("identity", "colours"):
        vectors = [clip[kind] for clip in clips]
        same = np.concatenate([(v @ v.T)[np.triu_indices(len(v), 1)] for v in vectors])
        other = np.concatenate([(a @ b.T).ravel() for a, b in combinations(vectors, 2)])
        auc = float((same[:, None] > other[None]).mean())
        figures = f"{np.median(same):>6.2f}{np.percentile(same, 5):>6.2f}{np.median(other):>7.2f}"
        print(f"{kind:<10}{figures}{np.percentile(other, 95):>6.2f}{other.max():>6.2f}{auc:>7.3f}")


if __name__ == "__main__":
    main()

"""What following faces costs and finds, against MTCNN on every full frame.

    python -m dva.benchmarks.detect CLIP ... [--frames 60]

Ours: Follower on consecutive frames, all that it does to a decoded frame. The other: MTCNN on the whole frame as it is,
smallest face 20 pixels, on every fifth of them. Recall: the part of the other's faces (score 0.9 and more) that ours
has in that frame with its middle less than half a side away; `more` is what only ours has. Seconds are of one core, so
that a busy machine does not count.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dva.model.faces.detect import MIN_SCORE, SMALLEST_FACE, FaceDetector
from dva.model.faces.follow import Follower
from dva.model.types import FloatArray
from dva.model.video import open_video

EVERY = 5


@dataclass
class Result:
    """Seconds a frame, and counts of faces."""

    ours: float
    full: float
    found: int = 0
    both: int = 0
    more: int = 0


def measure(path: Path, count: int) -> Result:
    """Follow the first frames of a clip, and look at every fifth with MTCNN."""
    from facenet_pytorch import MTCNN  # noqa: PLC0415 - the reference

    network = MTCNN(keep_all=True, min_face_size=SMALLEST_FACE)
    source = open_video(path)
    frames = list(source.frames(0, min(count, source.frame_count)))
    follower = Follower(FaceDetector("cpu"), float(source.frame_rate))
    begin = time.process_time()
    for index, frame in enumerate(frames):
        follower.see(index, frame)
    result = Result((time.process_time() - begin) / len(frames), 0.0)
    for index in range(0, len(frames), EVERY):
        image = frames[index].to_rgb8()
        begin = time.process_time()
        boxes, scores = network.detect(image)
        result.full += (time.process_time() - begin) / len(range(0, len(frames), EVERY))
        theirs = (
            [box for box, score in zip(boxes, scores, strict=True) if score >= MIN_SCORE] if boxes is not None else []
        )
        _count(result, theirs, [t.points(index) for t in follower.tracklets if t.start <= index <= t.end])
    return result


def _count(result: Result, boxes: list[FloatArray], ours: list[FloatArray]) -> None:
    taken: set[int] = set()
    for box in boxes:
        middle, side = (box[:2] + box[2:]) / 2, float(np.sqrt(np.prod(box[2:] - box[:2])))
        near = [n for n, points in enumerate(ours) if float(np.hypot(*(points.mean(axis=0) - middle))) < side / 2]
        taken.update(near)
        result.both += bool(near)
    result.found += len(boxes)
    result.more += len(ours) - len(taken)


def main() -> None:
    """Print one line a clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'clip':<24}{'size':>10}{'CPU s':>9}{'MTCNN':>8}{'ratio':>7}{'recall':>9}{'more':>6}")
    for path in options.clips:
        height, width = open_video(path).size
        result = measure(path, options.frames)
        recall = f"{result.both}/{result.found}"
        speed = f"{result.ours:>9.3f}{result.full:>8.3f}{result.ours / result.full:>7.2f}"
        print(f"{path.stem:<24}{f'{width}x{height}':>10}{speed}{recall:>9}{result.more:>6}", flush=True)


if __name__ == "__main__":
    main()

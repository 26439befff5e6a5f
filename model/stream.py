"""A whole clip through the autoencoder, stage by stage, in memory that does not grow with its length.

Every stage takes a clip's frames a chunk at a time and leaves its results as rows of a tensor file on the disk
(safetensors), from which the next stage maps them. After each chunk it says how far it is, and it can go on from there:
a chunk begins at the same frame in every run, so on a CPU a run that was broken off and taken up again gives the same
bits as one that was not. Memory that a mapped file takes is the system's to give and to take back.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from .autoencoder import Autoencoder
from .code import ClipCode, load_code
from .code_growth import finish_code
from .faces.align import aligned_bytes
from .faces.clip import check_track
from .files import Layout, TensorRows, map_tensor_file
from .parts import mean_identity
from .types import FaceTrack, Mark, OnProgress, Progress, ignore_progress
from .video import FrameSource

BLOCK = 64
"""Frames that are cut and looked at before they are stored."""


def bytes_needed(frames: int, side: int, id_dim: int) -> int:
    """Room on the disk that a clip's code, its encoder's notes and one edit of it take at most."""
    pixels = side * side
    in_code = 3 * pixels * (2 + 2 + 1) + pixels + 1024
    in_edit = 3 * pixels * 4 + pixels
    return frames * (in_code + in_edit + 4 * id_dim)


def perceive_into(
    autoencoder: Autoencoder,
    source: FrameSource,
    path: Path,
    notes: Path,
    mark: Mark,
    on_progress: OnProgress = ignore_progress,
) -> None:
    """Cut the crops of a code's file (`begin_code`) out of the clip, see motion and parsing in each, and the identity.

    notes: a file for each frame's identity; the mean of all goes into the code. Raises InputError for another clip than
    the tracked one.
    """
    code = load_code(path, finished=False)
    check_track(source, code.track)
    frames, usable = len(code), code.track.usable()
    if mark.done == 0:
        TensorRows.create(notes, {"identity": Layout(torch.float32, (frames, len(code.z_id)))})
    with TensorRows(path) as file, TensorRows(notes) as seen:
        for first, crops in _crop_blocks(source, code.track, code.crops.shape[-1], mark.done, on_progress):
            rows = first + np.flatnonzero(usable[first : first + len(crops)])
            for start in range(0, len(rows), autoencoder.chunk):
                part = rows[start : start + autoencoder.chunk]
                identity, z_lnd, parsing = autoencoder.look_at(crops[part - first])
                seen.write("identity", part, identity)
                file.write("z_lnd", part, z_lnd)
                file.write("parsing", part, parsing)
            file.write("crops", np.arange(first, first + len(crops)), crops)
            file.to_disk()
            seen.to_disk()
            mark.advance(first + len(crops))
        identity = map_tensor_file(notes)[1]["identity"]
        mean = mean_identity(identity, np.flatnonzero(usable))
        file.write("z_id", np.arange(len(mean)), mean)
        file.to_disk()


def encode_into(autoencoder: Autoencoder, path: Path, mark: Mark, on_progress: OnProgress = ignore_progress) -> None:
    """Fill in noise maps and residuals of a code's file that has been perceived, and finish it with its digest."""
    code = load_code(path, finished=False)
    with TensorRows(path) as file:
        for part in autoencoder.encoded(code, on_progress, mark.done):
            file.write("noise", part.rows, part.noise)
            file.write("residual", part.rows, part.residual)
            file.to_disk()
            mark.advance(part.done)
    del code
    finish_code(path)


def decode_into(
    autoencoder: Autoencoder, code: ClipCode, path: Path, mark: Mark, on_progress: OnProgress = ignore_progress
) -> None:
    """Decode a code's edits into a file: difference [T, 3, S, S] float32 and mask [T, S, S] bool."""
    frames, side = len(code), code.crops.shape[-1]
    if mark.done == 0:
        square = (frames, side, side)
        TensorRows.create(
            path,
            {
                "difference": Layout(torch.float32, (frames, 3, side, side)),
                "mask": Layout(torch.bool, square),
            },
        )
    with TensorRows(path) as file:
        for part in autoencoder.decoded(code, on_progress, mark.done):
            file.write("difference", part.rows, part.difference)
            file.write("mask", part.rows, part.mask)
            file.to_disk()
            mark.advance(part.done)


def _crop_blocks(
    source: FrameSource, track: FaceTrack, side: int, begin: int, on_progress: OnProgress
) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield (first frame, crops [n, 3, side, side] uint8), n at most BLOCK; black where the track misses."""
    usable, total = track.usable(), len(track)
    crops = np.zeros((BLOCK, side, side, 3), np.uint8)
    for i, frame in zip(range(begin, total), source.frames(begin), strict=True):
        place = (i - begin) % BLOCK
        crops[place] = aligned_bytes(frame, track.quads[i], side) if usable[i] else 0
        on_progress(Progress("align", i + 1, total))
        if place == BLOCK - 1 or i == total - 1:
            yield i - place, torch.from_numpy(crops[: place + 1].transpose(0, 3, 1, 2).copy())

"""One's own footage as training data: aligned pictures, and what a pack's encoders see in them, in one file.

A folder may hold clips, which are tracked and cut as an edit would cut them, and folders of pictures that are aligned
already (train/<video>/*.png). Everything below the folder is read once; training then needs the file alone.
"""

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..autoencoder import Autoencoder
from ..encoders.family import PublishedFamily
from ..encoders.landmarks import motion_code
from ..encoders.parser import region_mask
from ..encoders.published.parser import training_mask
from ..errors import InputError, UsageError
from ..faces.align import crop_from_frame
from ..faces.clip import aligned_crops
from ..faces.detect import FaceDetector
from ..faces.track import track_face
from ..packs.pack import Networks, Pack
from ..types import OnProgress, Progress, ignore_progress
from ..video import open_video
from .augment import laid_out, signed
from .loop import write_tensors

CLIPS = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"}
PICTURES = {".jpeg", ".jpg", ".png"}
BATCH = 32


@dataclass(frozen=True)
class Footage:
    """N aligned pictures."""

    images: Tensor
    """[N, 3, S, S] uint8."""
    z_id: Tensor
    """[N, D] each picture's own: the mean over a clip is for editing, training sees single pictures."""
    z_lnd: Tensor
    """[N, 102]."""
    mask: Tensor
    """[N, S, S] bool where L_reg counts."""


def prepare(
    folder: Path, pack: Pack, path: Path, device: torch.device, on_progress: OnProgress = ignore_progress
) -> list[str]:
    """Read everything below a folder, have the pack's encoders look at it, and write it to path.

    Returns a sentence for each clip that was left out because it has no face or cannot be read. Does nothing where
    path was made from the same files by the same encoders. Raises UsageError where it was made from others, InputError
    where fewer than two pictures are found, a picture is damaged or no square, or the disk is full.
    """
    files = _files(folder)
    made_from = _fingerprint(folder, files, pack)
    if path.exists():
        if _metadata(path).get("made_from") != made_from:
            raise UsageError(f"{path} was made from other footage or by other encoders; name another folder with --out")
        return []
    skipped: list[str] = []
    parts: list[Footage] = []
    networks = Autoencoder(pack, device).networks
    detector = FaceDetector(device) if any(file.suffix.lower() in CLIPS for file in files) else None
    for done, file in enumerate(files):
        on_progress(Progress("read footage", done, len(files)))
        try:
            images = _pictures(file, pack.spec.resolution, detector)
        except InputError as error:
            if file.suffix.lower() not in CLIPS:
                raise
            skipped.append(str(error))
            continue
        parts += [_perceived(chunk, networks, pack) for chunk in images.split(BATCH)]
    on_progress(Progress("read footage", len(files), len(files)))
    if sum(len(part.images) for part in parts) < 2:
        raise InputError(f"{folder} gives fewer than two pictures of a face; put clips or aligned pictures there")
    tensors = {f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(Footage)}
    write_tensors(path, tensors, {"made_from": made_from})
    return skipped


def load_footage(path: Path) -> Footage:
    """Read what prepare wrote; InputError where it is missing or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            return Footage(**{f.name: file.get_tensor(f.name) for f in fields(Footage)})
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{path} cannot be read as prepared footage ({error}); delete it to prepare it anew"
        ) from error


def aligned_picture(path: Path, size: int) -> Tensor:
    """[3, size, size] uint8 of a picture that is aligned already, resampled as a crop is cut from a frame.

    Raises InputError for a file that is no picture, and for one that is no square: it cannot have been aligned.
    """
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (OSError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be read as a picture ({error}); remove it or convert it anew") from error
    height, width = pixels.shape[:2]
    if height != width:
        raise InputError(f"{path} is {width}x{height}, but an aligned picture is a square; align it, or give the clip")
    if height == size:
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1).contiguous()
    far = width - 0.5
    quad = np.array([[-0.5, -0.5], [-0.5, far], [far, far], [far, -0.5]])
    crop = np.clip(crop_from_frame(pixels, quad, size), 0, 255)
    return torch.from_numpy(np.floor(crop + 0.5).astype(np.uint8)).permute(2, 0, 1).contiguous()


@torch.no_grad()
def identities(images: Tensor, networks: Networks) -> Tensor:
    """z_id [n, D] of uint8 pictures [n, 3, S, S], on the CPU."""
    return networks.identity(laid_out(signed(images), networks)).cpu()


@torch.no_grad()
def _perceived(images: Tensor, networks: Networks, pack: Pack) -> Footage:
    x = laid_out(signed(images), networks)
    parsing = networks.parser(x).argmax(1).to(torch.uint8).cpu()
    if isinstance(pack.spec.encoders, PublishedFamily):
        mask = training_mask(parsing)
    else:
        mask = region_mask(parsing, pack.spec.parser_classes, "head")
    return Footage(images, identities(images, networks), motion_code(networks.landmarks(x).cpu()), mask)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; name one that holds clips or folders of aligned pictures")
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in CLIPS | PICTURES and path.is_file())


def _pictures(file: Path, size: int, detector: FaceDetector | None) -> Tensor:
    """[n, 3, size, size] uint8: one picture, or every frame of a clip that has a face."""
    if detector is None or file.suffix.lower() in PICTURES:
        return aligned_picture(file, size)[None]
    source = open_video(file)
    track = track_face(source, detector)
    return aligned_crops(source, track, size)[torch.from_numpy(track.usable())]


def _fingerprint(folder: Path, files: list[Path], pack: Pack) -> str:
    """Names, sizes and the encoders: enough to notice that a folder has grown."""
    listed = [[path.relative_to(folder).as_posix(), path.stat().st_size] for path in files]
    return hashlib.sha256(json.dumps([pack.hash, listed]).encode()).hexdigest()


def _metadata(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{path} cannot be read as prepared footage ({error}); delete it to prepare it anew"
        ) from error

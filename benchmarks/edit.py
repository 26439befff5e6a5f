"""One attribute edit of one clip, our defaults against the reference semantics, in one run.

    python -m benchmarks.edit --clip CLIP --frames 120 [--attribute Blond_Hair=1] --json OUT

The reference: float32, channels first, nothing computed beforehand, and three passes of T = 100 over every frame: 99
evaluations up, 100 down for the reconstruction, 100 down for the edit. Both take one pack and chunks of one size;
`ours_s` and `reference_s` are the network stages alone (encoders, up, down), after one chunk to warm up; `ours_cpu_s`
and `reference_cpu_s` are the processor's time for them, which other programs do not lengthen, and `cpu_ratio` theirs.
`whole_shot_s` is ours from file to file: reading, finding the face, encoding, decoding, pasting, writing.
"""

import argparse
import copy
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dva.dva_plugin.jobs import EditRequest, edit_file
from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.code import SourceFacts
from dva.model.editing.attribute import attribute_edit, edited_identity, total_step
from dva.model.encoders.landmarks import motion_code
from dva.model.faces.clip import aligned_crops
from dva.model.faces.detect import FaceDetector
from dva.model.faces.track import track_face
from dva.model.packs.pack import Pack
from dva.model.predictor import eps_of
from dva.model.samplers import PATHS, PredictEps
from dva.model.schedule import TRAIN_STEPS
from dva.model.types import FaceTrack
from dva.model.video import VideoSource, open_video, write_video

from .counting import Evaluations, Spent
from .report import Panel, Row, keep, table

REFERENCE_STEPS = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--attribute", type=_edit, default=("Blond_Hair", 1.0), metavar="NAME=STRENGTH")
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    pack, device = open_pack(options.pack), torch.device(options.device)
    source = first_frames(open_video(options.clip), options.frames)
    track = track_face(source, FaceDetector(device))
    crops = aligned_crops(source, track, pack.spec.resolution)
    facts = SourceFacts(options.clip.name, source.size, source.frame_rate, len(track))
    ours, evaluations, chunk = _ours(pack, device, (crops, track, facts), options.attribute)
    theirs, their_evaluations = reference(pack, device, crops[track.usable()], options.attribute, chunk)
    found: Row = {
        "clip": options.clip.name,
        "frames": len(crops),
        "frames_with_face": int(track.usable().sum()),
        "edit": "{}={:g}".format(*options.attribute),
        "ours_s": round(ours.wall, 2),
        "reference_s": round(theirs.wall, 2),
        "ratio": round(theirs.wall / ours.wall, 2),
        "ours_cpu_s": round(ours.cpu, 2),
        "reference_cpu_s": round(theirs.cpu, 2),
        "cpu_ratio": round(theirs.cpu / ours.cpu, 2),
        "ours_evaluations_per_frame": evaluations,
        "reference_evaluations_per_frame": their_evaluations,
        "solver": pack.defaults.solver,
        "steps": pack.defaults.steps,
        "precision": Autoencoder(pack, device).precision,
        "threads": torch.get_num_threads(),
        "device": options.device,
        "whole_shot_s": round(_whole_shot(source, pack, device, options.attribute), 2),
    }
    keep(options.json, found, _panel(found))
    print(table([{"what": key, "found": value} for key, value in found.items()]))


def _panel(found: Row) -> Panel:
    ours, theirs = ([(found[f"{who}_evaluations_per_frame"], found[f"{who}_s"])] for who in ("ours", "reference"))
    return Panel(
        f"An edit of {found['frames']} frames", "evaluations a frame", "s", {"ours": ours, "reference": theirs}
    )


def _edit(text: str) -> tuple[str, float]:
    name, _, strength = text.partition("=")
    return name, float(strength)


def first_frames(source: VideoSource, count: int) -> VideoSource:
    """The same clip, ending after that many frames."""
    return replace(source, timeline=replace(source.timeline, pts=source.timeline.pts[:count]))


def _ours(
    pack: Pack, device: torch.device, clip: tuple[Tensor, FaceTrack, SourceFacts], edit: tuple[str, float]
) -> tuple[Spent, float, int]:
    """(time, evaluations a frame, frames a chunk) of encode and decode as `dva edit` calls them."""
    crops, track, facts = clip
    autoencoder = Autoencoder(pack, device)
    autoencoder.perceive(crops[: autoencoder.chunk], np.arange(min(autoencoder.chunk, len(crops))))
    evaluations = Evaluations(autoencoder)
    begun = Spent.so_far()
    code = autoencoder.encode(crops, track, facts)
    autoencoder.decode(code.with_edit(attribute_edit(pack, *edit, len(code))))
    return begun.until_now(), round(evaluations.taken() / int(track.usable().sum()), 1), autoencoder.chunk


@torch.no_grad()
def reference(
    pack: Pack, device: torch.device, crops: Tensor, edit: tuple[str, float], chunk: int, steps: int = REFERENCE_STEPS
) -> tuple[Spent, int]:
    """(time, evaluations a frame) of the published procedure. crops: [T, 3, S, S] uint8."""
    nets = copy.deepcopy(pack.networks).to(device).to(memory_format=torch.contiguous_format)
    path, schedule = PATHS["published"], pack.spec.schedule
    levels = path.levels(schedule, steps, TRAIN_STEPS)
    alpha_bar = torch.from_numpy(schedule.alpha_bar()).float()
    evaluations = 0

    def predictor(z_face: Tensor) -> PredictEps:
        def predict(x: Tensor, t: int, _rows: Tensor | None = None) -> Tensor:
            nonlocal evaluations
            evaluations += len(x)
            out = nets.unet(x, torch.full((len(x),), t, device=device), z_face)
            return eps_of(out, x, float(alpha_bar[t]), pack.spec.unet.prediction)

        return predict

    pictures = (crops.to(device).float() / 127.5 - 1).split(chunk)
    nets.identity(pictures[0])  # to warm up
    begun = Spent.so_far()
    z_id = torch.cat([nets.identity(x) for x in pictures]).mean(0)
    step = total_step([attribute_edit(pack, *edit, 1)], slice(None))
    z_edited = edited_identity(z_id, step, pack.id_mean.to(device), pack.id_std.to(device))[0]
    for x in pictures:
        z_lnd = motion_code(nets.landmarks(x))
        original, changed = (nets.face_code(z.expand(len(x), -1), z_lnd) for z in (z_id, z_edited))
        noise = path.encode(x, levels, predictor(original))
        path.decode(noise, levels, predictor(original))
        path.decode(noise, levels, predictor(changed)).cpu()
    return begun.until_now(), evaluations // len(crops)


def _whole_shot(source: VideoSource, pack: Pack, device: torch.device, edit: tuple[str, float]) -> float:
    """Seconds of ours from file to file."""
    with tempfile.TemporaryDirectory() as folder:
        clip, edited = Path(folder) / "clip.mkv", Path(folder) / "edited.mkv"
        write_video(clip, source, source)
        begun = time.perf_counter()
        edit_file(EditRequest(clip, edited, (edit,)), pack, device)
        return time.perf_counter() - begun


if __name__ == "__main__":
    main()

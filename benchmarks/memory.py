"""How much memory and time does a whole edit take, against the length of the clip?

    python -m benchmarks.memory --clip shot.mp4 --frames 30,300,3000 --json OUT
    python -m benchmarks.memory --clip shot.mp4 --track-minutes 10 --json OUT

The clip is played forwards and backwards until it is long enough, with faint noise of its own on every frame so that no
two are equal, and edited as `dva edit` does it, from the file to a new file, each length in a process of its own. Peak
memory is RssAnon, what the process has taken for itself, read every 20 ms; pages of mapped files, which the system may
drop whenever it likes, do not count. With --track-minutes nothing is edited: the clip's packets are repeated to that
length, everybody in it is looked for, and RssAnon is read once a second. Runs on Linux.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

from dva.dva_plugin.jobs import EditRequest, edit_file
from dva.dva_plugin.packs import open_pack
from dva.dva_plugin.searching import Search
from dva.dva_plugin.worklog import Workspace
from dva.model.blocks import ScaleShift
from dva.model.faces.track import face_track
from dva.model.types import Progress
from dva.model.video import open_video

from .report import Panel, keep, lines

EVERY = 0.02
"""Seconds between two looks at the memory."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--frames", default="30,300,3000")
    parser.add_argument("--edit", default="Gray_Hair=1")
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--steps", type=int, default=2, help="few, since memory does not depend on them")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument(
        "--track-minutes", type=float, metavar="M", help="only look for faces, in a clip of this length"
    )
    options = parser.parse_args()
    if options.track_minutes:
        row = track(options)
        print(json.dumps(row))
        if options.json:
            options.json.write_text(json.dumps(row, indent=1))
        return
    if options.one:
        print(json.dumps(measure(options.one, options)))
        return
    rows: list[dict[str, Any]] = []
    for frames in map(int, options.frames.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            clip = Path(folder) / f"{frames}.mp4"
            play(options.clip, frames, clip)
            arguments = [*sys.argv[1:], "--one", str(clip)]
            told = subprocess.run([sys.executable, "-m", "benchmarks.memory", *arguments], check=True, stdout=-1).stdout
        rows.append(json.loads(told.splitlines()[-1]))
        print(line(rows[-1]), flush=True)
        if options.json:
            keep(
                options.json,
                rows,
                Panel("Peak memory", "frames", "MB", lines(rows, "clip", "frames", "peak_mb"), log=True),
            )
    first, last = rows[0], rows[-1]
    print(f"peak, {last['frames']} to {first['frames']} frames: {last['peak_mb'] / first['peak_mb']:.3f}")
    for stage, seconds in last["seconds_a_frame"].items():
        print(f"median time a frame, {stage}: {seconds / first['seconds_a_frame'][stage]:.3f}")


def line(row: dict[str, Any]) -> str:
    stages = ", ".join(f"{stage} {peak:.0f}" for stage, peak in row["peak_mb_by_stage"].items())
    return (
        f"{row['frames']} frames of {row['size']}: peak {row['peak_mb']:.0f} MB ({stages}); "
        f"{row['evaluations_a_frame']:g} evaluations a frame; {row['seconds']:.0f} s"
    )


def measure(clip: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Edit one clip, watching."""
    torch.set_num_threads(1)
    pack = open_pack(options.pack)
    watch, evaluated = _Watch(), [0]
    predict = pack.networks.unet.predict

    def counted(x: torch.Tensor, *rest: list[ScaleShift]) -> torch.Tensor:
        evaluated[0] += len(x)
        return predict(x, *rest)

    pack.networks.unet.predict = counted  # type: ignore[method-assign]
    name, _, strength = options.edit.partition("=")
    request = EditRequest(clip, clip.with_name("edited.mp4"), ((name, float(strength)),), options.steps)
    begun = time.perf_counter()
    report = edit_file(request, pack, torch.device("cpu"), watch)
    seconds = time.perf_counter() - begun
    watch.stop()
    height, width = open_video(clip).size
    without_face = sum(span.last - span.first + 1 for span in report.gaps.spans if span.done == "missing")
    return {
        "clip": options.clip.name,
        "frames": report.frames,
        "without_face": without_face,
        "size": f"{width}x{height}",
        "steps": options.steps,
        "peak_mb": max(watch.peaks.values()),
        "peak_mb_by_stage": watch.peaks,
        "evaluations_a_frame": evaluated[0] / (report.frames - without_face),
        "seconds": seconds,
        "seconds_a_frame": watch.medians(),
    }


def track(options: argparse.Namespace) -> dict[str, Any]:
    """Look for everybody in a long clip as `dva track` does; memory in each tenth of its frames."""
    torch.set_num_threads(1)
    seen: list[tuple[int, float]] = []
    begun = last = time.perf_counter()

    def watch(progress: Progress) -> None:
        nonlocal last
        if time.perf_counter() - last >= 1:
            last = time.perf_counter()
            seen.append((progress.done, rss_anon()))

    with tempfile.TemporaryDirectory() as folder:
        clip, target = Path(folder) / f"long{options.clip.suffix}", Path(folder) / "track.json"
        frames = repeat(options.clip, options.track_minutes, clip)
        source, cpu = open_video(clip), torch.device("cpu")
        with Workspace(target) as work:
            people = Search(source, source.sha256(), open_pack(options.pack), cpu, work).people(watch)
            tracks = [face_track(people, person) for person in people.people]
    tenths = [[mb for done, mb in seen if part * frames <= 10 * done < (part + 1) * frames] for part in range(10)]
    return {
        "clip": options.clip.name,
        "frames": frames,
        "people": [int(np.count_nonzero(face.confidence)) for face in tracks],
        "mean_mb_by_tenth": [round(statistics.mean(part), 1) for part in tenths if part],
        "peak_mb_by_tenth": [round(max(part), 1) for part in tenths if part],
        "after_mb": round(rss_anon(), 1),
        "seconds": round(time.perf_counter() - begun),
        "processor_seconds": round(time.process_time()),
    }


def repeat(source: Path, minutes: float, target: Path) -> int:
    """Write a clip of whole repetitions of the source's packets, at least so long; returns its frames."""
    with av.open(str(source)) as container, av.open(str(target), "w") as out:
        stream = container.streams.video[0]
        copied = out.add_stream_from_template(stream)
        packets = [packet for packet in container.demux(stream) if packet.size]
        times = [(packet.pts or 0, packet.dts or 0) for packet in packets]
        step = int(1 / (stream.average_rate * stream.time_base))
        length = max(pts for pts, _ in times) + step - min(pts for pts, _ in times)
        rounds = math.ceil(60 * minutes / (length * stream.time_base))
        for number in range(rounds):
            for packet, (pts, dts) in zip(packets, times, strict=True):
                packet.pts, packet.dts, packet.stream = pts + number * length, dts + number * length, copied
                packet.time_base = stream.time_base
                out.mux(packet)
    return rounds * len(packets)


class _Watch:
    """An OnProgress that notes the largest RssAnon (MB) of every stage, and when each frame was done."""

    def __init__(self) -> None:
        self.peaks: dict[str, float] = {}
        self._times: dict[str, dict[int, float]] = {}
        self._stage = "start"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def __call__(self, progress: Progress) -> None:
        self._stage = progress.stage
        self._times.setdefault(progress.stage, {}).setdefault(progress.done, time.perf_counter())

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def medians(self) -> dict[str, float]:
        """Stage -> seconds a frame, the median over all frames or chunks."""
        return {stage: statistics.median(_paces(times)) for stage, times in self._times.items() if len(times) > 1}

    def _look(self) -> None:
        while not self._ended.wait(EVERY):
            self.peaks[self._stage] = max(self.peaks.get(self._stage, 0.0), rss_anon())


def rss_anon() -> float:
    """What this process has taken for itself, in MB."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.partition("RssAnon:")[2].split(maxsplit=1)[0]) / 1024


def _paces(times: dict[int, float]) -> Iterator[float]:
    done = sorted(times)
    for before, after in pairwise(done):
        yield (times[after] - times[before]) / (after - before)


def play(source: Path, frames: int, target: Path) -> None:
    """Write a clip of so many frames: the source to and fro, each frame with noise of its own, quickly encoded."""
    with av.open(str(source)) as container:
        rate = container.streams.video[0].average_rate
        pictures = [p.to_ndarray(format="yuv420p") for p in container.decode(video=0)]
    there_and_back = [*range(len(pictures)), *range(len(pictures) - 2, 0, -1)] or [0]
    rng = np.random.default_rng(0)
    height, width = pictures[0].shape[0] * 2 // 3, pictures[0].shape[1]
    noise = rng.integers(-3, 4, (height + 64, width), dtype=np.int16)
    with av.open(str(target), "w") as out:
        stream = out.add_stream("h264", rate=Fraction(rate), options={"preset": "ultrafast", "crf": "16", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for i in range(frames):
            picture = pictures[there_and_back[i % len(there_and_back)]].copy()
            shift = int(rng.integers(64))
            roll = np.roll(noise[shift : shift + height], int(rng.integers(width)), axis=1)
            picture[:height] = np.clip(picture[:height] + roll, 16, 235)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")))
        out.mux(stream.encode(None))


if __name__ == "__main__":
    main()

"""Does an edit that is killed without warning go on, and end as an undisturbed one?

    python -m benchmarks.kills --clip shot.mp4 --times 20 --note-every 8 --json OUT

The clip is edited once undisturbed. Then the same edit is begun again and again, and killed (SIGKILL) at a random
moment each time; after each kill nothing may bear the output's name. When all kills are done the edit is let finish and
every sample of its frames is compared with the undisturbed one's. An edit that ends before its kill is compared too,
and begun anew. With --track it is `dva track` that is killed, and track.json that must come out the same.
--note-every: frames after which a search for faces is written down, fewer than usual, so that kills of short clips fall
between two notes too. Runs on Linux.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from dva.dva_plugin.cli import main as dva
from dva.model.faces import notes
from dva.model.video import open_video


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--edit", default="Gray_Hair=1")
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--track", action="store_true", help="kill dva track and not dva edit")
    parser.add_argument("--note-every", type=int, default=notes.NOTE_EVERY)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    notes.NOTE_EVERY = options.note_every
    torch.set_num_threads(1)
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        kind = ".json" if options.track else ".mkv"
        whole, out = Path(folder) / f"whole{kind}", Path(folder) / f"out{kind}"
        begun = time.perf_counter()
        run(options, whole, None)
        seconds = time.perf_counter() - begun
        print(f"undisturbed: {seconds:.1f} s", flush=True)
        expected = samples(whole)
        rows: list[dict[str, Any]] = []
        while sum(row["killed"] for row in rows) < options.times:
            rows.append(attempt(options, out, rng.uniform(0, seconds), expected))
            print(rows[-1], flush=True)
        run(options, out, None)
        same, left = samples(out) == expected, sorted(p.name for p in Path(folder).iterdir())
    print(f"after {options.times} kills: same frames {same}; left in the folder: {left}")
    if options.json:
        options.json.write_text(json.dumps({"kills": rows, "same": same, "left": left}, indent=1))
    sys.exit(0 if same and all(row["fine"] for row in rows) and left == [out.name, whole.name] else 1)


def attempt(options: argparse.Namespace, out: Path, delay: float, expected: str) -> dict[str, Any]:
    """One edit that is killed after `delay` seconds, or ends before."""
    killed = run(options, out, delay)
    kept = {mark.stem: int(mark.read_text()) for mark in out.parent.glob(f".{out.name}.work/*/*.done")}
    fine = not out.exists() if killed else samples(out) == expected
    out.unlink(missing_ok=True)
    return {"after_s": round(delay, 2), "killed": killed, "fine": fine, "kept": kept}


def run(options: argparse.Namespace, out: Path, delay: float | None) -> bool:
    """Edit in a child process; returns whether it had to be killed. RuntimeError where it failed by itself."""
    child = os.fork()
    if child == 0:
        with Path(os.devnull).open("w", encoding="ascii") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        edit = ["edit", options.clip, "-o", out, "--attribute", options.edit, "--steps", options.steps]
        given = ["track", options.clip, "--json", out] if options.track else edit
        os._exit(dva([str(word) for word in [*given, "--pack", options.pack, "--device", "cpu"]]))
    deadline = None if delay is None else time.perf_counter() + delay
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            if status:
                raise RuntimeError(f"the edit ended with status {status}")
            return False
        if deadline is not None and time.perf_counter() >= deadline:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            return os.WIFSIGNALED(status)
        time.sleep(0.01)


def samples(path: Path) -> str:
    """A digest of all samples of all frames, or of a file that is no video."""
    if path.suffix == ".json":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    digest = hashlib.sha256()
    for frame in open_video(path):
        for plane in frame.planes:
            digest.update(plane.tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    main()

"""`dva forge`: make the embedded pack from nothing: render, train, assemble."""

import argparse
import math
from dataclasses import replace
from pathlib import Path

from .console import ConsoleProgress, say
from .home import writable_pack
from .host import DEVICE_NAMES, choose_device

STILLS = 12
"""Frames of each real clip that the judge of identity is measured on."""
COMPILES = "drawing; the first time, the renderer is compiled, which takes a minute or two"


def add_forge_steps(forge: argparse.ArgumentParser) -> None:
    """Give the forge command its own subcommands."""
    steps = forge.add_subparsers(dest="step", required=True)
    render = steps.add_parser("render", help="render one shard of faces")
    render.add_argument("shard", type=Path, help="file to write, *.safetensors")
    render.add_argument("--people", type=int, default=400, help="heads to render, each with toggled copies")
    render.add_argument("--seed", type=seed_number, required=True, help="another seed, other people")
    render.set_defaults(run=_render)
    train = steps.add_parser("train", help="train one network, or go on with it")
    train.add_argument(
        "network", choices=["identity", "landmarks", "parser", "denoiser", "judge", "judge_identity", "clip"]
    )
    train.add_argument("--data", type=Path, required=True, help="folder of shards")
    train.add_argument("--out", type=Path, required=True, help="folder of checkpoints")
    train.add_argument("--steps", type=int, help="step at which the training ends (default: the recipe's)")
    train.add_argument("--begin", type=int, help="step at which it began, where an unpacked network is trained on")
    train.add_argument("--rate", type=learning_rate, help="highest learning rate (default: the recipe's)")
    train.add_argument("--minutes", type=float, default=math.inf, help="stop after this long; call again to go on")
    train.add_argument("--seed", type=seed_number, default=0)
    train.add_argument("--device", choices=DEVICE_NAMES, default="auto", help="where to compute (default auto)")
    train.set_defaults(run=_train)
    pack = steps.add_parser("pack", help="assemble trained networks into a pack folder")
    pack.add_argument("--data", type=Path, required=True, help="folder of shards")
    pack.add_argument("--out", type=Path, required=True, help="folder of checkpoints")
    pack.add_argument("--pack", type=Path, required=True, help="pack folder to write")
    pack.add_argument("--note", default="", help="how it was trained, kept in pack.json")
    pack.set_defaults(run=_pack)
    text = steps.add_parser("text", help="put a trained CLIP into a pack that is there, for edits by text")
    text.add_argument("--pack", type=Path, required=True, help="pack folder to complete")
    text.add_argument("--out", type=Path, required=True, help="folder of checkpoints")
    text.set_defaults(run=_text)
    unpack = steps.add_parser("unpack", help="lay a pack's or a judge's networks out, to train them further")
    unpack.add_argument("--pack", type=Path, required=True, help="folder of a pack or a judge to read")
    unpack.add_argument("--out", type=Path, required=True, help="folder of checkpoints to write")
    unpack.set_defaults(run=_unpack)
    judge = steps.add_parser("judge", help="assemble the judge's trained networks, and measure what they are worth")
    judge.add_argument("--data", type=Path, required=True, help="folder of shards that no training saw")
    judge.add_argument("--out", type=Path, required=True, help="folder of checkpoints")
    judge.add_argument("--pack", type=Path, required=True, help="judge's folder to write")
    judge.add_argument("--clips", type=Path, help="folder of real clips of one person each, to measure identity on")
    judge.add_argument("--note", default="", help="how it was trained, kept in judge.json")
    judge.set_defaults(run=_judge)
    demo = steps.add_parser("demo", help="draw the demo clips that come along anew")
    demo.add_argument("folder", type=Path, help="folder to write them into")
    demo.set_defaults(run=_demo)


def seed_number(text: str) -> int:
    """A seed that every generator takes: argparse's type of --seed."""
    if not (text.isdecimal() and int(text) < 2**32):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {2**32 - 1}")
    return int(text)


def learning_rate(text: str) -> float:
    """A rate that an optimiser takes: argparse's type of --rate."""
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return rate


def _render(options: argparse.Namespace) -> None:
    from ..model.training.data import render_shard
    from ..model.training.recipe import MINI

    say(COMPILES)
    with ConsoleProgress() as progress:
        render_shard(options.shard, options.people, options.seed, MINI["resolution"], progress)
    say(f"wrote {options.shard}")


def _train(options: argparse.Namespace) -> None:
    from ..model.training.data import load_faces
    from ..model.training.recipe import PLANS, Workshop, train_network

    plan = replace(PLANS[options.network], seconds=options.minutes * 60, seed=options.seed)
    said = {name: getattr(options, name) for name in ("steps", "begin", "rate")}
    plan = replace(plan, **{name: value for name, value in said.items() if value is not None})
    workshop = Workshop.open(load_faces(options.data), options.out)
    with ConsoleProgress(text_changes=True) as progress:
        train_network(options.network, workshop, plan, choose_device(options.device), progress)
    say(f"wrote {workshop.checkpoint(options.network)}")


def _pack(options: argparse.Namespace) -> None:
    from ..model.packs.text import add_text
    from ..model.training.assemble import assemble_pack
    from ..model.training.data import load_faces
    from ..model.training.recipe import Workshop

    target = writable_pack(options.pack)
    workshop = Workshop.open(load_faces(options.data), options.out)
    assemble_pack(workshop, target, options.note)
    if workshop.averaged("clip").exists():
        add_text(target, workshop.averaged("clip"))
    say(f"wrote {options.pack}")


def _text(options: argparse.Namespace) -> None:
    from ..model.packs.text import add_text

    add_text(options.pack, options.out / "clip.ema.safetensors")
    say(f"wrote {options.pack}")


def _unpack(options: argparse.Namespace) -> None:
    from ..model.metrics.judge import JUDGE_FACTS
    from ..model.training.assemble import unpack
    from ..model.training.assemble_judge import unpack_judge

    lay_out = unpack_judge if (options.pack / JUDGE_FACTS).exists() else unpack
    lay_out(options.pack, options.out)
    say(f"wrote {options.out}")


def _judge(options: argparse.Namespace) -> None:
    from ..model.faces.detect import FaceDetector
    from ..model.metrics.judge import SIDE
    from ..model.training.assemble_judge import assemble_judge
    from ..model.training.data import load_faces
    from ..model.training.recipe import Workshop
    from .evaluate_clip import face_stills

    workshop = Workshop.open(load_faces(options.data), options.out)
    side = SIDE
    clips = face_stills(options.clips, STILLS, side, FaceDetector()) if options.clips else {}
    assemble_judge(workshop, options.pack, options.note, clips)
    say(f"wrote {options.pack}")


def _demo(options: argparse.Namespace) -> None:
    from ..model.demo.drawing import write_drawn

    say(COMPILES)
    with ConsoleProgress() as progress:
        files = write_drawn(options.folder, progress)
    say("\n".join(f"wrote {file}" for file in files))

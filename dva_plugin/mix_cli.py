"""`dva mix`: what a command line says about exchanging features; the exchange itself is model/editing/exchange.py."""

import argparse
from pathlib import Path

from .console import ConsoleProgress, say
from .forge import seed_number
from .host import DEVICE_NAMES, choose_device
from .video_options import CODECS


def add_mix_options(mix: argparse.ArgumentParser) -> None:
    """What `dva mix` takes."""
    clip = "a video file, or a clip kept by `dva edit --code`"
    mix.add_argument("source", type=Path, metavar="CLIP", help="video file")
    mix.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="a file, or folder/%%05d.png")
    mix.add_argument("--identity", type=Path, metavar="OTHER", help=f"whose face to take: {clip}")
    mix.add_argument("--motion", type=Path, metavar="OTHER", help=f"whose expressions, frame by frame: {clip}")
    mix.add_argument("--noise", type=Path, metavar="OTHER", help=f"whose noise maps, or gaussian: {clip}")
    mix.add_argument("--seed", type=seed_number, default=0, help="of the Gaussian noise (default 0)")
    mix.add_argument("--steps", type=int, help="network steps, 2 to 1000 (default: the pack's)")
    mix.add_argument("--codec", choices=CODECS, default="auto", help="auto: by the suffix; .mkv keeps every sample")
    mix.add_argument("--pack", default="mini", help="pack name or folder (default mini)")
    mix.add_argument("--device", choices=DEVICE_NAMES, default="auto", help="where to compute (default auto)")
    mix.set_defaults(run=_mix)


def _mix(options: argparse.Namespace) -> None:
    from .mix import MixRequest, mix_file
    from .packs import open_pack

    request = MixRequest(
        source=options.source,
        target=options.output,
        identity=options.identity,
        motion=options.motion,
        noise=options.noise,
        seed=options.seed,
        steps=options.steps,
        codec=options.codec,
    )
    device = choose_device(options.device)
    pack = open_pack(options.pack)
    with ConsoleProgress() as progress:
        report = mix_file(request, pack, device, progress)
    for sentence in report.sentences(options.output):
        say(sentence)

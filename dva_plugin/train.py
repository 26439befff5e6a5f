"""`dva train` and `dva train-attributes`: a pack from one's own footage and one's own labels."""

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.errors import ModelFilesError, UsageError
from .console import ConsoleProgress, complain, say
from .forge import seed_number
from .home import embedded_packs, find_pack, installed_packs, pack_facts, writable_pack
from .host import DEVICE_NAMES, choose_device

if TYPE_CHECKING:
    from ..model.packs.pack import Pack

PUBLISHED = "published"
"""In the place of a pack's name: the published network's sizes, which need no pack to be installed."""


def add_train_options(train: argparse.ArgumentParser) -> None:
    """What `dva train` takes."""
    train.add_argument("folder", type=Path, metavar="FOLDER", help="clips, or folders of aligned square pictures")
    train.add_argument("--out", type=Path, required=True, metavar="RUN", help="folder of the checkpoint, to go on from")
    train.add_argument(
        "--pack-config", default="mini", metavar="CONFIG",
        help="sizes of the network: an installed pack's name, a pack.json, or published (default mini)",
    )  # fmt: skip
    train.add_argument("--encoders", metavar="PACK", help="pack whose encoders to use (default: one that fits)")
    train.add_argument("--steps", type=_count, help="length of the whole training (default: the paper's 1000000)")
    train.add_argument("--minutes", type=float, default=math.inf, help="stop after this long; call again to go on")
    train.add_argument("--batch", type=_count, help="pictures a step (default: the paper's 16)")
    train.add_argument("--seed", type=seed_number, default=0)
    train.add_argument("--device", choices=DEVICE_NAMES, default="auto", help="where to compute (default auto)")
    train.add_argument("--pack", type=Path, metavar="OUT", help="write the network, as far as it is, to this folder")
    train.set_defaults(run=_train)


def add_train_attributes_options(train: argparse.ArgumentParser) -> None:
    """What `dva train-attributes` takes."""
    train.add_argument("folder", type=Path, metavar="FOLDER", help="aligned square pictures")
    train.add_argument("labels", type=Path, metavar="LABELS", help="list in the format of CelebA-HQ's attributes")
    train.add_argument("--pack", required=True, help="name or folder of the pack that learns them")
    train.add_argument("--out", type=Path, required=True, help="pack folder to write; it may be the same")
    train.set_defaults(run=_train_attributes)


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _train(options: argparse.Namespace) -> None:
    from ..model.training.footage import load_footage, prepare
    from ..model.training.own import BATCH, PLAN, OwnTraining, own_spec, train_own, write_own_pack

    target = None if options.pack is None else _pack_target(options.pack)
    config = _config(options.pack_config)
    encoders = _encoders(options.encoders, config)
    spec = own_spec(config, encoders)
    device = choose_device(options.device)
    prepared = options.out / "footage.safetensors"
    with ConsoleProgress() as progress:
        skipped = prepare(options.folder, encoders, prepared, device, progress)
    for sentence in skipped:
        complain(f"left out: {sentence}")
    plan = replace(PLAN, steps=options.steps or PLAN.steps, seconds=options.minutes * 60, seed=options.seed)
    training = OwnTraining(load_footage(prepared), spec, encoders, plan, options.batch or BATCH)
    say(f"{len(training.footage.images)} pictures of side {spec.resolution}")
    with ConsoleProgress(text_changes=True) as progress:
        run = train_own(training, options.out / "denoiser.safetensors", device, progress)
    say(f"{run.step} of {plan.steps} steps are done, in {options.out}")
    if target is not None:
        write_own_pack(target, run, training)
        say(f"wrote {target}; use it with --pack {target}")


def _train_attributes(options: argparse.Namespace) -> None:
    from ..model.training.labelled import read_labels, train_attributes
    from ..model.training.own import write_pack_with
    from .packs import open_pack

    target = _pack_target(options.out)
    labels = read_labels(options.labels)
    pack = open_pack(options.pack)
    with ConsoleProgress() as progress:
        table = train_attributes(options.folder, labels, pack, progress)
    write_pack_with(target, pack, table, f"{len(labels.files)} pictures labelled in {options.labels.name}")
    say(f"wrote {target}: {len(labels.attributes)} attributes; use it with --pack {target}")


def _pack_target(folder: Path) -> Path:
    """A folder that may be written as a pack: new, empty, or a pack that is no part of this plugin."""
    target = writable_pack(folder)
    if target in {embedded.resolve() for embedded in embedded_packs().values()}:
        raise UsageError(f"{target} is part of this plugin and stays as it is; name another folder")
    return target


def _config(name: str) -> Mapping[str, Any]:
    """What a pack.json says of a network's sizes."""
    from ..model.packs.published import published_facts

    if name == PUBLISHED:
        return published_facts()
    if not name.endswith(".json"):
        return pack_facts(find_pack(name))
    try:
        facts = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelFilesError(
            f"{name} cannot be read as a pack.json ({error}); take one of a pack for a model"
        ) from error
    if not isinstance(facts, dict):
        raise ModelFilesError(f"{name} holds no JSON object; take the pack.json of a pack for a model")
    return facts


def _encoders(name: str | None, config: Mapping[str, Any]) -> "Pack":
    """The pack of that name, or the first installed one that sees pictures of the config's side."""
    from .packs import open_pack

    if name is not None:
        return open_pack(name)
    side = config.get("resolution")
    for installed, folder in installed_packs().items():
        if pack_facts(folder).get("resolution") == side:
            return open_pack(installed)
    raise ModelFilesError(
        f"no installed pack has encoders for pictures of side {side}; `dva packs list` tells which can be had"
    )

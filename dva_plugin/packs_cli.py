"""`dva packs`: what is installed and where, and how the published network becomes a pack."""

import argparse
from pathlib import Path

from ..model.errors import DvaError, ModelFilesError, UsageError
from .console import ConsoleProgress, say
from .home import download_folder, embedded_packs, find_pack, installed_packs, pack_facts, pack_folders, remove_pack
from .manifest import Pack, read_manifest

IMPORT = "dva packs import --model model.ckpt --classifier classifier.ckpt --statistics latent.pkl"


def add_packs_commands(packs: argparse.ArgumentParser) -> None:
    """Give the packs command its own subcommands."""
    commands = packs.add_subparsers(dest="step", required=True, metavar="COMMAND")
    listed = commands.add_parser("list", help="what is installed, and what else is known and how to get it")
    listed.set_defaults(run=_list)
    where = commands.add_parser("where", help="the folders that are searched, in their order")
    where.set_defaults(run=_where)
    importing = commands.add_parser("import", help="make a pack from the authors' published checkpoints")
    importing.add_argument("--model", type=Path, required=True, metavar="FILE", help="model.ckpt")
    importing.add_argument("--classifier", type=Path, required=True, metavar="FILE", help="classifier.ckpt")
    importing.add_argument("--statistics", type=Path, required=True, metavar="FILE", help="latent.pkl")
    importing.add_argument(
        "--encoders", type=Path, nargs="+", default=[], metavar="FILE",
        help="encoders.zip, or any of the three files in it (default: the copies inside model.ckpt)",
    )  # fmt: skip
    importing.add_argument(
        "--accept-licence", action="store_true", help="you have read the files' licences and may use them"
    )
    importing.set_defaults(run=_import)
    verify = commands.add_parser("verify", help="hold the files against their hashes")
    verify.add_argument("name", nargs="*", help="installed packs (default: all)")
    verify.set_defaults(run=_verify)
    remove = commands.add_parser("remove", help="delete an installed pack")
    remove.add_argument("name")
    remove.set_defaults(run=_remove)


def _list(_: argparse.Namespace) -> None:
    installed = installed_packs()
    for name, folder in installed.items():
        say(_installed(name, folder))
    for pack in read_manifest().packs:
        if pack.name not in installed:
            say(_obtainable(pack))


def _installed(name: str, folder: Path) -> str:
    note = ", part of this plugin" if name in embedded_packs() else ""
    try:
        facts = pack_facts(folder)
    except ModelFilesError as error:
        return f"{name}  in {folder}{note}\n  damaged: {error}"
    megabytes = sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) / 1e6
    side, licence = facts.get("resolution"), facts.get("licence", "none named")
    return f"{name}  {side}x{side}, {megabytes:.1f} MB, in {folder}{note}\n  licence: {licence}"


def _obtainable(pack: Pack) -> str:
    lines = [f"{pack.name}  not installed, from {pack.source}", f"  licence: {pack.licence}"]
    for file in pack.files:
        size = "size unknown" if file.bytes is None else f"{file.bytes / 1e6:.1f} MB"
        lines += [f"  {file.name}  {size}, {file.holds}", f"    {file.link()}"]
        lines += [f"    licence of {part.name}: {part.licence}" for part in file.members or (file,)]
    lines.append(f"  download these with a browser (the last is optional), then: {IMPORT}")
    return "\n".join(lines)


def _where(_: argparse.Namespace) -> None:
    for name, folder in embedded_packs().items():
        say(f"{folder}  (the pack {name}, part of this plugin)")
    for folder in pack_folders():
        notes = ["new packs go here"] if folder == download_folder() else []
        notes += [] if folder.is_dir() else ["not there yet"]
        say(f"{folder}" + (f"  ({', '.join(notes)})" if notes else ""))


def _import(options: argparse.Namespace) -> None:
    from ..model.packs.official import PublishedFiles
    from .packs import FIRST_USE, import_pack, offers

    files = PublishedFiles(options.model, options.classifier, options.statistics, tuple(options.encoders))
    say("The MIT licence of this plugin covers its code, not these weights:")
    for offer in offers(files):
        for name, licence in offer.licences().items():
            say(f"  {name}: {licence}")
    if not options.accept_licence:
        raise UsageError(
            "nothing was imported: add --accept-licence once you have read the licences above and may use the files"
        )
    with ConsoleProgress(text_changes=True) as progress:
        folder = import_pack(files, progress)
    facts = pack_facts(folder)
    for source in facts["sources"]:
        say(f"  {source['name']}: sha256 {source['sha256']}, {source['trust']}")
    if any(source["trust"] == FIRST_USE for source in facts["sources"]):
        say(f"  {FIRST_USE}: nobody publishes these hashes, so nothing proves that the files are the authors';")
        say("  they are recorded now, and other files are refused from now on, until the pack is removed")
    say(f"wrote {folder}; use it with --pack {facts['name']}")


def _verify(options: argparse.Namespace) -> None:
    from .packs import verify_pack

    faults: list[str] = []
    for name in options.name or installed_packs():
        folder = find_pack(name)
        say(f"{name}  in {folder}")
        try:
            verdicts = verify_pack(folder)
        except DvaError as error:
            faults.append(str(error))
            continue
        for verdict in verdicts:
            say(f"  {'ok ' if verdict.sound else 'BAD'} {verdict.file}: {verdict.text}")
        faults += [f"{verdict.file} of {name}: {verdict.text}" for verdict in verdicts if not verdict.sound]
    if faults:
        raise ModelFilesError(f"{'; '.join(faults)}; install the pack again")
    say("every file has the hash that was recorded for it")


def _remove(options: argparse.Namespace) -> None:
    say(f"removed {remove_pack(options.name)}")

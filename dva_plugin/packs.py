"""Opening, importing and verifying the packs that a person named."""

from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from ..model.errors import ModelFilesError, UsageError
from ..model.packs.folder import file_sha256
from ..model.packs.official import ENCODERS, PublishedFiles, import_published, is_archive
from ..model.packs.pack import FILES, Pack, load_pack
from ..model.packs.published import NAME
from ..model.types import OnProgress, Progress, ignore_progress
from .home import PACK_FILE, download_folder, find_pack, installed_packs, pack_facts
from .manifest import Pack as KnownPack
from .manifest import PackFile, read_manifest

ENCODERS_ARCHIVE = "encoders.zip"
FIRST_USE = "trusted on first use"
"""pack.json's word for a file whose hash nobody publishes: what was imported first is what later files must equal."""
PUBLISHED = "as published"
"""pack.json's word for a file whose hash plugin.json knows."""


def open_pack(name: str) -> Pack:
    """Load an installed pack by its name, or else any pack by its folder.

    Raises UsageError for an impossible name and ModelFilesError for a pack that is missing or damaged.
    """
    folder = Path(name).expanduser()
    # The name comes first: a folder that happens to be called "mini" must not pass for the embedded pack.
    return load_pack(folder if name not in installed_packs() and folder.is_dir() else find_pack(name))


@dataclass(frozen=True)
class Offer:
    """A downloaded file, and what plugin.json knows of it."""

    path: Path
    known: PackFile

    def licences(self) -> dict[str, str]:
        """File name -> licence: of the file, or of each file inside it."""
        return {file.name: file.licence for file in self.known.members or (self.known,)}


def offers(files: PublishedFiles) -> list[Offer]:
    """Each of the files with its entry in plugin.json.

    Raises UsageError for an encoder file of an unknown name, ModelFilesError for a file that is not there.
    """
    named = [(files.model, "model.ckpt"), (files.classifier, "classifier.ckpt"), (files.statistics, "latent.pkl")]
    named += [(path, ENCODERS_ARCHIVE if is_archive(path) else path.name) for path in files.encoders]
    pack = published_pack()
    found: list[Offer] = []
    for path, name in named:
        known = pack.file(name)
        if known is None:
            raise UsageError(f"{path} is no encoder file of the authors; give their zip, or {', '.join(ENCODERS)}")
        if not path.is_file():
            raise ModelFilesError(f"there is no file {path}; name where {name} was downloaded to")
        found.append(Offer(path, known))
    return found


def published_pack() -> KnownPack:
    """The published network in plugin.json; ModelFilesError where the manifest lacks it."""
    pack = read_manifest().pack(NAME)
    if pack is None:
        raise ModelFilesError(f"plugin.json does not name the pack {NAME}; install the plugin again")
    return pack


def import_pack(files: PublishedFiles, on_progress: OnProgress = ignore_progress) -> Path:
    """Make the published network's pack out of downloaded files, and return its folder.

    A file's sha256 is held against plugin.json where that knows it, and otherwise against the one that an earlier
    import recorded in pack.json. Raises what offers and import_published raise, and ModelFilesError for another hash.
    """
    folder = download_folder() / NAME
    earlier = _recorded()
    sources: list[dict[str, Any]] = []
    offered = offers(files)
    for i, offer in enumerate(offered):
        on_progress(Progress("check files", i, len(offered) + 1))
        sources.append(_checked(offer, earlier))
    on_progress(Progress("write pack", len(offered), len(offered) + 1))
    import_published(files, folder, {"licence": published_pack().licence, "sources": sources})
    on_progress(Progress("write pack", len(offered) + 1, len(offered) + 1))
    return folder


def _checked(offer: Offer, earlier: dict[str, str]) -> dict[str, Any]:
    """What pack.json keeps of one file."""
    known, size = offer.known, offer.path.stat().st_size
    if known.bytes not in (None, size):
        raise ModelFilesError(f"{offer.path} has {size} bytes, {known.name} has {known.bytes}; download it again")
    digest = file_sha256(offer.path)
    if known.sha256 not in (None, digest):
        raise ModelFilesError(
            f"{offer.path} is not the published {known.name}: its sha256 is {digest}, not {known.sha256}; "
            "download it again"
        )
    before = earlier.get(known.name, digest)
    if known.sha256 is None and before != digest:
        raise ModelFilesError(
            f"{offer.path} is not the {known.name} that was imported first: its sha256 is {digest}, not {before}; "
            f"if you trust it more, run `dva packs remove {NAME}` before"
        )
    trust = FIRST_USE if known.sha256 is None else PUBLISHED
    return {"name": known.name, "bytes": size, "sha256": digest, "trust": trust, "licences": offer.licences()}


def _recorded() -> dict[str, str]:
    """File name -> sha256 that the import of the installed pack wrote down."""
    folder = installed_packs().get(NAME)
    if folder is None:
        return {}
    try:
        return {name: digest for name, digest, _ in _sources(pack_facts(folder))}
    except ModelFilesError as error:
        raise ModelFilesError(
            f"{folder} holds a damaged pack, so that nothing tells which files it was imported from; "
            f"run `dva packs remove {NAME}` and import again"
        ) from error


def _sources(facts: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(name, sha256, trust) of every file that a pack was imported from."""
    try:
        return [(str(s["name"]), str(s["sha256"]), str(s["trust"])) for s in facts.get("sources", [])]
    except (KeyError, TypeError) as error:
        raise ModelFilesError(f"the sources in a {PACK_FILE} are malformed ({error!r}); remove the pack") from error


@dataclass(frozen=True)
class Verdict:
    """What verify_pack found of one file."""

    file: str
    sound: bool
    text: str


def verify_pack(folder: Path) -> list[Verdict]:
    """Hold every file of a pack against the hashes in its pack.json, and those against plugin.json.

    Raises ModelFilesError where pack.json itself cannot be read.
    """
    facts = pack_facts(folder)
    recorded = facts.get("files")
    listed: dict[str, Any] = recorded if isinstance(recorded, dict) else {}
    verdicts = [_weights_verdict(folder, name, listed.get(name)) for name in dict.fromkeys((*FILES, *listed))]
    return verdicts + [_source_verdict(str(facts.get("name")), *source) for source in _sources(facts)]


def _weights_verdict(folder: Path, name: str, recorded: object) -> Verdict:
    digest = recorded.get("sha256") if isinstance(recorded, dict) else None
    if digest is None:
        return Verdict(name, sound=False, text=f"has no hash in {PACK_FILE}")
    if PureWindowsPath(name).name != name:
        return Verdict(name, sound=False, text="is no bare file name")
    if not (folder / name).is_file():
        return Verdict(name, sound=False, text="is missing")
    found = file_sha256(folder / name)
    text = f"sha256 {found}" + ("" if found == digest else f", but {PACK_FILE} says {digest}")
    return Verdict(name, found == digest, text)


def _source_verdict(pack: str, name: str, digest: str, trust: str) -> Verdict:
    """plugin.json may have learnt a file's hash since it was imported."""
    known = read_manifest().pack(pack)
    file = known.file(name) if known is not None else None
    if file is None or file.sha256 is None:
        return Verdict(name, sound=True, text=f"imported from a file of sha256 {digest}, {trust}")
    sound = file.sha256 == digest
    text = f"imported from a file of sha256 {digest}, " + (PUBLISHED if sound else f"but {file.sha256} was published")
    return Verdict(name, sound, text)

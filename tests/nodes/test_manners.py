"""How the nodes behave as guests: memory, interruption, the weight of their import."""

import gc
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
import torch
from tiny import SIDE

from dva.dva_plugin.host import PlainHost, with_less_memory
from dva.model.autoencoder import Autoencoder
from dva.model.errors import Interrupted
from dva.model.types import Progress
from dva.nodes.at_work import at_work

HEAVY = {
    "facenet_pytorch",
    "face_alignment",
    "open_clip",
    "PySide6",
    "skimage",
    "cv2",
    "numba",
    "torchmetrics",
    "comfy",
}
KNOWN = {"dva", "torch", "numpy", "scipy", "av", "PIL", "safetensors", "appdirs"}
"""All that must be installed for the nodes to be registered."""


class Scarce:
    """A device that holds so many frames."""

    device = torch.device("cpu")

    def __init__(self, holds: int, chunk: int) -> None:
        self.holds, self.chunk = holds, chunk
        self.tried: list[int] = []

    def work(self) -> str:
        self.tried.append(self.chunk)
        if self.chunk > self.holds:
            raise torch.cuda.OutOfMemoryError
        return "done"


def test_a_lack_of_memory_halves_the_chunk_until_it_fits() -> None:
    scarce = Scarce(holds=3, chunk=16)
    assert with_less_memory(scarce, scarce.work) == "done"
    assert scarce.tried == [16, 8, 4, 2]


def test_at_one_frame_the_lack_is_the_hosts() -> None:
    scarce = Scarce(holds=0, chunk=5)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        with_less_memory(scarce, scarce.work)
    assert scarce.tried == [5, 2, 1]


def test_what_a_smaller_chunk_encodes_is_the_same(chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network runs out of memory for more than two frames; the node goes on, and the code is what it would be."""
    track, _, _ = chain.align()
    whole = chain.encode(track)
    predict, sizes = chain.model.networks.unet.predict, []

    def scarce(x: torch.Tensor, *rest: object) -> torch.Tensor:
        sizes.append(len(x))
        if len(x) > 2:
            raise torch.cuda.OutOfMemoryError
        return predict(x, *rest)

    monkeypatch.setattr(chain.model.networks.unet, "predict", scarce)
    halved = chain.encode(track)
    assert max(sizes) == 5
    torch.testing.assert_close(halved.noise, whole.noise, rtol=2e-3, atol=2e-3)
    torch.testing.assert_close(
        chain.decode(chain.edit(halved))[0], chain.decode(chain.edit(whole))[0], rtol=0, atol=2e-3
    )


@pytest.mark.parametrize("stage", ["find faces", "align", "perceive", "encode", "decode", "paste"])
def test_every_stage_can_be_stopped(chain, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    def stop(progress: Progress) -> None:
        if progress.stage == stage:
            raise Interrupted("stop")

    monkeypatch.setattr(PlainHost, "on_progress", lambda self: stop)
    with pytest.raises(Interrupted):
        track, _, _ = chain.align()
        chain.paste(track, *chain.decode(chain.edit(chain.encode(track))))


@pytest.mark.parametrize("stage", ["encode", "decode"])
def test_who_wants_to_stop_waits_for_one_evaluation(chain, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    """All five frames go through the network together, so that a look between chunks would come too late."""
    track, _, _ = chain.align()
    code = chain.edit(chain.encode(track))
    predict, evaluated = chain.model.networks.unet.predict, []

    def counted(x: torch.Tensor, *rest: object) -> torch.Tensor:
        evaluated.append(len(x))
        return predict(x, *rest)

    def stop_after_the_first(progress: Progress) -> None:
        if len(evaluated) == 1:
            raise Interrupted("stop")

    monkeypatch.setattr(chain.model.networks.unet, "predict", counted)
    monkeypatch.setattr(PlainHost, "on_progress", lambda self: stop_after_the_first)
    with pytest.raises(Interrupted):
        chain.encode(track) if stage == "encode" else chain.decode(code)
    assert evaluated == [5]


def test_networks_stay_where_the_pack_has_them(chain) -> None:
    """On another device a node works on a copy, which goes when the node ends: the loaded pack holds no such memory."""
    Autoencoder(chain.model, torch.device("meta"))
    assert {parameter.device.type for parameter in chain.model.networks.parameters()} == {"cpu"}


def test_what_a_node_brought_to_the_device_is_gone_when_it_ends(chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even while somebody holds on to the autoencoder, as the frame of an error does."""
    told: list[tuple[str, object]] = []
    meta = torch.device("meta")
    monkeypatch.setattr(PlainHost, "device", lambda self: meta)
    monkeypatch.setattr(PlainHost, "make_room", lambda self, size, device: told.append(("room", size)))
    monkeypatch.setattr(PlainHost, "give_back", lambda self, device: told.append(("back", device)))
    with pytest.raises(Interrupted), at_work(chain.model) as autoencoder:
        on_device = weakref.ref(next(autoencoder.networks.parameters()))
        assert on_device().device == meta
        raise Interrupted("stop")
    gc.collect()
    assert on_device() is None
    weights = sum(tensor.numel() * tensor.element_size() for tensor in chain.model.networks.state_dict().values())
    assert told == [("room", weights), ("back", meta)]


@pytest.mark.parametrize("stage", ["encode", "decode"])
def test_whoever_watches_sees_the_face_that_is_made(chain, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    """The last picture shown is nearest to the first of all crops, which is the one that is shown."""
    seen: list[torch.Tensor] = []

    def watch(progress: Progress) -> None:
        if progress.stage == stage and progress.preview is not None:
            seen.append(progress.preview())

    track, crops, _ = chain.align()
    code = chain.encode(track)
    monkeypatch.setattr(PlainHost, "on_progress", lambda self: watch)
    made = chain.decode(chain.edit(code))[0] if stage == "decode" else crops
    if stage == "encode":
        chain.encode(track)
    assert seen
    assert {tuple(picture.shape) for picture in seen} == {(3, SIDE, SIDE)}
    assert (seen[-1].movedim(0, -1) - made[:5]).abs().mean((1, 2, 3)).argmin() == 0


def test_registering_the_nodes_is_light(tmp_path: Path) -> None:
    """Nothing that only some nodes need is imported, and no node of ours reaches for a package that is not KNOWN."""
    script = (
        "import sys, torch, numpy, scipy.ndimage, av, PIL.Image, safetensors.torch, appdirs; begun = set(sys.modules);"
        "import dva; dva.NODE_CLASS_MAPPINGS; print(*sys.modules); print(*set(sys.modules) - begun)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    everything, ours = (line.split() for line in done.stdout.splitlines())
    assert "dva.nodes.paste_back" in ours
    assert HEAVY.isdisjoint(everything)
    packages = {name.partition(".")[0] for name in ours}
    assert packages - set(sys.stdlib_module_names) <= KNOWN

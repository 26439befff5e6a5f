from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import tiny_pack

from dva.dva_plugin.host import with_less_memory
from dva.model import stream
from dva.model.autoencoder import Autoencoder
from dva.model.code import ClipCode, SourceFacts, load_code
from dva.model.code_growth import begin_code
from dva.model.editing.attribute import attribute_edit
from dva.model.errors import InputError
from dva.model.faces.clip import aligned_crops
from dva.model.files import map_tensor_file
from dva.model.stream import decode_into, encode_into, perceive_into
from dva.model.types import FRAME_STATUS, FaceTrack
from dva.model.video import ArraySource

FRAMES = 7
MISSING = 3
RATE = Fraction(24)


@dataclass
class Paper:
    """A mark that remembers, and that may stop the work once it has remembered often enough."""

    done: int = 0
    patience: int = 10**6

    def advance(self, done: int) -> None:
        self.done = done
        self.patience -= 1
        if self.patience == 0:
            raise InterruptedError


@pytest.fixture
def autoencoder(tmp_path_factory: pytest.TempPathFactory) -> Autoencoder:
    made = Autoencoder(tiny_pack(tmp_path_factory.mktemp("packs") / "tiny"), torch.device("cpu"))
    made.chunk = 2
    return made


def clip_of(*pictures: int) -> ArraySource:
    """A frame a number, equal numbers being equal frames."""
    frames = [np.random.default_rng(n).integers(0, 256, (40, 48, 3), dtype=np.uint8) for n in pictures]
    return ArraySource(np.stack(frames), RATE)


def track_of(frames: int) -> FaceTrack:
    """A face that stands still, and is missing once."""
    status = np.zeros(frames, np.uint8)
    quads = np.tile(np.array([[4, 2], [4, 34], [36, 34], [36, 2]], float), (frames, 1, 1))
    if frames > MISSING:
        status[MISSING] = FRAME_STATUS.index("missing")
        quads[MISSING] = np.nan
    return FaceTrack(quads, np.zeros((frames, 5, 2)), status, np.ones(frames), (40, 48), RATE)


@pytest.fixture
def clip() -> ArraySource:
    return clip_of(*range(FRAMES))


class Road:
    """All stages of one clip in one folder, to be gone as far as each mark allows."""

    def __init__(self, autoencoder: Autoencoder, clip: ArraySource, folder: Path, patience: int = 10**6) -> None:
        folder.mkdir(exist_ok=True)
        self.autoencoder, self.clip, self.folder = autoencoder, clip, folder
        self.path = folder / "code.dva"
        self.seen, self.encoded, self.decoded = (Paper(patience=patience) for _ in range(3))
        begin_code(autoencoder.begin(track_of(clip.frame_count), SourceFacts.of(clip), 4), self.path)

    def perceive(self) -> None:
        perceive_into(self.autoencoder, self.clip, self.path, self.folder / "notes", self.seen)

    def encode(self) -> None:
        encode_into(self.autoencoder, self.path, self.encoded)

    def decode(self) -> None:
        code = load_code(self.path)
        edited = code.with_edit(attribute_edit(self.autoencoder.pack, "Gray_Hair", 0.9, len(code)))
        decode_into(self.autoencoder, edited, self.folder / "edit", self.decoded)

    def whole(self) -> tuple[bytes, bytes]:
        """Go it to the end, taking up every stage that stops."""
        for stage in (self.perceive, self.encode, self.decode):
            finish(stage)
        return self.path.read_bytes(), (self.folder / "edit").read_bytes()


def finish(stage: Callable[[], None]) -> int:
    """Run a stage until it ends; returns how often it stopped."""
    for stops in range(100):
        try:
            stage()
        except InterruptedError:
            continue
        return stops
    raise AssertionError("it never ends")


def in_memory(autoencoder: Autoencoder, clip: ArraySource) -> ClipCode:
    track = track_of(clip.frame_count)
    crops = aligned_crops(clip, track, autoencoder.pack.spec.resolution)
    return autoencoder.encode(crops, track, SourceFacts.of(clip), 4)


def test_a_clip_on_the_disk_is_encoded_and_decoded_as_one_in_memory(
    autoencoder: Autoencoder, clip: ArraySource, tmp_path: Path
):
    road = Road(autoencoder, clip, tmp_path)
    road.whole()
    ours, theirs = load_code(road.path), in_memory(autoencoder, clip)
    for name in ("z_id", "z_lnd", "noise", "crops", "parsing", "residual"):
        assert torch.equal(getattr(ours, name), getattr(theirs, name)), name
    edit = attribute_edit(autoencoder.pack, "Gray_Hair", 0.9, FRAMES)
    decoded = autoencoder.decode(theirs.with_edit(edit))
    file = map_tensor_file(tmp_path / "edit")[1]
    assert torch.equal(file["difference"], decoded.difference)
    assert torch.equal(file["mask"], decoded.mask)


@pytest.mark.parametrize("patience", [1, 2])
def test_work_broken_off_and_taken_up_again_gives_the_same_bytes(
    autoencoder: Autoencoder, clip: ArraySource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: int
):
    monkeypatch.setattr(stream, "BLOCK", 2)
    undisturbed = Road(autoencoder, clip, tmp_path / "whole").whole()
    road = Road(autoencoder, clip, tmp_path / "parts", patience)
    evaluated: list[int] = []
    forward = autoencoder.networks.unet.predict
    monkeypatch.setattr(
        autoencoder.networks.unet, "predict", lambda x, *rest: (evaluated.append(1), forward(x, *rest))[1]
    )
    assert finish(road.perceive) == finish(road.encode) == finish(road.decode) == 1
    assert (road.path.read_bytes(), (tmp_path / "parts" / "edit").read_bytes()) == undisturbed
    resumed = len(evaluated)
    Road(autoencoder, clip, tmp_path / "again").whole()
    assert len(evaluated) - resumed == resumed  # nothing was encoded or decoded twice


def test_equal_frames_are_encoded_and_decoded_once(
    autoencoder: Autoencoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Two pictures, held by turns, cost what the two of them cost; each frame gets its own picture's noise."""
    rows: list[int] = []
    forward = autoencoder.networks.unet.predict
    monkeypatch.setattr(
        autoencoder.networks.unet, "predict", lambda x, *rest: (rows.append(len(x)), forward(x, *rest))[1]
    )
    short = Road(autoencoder, clip_of(1, 2), tmp_path / "short")
    short.whole()
    alone = sum(rows)
    held = Road(autoencoder, clip_of(1, 1, 2, 9, 1, 2, 2), tmp_path / "held")
    held.whole()
    assert sum(rows) - alone == alone
    noise = load_code(held.path).noise
    first, second = noise[0], noise[2]
    assert not torch.equal(first, second)
    assert all(torch.equal(noise[i], first) for i in (1, 4))
    assert all(torch.equal(noise[i], second) for i in (5, 6))
    assert not noise[MISSING].any()


def test_equal_frames_with_unequal_edits_are_decoded_apart(autoencoder: Autoencoder):
    code = in_memory(autoencoder, clip_of(5, 5, 5))
    curve = np.array([0.2, 0.9, 0.2], np.float32)
    ramp = autoencoder.decode(code.with_edit(attribute_edit(autoencoder.pack, "Gray_Hair", curve, 3))).difference
    assert torch.equal(ramp[0], ramp[2])
    assert not torch.equal(ramp[0], ramp[1])


def test_too_little_memory_halves_the_chunk_and_repeats_no_other(
    autoencoder: Autoencoder, clip: ArraySource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The third chunk finds too little memory for two frames; what was stored before it is not computed again."""
    road = Road(autoencoder, clip, tmp_path)
    road.perceive()
    rows: list[int] = []
    forward, begun = autoencoder.networks.unet.predict, road.encoded

    def scarce(x: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        if begun.done >= 2 and len(x) > 1:
            raise torch.cuda.OutOfMemoryError
        rows.append(len(x))
        return forward(x, *rest)

    monkeypatch.setattr(autoencoder.networks.unet, "predict", scarce)
    with_less_memory(autoencoder, road.encode)
    a_frame = sum(rows) // (FRAMES - 1)
    assert rows == [2] * a_frame + [1] * 4 * a_frame
    torch.testing.assert_close(load_code(road.path).noise, in_memory(autoencoder, clip).noise, rtol=2e-3, atol=2e-3)


def test_too_little_memory_for_one_frame_is_told(
    autoencoder: Autoencoder, clip: ArraySource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def none_left(*_: torch.Tensor) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError

    road = Road(autoencoder, clip, tmp_path)
    road.perceive()
    monkeypatch.setattr(autoencoder.networks.unet, "predict", none_left)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        with_less_memory(autoencoder, road.encode)
    assert autoencoder.chunk == 1


def test_another_clip_than_the_tracked_one_is_refused(autoencoder: Autoencoder, clip: ArraySource, tmp_path: Path):
    road = Road(autoencoder, clip, tmp_path)
    road.clip = clip_of(1, 2)
    with pytest.raises(InputError, match="tracked through 7 frames"):
        road.perceive()

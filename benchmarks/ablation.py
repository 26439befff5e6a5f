"""What L_reg is for (the paper's figure 7): a pack's denoiser trained on with it and without it, on the same batches.

    python -m benchmarks.ablation --data FACES --out FOLDER [--steps 400] --json OUT --sheet PNG

Both trainings go on where they were stopped. Then each network decodes held-out rendered people from their own noise
and from Gaussian noise, with the same z_face. A row of the sheet: the person, from its own noise, and from DRAWS draws
of Gaussian noise; the upper half is with L_reg, the lower without. Figures: `identity` is the mean cosine of the drawn
pictures to the person by the judge's recogniser, `head` and `outside` the standard deviation over the draws inside the
head and outside of it, in levels of 255.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from dva.dva_plugin.evaluate_clip import open_judge
from dva.dva_plugin.packs import open_pack
from dva.model.autoencoder import Autoencoder
from dva.model.editing.exchange import with_gaussian_noise
from dva.model.encoders.identity import IdentityEncoder
from dva.model.encoders.parser import region_mask
from dva.model.metrics.recognise import Recogniser, judge_recogniser
from dva.model.packs.pack import Pack
from dva.model.training.batches import Conditions
from dva.model.training.data import Faces, load_faces
from dva.model.training.denoiser import REG, Denoiser, denoiser_loss
from dva.model.training.loop import Plan, train
from dva.model.training.recipe import BATCH, ENCODERS, conditions_of
from dva.model.types import Progress

from .held_out import HeldOutClip, crop_track, held_out_clips
from .report import as_bytes

FIRST_PERSON = 30_000
"""Far from the people of the other benchmarks."""
WEIGHTS = {"with L_reg": REG, "without": 0.0}
DRAWS = 4


def main() -> None:
    """Train twice, measure twice, and print a line each."""
    options = _options()
    judge = open_judge(None, torch.device("cpu"))
    if judge is None:
        raise SystemExit("the pack `judge` is not installed, and nobody else can decide who is who")
    pack, faces = open_pack(options.pack), load_faces(options.data)
    if not isinstance(pack.networks.identity, IdentityEncoder):
        raise SystemExit(f"{options.pack} was not trained by `dva forge train`; name mini or a pack made like it")
    known = conditions_of(pack.networks.identity, faces)
    people = list(held_out_clips(options.people, 1, pack.spec.resolution, FIRST_PERSON))
    found: dict[str, dict[str, float]] = {}
    halves: list[np.ndarray] = []
    for name, weight in WEIGHTS.items():
        pack = open_pack(options.pack)
        checkpoint = options.out / f"{pack.hash[:8]}-reg-{weight:g}.safetensors"
        _train_on(pack, faces, known, weight, Plan(steps=options.steps, rate=6e-4, ema=0.99), checkpoint)
        found[name], half = _measure(Autoencoder(pack, torch.device("cpu")), judge_recogniser(judge), people)
        halves.append(half)
        print(f"{name:<12}", "  ".join(f"{key} {value:.3f}" for key, value in found[name].items()))
    options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    Image.fromarray(np.concatenate(halves)).save(options.sheet)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of shards that the pack was trained on")
    parser.add_argument("--out", type=Path, required=True, help="folder of the two checkpoints")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--pack", default="mini")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--sheet", type=Path, required=True)
    return parser.parse_args()


def _train_on(pack: Pack, faces: Faces, known: Conditions, weight: float, plan: Plan, checkpoint: Path) -> None:
    """Replace the pack's denoiser, in memory, by one that was trained on."""
    spec, nets = pack.spec, pack.networks
    network = Denoiser(spec.unet, spec.id_dim, ENCODERS.face_hidden)
    network.unet.load_state_dict(nets.unet.state_dict())
    network.face_code.load_state_dict(nets.face_code.state_dict())
    network = network.to(memory_format=torch.channels_last)

    def loss(net: torch.nn.Module, rng: torch.Generator) -> dict[str, Tensor]:
        return denoiser_loss(net, faces, known, spec.schedule, BATCH["denoiser"], rng, weight)

    with tqdm(total=plan.steps, desc=f"train, L_reg x {weight:g}") as bar:

        def tell(progress: Progress) -> None:
            bar.update(progress.done - bar.n)

        trained = train(network, loss, plan, checkpoint, tell).ema
    assert isinstance(trained, Denoiser)
    nets.unet.load_state_dict(trained.unet.state_dict())
    nets.face_code.load_state_dict(trained.face_code.state_dict())


@torch.no_grad()
def _measure(
    autoencoder: Autoencoder, recogniser: Recogniser, people: Iterable[HeldOutClip]
) -> tuple[dict[str, float], np.ndarray]:
    """The figures' means over people, and a sheet uint8 [H, W, 3] of the first four."""
    rows: list[list[float]] = []
    strips: list[np.ndarray] = []
    for person in tqdm(people, desc="decode"):
        code = autoencoder.encode(person.crops, *crop_track(1, person.crops.shape[-1]))
        own = autoencoder.reconstruct(code)
        drawn = torch.cat([autoencoder.reconstruct(with_gaussian_noise(code, seed)) for seed in range(DRAWS)])
        source = person.crops.float() / 127.5 - 1
        z = recogniser.embed(torch.cat([source, drawn]).clamp(-1, 1))
        head = region_mask(code.parsing, autoencoder.pack.spec.parser_classes, "head")[0]
        spread = drawn.clamp(-1, 1).std(0).mean(0) * 127.5
        rows.append([float((z[1:] @ z[0]).mean()), float(spread[head].mean()), float(spread[~head].mean())])
        if len(strips) < 4:
            strips.append(np.concatenate([as_bytes((p + 1) / 2) for p in (source[0], own[0], *drawn)], 1))
    means = np.mean(rows, axis=0).round(3).tolist()
    return dict(zip(("identity", "head", "outside"), means, strict=True)), np.concatenate(strips)


if __name__ == "__main__":
    main()

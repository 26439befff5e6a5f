"""How the published checkpoint names and shapes the tensors that our networks hold, and what it holds besides.

Names are rules: a table of parts for each kind of block, and the places at which those blocks stand. A rule takes the
name of one of our modules to that of theirs; what follows (weight, running_mean) is called the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from ..unet import Stage, UNet
from .pack import Networks

Shape = tuple[int, ...]
Rule = Callable[[str], str]

_BLOCK = {
    "norm_in": "in_layers.0",
    "conv_in": "in_layers.2",
    "time.linear": "emb_layers.1",
    "face.linear": "cond_emb_layers.1",
    "norm_time": "out_layers.0",
    "conv_time": "out_layers.2",
    "norm_face": "out_layers.3",
    "conv_out": "out_layers.6",
    "skip": "skip_connection",
}
_ATTENTION = {"norm": "norm", "qkv": "qkv", "out": "proj_out"}
_UNET = {
    "time_in": "time_embed.time_embed.0",
    "time_out": "time_embed.time_embed.2",
    "conv_in": "input_blocks.0.0",
    "norm_out": "out.0",
    "conv_out": "out.2",
}
_IDENTITY = {
    "conv_in": "input_layer.0",
    "norm_in": "input_layer.1",
    "slope": "input_layer.2",
    "norm_map": "output_layer.0",
    "embed": "output_layer.3",
    "norm_out": "output_layer.4",
}
_GATED_BLOCK = {
    "norm_in": "res_layer.0",
    "conv_in": "res_layer.1",
    "slope": "res_layer.2",
    "conv_out": "res_layer.3",
    "norm_out": "res_layer.4",
    "gate.narrow": "res_layer.5.fc1",
    "gate.widen": "res_layer.5.fc2",
    "skip.conv": "shortcut_layer.0",
    "skip.norm": "shortcut_layer.1",
}
_RESIDUAL_BLOCK = {
    "first.conv": "conv1",
    "first.norm": "bn1",
    "second.conv": "conv2",
    "second.norm": "bn2",
    "skip.conv": "downsample.0",
    "skip.norm": "downsample.1",
}
_LANDMARKS = {
    "conv_in.conv": "base_net.0.0.0",
    "conv_in.norm": "base_net.0.0.1",
    "features.conv": "base_net.0.18.0",
    "features.norm": "base_net.0.18.1",
    "gather.conv": "linear7.conv",
    "gather.norm": "linear7.bn",
    "points.conv": "linear1.conv",
    "points.norm": "linear1.bn",
}
_PARSER = {
    "context.conv_in.conv": "cp.resnet.conv1",
    "context.conv_in.norm": "cp.resnet.bn1",
    "fusion.narrow": "ffm.conv1",
    "fusion.widen": "ffm.conv2",
    "scores": "conv_out.conv_out",
    "context.refine_sixteenth.weigh.conv": "cp.arm16.conv_atten",
    "context.refine_sixteenth.weigh.norm": "cp.arm16.bn_atten",
    "context.refine_last.weigh.conv": "cp.arm32.conv_atten",
    "context.refine_last.weigh.norm": "cp.arm32.bn_atten",
}
_PARSER_UNITS = {  # a convolution and its norm, together
    "context.refine_sixteenth.unit": "cp.arm16.conv",
    "context.refine_last.unit": "cp.arm32.conv",
    "context.rise_sixteenth": "cp.conv_head16",
    "context.rise_last": "cp.conv_head32",
    "context.whole": "cp.conv_avg",
    "fusion.unit": "ffm.convblk",
    "unit_out": "conv_out.conv",
}
_PARSER_STAGES = {"quarter": "layer1", "eighth": "layer2", "sixteenth": "layer3", "last": "layer4"}
_NORM = {"conv": "conv", "norm": "bn"}
_IMAGENET_CLASSES = 1000
_SIDE_WIDTH = 64
"""Channels of the parser's two unused outputs."""


@dataclass(frozen=True)
class Layout:
    """The published network, tensor by tensor."""

    ours: Mapping[str, str]
    """Published name -> our name, for what our networks hold."""
    shapes: Mapping[str, Shape]
    """Published name -> published shape, for all there is. What `ours` lacks has no part in any output."""


def published_layout(networks: Networks) -> Layout:
    """The layout of networks of the published sizes, which may lie on the meta device."""
    rules: tuple[tuple[str, str, Rule], ...] = (
        ("unet.", "", partial(_unet, _unet_places(networks.unet))),
        ("face_code.layers.", "encoder.", {"0": "linear"}.__getitem__),
        ("identity.", "encoder.idnet.backbone.", _identity),
        ("landmarks.", "encoder.lndnet.backbone.", _landmarks),
        ("parser.", "encoder.bgnet.backbone.", _parser),
    )
    ours: dict[str, str] = {}
    shapes: dict[str, Shape] = {}
    for prefix, published_prefix, rule in rules:
        for name, tensor in networks.state_dict().items():
            if name.startswith(prefix):
                module, _, leaf = name.removeprefix(prefix).rpartition(".")
                published = f"{published_prefix}{rule(module)}.{leaf}"
                along_one_axis = published.endswith(("qkv.weight", "proj_out.weight"))
                ours[published] = name
                shapes[published] = tuple(tensor.shape[:-1] if along_one_axis else tensor.shape)
    return Layout(ours, shapes | _unused_shapes(shapes))


def _unused_shapes(shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    """What the checkpoint holds and no output needs.

    The landmark encoder's convolutions are there twice, the second time as the ImageNet classifier they came from; and
    the parser has two more outputs, which only its own training looked at.
    """
    net, twice = "encoder.lndnet.backbone.", "base_net.0."
    unused = {
        f"{net}pretrain_net.features.{name.removeprefix(net + twice)}": shape
        for name, shape in shapes.items()
        if name.startswith(net + twice)
    }
    unused[f"{net}pretrain_net.classifier.1.weight"] = (_IMAGENET_CLASSES, shapes[f"{net}linear7.bn.weight"][0])
    unused[f"{net}pretrain_net.classifier.1.bias"] = (_IMAGENET_CLASSES,)
    net = "encoder.bgnet.backbone."
    context, width = shapes[f"{net}cp.conv_avg.bn.weight"][0], _SIDE_WIDTH
    for side in (f"{net}conv_out16.", f"{net}conv_out32."):
        unused[f"{side}conv.conv.weight"] = (width, context, 3, 3)
        unused |= {f"{side}conv.bn.{n}": (width,) for n in ("weight", "bias", "running_mean", "running_var")}
        unused[f"{side}conv.bn.num_batches_tracked"] = ()
        unused[f"{side}conv_out.weight"] = (shapes[f"{net}conv_out.conv_out.weight"][0], width, 1, 1)
    return unused


def _identity(module: str) -> str:
    if module in _IDENTITY:
        return _IDENTITY[module]
    _, block, part = module.split(".", 2)
    return f"body.{block}.{_GATED_BLOCK[part]}"


def _landmarks(module: str) -> str:
    """The reference counts a block's layers as far as they exist: the first block does not widen."""
    if module in _LANDMARKS:
        return _LANDMARKS[module]
    _, block, unit, part = module.split(".")
    slot = ("widen", "look", "narrow").index(unit) - (1 if block == "0" else 0)
    layer = ("conv", "norm").index(part)
    place = f"{slot + layer}" if unit == "narrow" else f"{slot}.{layer}"
    return f"base_net.0.{int(block) + 1}.conv.{place}"


def _parser(module: str) -> str:
    if module in _PARSER:
        return _PARSER[module]
    unit, _, part = module.rpartition(".")
    if unit in _PARSER_UNITS:
        return f"{_PARSER_UNITS[unit]}.{_NORM[part]}"
    _, stage, block, part = module.split(".", 3)
    return f"cp.resnet.{_PARSER_STAGES[stage]}.{block}.{_RESIDUAL_BLOCK[part]}"


def _unet(places: Mapping[str, str], module: str) -> str:
    if module in _UNET:
        return _UNET[module]
    prefix = max((p for p in places if module.startswith(p + ".")), key=len)
    parts = _ATTENTION if prefix.endswith("attention") else _BLOCK
    return f"{places[prefix]}.{parts[module[len(prefix) + 1 :]]}"


def _unet_places(unet: UNet) -> dict[str, str]:
    """Our block's prefix -> the published prefix of the same block.

    The reference counts the first convolution as input block 0 and puts each upward resampling block into the same
    output block as the stage before it, behind that stage's attention.
    """
    places = {"middle_in": "middle_block.0", "middle_attention": "middle_block.1", "middle_out": "middle_block.2"}
    for i, stage in enumerate(unet.down):
        places |= _stage_places(f"down.{i}", f"input_blocks.{i + 1}", stage)
    slot, inside = -1, 0
    for i, stage in enumerate(unet.up):
        if isinstance(stage, Stage):
            slot, inside = slot + 1, 2 if stage.attention is not None else 1
            places |= _stage_places(f"up.{i}", f"output_blocks.{slot}", stage)
        else:
            places[f"up.{i}"] = f"output_blocks.{slot}.{inside}"
    return places


def _stage_places(ours: str, theirs: str, stage: object) -> dict[str, str]:
    if isinstance(stage, Stage):
        return {f"{ours}.block": f"{theirs}.0", f"{ours}.attention": f"{theirs}.1"}
    return {ours: f"{theirs}.0"}

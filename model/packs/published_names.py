"""How the published checkpoint names the tensors that our networks hold."""

from ..unet import Stage, UNet

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
_WHOLE = {
    "time_in": "time_embed.time_embed.0",
    "time_out": "time_embed.time_embed.2",
    "conv_in": "input_blocks.0.0",
    "norm_out": "out.0",
    "conv_out": "out.2",
}


def unet_names(unet: UNet) -> dict[str, str]:
    """Our tensor name -> the published one, for every tensor of a UNet."""
    places = _module_places(unet)
    return {name: _published(name, places) for name in unet.state_dict()}


def _module_places(unet: UNet) -> dict[str, str]:
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


def _published(name: str, places: dict[str, str]) -> str:
    module, _, leaf = name.rpartition(".")
    if module in _WHOLE:
        return f"{_WHOLE[module]}.{leaf}"
    prefix = max((p for p in places if module.startswith(p + ".")), key=len)
    parts = _ATTENTION if prefix.endswith("attention") else _BLOCK
    return f"{places[prefix]}.{parts[module[len(prefix) + 1 :]]}.{leaf}"

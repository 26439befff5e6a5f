"""A pack's networks while a node computes."""

from collections.abc import Generator
from contextlib import contextmanager

from torch import nn

from ..dva_plugin.host import borrowed_device
from ..model.autoencoder import Autoencoder
from ..model.packs.pack import Pack


@contextmanager
def at_work(pack: Pack) -> Generator[Autoencoder, None, None]:
    """Bring a pack to the host's device for as long as the block lasts; all memory there goes back at its end."""
    with borrowed_device(size_of(pack.networks)) as device:
        autoencoder = Autoencoder(pack, device)
        try:
            yield autoencoder
        finally:
            vars(autoencoder).clear()  # whoever still holds it, as the frame of an error does, holds no networks


def size_of(network: nn.Module) -> int:
    """Bytes of a network's weights."""
    return sum(tensor.nbytes for tensor in network.state_dict().values())

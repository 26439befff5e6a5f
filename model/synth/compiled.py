"""The one door to numba: every inner loop of the renderer is compiled to machine code on its first call."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast
from zlib import crc32

from ..errors import DvaError

try:
    import numba  # pyright: ignore[reportMissingTypeStubs]
except ImportError as error:
    raise DvaError(
        "rendering synthetic faces needs numba, which is not installed: install `dva-plugin[synth]`"
    ) from error

PACKAGE = __name__.removesuffix(".model.synth.compiled")
"""What this package is called here: dva, or in ComfyUI the path of its folder."""
SOURCES = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py")))
"""Of the whole renderer."""
Function = TypeVar("Function", bound=Callable[..., Any])

Vec3 = tuple[float, float, float]


def compiled(function: Function) -> Function:
    """Compile in nopython mode and keep the machine code beside the source for the next process.

    What is kept names the modules that it was made from. So that neither ComfyUI nor the command stumbles over what the
    other kept in the same folder, the function's name, by which it is found, is another under another package. It is
    another with other SOURCES too: numba looks at a function's own file, and would go on with what it calls as it was.
    """
    function.__qualname__ += f".{crc32(PACKAGE.encode() + SOURCES):08x}"
    return cast("Function", numba.njit(cache=True, fastmath=True)(function))  # pyright: ignore

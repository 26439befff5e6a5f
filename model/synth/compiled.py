"""The one door to numba: every inner loop of the renderer is compiled to machine code on its first call."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from ..errors import DvaError

try:
    import numba  # pyright: ignore[reportMissingTypeStubs]
except ImportError as error:
    raise DvaError(
        "rendering synthetic faces needs numba, which is not installed: install `dva-plugin[synth]`"
    ) from error

Function = TypeVar("Function", bound=Callable[..., Any])

Vec3 = tuple[float, float, float]


def compiled(function: Function) -> Function:
    """Compile in nopython mode and keep the machine code beside the source for the next process."""
    return cast("Function", numba.njit(cache=True, fastmath=True)(function))  # pyright: ignore

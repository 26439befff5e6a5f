"""The `dva` command: `python -m dva ...`, or `python path/to/this/folder ...` where nothing is installed.

The second form is for ComfyUI's custom_nodes, whose folder may bear any name: it is loaded as the package `dva`.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path


def load_command() -> Callable[[], int]:
    """Return the command line's main function, importing this folder as `dva` if nobody has."""
    if not __package__:
        folder = Path(__file__).resolve().parent
        spec = spec_from_file_location("dva", folder / "__init__.py", submodule_search_locations=[str(folder)])
        assert spec is not None
        assert spec.loader is not None
        package = module_from_spec(spec)
        sys.modules["dva"] = package
        spec.loader.exec_module(package)
    return import_module("dva.dva_plugin.cli").main


if __name__ == "__main__":
    try:
        command = load_command()
    except ModuleNotFoundError as error:
        sys.exit(
            f"dva needs the Python package {error.name!r}, which {sys.executable} does not have; "
            "run `python installer demo` once, or `pip install -r requirements.txt` in ComfyUI's own environment"
        )
    sys.exit(command())

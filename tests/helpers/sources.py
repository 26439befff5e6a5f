"""The repository's own Python files, as the tests about its shape see them."""

import ast
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
FOLDERS = ("benchmarks", "dva_plugin", "installer", "model", "nodes")


def own_sources(*folders: str) -> list[Path]:
    """Every file of ours below the folders, or of the whole repository but its tests; relative to the root."""
    found = [file for folder in folders or FOLDERS for file in (PROJECT / folder).rglob("*.py")]
    if not folders:
        found += PROJECT.glob("*.py")
    return sorted(file.relative_to(PROJECT) for file in found)


def imported_by(path: Path, text: str) -> Iterator[tuple[str, bool]]:
    """Yield (module, is_ours) for each import in a file at that path.

    A relative import is resolved to a dotted path below the root, such as "model.faces.align" or "model.faces"; names
    imported from a package count as modules, which for a mere function is one step too deep and does no harm.
    """
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module is not None
            yield node.module, False
        elif isinstance(node, ast.ImportFrom):
            above = path.parts[:-1][: len(path.parts) - node.level]
            base = ".".join([*above, *(node.module.split(".") if node.module else [])])
            yield from ((f"{base}.{alias.name}".lstrip("."), True) for alias in node.names)

"""No function beyond 60 lines, no file beyond 300: ugliness lives in the tail."""

import ast
from pathlib import Path

import pytest
from sources import own_sources

LONGEST_FUNCTION = 60
LONGEST_FILE = 300


@pytest.mark.parametrize("path", own_sources(), ids=str)
def test_file_keeps_to_the_budget(project: Path, path: Path) -> None:
    text = (project / path).read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno + 1 <= LONGEST_FUNCTION, f"{path}:{node.lineno} {node.name}"

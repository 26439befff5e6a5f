"""What saved graphs rely on. A change here breaks somebody's workflow: only ever append, to the code and to the file.

`python tests/nodes/test_contract.py` prints the contract as the code has it.
"""

import ast
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

import dva

LONGEST_METHOD = 15


def shown(kind: type) -> dict[str, dict[str, Any]]:
    """The inputs that a user sees; the hidden ones are ComfyUI's own, and no graph holds them."""
    return {section: specs for section, specs in kind.INPUT_TYPES().items() if section != "hidden"}


def contract() -> dict[str, Any]:
    """Node id -> inputs as [name, section, type, default] in their order, and outputs as [name, type]."""
    found: dict[str, Any] = {}
    for node, kind in dva.NODE_CLASS_MAPPINGS.items():
        inputs = [
            [name, section, "COMBO" if isinstance(spec[0], list) else spec[0], spec[1].get("default")]
            for section, specs in shown(kind).items()
            for name, spec in specs.items()
        ]
        names = getattr(kind, "RETURN_NAMES", ())
        found[node] = {"inputs": inputs, "outputs": [list(pair) for pair in zip(names, kind.RETURN_TYPES, strict=True)]}
    return found


def every_input():
    for node, kind in dva.NODE_CLASS_MAPPINGS.items():
        for specs in shown(kind).values():
            for name, (type_, options) in specs.items():
                yield f"{node}.{name}", type_, options


def test_saved_graphs_keep_opening() -> None:
    committed = json.loads((Path(__file__).parent / "contract.json").read_text(encoding="utf-8"))
    assert contract() == committed
    assert list(contract()) == list(committed), "the order of the nodes"


@pytest.mark.parametrize(("name", "type_", "options"), [pytest.param(*given, id=given[0]) for given in every_input()])
def test_every_input_explains_itself_and_has_a_default_that_it_allows(name: str, type_: object, options: dict) -> None:
    assert options["tooltip"].endswith((".", "'"))
    if type_ in ("INT", "FLOAT") and not options.get("forceInput"):
        assert options["min"] <= options["default"] <= options["max"]
        assert str(options["max"]).removesuffix(".0") in options["tooltip"], "the tooltip names the range"
    if isinstance(type_, list) and type_:
        assert options["default"] in type_


@pytest.mark.parametrize("node", dva.NODE_CLASS_MAPPINGS)
def test_comfyui_can_call_the_node_by_its_input_names(node: str) -> None:
    kind = dva.NODE_CLASS_MAPPINGS[node]
    inputs = [name for specs in kind.INPUT_TYPES().values() for name in specs]
    assert list(inspect.signature(getattr(kind, kind.FUNCTION)).parameters)[1:] == inputs
    assert len(kind.RETURN_TYPES) == len(getattr(kind, "OUTPUT_TOOLTIPS", ()))


@pytest.mark.parametrize("node", dva.NODE_CLASS_MAPPINGS)
def test_the_help_page_tells_of_every_input_and_output(project: Path, node: str) -> None:
    kind = dva.NODE_CLASS_MAPPINGS[node]
    page = (project / dva.WEB_DIRECTORY / "docs" / f"{node}.md").read_text(encoding="utf-8")
    told = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ") and "---" not in line]
    inputs = [name for specs in shown(kind).values() for name in specs]
    outputs = ["output", *kind.RETURN_NAMES] if kind.RETURN_TYPES else []
    assert told == ["input", *inputs, *outputs]
    assert page.startswith(f"# {dva.NODE_DISPLAY_NAME_MAPPINGS[node]}\n")
    assert "\n## Example\n" in page
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page)
    assert pictures and all((project / dva.WEB_DIRECTORY / "docs" / picture).is_file() for picture in pictures)


def test_a_node_is_a_schema_and_one_call(project: Path) -> None:
    for path in (project / "nodes").glob("*.py"):
        for parent in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            methods = [child for child in ast.iter_child_nodes(parent) if isinstance(child, ast.FunctionDef)]
            for method in methods if isinstance(parent, ast.ClassDef) else []:
                body = method.end_lineno - method.body[0].lineno + 1  # the signature is as long as the schema
                assert body <= LONGEST_METHOD, f"{path.name}: {method.name}"


def test_a_damaged_pack_does_not_take_a_node_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An INPUT_TYPES that raises loses its node without a word."""
    for name, text in (("a", "{"), ("b", '{"attributes": 3}'), ("c", '{"attributes": [{}]}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pack.json").write_text(text, encoding="utf-8")
    monkeypatch.setenv("DVA_PACKS", str(tmp_path))
    packs, _ = dva.NODE_CLASS_MAPPINGS["DVA_LoadModel"].INPUT_TYPES()["required"]["pack"]
    attributes, _ = dva.NODE_CLASS_MAPPINGS["DVA_EditByAttribute"].INPUT_TYPES()["required"]["attribute"]
    assert {"a", "b", "c", "mini"} == set(packs)
    assert "Eyeglasses" in attributes


def written(contract: dict[str, Any]) -> str:
    """JSON with one line an input."""
    nodes: list[str] = []
    for node, sides in contract.items():
        inputs = ",\n".join(f"   {json.dumps(given)}" for given in sides["inputs"])
        outputs = json.dumps(sides["outputs"])
        nodes.append(f' "{node}": {{\n  "inputs": [\n{inputs}\n  ],\n  "outputs": {outputs}\n }}')
    return "{\n" + ",\n".join(nodes) + "\n}"


if __name__ == "__main__":
    print(written(contract()))

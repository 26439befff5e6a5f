import importlib
import importlib.util
import sys

import pytest

pytest.importorskip("numba")

import dva.model.synth.compiled
from dva.model.errors import DvaError


def test_without_numba_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "dva.model.synth.compiled")
    with pytest.raises(DvaError, match=r"dva-plugin\[synth\]"):
        importlib.import_module("dva.model.synth.compiled")


def test_what_numba_keeps_under_another_package_name_has_another_name(project):
    """ComfyUI names the package by its folder's path; what numba keeps for it names that and cannot be read as dva."""
    name = "/somewhere/custom_nodes/dva-plugin"
    spec = importlib.util.spec_from_file_location(
        name, project / "__init__.py", submodule_search_locations=[str(project)]
    )
    assert spec is not None
    sys.modules[name] = importlib.util.module_from_spec(spec)

    def first(x: float) -> float:
        return x

    def second(x: float) -> float:
        return x

    try:
        importlib.import_module(f"{name}.model.synth.compiled").compiled(first)
    finally:
        for module in [module for module in sys.modules if module.startswith(name)]:
            del sys.modules[module]
    dva.model.synth.compiled.compiled(second)
    assert first.__qualname__ != second.__qualname__.replace("second", "first")


def test_what_numba_keeps_of_an_older_renderer_is_not_taken_up(monkeypatch):
    """numba asks whether a function's own file changed, not whether those of the functions that it calls did."""

    def before(x: float) -> float:
        return x

    def after(x: float) -> float:
        return x

    dva.model.synth.compiled.compiled(before)
    monkeypatch.setattr(dva.model.synth.compiled, "SOURCES", b"another renderer")
    dva.model.synth.compiled.compiled(after)
    assert after.__qualname__ != before.__qualname__.replace("before", "after")

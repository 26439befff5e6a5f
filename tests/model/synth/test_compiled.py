import importlib
import sys

import pytest

pytest.importorskip("numba")

import dva.model.synth  # noqa: F401 - its parts must be there before one of them is taken away
from dva.model.errors import DvaError


def test_without_numba_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "dva.model.synth.compiled")
    with pytest.raises(DvaError, match=r"dva-plugin\[synth\]"):
        importlib.import_module("dva.model.synth.compiled")

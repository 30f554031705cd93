"""Modules run once more, as their tests want them compiled."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any

import numba
import pytest

import sensor.jit
from sensor.jit import build


def again(module: ModuleType, name: str) -> ModuleType:
    """A second copy of a module."""
    assert module.__file__ is not None
    spec = importlib.util.spec_from_file_location(name, module.__file__)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def as_python(patch: pytest.MonkeyPatch) -> None:
    """What is imported from now on compiles nothing."""
    patch.setattr(sensor.jit, "entry", lambda example: sensor.jit._plain)
    patch.setattr(sensor.jit, "fixed", lambda values: values)


def compiled(module: ModuleType) -> Any:
    """A copy whose compiled functions can be called one by one."""
    decorator = numba.njit(boundscheck=True, error_model="numpy", _nrt=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sensor.jit, "compiled", decorator)
        patch.setattr(sensor.jit, "inlined", decorator)
        patch.setattr(sensor.jit, "prefetch", build._prefetch)
        return again(module, f"compiled_{module.__name__.rpartition('.')[2]}")

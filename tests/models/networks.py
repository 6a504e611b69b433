"""Every network that a configuration file names, in small."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import pytest

from locexp.configuration.schema import config_directory

TINY: dict[str, dict[str, Any]] = {
    "attention": {"filters": (4, 6), "attended": 8, "squeeze": 3, "dense_units": 8},
    "backbone": {"architecture": "MobileNetV2", "squeeze": 4, "dense_units": 8},
    "cnn": {"filters": (4, 6), "dense_units": 8},
    "cnn_small": {"filters": (4, 6), "squeeze": 3, "dense_units": 8},
    "coordconv": {"filters": (4, 6), "dense_units": 8},
    "fcn_distribution": {"filters": (4, 6)},
    "fcn_softargmax": {"filters": (4, 6)},
    "resnet": {"filters": (4, 6), "dense_units": 8},
}
NAMES = sorted(path.stem for path in (config_directory() / "model").glob("*.yaml"))
QUICK = [name for name in NAMES if name != "backbone"]
"""Those that are built in a moment."""


def slow_but(quick: set[str], names: Sequence[str]) -> list[Any]:
    """Parameters of a test that traces each network, which takes seconds: but for some, they are slow."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


def tiny(name: str, shape: tuple[int, ...] = (28, 28), **keys: Any) -> Any:
    """Build ``model=NAME`` for images of (height, width) or (height, width, 3), with few filters, for 10 classes."""
    module = importlib.import_module(f"locexp.models.{name}")
    return module.build(shape if len(shape) == 3 else (*shape, 1), 10, **(TINY.get(name, {}) | keys))

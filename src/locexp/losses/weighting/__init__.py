"""Ways to weight the two losses: one module and one class each; ``loss/weighting`` names it.

The static weights ``loss.classification_weight`` and ``loss.bbox_weight`` multiply the losses first, under every
method. Methods on losses derive :class:`~locexp.losses.weighting.base.Weighting`, methods on gradients
:class:`~locexp.losses.weighting.base.GradientWeighting`. With two losses no method needs a solver: the three
scalars of :class:`~locexp.losses.weighting.base.Gramian` decide. Nothing here is imported before the configuration is
valid but these light modules; TensorFlow comes with :meth:`~base.Weighting.build`.
"""

from __future__ import annotations

import importlib
import pkgutil

from locexp.losses.weighting.base import Weighting


def methods() -> dict[str, type[Weighting]]:
    """Return locexp's own methods by name, the name of their module; ``fixed`` first."""
    found: dict[str, type[Weighting]] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name[0] != "_" and module.name != "base":
            content = vars(importlib.import_module(f"{__name__}.{module.name}"))
            (found[module.name],) = (
                value
                for value in content.values()
                if isinstance(value, type) and issubclass(value, Weighting) and value.__module__.endswith(module.name)
            )
    return {"fixed": found["fixed"]} | found

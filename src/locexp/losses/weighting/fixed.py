"""Fixed weights: the static ones, and nothing else."""

from __future__ import annotations

from typing import ClassVar

from locexp.losses.weighting.base import Weighting


class Fixed(Weighting):
    """Minimise Σ L_k of the statically weighted losses; a weight of 0 trains one task alone."""

    constant: ClassVar[bool] = True
    one_task: ClassVar[bool] = True

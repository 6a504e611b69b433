"""What a race costs in epochs, and the race that fits a budget."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from locexp.errors import UserError, counted

DETECTABLE = {6: 1.8, 7: 1.4, 8: 1.2, 9: 1.2, 10: 1.0, 12: 0.9, 15: 0.8, 20: 0.7}
"""By confirming seeds, the mean difference, in standard deviations of a pair, that the exact signed-rank test at .05
finds in four of five races; simulated with normal differences."""
LEAST_CONFIRM = 6
"""Fresh seeds below which the exact signed-rank test can show nothing at .05: 2 / 2^6 = .031."""
LEAST_POINTS = 9
"""Ratios over six decades below which a race is too coarse to name a weight."""
BUDGET = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|sec|min|h|epochs?)\s*")
SECONDS = {"s": 1, "sec": 1, "min": 60, "h": 3600}


@dataclass(frozen=True)
class Layout:
    """The stages of a race as they are planned.

    Attributes:
        axes: how many axes of ratios there are, one per combination of what else is swept.
        points: how many ratios are on each; 0 for the combinations alone.
        beside: further settings that race: the configured one, where it is not among the others.
        alone: settings of one task, which are trained to the end whatever they reach.
        seeds: replicates of the race.
        epochs: of a whole training.
        rungs: the epochs after which settings are dropped, rising.
        keep: how many of the best go on from each rung.
        front: how many further ones that are on the front of accuracy and mean IoU.
        confirm: fresh seeds of the confirmation; 0: there is none.
        edges: whether the two edges of the range of good weights are confirmed, too.
    """

    axes: int
    points: int
    beside: int
    alone: int
    seeds: int
    epochs: int
    rungs: tuple[int, ...]
    keep: tuple[int, ...]
    front: int
    confirm: int
    edges: bool = False

    @property
    def racing(self) -> int:
        """How many settings race."""
        return self.axes * max(1, self.points) + self.beside

    @property
    def race(self) -> int:
        """The epochs of the settings that race, where every rung can tell them apart."""
        return self.race_from(self.racing, 0)

    def race_from(self, going: int, position: int) -> int:
        """Return the epochs that settings still train from the rung before this position, as later ones drop some."""
        done, total = self.rungs[position - 1] if position else 0, 0
        for until, keep in zip(self.rungs[position:], self.keep[position:], strict=True):
            total += going * (until - done)
            going, done = min(going, keep + self.front), until
        return self.seeds * (total + going * (self.epochs - done))

    @property
    def confirmation(self) -> int:
        """The epochs of the first confirmation: the chosen, the configured and the single-task settings, and edges."""
        return self.confirm * self.epochs * (2 + self.alone + 2 * self.edges)

    @property
    def beside_race(self) -> int:
        """The epochs of all but the settings that race."""
        return self.seeds * self.alone * self.epochs + self.confirmation

    @property
    def cost(self) -> int:
        """The epochs up to the end of the first confirmation."""
        return self.race + self.beside_race

    def described(self) -> str:
        """Return the plan in words."""
        seeds = counted(self.seeds, "seed")
        text = f"{counted(self.racing, 'setting')} on {seeds}"
        for until, keep in zip(self.rungs, self.keep, strict=True):
            and_front = f" and up to {self.front} more on the front" if self.front else ""
            text += f" for {until} of {self.epochs} epochs, then the best {keep}{and_front}"
        text += " to the end"
        if self.confirm:
            edges = ", and the edges of the range," if self.edges else ""
            text += f"; the chosen and the configured one{edges} again on {self.confirm} fresh seeds"
        return f"{text}: {self.cost} epochs of training"

    def power(self) -> str:
        """Return what the confirmation will and will not be able to tell."""
        if not self.confirm:
            return "no confirmation: the result is an estimate on the seeds it was chosen by, without a test"
        spread = DETECTABLE[max(seeds for seeds in DETECTABLE if seeds <= self.confirm)]
        agree = f"; all {self.confirm} seeds have to agree" if self.confirm == LEAST_CONFIRM else ""
        return (
            f"{self.confirm} fresh seeds show a difference of {spread} standard deviations of a pair in four of five "
            f"races (smallest p {2.0 ** (1 - self.confirm):.2g}{agree}); smaller ones may go unseen"
        )


def rungs_of(rungs: Sequence[float], epochs: int) -> tuple[int, ...]:
    """Return the epochs of rungs that are given as shares of the budget (< 1, rounded up) or as whole epochs.

    Raises:
        UserError: they do not rise, or leave nothing to train.
    """
    found = tuple(math.ceil(rung * epochs - 1e-9) if rung < 1 else int(rung) for rung in rungs)
    whole = all(rung < 1 or rung == int(rung) for rung in rungs)
    if not whole or any(late <= early for early, late in pairwise((0, *found, epochs))):
        raise UserError(
            f"sweep.rungs={list(rungs)}: are the epochs {list(found)}; expected rising shares of the budget below 1, "
            f"or whole epochs, each before the end of trainer.epochs={epochs}."
        )
    return found


def epochs_of(budget: str) -> int:
    """Return the epochs of a budget such as ``120 epochs``.

    Raises:
        UserError: it is none, or a time: how many epochs that is has to be measured first, see :mod:`.measured`.
    """
    found = BUDGET.fullmatch(budget)
    if found is None or float(found[1]) <= 0:
        raise UserError(f"sweep.budget={budget}: expected a time such as 10min or 2h, or epochs such as '120 epochs'.")
    if found[2] in SECONDS:
        raise UserError(f"sweep.budget={budget}: how many epochs that is has not been measured; give it in epochs.")
    return int(float(found[1]))


def seconds_of(budget: str) -> float | None:
    """Return the seconds of a budget that is a time, ``None`` for any other text."""
    found = BUDGET.fullmatch(budget)
    return float(found[1]) * SECONDS[found[2]] if found is not None and found[2] in SECONDS else None


def fitted(whole: Layout, budget: int) -> Layout:
    """Return the race that fits a budget of epochs, as close to ``whole`` as can be.

    Given up in this order: confirming seeds beyond six, further settings on the front, every other ratio, all but the
    best two after a rung, the confirmation.

    Raises:
        UserError: nothing fits.
    """
    found = next((layout for layout in _smaller(whole) if layout.cost <= budget), None)
    if found is None:
        least = min(layout.cost for layout in _smaller(whole))
        raise UserError(
            f"sweep.budget={counted(budget, 'epoch')}: too small for any race of these settings over trainer.epochs="
            f"{whole.epochs}; expected at least {counted(least, 'epoch')}, or fewer settings."
        )
    return found


def _smaller(whole: Layout) -> Iterator[Layout]:
    """Yield the layouts that are tried for a budget, the preferred first."""
    two = tuple(min(2, keep) for keep in whole.keep)
    grids = [whole.points]
    while (fewer := (grids[-1] + 1) // 2) >= LEAST_POINTS:
        grids.append(fewer)
    for confirm in sorted({whole.confirm, min(whole.confirm, LEAST_CONFIRM), 0}, reverse=True):
        smaller = replace(whole, confirm=confirm)
        yield smaller
        for points in grids:
            yield replace(smaller, points=points, front=0)
        yield replace(smaller, points=grids[-1], front=0, keep=two)

"""Margins: how much of a metric is worth nothing, by default, and on this test part at least."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from locexp.analysis.results import TITLES, ReadFile, SettingRuns
from locexp.errors import UserError, counted
from locexp.evaluation.metrics import PIXELS
from locexp.records.format import MalformedError
from locexp.records.record import RECORD, RunRecord

SHARE = 0.01
"""The default margin: of a share, and for the centre error of the longer side of the image."""
LEAST_IMAGES = 2
"""Test images that a margin of a share must be worth: a share of n images moves in steps of 1/n."""


@dataclass(frozen=True)
class TestPart:
    """What of the test part bounds a margin; ``None`` where records do not say it.

    Attributes:
        images: how many there are.
        canvas: (width, height) in pixels.
    """

    images: int | None = None
    canvas: tuple[int, int] | None = None


def read_test_part(settings: Sequence[SettingRuns], read: ReadFile) -> TestPart:
    """Return what the record of a finished run says of the test part: that on fewest images, if they differ."""
    run = next((run for setting in settings for run in setting.runs.values()), None)
    dataset = {} if run is None else run.dataset
    if run is not None and not dataset:  # the record comes from a tracking store
        with contextlib.suppress(MalformedError):
            content = read(run, RECORD)
            dataset = {} if content is None else RunRecord.parse(content, RECORD).dataset
    images, canvas = dataset.get("test"), str(dataset.get("canvas", "")).split("x")
    is_size = len(canvas) == 2 and all(side.isdecimal() for side in canvas)
    return TestPart(images if isinstance(images, int) else None, (int(canvas[0]), int(canvas[1])) if is_size else None)


def margin_for(metric: str, given: float | None, test: TestPart) -> float | None:
    """Return the margin of a comparison: the given one, else a hundredth, or two test images where that is more.

    ``None`` where nothing is given and the size of the image, which the margin of a centre error is relative to, is
    not known.

    Raises:
        UserError: the given one is less than two test images, or more than the image's diagonal.
    """
    if given is not None:
        check_on(f"compare.margin={given:g}", metric, given, test)
        return given
    if metric == PIXELS:
        return None if test.canvas is None else SHARE * max(test.canvas)
    return SHARE if test.images is None else min(1.0, max(SHARE, LEAST_IMAGES / test.images))


def check_on(given: str, metric: str, margin: float, test: TestPart) -> None:
    """Check a margin against the test part.

    Args:
        given: KEY=VALUE, for the message.
        metric: one of :data:`~locexp.evaluation.metrics.METRICS`.
        margin: in its unit.
        test: of the sweep.

    Raises:
        UserError: it is less than two test images, or more than the image's diagonal.
    """
    if metric == PIXELS:
        if test.canvas is not None and margin > math.hypot(*test.canvas):
            raise UserError(
                f"{given}: no centre can be further off than the diagonal of the image, "
                f"{math.hypot(*test.canvas):.4g} pixels; expected a number of pixels that is worth nothing."
            )
    elif test.images is not None and margin < LEAST_IMAGES / test.images * (1 - 1e-9):
        raise UserError(
            f"{given}: the test part has {counted(test.images, 'image')}, and a margin must be worth at least "
            f"{LEAST_IMAGES} of them: {LEAST_IMAGES / test.images:.3g} or more."
        )


def as_margin(metric: str, margin: float) -> str:
    """Return a margin in words: ``0.01``, ``0.25 px``."""
    return f"{margin:.3g}{' px' if metric == PIXELS else ''}"


def as_loss(metric: str, margin: float) -> str:
    """Return how much of what may be lost: ``0.005 of accuracy``, ``0.25 px of centre error``."""
    return f"{as_margin(metric, margin)} of {TITLES[metric].removesuffix(', px')}"

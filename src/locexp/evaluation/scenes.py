"""What scenes are like, in numbers: how hard they are before any network sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from locexp.bbox.geometry import iou, to_pixels
from locexp.bbox.scenes import Scenes
from locexp.evaluation.metrics import Predictions, baselines, summarise

QUANTILES = {"min": 0.0, "q05": 0.05, "median": 0.5, "q95": 0.95, "max": 1.0}
CLEAN_METRICS = ("mean_iou", "loc_acc_50", "loc_acc_75", "gt_known_loc_50", "gt_known_loc_75", "center_error_px")
"""What is measured against clean boxes as well."""


def ceiling(scenes: Scenes) -> dict[str, float]:
    """Return how well the clean boxes score against the noisy ones, which caps what can be learnt; empty without noise.

    Returns:
        ``ceiling_mean_iou``, and ``ceiling_loc_acc_50`` and ``_75`` (every class being right).
    """
    if scenes.clean_boxes is None:
        return {}
    reached = iou(scenes.clean_boxes, scenes.boxes)
    values = {"mean_iou": reached, "loc_acc_50": reached >= 0.5, "loc_acc_75": reached >= 0.75}
    return {f"ceiling_{name}": float(np.mean(each)) for name, each in values.items()}


def describe(scenes: Mapping[str, Scenes]) -> dict[str, float]:
    """Return what a run logs of its scenes, as ``scenes/…``.

    Args:
        scenes: of ``train`` and ``test``, at least.

    Returns:
        Of the training scenes, quantiles of the boxes' widths and heights in pixels: ``width_median``, ``height_q95``;
        and what of the digits cannot be seen, where the strategy says so: ``clipped``, the share of digits with ink
        beyond the canvas; ``covered``, with ink under a distractor; ``covered_ink``, the mean share of a digit's ink
        under distractors. Of the test scenes, baselines of the constant and of the centred box (see
        :func:`locexp.evaluation.metrics.baselines`) and the ceiling of label noise.
    """
    train, test = scenes["train"], scenes["test"]
    height, width = train.images.shape[1:3]
    boxes = to_pixels(train.boxes, width, height)
    facts = {
        f"{side}_{name}": float(np.quantile(boxes[:, end] - boxes[:, start], share))
        for side, start, end in (("width", 0, 2), ("height", 1, 3))
        for name, share in QUANTILES.items()
    }
    if train.clipped is not None:
        facts["clipped"] = float(np.mean(train.clipped))
    if train.covered is not None:
        facts["covered"] = float(np.mean(train.covered > 0))
        facts["covered_ink"] = float(np.mean(train.covered, dtype=np.float64))
    facts |= {
        f"floor_{name}": value for name, value in baselines(train.unaugmented_boxes, test.boxes).items()
    } | ceiling(test)
    return {f"scenes/{name}": value for name, value in facts.items()}


def against_clean(predictions: Predictions, scenes: Scenes) -> dict[str, float]:
    """Return metrics of predictions for test scenes against their clean boxes, as ``test/clean_…``; else empty."""
    if scenes.clean_boxes is None:
        return {}
    measured = summarise(replace(predictions, truth=scenes.clean_boxes))
    return {f"test/clean_{name}": measured[name] for name in CLEAN_METRICS}

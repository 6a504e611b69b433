"""What scenes are like, in numbers: how hard they are before any network sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from locexp.bbox.geometry import iou, to_pixels
from locexp.bbox.scenes import Scenes
from locexp.evaluation.metrics import Predictions, floors, summarise

QUANTILES = {"min": 0.0, "q05": 0.05, "median": 0.5, "q95": 0.95, "max": 1.0}
CLEAN_METRICS = ("mean_iou", "loc_acc_50", "loc_acc_75", "gt_known_loc_50", "gt_known_loc_75", "center_error_px")
"""What is measured against clean boxes as well."""
THRESHOLDS = {"50": 0.5, "75": 0.75}


def box_sizes(scenes: Scenes) -> dict[str, float]:
    """Return quantiles of the boxes' widths and heights in pixels: ``width_median``, ``height_q95`` …"""
    height, width = scenes.images.shape[1:]
    boxes = to_pixels(scenes.boxes, width, height)
    sides = {"width": boxes[:, 2] - boxes[:, 0], "height": boxes[:, 3] - boxes[:, 1]}
    return {
        f"{side}_{name}": float(np.quantile(values, share))
        for side, values in sides.items()
        for name, share in QUANTILES.items()
    }


def hidden(scenes: Scenes) -> dict[str, float]:
    """Return what of the digits cannot be seen; a fact that the strategy does not give is left out.

    Returns:
        ``clipped``: the share of digits with ink beyond the canvas; ``covered``: with ink under a distractor;
        ``covered_ink``: the mean share of a digit's ink under distractors.
    """
    facts: dict[str, float] = {}
    if scenes.clipped is not None:
        facts["clipped"] = float(np.mean(scenes.clipped))
    if scenes.covered is not None:
        facts["covered"] = float(np.mean(scenes.covered > 0))
        facts["covered_ink"] = float(np.mean(scenes.covered, dtype=np.float64))
    return facts


def ceiling(scenes: Scenes) -> dict[str, float]:
    """Return how well the clean boxes score against the noisy ones, which caps what can be learnt; empty without noise.

    Returns:
        ``ceiling_mean_iou``, and ``ceiling_loc_acc_50`` and ``_75`` (every class being right).
    """
    if scenes.clean_boxes is None:
        return {}
    reached = iou(scenes.clean_boxes, scenes.boxes)
    shares = {f"ceiling_loc_acc_{name}": float(np.mean(reached >= least)) for name, least in THRESHOLDS.items()}
    return {"ceiling_mean_iou": float(np.mean(reached)), **shares}


def describe(scenes: Mapping[str, Scenes]) -> dict[str, float]:
    """Return what a run logs of its scenes, as ``scenes/…``.

    Args:
        scenes: of ``train`` and ``test``, at least.

    Returns:
        Box sizes and what is hidden, of the training scenes; floors of the constant and of the centred box (see
        :func:`locexp.evaluation.metrics.floors`) and the ceiling of label noise, of the test scenes.
    """
    train, test = scenes["train"], scenes["test"]
    low = {f"floor_{name}": value for name, value in floors(train.boxes, test.boxes).items()}
    facts = box_sizes(train) | hidden(train) | low | ceiling(test)
    return {f"scenes/{name}": value for name, value in facts.items()}


def against_clean(predictions: Predictions, scenes: Scenes) -> dict[str, float]:
    """Return metrics of predictions for test scenes against their clean boxes, as ``test/clean_…``; else empty."""
    if scenes.clean_boxes is None:
        return {}
    measured = summarise(replace(predictions, truth=scenes.clean_boxes))
    return {f"test/clean_{name}": measured[name] for name in CLEAN_METRICS}

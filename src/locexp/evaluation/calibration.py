"""Whether confidence can be believed: calibration errors of the class score, and what they would be by chance alone.

A network is calibrated if, of the examples it gives a confidence of .8, a share of .8 is right. What *right* means is
an event: the class is right (ECE), or the class is right and the box has IoU >= t (D-ECE). All in float64 NumPy.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

import numpy as np

from locexp.evaluation.metrics import Predictions

ECE_BINS = 15
"""Equal-width bins of the confidence, as in Guo et al. 2017."""
D_ECE_BINS = {"confidence": 20, "position": 8, "size": 8, "box": 5}
"""Equal-width bins of each dimension, as in Küppers et al. 2020: of the confidence alone, and of confidence and the
predicted box's centre, its width and height, or all four."""
D_ECE_LEAST = 8
"""Cells with fewer examples are not counted in a D-ECE, as in Küppers et al. 2020."""
TOLERANCE = 1e-3
"""How far a confidence may leave [0, 1] by rounding in low precision."""


@dataclass(frozen=True)
class Cells:
    """Examples sorted into the cells of a grid; cells without an example are left out.

    Attributes:
        low, high: float64 (cells, dimensions), the borders; dimension 0 is the confidence.
        count: int64 (cells,), all positive.
        confidence: float64 (cells,), the mean confidence.
        share: float64 (cells,), the share of examples whose event happened.
    """

    low: np.ndarray
    high: np.ndarray
    count: np.ndarray
    confidence: np.ndarray
    share: np.ndarray


@dataclass(frozen=True)
class CalibrationError:
    """A calibration error, and what it is made of.

    Attributes:
        value: Σ n_c / n · |share_c - confidence_c| over the counted cells c, n their examples: in [0, 1].
        if_calibrated: its expectation for a perfectly calibrated network with the same confidences, which is not 0: a
            share of few examples is off by chance. An error near this value is no evidence of miscalibration.
        coverage: the share of all examples that are in counted cells: in (0, 1].
    """

    value: float
    if_calibrated: float
    coverage: float


def are_probabilities(confidence: np.ndarray) -> bool:
    """Return whether all of (n,) are finite and in [0, 1] but for rounding; a user's network may return anything."""
    return bool(np.all((confidence >= -TOLERANCE) & (confidence <= 1 + TOLERANCE)))


def equal_width(confidence: np.ndarray, happened: np.ndarray, bins: int, features: np.ndarray | None = None) -> Cells:
    """Sort examples into ``bins`` equal parts of [0, 1] in each dimension: [0, 1/bins), ..., [1 - 1/bins, 1].

    Args:
        confidence: (n,), in [0, 1].
        happened: bool (n,), whether the event did.
        bins: of each dimension, at least 1.
        features: (n, k), normalised; what is beyond [0, 1] counts in the cell at that end.

    Raises:
        ValueError: no example, lengths that differ, no bin, or a confidence that is not a probability.
    """
    confidence = _checked(confidence, happened, bins)
    extra = np.empty((len(confidence), 0)) if features is None else np.asarray(features, np.float64)
    if len(extra) != len(confidence):
        raise ValueError(f"expected features of {len(confidence)} examples, got {len(extra)}.")
    bin_index = np.clip(np.floor(np.column_stack([confidence, extra]) * bins), 0, bins - 1).astype(np.int64)
    flat = np.ravel_multi_index(tuple(bin_index.T), (bins,) * bin_index.shape[1])
    _, first, cell = np.unique(flat, return_index=True, return_inverse=True)
    return _cells(confidence, happened, cell, bin_index[first] / bins, (bin_index[first] + 1) / bins)


def equal_mass(confidence: np.ndarray, happened: np.ndarray, bins: int) -> Cells:
    """Sort examples by confidence into ``bins`` cells of about equal counts; equal confidences stay together.

    So the cells do not depend on the order of the examples, and there are fewer of them where a network is often
    equally sure. Arguments and errors as of :func:`equal_width`; borders are the extreme confidences of a cell.
    """
    confidence = _checked(confidence, happened, bins)
    ordered = np.sort(confidence)
    rank = np.searchsorted(ordered, confidence, "left")
    _, cell = np.unique(rank * bins // len(confidence), return_inverse=True)
    low, high = np.ones(cell.max() + 1), np.zeros(cell.max() + 1)
    np.minimum.at(low, cell, confidence)
    np.maximum.at(high, cell, confidence)
    return _cells(confidence, happened, cell, low[:, None], high[:, None])


def _checked(confidence: np.ndarray, happened: np.ndarray, bins: int) -> np.ndarray:
    confidence = np.asarray(confidence, np.float64)
    if bins < 1:
        raise ValueError(f"expected at least one bin, got {bins}.")
    if confidence.ndim != 1 or not len(confidence) or np.shape(happened) != confidence.shape:
        raise ValueError(f"expected two equal shapes (n,), n > 0; got {confidence.shape} and {np.shape(happened)}.")
    if not are_probabilities(confidence):
        raise ValueError(f"expected confidences in [0, 1], got {confidence.min()} to {confidence.max()}.")
    return np.clip(confidence, 0, 1)


def _cells(confidence: np.ndarray, happened: np.ndarray, cell: np.ndarray, low: np.ndarray, high: np.ndarray) -> Cells:
    count = np.bincount(cell)
    means = [np.bincount(cell, values) / count for values in (confidence, np.asarray(happened, np.float64))]
    return Cells(low, high, count, *means)


def calibration_error(cells: Cells, least: int = 1) -> CalibrationError | None:
    """Return the expected calibration error of cells, or ``None`` where none is counted.

    The weights are shares of the *counted* examples, so that an error does not shrink with its coverage; netcal, the
    package of Küppers et al., divides by all examples, which gives ``value * coverage``.

    Args:
        cells: of confidence alone (ECE: Naeini et al. 2015, AAAI; Guo et al. 2017, arXiv 1706.04599), or of confidence
            and box (D-ECE: Küppers et al. 2020, arXiv 2004.13546).
        least: cells with fewer examples are not counted.
    """
    counted = cells.count >= least
    count = cells.count[counted]
    if not len(count):
        return None
    weight = count / count.sum()
    gap = np.abs(cells.share - cells.confidence)[counted]
    each = zip(count.tolist(), cells.confidence[counted].tolist(), strict=True)
    by_chance = np.array([mean_deviation(n, p) for n, p in each])
    return CalibrationError(float(weight @ gap), float(weight @ by_chance), float(count.sum() / cells.count.sum()))


def mean_deviation(count: int, probability: float) -> float:
    """Return E|K/n - p| of binomial K, exactly (de Moivre 1730).

    E|K - np| = 2 ν C(n, ν) p^ν (1 - p)^(n - ν + 1), ν = ⌊np⌋ + 1. Where single probabilities differ and p is their
    mean, it is an upper bound (Hoeffding 1956), and a close one in a narrow bin.

    Args:
        count: n, at least 1.
        probability: p, in [0, 1].
    """
    if not 0 < probability < 1:
        return 0.0
    above = min(math.floor(count * probability) + 1, count)
    choices = math.lgamma(count + 1) - math.lgamma(above + 1) - math.lgamma(count - above + 1)
    power = above * math.log(probability) + (count - above + 1) * math.log1p(-probability)
    return 2 * above / count * math.exp(choices + power)


def wilson_interval(count: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % score interval (Wilson 1927) of shares (m,) of ``count`` examples: two of float64 (m,).

    It stays in [0, 1] and has a width where all or none of few examples are right.
    """
    z = 1.959963984540054
    center = share + z * z / (2 * count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    low, high = ((center + sign * half) / (1 + z * z / count) for sign in (-1, 1))
    # By rounding, an end can pass the share where that is 0 or 1.
    return np.minimum(low, share), np.maximum(high, share)


def brier_score(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean over examples of Σ_k (p_k - [k is the class])² (Brier 1950): in [0, 2], 0 is best.

    Args:
        probabilities: (n, classes).
        labels: int (n,).
    """
    probabilities = np.asarray(probabilities, np.float64)
    of_truth = probabilities[np.arange(len(labels)), labels]
    return float(np.mean(np.sum(probabilities**2, axis=1) - 2 * of_truth + 1))


def events(predictions: Predictions) -> dict[str, np.ndarray]:
    """Return what confidence is held against, bool (n,) each, named by the metric that is its mean."""
    return {
        "accuracy": predictions.correct,
        "loc_acc_50": predictions.localized(0.5),
        "loc_acc_75": predictions.localized(0.75),
    }


def reliability(predictions: Predictions) -> dict[str, Cells]:
    """Return the cells of each event over the confidence alone: those of ``ece``, ``d_ece_50`` and ``d_ece_75``."""
    return {
        name: equal_width(
            predictions.confidence, happened, ECE_BINS if name == "accuracy" else D_ECE_BINS["confidence"]
        )
        for name, happened in events(predictions).items()
    }


def calibration_errors(predictions: Predictions) -> dict[str, CalibrationError]:
    """Return the calibration errors by name; one without a counted cell is left out.

    Returns:
        ``ece``; ``adaptive_ece``, over cells of equal mass (Nguyen and O'Connor 2015, arXiv 1508.05154); ``d_ece_50``
        and ``d_ece_75``; and ``d_ece_50_position``, ``_size`` and ``_box``, over confidence and predicted box. Empty
        where confidences are not probabilities.
    """
    if not are_probabilities(predictions.confidence):
        return {}
    happened, cells = events(predictions), reliability(predictions)
    boxes = predictions.boxes.astype(np.float64)
    center, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    features = {"position": center, "size": size, "box": np.concatenate([center, size], axis=1)}
    found = {
        "ece": calibration_error(cells["accuracy"]),
        "adaptive_ece": calibration_error(equal_mass(predictions.confidence, happened["accuracy"], ECE_BINS)),
        "d_ece_50": calibration_error(cells["loc_acc_50"], D_ECE_LEAST),
        "d_ece_75": calibration_error(cells["loc_acc_75"], D_ECE_LEAST),
    }
    for name, beside in features.items():
        grid = equal_width(predictions.confidence, happened["loc_acc_50"], D_ECE_BINS[name], beside)
        found[f"d_ece_50_{name}"] = calibration_error(grid, D_ECE_LEAST)
    return {name: error for name, error in found.items() if error is not None}


def summarise(predictions: Predictions) -> dict[str, float]:
    """Return what a run logs of its calibration: each error with its ``…_if_calibrated``, and for those that leave
    examples out also its ``…_coverage``; and ``brier``. Empty where confidences are not probabilities.
    """
    values: dict[str, float] = {}
    for name, error in calibration_errors(predictions).items():
        values |= {name: error.value, f"{name}_if_calibrated": error.if_calibrated}
        if name.startswith("d_ece"):
            values[f"{name}_coverage"] = error.coverage
    if values:
        values["brier"] = brier_score(predictions.probabilities, predictions.labels)
    return values


def reliability_columns(predictions: Predictions) -> dict[str, np.ndarray]:
    """Return the reliability diagrams as the columns of a table, one row per bin that is not empty.

    Returns:
        ``event`` (see :func:`events`), ``confidence_from``, ``confidence_to``, ``count``, ``mean_confidence``,
        ``share`` and its 95 % interval ``share_low``, ``share_high``.
    """
    diagrams = reliability(predictions)
    parts = [astuple(cells) for cells in diagrams.values()]
    low, high, count, confidence, share = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    share_low, share_high = wilson_interval(count, share)
    return {
        "event": np.repeat(list(diagrams), [len(cells.count) for cells in diagrams.values()]),
        "confidence_from": low[:, 0],
        "confidence_to": high[:, 0],
        "count": count,
        "mean_confidence": confidence,
        "share": share,
        "share_low": share_low,
        "share_high": share_high,
    }

"""What shows how the two losses were weighted, and how their gradients relate."""

from __future__ import annotations

import numpy as np


def weight_metrics(weights: np.ndarray) -> dict[str, float]:
    """Return the effective weights of an epoch, averaged over its steps.

    Args:
        weights: (steps, 2): what multiplied the unweighted losses' gradients in the trunk, the static weight times the
            method's.

    Returns:
        ``weights/classification`` and ``weights/bbox``.
    """
    means = weights.astype(np.float64).mean(axis=0)
    return {"weights/classification": float(means[0]), "weights/bbox": float(means[1])}


def gradient_metrics(gramians: np.ndarray) -> dict[str, float]:
    """Return how two gradients compare over some batches; empty where none were measured.

    Args:
        gramians: (batches, 3): a = |g₁|², b = g₁·g₂ and c = |g₂|² of the statically weighted losses, classification
            first; rows that are not finite are left out.

    Returns:
        ``gradients/classification_norm`` and ``gradients/bbox_norm`` (means), ``gradients/norm_ratio`` (box over
        classification, of these means), ``gradients/cosine`` (mean) and ``gradients/conflicts`` (the share of batches
        with b < 0). Ratio and cosine are absent where a norm is 0.
    """
    kept = gramians[np.isfinite(gramians).all(axis=1)].astype(np.float64)
    if not len(kept):
        return {}
    first, second = np.sqrt(kept[:, 0]), np.sqrt(kept[:, 2])
    metrics = {
        "gradients/classification_norm": float(first.mean()),
        "gradients/bbox_norm": float(second.mean()),
        "gradients/conflicts": float((kept[:, 1] < 0).mean()),
    }
    if first.mean() > 0:
        metrics["gradients/norm_ratio"] = float(second.mean() / first.mean())
    proper = (first > 0) & (second > 0)
    if proper.any():
        metrics["gradients/cosine"] = float((kept[proper, 1] / first[proper] / second[proper]).mean())
    return metrics

"""What is measured: weight-independent metrics of class and box, their baselines and tables. All in float64 NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from locexp.bbox import geometry as geometry

SELECTION_METRIC = "loc_acc_75"
"""What settings are compared by unless another metric is given: class right and IoU >= .75. At .5 a box that never
moves passes for most digits, so ``loc_acc_50`` hardly sees localization there."""

METRICS = ("accuracy", "mean_iou", "loc_acc_50", "loc_acc_75", "center_error_px")
"""What settings are compared by; none depends on the weights."""
TASK_OF = {"accuracy": "classification", "mean_iou": "bbox", "center_error_px": "bbox"}
"""The metrics of one task, and which it is; the others take both."""
PIXELS = "center_error_px"
"""The metric that is no share."""
HEADLINES = (*METRICS, "classification_loss", "bbox_loss")
"""What a run is summed up by, and what can pick its best epoch."""
BESIDE = {"accuracy": "macro_accuracy", "center_error_px": "center_error_share"}
"""What is shown of the test part beside a metric, where classes or photos are unequal."""
UNEQUAL = 1.5
"""With classes further apart than this, accuracy is mostly that of the large ones. (Of MNIST's the ratio is 1.27.)"""
LOWER_IS_BETTER = ("center_error_px", "classification_loss", "bbox_loss")


def sign_of(metric: str) -> float:
    """Return -1 for a metric of which less is better, else 1: decisions are over the product."""
    return -1.0 if metric in LOWER_IS_BETTER else 1.0


def rank(metrics: dict[str, float], monitor: str) -> tuple[float, float]:
    """Return what orders epochs: the monitored metric (higher is better), ties by ``val/mean_iou``."""
    return sign_of(monitor.split("/", 1)[1]) * metrics[monitor], metrics["val/mean_iou"]


def metrics_so_far(history: list[dict[str, float]], monitor: str) -> dict[str, float]:
    """Return the validation metrics of the best epoch so far, by their bare names, and ``mean_weights/…``.

    Args:
        history: one row per epoch, at least one.
        monitor: the metric that picks the best epoch.
    """
    best = max(history, key=lambda row: rank(row, monitor))
    return {name: best[f"val/{name}"] for name in HEADLINES} | mean_weights(history)


def mean_weights(history: list[dict[str, float]]) -> dict[str, float]:
    """Return the effective weights of both tasks over all epochs of a history, ``mean_weights/…``."""
    tasks = ("classification", "bbox")
    return {f"mean_weights/{name}": float(np.mean([row[f"weights/{name}"] for row in history])) for name in tasks}


@dataclass(frozen=True)
class Predictions:
    """What a network predicts for n examples, with the truth.

    Attributes:
        probabilities: (n, classes).
        boxes: (n, 4), normalised xyxy.
        labels: int64, (n,).
        truth: (n, 4), normalised xyxy.
        classification_loss, bbox_loss: (n,), unweighted, one value per example.
        canvas: (width, height) in pixels.
    """

    probabilities: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    truth: np.ndarray
    classification_loss: np.ndarray
    bbox_loss: np.ndarray
    canvas: tuple[int, int]

    @cached_property
    def classes(self) -> np.ndarray:
        """The most probable class of each example: int64 (n,)."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def correct(self) -> np.ndarray:
        """Whether the class is right: bool (n,)."""
        return self.classes == self.labels

    @cached_property
    def confidence(self) -> np.ndarray:
        """The probability of the predicted class: (n,)."""
        return self.probabilities.max(axis=1)

    @cached_property
    def iou(self) -> np.ndarray:
        """IoU of predicted and true box: float64 (n,)."""
        return geometry.iou(self.boxes, self.truth)

    def localized(self, least: float) -> np.ndarray:
        """Return whether the class is right and IoU at least ``least``: bool (n,)."""
        return self.correct & (self.iou >= least)

    @cached_property
    def center_error_px(self) -> np.ndarray:
        """Distance of the box centres in pixels: float64 (n,)."""
        shift = geometry.centers(self.boxes.astype(np.float64)) - geometry.centers(self.truth.astype(np.float64))
        return np.asarray(np.hypot(shift[:, 0] * self.canvas[0], shift[:, 1] * self.canvas[1]))


def summarise(predictions: Predictions) -> dict[str, float]:
    """Return the headline and secondary metrics: means over examples; none depends on the loss weights."""
    iou = predictions.iou
    sides = [box[:, 2:].astype(np.float64) - box[:, :2] for box in (predictions.boxes, predictions.truth)]
    size_error = np.abs(sides[0] - sides[1]) * np.array(predictions.canvas)
    metrics = {
        "accuracy": predictions.correct,
        "mean_iou": iou,
        "loc_acc_50": predictions.localized(0.5),
        "loc_acc_75": predictions.localized(0.75),
        "gt_known_loc_50": iou >= 0.5,
        "gt_known_loc_75": iou >= 0.75,
        "box_acc_v2": np.mean([iou >= threshold for threshold in (0.3, 0.5, 0.7)], axis=0),
        "center_error_px": predictions.center_error_px,
        "width_error_px": size_error[:, 0],
        "height_error_px": size_error[:, 1],
        "inverted_fraction": geometry.inverted(predictions.boxes),
        "classification_loss": predictions.classification_loss,
        "bbox_loss": predictions.bbox_loss,
    }
    return {name: float(np.mean(values, dtype=np.float64)) for name, values in metrics.items()}


def metric_names() -> tuple[str, ...]:
    """Return the names of the metrics that :func:`summarise` makes."""
    one, box = np.zeros(1, np.int64), np.zeros((1, 4))
    return tuple(summarise(Predictions(np.ones((1, 2)), box, one, box, one, one, (1, 1))))


def quadrants(predictions: Predictions) -> dict[str, np.ndarray]:
    """Return which examples have both, only the class, only the box (IoU >= .5), or neither right: bool (n,) each."""
    correct, boxed = predictions.correct, predictions.iou >= 0.5
    return {
        "both_right": correct & boxed,
        "class_only": correct & ~boxed,
        "box_only": ~correct & boxed,
        "neither": ~correct & ~boxed,
    }


def four_way(predictions: Predictions) -> dict[str, float]:
    """Return the share of examples in each of the :func:`quadrants`."""
    return {name: float(np.mean(members)) for name, members in quadrants(predictions).items()}


def baselines(train_boxes: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return the mean IoU that needs no network.

    Args:
        train_boxes: (n, 4), normalised xyxy; the constants come from here.
        truth: (m, 4), what is evaluated.

    Returns:
        ``mean_iou``: of the constant mean training box; ``centered_mean_iou``: of a box of the mean training size
        with its centre exactly right.
    """
    constant = np.asarray(np.mean(train_boxes, axis=0, dtype=np.float64))
    size = (constant[2:] - constant[:2]) / 2
    center = geometry.centers(truth.astype(np.float64))
    centered = np.concatenate([center - size, center + size], axis=1)
    return {
        "mean_iou": float(geometry.iou(np.broadcast_to(constant, truth.shape), truth).mean()),
        "centered_mean_iou": float(geometry.iou(centered, truth).mean()),
    }


def majority_accuracy(train_labels: np.ndarray, labels: np.ndarray) -> float:
    """Return the accuracy that needs no network: of the class that is most frequent in training, the lowest of several.

    Args:
        train_labels: whole numbers >= 0, (n,).
        labels: the same, (m,), of what is evaluated.
    """
    return float(np.mean(labels == np.bincount(train_labels).argmax()))


def skill(value: float, baseline: float) -> float | None:
    """Return (value - baseline) / (1 - baseline), or ``None`` where that is (nearly) 1: there is nothing to gain."""
    return None if baseline > 1 - 1e-6 else (value - baseline) / (1 - baseline)


def confusion_matrix(predictions: Predictions) -> np.ndarray:
    """Return counts int64 (classes, classes): row the truth, column the prediction."""
    classes = predictions.probabilities.shape[1]
    flat = predictions.labels * classes + predictions.classes
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def macro_accuracy(predictions: Predictions) -> float:
    """Return the mean over classes that occur of the share of their examples whose class is right.

    Source: the balanced accuracy of Brodersen et al. 2010 (doi:10.1109/ICPR.2010.764), as scikit-learn has it.
    """
    return float(np.mean(per_class(predictions)["accuracy"]))


def are_unequal(labels: np.ndarray) -> bool:
    """Return whether the most frequent class has over :data:`UNEQUAL` times the examples of the rarest that occurs."""
    counts = np.unique(labels, return_counts=True)[1]
    return bool(counts.max() > UNEQUAL * counts.min())


def per_class(predictions: Predictions) -> dict[str, np.ndarray]:
    """Return columns with one row per class that occurs: class, count, accuracy, mean_iou and its standard error (NaN
    of one example), loc_acc_50, center_error_px.
    """
    labels, counts = np.unique(predictions.labels, return_counts=True)
    members = [predictions.labels == label for label in labels]
    ious = [predictions.iou[part] for part in members]
    errors = [iou.std(ddof=1) / np.sqrt(len(iou)) if len(iou) > 1 else np.nan for iou in ious]

    def means(values: np.ndarray) -> np.ndarray:
        return np.array([values[part].mean() for part in members])

    return {
        "class": labels,
        "count": counts,
        "accuracy": means(predictions.correct),
        "mean_iou": means(predictions.iou),
        "iou_standard_error": np.array(errors),
        "loc_acc_50": means(predictions.localized(0.5)),
        "center_error_px": means(predictions.center_error_px),
    }

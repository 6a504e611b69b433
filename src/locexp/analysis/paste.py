"""Lines to carry away: the chosen weights for plain Keras and PyTorch, and for losses of other conventions.

locexp's box losses are means over the four coordinates, in shares of the image's width and height. In pixels of a
square image of side S a squared error is S² times as large, an absolute one S times, and a sum over the four
coordinates is four times the mean. A weight that stands for the same gradient is divided by as much.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from locexp.analysis.comparison import SweepComparison
from locexp.analysis.methods import FIXED
from locexp.analysis.results import SettingRuns
from locexp.configuration.schema import BBOX, CLASSIFICATION

LOSS, PARAMETERS = "loss.bbox_loss", "loss.bbox_loss_params."
COORDINATES = 4
BOTH = "smooth_l1_giou"
"""The loss of two terms, each with a conversion of its own."""
TORCHVISION = {
    "giou": "generalized_box_iou_loss",
    "diou": "distance_box_iou_loss",
    "ciou": "complete_box_iou_loss",
}
KERAS = {"mse": '"mse"', "mae": '"mae"'}
TORCH = {"mse": "F.mse_loss", "mae": "F.l1_loss"}
POWER_OF_SIDE = {"mse": 2, "mae": 1, "smooth_l1": 1}
"""By which power of the image's side a loss is larger in pixels; a smooth L1 with δ in pixels, too."""
WITHOUT_UNIT = ("iou", "giou", "diou", "ciou", "eiou", "siou", "alpha_iou", "mpdiou")
"""Losses that compare areas and lengths with each other, in pixels; of a square image they are the same in shares."""
OF_AREAS = ("iou", "giou")
"""Those that are the same in shares of any image."""
DELTA_PX, GIOU_WEIGHT = 1.0, 0.4
"""Defaults of the parameters of ``smooth_l1`` and ``smooth_l1_giou``."""


@dataclass(frozen=True)
class Weights:
    """Fixed weights with the box loss that they are for.

    Attributes:
        classification, bbox: the weights.
        loss: the name of the box loss, or a dotted path.
        parameters: of the box loss that are no defaults.
        canvas: (width, height) in pixels; ``None`` where it is not known.
    """

    classification: float
    bbox: float
    loss: str
    parameters: dict[str, float]
    canvas: tuple[int, int] | None

    @property
    def short_name(self) -> str:
        """The box loss without the modules of a dotted path."""
        return self.loss.rpartition(".")[2]

    @property
    def side(self) -> int | None:
        """The side of a square image; ``None`` of another one."""
        return self.canvas[0] if self.canvas and self.canvas[0] == self.canvas[1] else None

    @property
    def delta_px(self) -> float:
        """Where the pieces of a smooth L1 meet, in pixels."""
        return self.parameters.get("delta_px", DELTA_PX)


def chosen_weights(comparison: SweepComparison) -> Weights | None:
    """Return the chosen weights; ``None`` of a weighting method, or where runs do not say which box loss it is."""
    return weights_of(comparison.settings[comparison.chosen], comparison.test_part.canvas)


def weights_of(setting: SettingRuns, canvas: tuple[int, int] | None) -> Weights | None:
    """Return the weights of a setting, likewise."""
    loss = setting.parameters.get(LOSS)
    if setting.method != FIXED or setting.single_task is not None or loss is None:
        return None
    given: dict[str, float] = {}
    for key, value in setting.parameters.items():
        with contextlib.suppress(ValueError):  # a form of IoU, which has a name
            if key.startswith(PARAMETERS):
                given[key.removeprefix(PARAMETERS)] = float(value)
    return Weights(setting.weight(CLASSIFICATION), setting.weight(BBOX), loss, given, canvas)


@dataclass(frozen=True)
class Line:
    """What is pasted, and in which convention it stands for the same gradients."""

    convention: str
    code: str

    def __str__(self) -> str:
        return f"{self.convention}: {self.code}"


def in_short(weights: Weights) -> list[str]:
    """Return two lines for a screen, with the weight that boxes in pixels would take."""
    loss, keras = keras_arguments(weights)
    if weights.loss not in KERAS:
        keras += f", with {loss or f'your {weights.short_name}'}"
    torch = f"loss = {_ce(weights)} + {_times(weights.bbox)}{weights.short_name}"
    if weights.loss in KERAS and weights.side is not None:
        keras += f"; boxes in pixels: {_number(in_pixels(weights))}"
    if weights.loss in POWER_OF_SIDE and weights.side is not None:
        torch += f"; boxes in pixels: {_ce(weights)} + {_times(in_pixels(weights))}{weights.short_name}"
    return [f"Keras    {keras}", f"PyTorch  {torch}"]


def in_full(weights: Weights) -> list[Line]:
    """Return every line there is for these weights."""
    lines = [keras_line(weights), torch_line(weights)]
    if weights.loss not in POWER_OF_SIDE and weights.loss != BOTH:
        return lines
    if weights.side is None:
        why = "the image is not square" if weights.canvas else "the size of the image is not known"
        lines.append(Line("Boxes in pixels", f"no one weight, since {why}; divide x by its width, y by its height"))
    else:
        lines += [] if weights.loss == BOTH else [keras_line(weights, pixels=True)]
        lines.append(torch_line(weights, pixels=True))
    if weights.loss != BOTH:
        summed = f"{_number(weights.bbox / COORDINATES)} for {weights.bbox:g}"
        lines.append(Line("Sums over the four coordinates, not means", f"a quarter of the weight, {summed}"))
    return lines


def in_pixels(weights: Weights) -> float:
    """Return the weight of the box where its loss is computed in pixels of a square image."""
    assert weights.side is not None
    return float(weights.bbox / weights.side ** POWER_OF_SIDE[weights.loss])


def keras_line(weights: Weights, *, pixels: bool = False) -> Line:
    """Return the arguments of ``model.compile`` of the saved model, whose outputs have these names."""
    loss, code = keras_arguments(weights, pixels=pixels)
    if loss is None:
        code += f", with your {weights.short_name}"
    else:
        code = f'loss={{"classification": "sparse_categorical_crossentropy", "bbox": {loss}}}, {code}'
    return Line(f"Keras, {_unit(weights, pixels)}", code)


def keras_arguments(weights: Weights, *, pixels: bool = False) -> tuple[str | None, str]:
    """Return the loss of the box, ``None`` where Keras has none, and ``loss_weights=…``."""
    bbox, loss = in_pixels(weights) if pixels else weights.bbox, KERAS.get(weights.loss)
    if weights.loss == "smooth_l1" and (delta := _delta(weights, pixels=pixels)):
        loss, bbox = f"keras.losses.Huber(delta={_number(delta)})", bbox / delta  # Huber is delta times smooth L1
    return loss, f'loss_weights={{"classification": {_number(weights.classification)}, "bbox": {_number(bbox)}}}'


def torch_line(weights: Weights, *, pixels: bool = False) -> Line:
    """Return the loss as PyTorch has it: ``F`` is torch.nn.functional, ``box`` and ``true_box`` are (n, 4), xyxy."""
    bbox = weights.bbox
    if pixels and weights.side is not None:
        bbox /= weights.side ** POWER_OF_SIDE.get(weights.loss, 1)  # of both together, that of smooth L1
    terms = [f"{_times(weights.classification)}F.cross_entropy(logits, label)"]
    delta = _delta(weights, pixels=pixels)
    if weights.loss in TORCH:
        terms.append(f"{_times(bbox)}{TORCH[weights.loss]}(box, true_box)")
    elif weights.loss in ("smooth_l1", BOTH) and delta:
        terms.append(f"{_times(bbox)}F.smooth_l1_loss(box, true_box, beta={_number(delta)})")
        if weights.loss == BOTH:
            share = weights.parameters.get("giou_weight", GIOU_WEIGHT)
            terms.append(f"{_times(weights.bbox * share)}{_torchvision('giou')}")
    elif weights.loss in TORCHVISION:
        terms.append(f"{_times(bbox)}{_torchvision(weights.loss)}")
    else:
        terms.append(f"{_times(bbox)}{weights.short_name}")
    return Line(f"PyTorch, {_unit(weights, pixels)}", f"loss = {' + '.join(terms)}")


def _delta(weights: Weights, *, pixels: bool) -> float | None:
    """Return where the pieces of a smooth L1 meet; in shares it is one number on a square image alone."""
    if pixels:
        return weights.delta_px
    return None if weights.side is None else weights.delta_px / weights.side


def _unit(weights: Weights, pixels: bool) -> str:
    if weights.loss in WITHOUT_UNIT:
        return "boxes in any unit" if weights.loss in OF_AREAS or weights.side is not None else "boxes in pixels"
    return "boxes in pixels" if pixels else "boxes in shares of the image"


def _torchvision(loss: str) -> str:
    return f'torchvision.ops.{TORCHVISION[loss]}(box, true_box, reduction="mean")'


def _ce(weights: Weights) -> str:
    return f"{_times(weights.classification)}ce"


def _times(weight: float) -> str:
    return "" if weight == 1 else f"{_number(weight)} * "


def _number(value: float) -> str:
    """Return a weight with the digits that it was given, a converted one with four."""
    whole = f"{value:.6g}"
    return whole if float(whole) == value else f"{value:.4g}"

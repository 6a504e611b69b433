"""Lines to carry away: what Keras and PyTorch compute from them is what was trained, value by value and gradient by
gradient; PyTorch's and Keras's own losses are the oracles."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from locexp.analysis.paste import Weights, in_full, in_short, weights_of
from locexp.analysis.results import SettingRuns
from locexp.configuration.targets import loss_names
from tests.analysis.test_equality import FIXED

SIDE, COUNT = 28, 6
TRUTH = np.sort(np.random.default_rng(0).uniform(size=(COUNT, 2, 2)), axis=1).reshape(COUNT, 4)
"""Boxes xyxy in shares of the image."""
PREDICTED = np.clip(TRUTH + np.random.default_rng(1).normal(0, 0.05, TRUTH.shape), 0, 1)
CLASSIFICATION = 1.7
"""The class loss, whatever it is."""


def weights(
    loss: str, bbox: float = 32.0, classification: float = 1.0, canvas: Any = (SIDE, SIDE), **given: float
) -> Weights:
    return Weights(classification, bbox, loss, given, canvas)


def trained(what: Weights) -> tuple[float, np.ndarray]:
    """The weighted box loss that locexp trains with, the mean over images, and its gradient by the predicted boxes."""
    import tensorflow as tf

    from locexp.configuration.targets import find_loss

    given: dict[str, Any] = dict(what.parameters)
    if what.loss not in ("mse", "mae"):
        given["canvas"] = what.canvas
    boxes = tf.Variable(PREDICTED)
    with tf.GradientTape() as tape:
        loss = what.bbox * tf.reduce_mean(find_loss(what.loss)(tf.constant(TRUTH), boxes, **given))
    return float(loss), np.asarray(tape.gradient(loss, boxes))


def by_keras(code: str, scale: float) -> tuple[float, np.ndarray]:
    """What Keras makes of the arguments of compile, with boxes that are ``scale`` times shares; gradient by shares."""
    import keras
    import tensorflow as tf

    given = eval(f"dict({code})", {"keras": keras})
    loss = keras.losses.get(given["loss"]["bbox"])
    boxes = tf.Variable(PREDICTED)
    with tf.GradientTape() as tape:
        total = given["loss_weights"]["bbox"] * tf.reduce_mean(loss(scale * tf.constant(TRUTH), scale * boxes))
    return float(total), np.asarray(tape.gradient(total, boxes))


def generalized_box_iou_loss(box: Any, true_box: Any, reduction: str) -> Any:
    """torchvision's, from its documentation: 1 - GIoU, by Rezatofighi et al. 2019."""
    torch = pytest.importorskip("torch", reason="the extra `oracle` is not installed")
    assert reduction == "mean"
    low, high = torch.minimum(box, true_box), torch.maximum(box, true_box)
    inner = low[:, 2:] - high[:, :2]
    shared = inner.clamp(min=0).prod(dim=1)
    areas = [(one[:, 2:] - one[:, :2]).prod(dim=1) for one in (box, true_box)]
    union, hull = areas[0] + areas[1] - shared, (high[:, 2:] - low[:, :2]).prod(dim=1)
    return (1 - shared / union + (hull - union) / hull).mean()


def by_torch(code: str, scale: float) -> tuple[float, np.ndarray]:
    """What PyTorch makes of a line, less the class loss; likewise."""
    torch = pytest.importorskip("torch", reason="the extra `oracle` is not installed")
    boxes = torch.tensor(PREDICTED, requires_grad=True)
    functional = SimpleNamespace(
        **{name: getattr(torch.nn.functional, name) for name in ("mse_loss", "l1_loss", "smooth_l1_loss")},
        cross_entropy=lambda logits, label: 0.0,
    )
    ops = SimpleNamespace(ops=SimpleNamespace(generalized_box_iou_loss=generalized_box_iou_loss))
    known = {
        "F": functional, "torchvision": ops, "logits": None, "label": None, "box": scale * boxes,
        "true_box": scale * torch.tensor(TRUTH),
    }  # fmt: skip
    total = eval(code.removeprefix("loss = "), known)
    total.backward()
    assert boxes.grad is not None
    return float(total.detach()), boxes.grad.numpy()


def codes(what: Weights, framework: str) -> dict[float, str]:
    """The lines for a framework, by how many times shares the boxes are."""
    found = {line.convention: line.code for line in in_full(what)}
    units = {"boxes in shares of the image": 1.0, "boxes in pixels": float(SIDE)}
    own = {name.partition(", ")[2]: code for name, code in found.items() if name.startswith(f"{framework}, ")}
    anywhere = own.pop("boxes in any unit", None)
    return {scale: own[unit] if anywhere is None else anywhere for unit, scale in units.items()}


def agree(one: tuple[float, np.ndarray], other: tuple[float, np.ndarray]) -> None:
    """To the four digits that a converted weight and a delta have."""
    assert one[0] == pytest.approx(other[0], rel=1e-3)
    np.testing.assert_allclose(one[1], other[1], rtol=1e-3, atol=1e-9)


POINTWISE = [weights("mse"), weights("mae", 7.5), weights("smooth_l1"), weights("smooth_l1", delta_px=2.0)]


@pytest.mark.parametrize("what", POINTWISE, ids=lambda one: f"{one.loss} {one.parameters}")
@pytest.mark.parametrize(("compute", "framework"), [(by_keras, "Keras"), (by_torch, "PyTorch")])
def test_keras_and_pytorch_compute_what_was_trained(what: Weights, compute: Any, framework: str) -> None:
    lines = codes(what, framework)
    assert set(lines) == {1.0, float(SIDE)}
    for scale, code in lines.items():
        agree(compute(code, scale), trained(what))


@pytest.mark.parametrize(
    "what", [weights("giou"), weights("smooth_l1_giou"), weights("smooth_l1_giou", giou_weight=2.0)]
)
def test_pytorch_computes_what_was_trained_with_overlaps(what: Weights) -> None:
    lines = codes(what, "PyTorch")
    assert set(lines) == {1.0, float(SIDE)}
    for scale, code in lines.items():
        agree(by_torch(code, scale), trained(what))


@pytest.mark.parametrize(("loss", "ratio"), [("mse", SIDE**2), ("mae", SIDE), ("smooth_l1", SIDE)])
def test_the_conversion_is_the_ratio_of_gradients(loss: str, ratio: float) -> None:
    """Of the same loss of PyTorch in pixels and in shares, unweighted, the gradients by the same boxes in shares."""
    name = {"mse": "F.mse_loss(box, true_box)", "mae": "F.l1_loss(box, true_box)"}.get(loss)
    in_px, in_shares = (
        by_torch(name or f"F.smooth_l1_loss(box, true_box, beta={delta})", scale)[1]
        for scale, delta in ((float(SIDE), 1.0), (1.0, 1 / SIDE))
    )
    np.testing.assert_allclose(in_px / in_shares, ratio, rtol=1e-9)
    pasted = codes(weights(loss, 1000.0), "PyTorch")[float(SIDE)]
    weight = float(pasted.partition(" + ")[2].partition(" * ")[0])
    assert 1000.0 / weight == pytest.approx(ratio, rel=1e-3)


def test_a_sum_over_coordinates_is_four_means() -> None:
    difference = (PREDICTED - TRUTH) ** 2
    (line,) = (line for line in in_full(weights("mse")) if line.convention.startswith("Sums"))
    assert line.code == "a quarter of the weight, 8 for 32"
    assert 8 * difference.sum(axis=1).mean() == pytest.approx(trained(weights("mse"))[0])


def test_every_loss_of_locexp_has_lines() -> None:
    for loss in loss_names():
        lines = in_full(weights(loss))
        assert [line.convention.partition(", ")[0] for line in lines[:2]] == ["Keras", "PyTorch"]
        assert "32 * " in lines[1].code
        # Each says what becomes of pixels.
        assert any("any unit" in line.convention or "pixels" in line.convention for line in lines), loss


def test_overlaps_are_computed_in_pixels_where_shares_are_not_square() -> None:
    assert in_full(weights("siou"))[1].convention == "PyTorch, boxes in any unit"
    assert in_full(weights("siou", canvas=(64, 48)))[1].convention == "PyTorch, boxes in pixels"
    assert in_full(weights("giou", canvas=(64, 48)))[1].convention == "PyTorch, boxes in any unit"


def test_an_image_that_is_not_square_has_no_one_weight() -> None:
    for canvas, why in (((64, 48), "the image is not square"), (None, "the size of the image is not known")):
        lines = in_full(weights("mse", canvas=canvas))
        assert not any(line.convention.endswith(", boxes in pixels") for line in lines)
        assert any(why in line.code for line in lines)
        assert "pixels" not in in_short(weights("mse", canvas=canvas))[1]


def test_a_loss_of_the_users_own_has_its_name_and_no_conversion() -> None:
    lines = [line.code for line in in_full(weights("my.module.corner"))]
    assert lines == [
        'loss_weights={"classification": 1, "bbox": 32}, with your corner',
        "loss = F.cross_entropy(logits, label) + 32 * corner",
    ]


def test_the_screen_has_two_lines() -> None:
    assert in_short(weights("mse", 178.0)) == [
        'Keras    loss_weights={"classification": 1, "bbox": 178}; boxes in pixels: 0.227',
        "PyTorch  loss = ce + 178 * mse; boxes in pixels: ce + 0.227 * mse",
    ]
    assert in_short(weights("mae", 2.8, 0.5))[1] == (
        "PyTorch  loss = 0.5 * ce + 2.8 * mae; boxes in pixels: 0.5 * ce + 0.1 * mae"
    )
    assert in_short(weights("smooth_l1", 1.0))[0].endswith('"bbox": 28}, with keras.losses.Huber(delta=0.03571)')


def test_only_fixed_weights_of_both_tasks_are_carried_away() -> None:
    parameters = {"loss.classification_weight": "1", "loss.bbox_weight": "4", "loss.bbox_loss": "smooth_l1", **FIXED}
    found = weights_of(SettingRuns("", {}, parameters=parameters | {"loss.bbox_loss_params.delta_px": "2.5"}), (28, 28))
    assert found == weights("smooth_l1", 4.0, delta_px=2.5)
    for other in (
        {"loss.weighting._target_": "locexp.losses.weighting.mgda.MGDA"},
        {"loss.bbox_weight": "0"},
        {"loss.classification_weight": "0"},
    ):
        assert weights_of(SettingRuns("", {}, parameters=parameters | other), (28, 28)) is None
    del parameters["loss.bbox_loss"]
    assert weights_of(SettingRuns("", {}, parameters=parameters), None) is None


def test_the_names_in_loss_weights_are_the_outputs_of_a_network() -> None:
    import keras

    from locexp.models.heads import heads

    model = keras.Model(image := keras.Input((8,)), heads(image, 3))
    given = in_short(weights("mse"))[0].partition("=")[2].partition(";")[0]
    assert json.loads(given).keys() == set(model.output_names)

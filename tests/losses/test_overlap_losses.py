"""Overlap losses against the papers' formulas in double precision, torchvision's, and finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from locexp.configuration.targets import find_loss
from locexp.errors import UserError

pytestmark = pytest.mark.usefixtures("float32")

CANVAS = (28, 20)
PAIRS = 10_000


def measured(truth: np.ndarray, said: np.ndarray) -> dict[str, float]:
    """One pair of pixel boxes, with plain Python floats."""
    x1, y1, x2, y2 = map(float, said)
    left, top, right, bottom = map(float, truth)
    swapped = max(x1 - x2, 0) / CANVAS[0] + max(y1 - y2, 0) / CANVAS[1]
    if x1 > x2:
        x1 = x2 = (x1 + x2) / 2
    if y1 > y2:
        y1 = y2 = (y1 + y2) / 2
    w, h, wt, ht = x2 - x1, y2 - y1, right - left, bottom - top
    shared = max(min(x2, right) - max(x1, left), 0) * max(min(y2, bottom) - max(y1, top), 0)
    union = w * h + wt * ht - shared
    cw, ch = max(x2, right) - min(x1, left), max(y2, bottom) - min(y1, top)
    dx, dy = (x1 + x2 - left - right) / 2, (y1 + y2 - top - bottom) / 2
    return {
        "iou": shared / union if union > 0 else 0.0,
        "union": union,
        "w": w, "h": h, "wt": wt, "ht": ht, "cw": cw, "ch": ch, "dx": dx, "dy": dy,
        "rho": (dx * dx + dy * dy) / (cw * cw + ch * ch) if cw or ch else 0.0,
        "d1": (x1 - left) ** 2 + (y1 - top) ** 2,
        "d2": (x2 - right) ** 2 + (y2 - bottom) ** 2,
        "swapped": swapped,
    }  # fmt: skip


def ciou(m: dict[str, float]) -> float:
    w, h, wt, ht = (max(m[side], 0.1) for side in ("w", "h", "wt", "ht"))
    v = 4 / math.pi**2 * (math.atan(wt / ht) - math.atan(w / h)) ** 2
    return 1 - m["iou"] + m["rho"] + (v * v / (1 - m["iou"] + v) if v > 0 else 0)


def siou(m: dict[str, float]) -> float:
    sigma = math.hypot(m["dx"], m["dy"])
    # The paper's own spelling of the angle: 1 - 2 sin²(asin(x) - π/4).
    angle = 1 - 2 * math.sin(math.asin(min(abs(m["dy"]) / sigma, 1)) - math.pi / 4) ** 2 if sigma > 0 else 0
    gamma = 2 - angle
    distance = sum(
        1 - math.exp(-gamma * (m[d] / m[c]) ** 2) if m[c] > 0 else 0 for d, c in (("dx", "cw"), ("dy", "ch"))
    )
    shape = sum(
        (1 - math.exp(-abs(m[s] - m[t]) / max(m[s], m[t]))) ** 4 if max(m[s], m[t]) > 0 else 0
        for s, t in (("w", "wt"), ("h", "ht"))
    )
    return 1 - m["iou"] + (distance + shape) / 2


def eiou(m: dict[str, float]) -> float:
    parts = [(m[s] - m[t]) ** 2 / m[c] ** 2 if m[c] > 0 else 0 for s, t, c in (("w", "wt", "cw"), ("h", "ht", "ch"))]
    return 1 - m["iou"] + m["rho"] + sum(parts)


def giou(m: dict[str, float]) -> float:
    enclosing = m["cw"] * m["ch"]
    return 1 - m["iou"] + ((enclosing - m["union"]) / enclosing if enclosing > 0 else 0)


FORMULAS: dict[str, tuple[dict[str, Any], Callable[[dict[str, float]], float]]] = {
    "iou": ({}, lambda m: 1 - m["iou"]),
    "iou (log)": ({"form": "log"}, lambda m: -math.log(max(m["iou"], 1e-6))),
    "giou": ({}, giou),
    "diou": ({}, lambda m: 1 - m["iou"] + m["rho"]),
    "ciou": ({}, ciou),
    "eiou": ({}, eiou),
    "siou": ({}, siou),
    "alpha_iou": ({"alpha": 3.0}, lambda m: 1 - m["iou"] ** 3 + m["rho"] ** 3),
    "mpdiou": ({}, lambda m: 1 - m["iou"] + (m["d1"] + m["d2"]) / (CANVAS[0] ** 2 + CANVAS[1] ** 2)),
}
NAMES = [*FORMULAS, "smooth_l1_giou"]


def computed(name: str, truth: np.ndarray, said: np.ndarray, dtype: str = "float32") -> np.ndarray:
    parameters = FORMULAS[name][0] if name in FORMULAS else {}
    loss = find_loss(name.split(" ")[0])
    return np.asarray(loss(truth.astype(dtype), said.astype(dtype), canvas=CANVAS, **parameters), np.float64)


def expected(name: str, truth: np.ndarray, said: np.ndarray) -> np.ndarray:
    scale = np.array([*CANVAS, *CANVAS])
    made = [measured(*pair) for pair in zip(truth * scale, said * scale, strict=True)]
    if name == "smooth_l1_giou":
        from scipy.special import huber

        smooth = (huber(1 / scale, truth - said) * scale).mean(axis=1)
        return smooth + np.array([0.4 * (giou(m) + m["swapped"]) for m in made])
    return np.array([FORMULAS[name][1](m) + m["swapped"] for m in made])


def random_pairs(count: int = PAIRS) -> tuple[np.ndarray, np.ndarray]:
    """Proper truths; predictions near them, far from them, inverted ones among them."""
    random = np.random.default_rng(7)
    low, high = np.sort(random.uniform(0, 1, (2, count, 2)), axis=0)
    truth = np.concatenate([low, np.maximum(high, low + 0.05)], axis=1)
    near = truth + random.normal(0, 0.05, truth.shape)
    return truth, np.where(random.random((count, 1)) < 0.5, near, random.uniform(0, 1, truth.shape))


DEGENERATE = {
    "equal": ([0.2, 0.2, 0.6, 0.7], [0.2, 0.2, 0.6, 0.7]),
    "disjoint": ([0.1, 0.1, 0.3, 0.3], [0.6, 0.5, 0.9, 0.8]),
    "nested": ([0.1, 0.1, 0.9, 0.9], [0.3, 0.4, 0.5, 0.6]),
    "touching": ([0.1, 0.1, 0.5, 0.5], [0.5, 0.1, 0.9, 0.5]),
    "same centre": ([0.2, 0.2, 0.6, 0.6], [0.3, 0.3, 0.5, 0.5]),
    "a point": ([0.2, 0.2, 0.6, 0.6], [0.4, 0.4, 0.4, 0.4]),
    "a line": ([0.2, 0.2, 0.6, 0.6], [0.1, 0.4, 0.5, 0.4]),
    "inverted": ([0.2, 0.2, 0.6, 0.6], [0.5, 0.3, 0.3, 0.5]),
    "inverted twice": ([0.2, 0.2, 0.6, 0.6], [0.7, 0.7, 0.1, 0.1]),
    "off the canvas": ([0.0, 0.0, 0.4, 0.4], [-0.5, -0.5, 1.5, 1.5]),
    "two equal points": ([0.4, 0.4, 0.4, 0.4], [0.4, 0.4, 0.4, 0.4]),
    "two points": ([0.4, 0.4, 0.4, 0.4], [0.8, 0.2, 0.8, 0.2]),
}


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_the_formula(name: str) -> None:
    truth, said = random_pairs()
    np.testing.assert_allclose(computed(name, truth, said, "float64"), expected(name, truth, said), atol=1e-9)
    # In float32 -ln of an IoU near 0 amplifies its rounding.
    sure = expected("iou", truth, said) < 0.999 if name == "iou (log)" else np.ones(len(truth), bool)
    np.testing.assert_allclose(
        computed(name, truth[sure], said[sure]), expected(name, truth[sure], said[sure]), rtol=1e-3, atol=2e-4
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_pairs_have_their_value_and_finite_gradients(name: str, case: str) -> None:
    import tensorflow as tf

    truth, said = (np.array([box]) for box in DEGENERATE[case])
    np.testing.assert_allclose(computed(name, truth, said), expected(name, truth, said), atol=1e-5)
    gradient = slope(name, tf.constant(truth, tf.float32), tf.constant(said, tf.float32))
    assert np.isfinite(gradient).all()
    if case.startswith("inverted"):
        # A step against the gradient brings the corners closer to their order.
        step = said - 1e-3 * gradient / np.abs(gradient).max()
        before, after = (np.maximum(box[:, :2] - box[:, 2:], 0).sum() for box in (said, step))
        assert after < before


def slope(name: str, truth: Any, said: Any) -> np.ndarray:
    import tensorflow as tf

    parameters = FORMULAS[name][0] if name in FORMULAS else {}
    loss = find_loss(name.split(" ")[0])
    with tf.GradientTape() as tape:
        tape.watch(said)
        total = tf.reduce_sum(loss(truth, said, canvas=CANVAS, **parameters))
    return np.asarray(tape.gradient(total, said), np.float64)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "ciou"])
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    """All but CIoU's, whose α has no gradient by definition."""
    import tensorflow as tf

    truth, said = random_pairs()
    found = slope(name, tf.constant(truth, tf.float64), tf.constant(said, tf.float64))
    step = 1e-7
    numeric = np.stack(
        [
            (
                computed(name, truth, said + step * side, "float64")
                - computed(name, truth, said - step * side, "float64")
            )
            / (2 * step)
            for side in np.eye(4)
        ],
        axis=1,
    )
    # A pair within a step of a kink (touching edges, equal sides) has no derivative there; there are few.
    close = np.isclose(found, numeric, rtol=1e-4, atol=1e-4).all(axis=1)
    assert close.mean() > 0.999
    # In float32 nothing overflows.
    assert np.isfinite(slope(name, tf.constant(truth, tf.float32), tf.constant(said, tf.float32))).all()


def test_the_gradient_of_ciou_takes_alpha_as_a_number() -> None:
    import tensorflow as tf

    truth, said = random_pairs(2000)
    proper = (said[:, 2:] > said[:, :2] + 0.02).all(axis=1)
    truth, said = truth[proper], said[proper]
    found = slope("ciou", tf.constant(truth, tf.float64), tf.constant(said, tf.float64))
    scale = np.array([*CANVAS, *CANVAS])

    def parts(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        made = [measured(*pair) for pair in zip(truth * scale, boxes * scale, strict=True)]
        v = [4 / math.pi**2 * (math.atan(m["wt"] / m["ht"]) - math.atan(m["w"] / m["h"])) ** 2 for m in made]
        return np.array([1 - m["iou"] + m["rho"] for m in made]), np.array(v)

    iou = 1 - expected("iou", truth, said)
    _, v = parts(said)
    alpha = v / (1 - iou + v)
    step = 1e-7
    for side in range(4):
        move = step * np.eye(4)[side]
        (up, up_v), (down, down_v) = parts(said + move), parts(said - move)
        numeric = ((up - down) + alpha * (up_v - down_v)) / (2 * step)
        assert np.isclose(found[:, side], numeric, rtol=1e-4, atol=1e-4).mean() > 0.998


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["giou", "diou", "ciou"])
def test_values_and_gradients_are_torchvisions(name: str) -> None:
    torch = pytest.importorskip("torch")
    ops = pytest.importorskip("torchvision.ops")
    import tensorflow as tf

    function = {
        "giou": ops.generalized_box_iou_loss,
        "diou": ops.distance_box_iou_loss,
        "ciou": ops.complete_box_iou_loss,
    }[name]
    truth, said = random_pairs()
    proper = (said[:, 2:] > said[:, :2] + 0.02).all(axis=1)
    truth, said = truth[proper], said[proper]
    scale = np.array([*CANVAS, *CANVAS])
    boxes = torch.tensor(said * scale, dtype=torch.float64, requires_grad=True)
    values = function(boxes, torch.tensor(truth * scale, dtype=torch.float64))
    np.testing.assert_allclose(computed(name, truth, said, "float64"), values.detach().numpy(), atol=1e-5)
    values.sum().backward()
    found = slope(name, tf.constant(truth, tf.float64), tf.constant(said, tf.float64))
    assert np.isclose(found, boxes.grad.numpy() * scale, rtol=1e-3, atol=1e-4).all(axis=1).mean() > 0.999


def test_mixed_precision_computes_losses_in_float32() -> None:
    """bfloat16 predictions are cast before the loss: see the stack; here, a float32 prediction keeps its precision."""
    truth, said = random_pairs(100)
    assert find_loss("diou")(truth.astype("float32"), said.astype("float32"), canvas=CANVAS).dtype == "float32"


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("iou", {"form": "quadratic"}, "form=quadratic: expected one of linear, log"),
        ("alpha_iou", {"alpha": 0.5}, "alpha=0.5: expected a finite number >= 1"),
        ("siou", {"theta": 0.0}, "theta=0.0"),
        ("smooth_l1_giou", {"giou_weight": -1.0}, "giou_weight=-1.0"),
        ("smooth_l1_giou", {"delta_px": 0.0}, "delta_px=0"),
    ],
)
def test_parameters_out_of_range_are_refused(name: str, parameters: dict[str, Any], message: str) -> None:
    truth, said = random_pairs(3)
    with pytest.raises(UserError, match=message):
        find_loss(name)(truth, said, canvas=CANVAS, **parameters)


def test_only_losses_can_be_named() -> None:
    with pytest.raises(UserError, match=r"Did you mean 'giou'"):
        find_loss("gio")
    with pytest.raises(UserError, match="expected one of"):
        find_loss("_overlap")

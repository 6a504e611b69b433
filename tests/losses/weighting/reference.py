"""The tiny network and every weighting method once more: plain NumPy, double precision, gradients by hand.

Written from the papers' algorithms, on vectors: nothing of locexp is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import brentq, root

RATE = 0.1
DECAY = 0.01
Vector = np.ndarray


class Network:
    """Two layers of tanh, a softmax head and a linear head; weights in the order W1, b1, W2, b2, Wc, bc, Wb, bb."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.weights = {name: np.array(value, np.float64) for name, value in weights.items()}

    def losses(self, images: np.ndarray, labels: np.ndarray, boxes: np.ndarray) -> tuple[float, float]:
        return self._run(images, labels, boxes)[0]

    def gradients(
        self, images: np.ndarray, labels: np.ndarray, boxes: np.ndarray
    ) -> tuple[tuple[float, float], list[dict[str, np.ndarray]]]:
        """Return the two losses, and the gradient of each by every weight (those it does not touch are absent)."""
        losses, (x, first, second, outputs) = self._run(images, labels, boxes)
        made = []
        for head, back in zip("cb", outputs, strict=True):
            slopes = {f"W{head}": second.T @ back, f"b{head}": back.sum(0)}
            back = back @ self.weights[f"W{head}"].T * (1 - second**2)
            slopes |= {"W2": first.T @ back, "b2": back.sum(0)}
            back = back @ self.weights["W2"].T * (1 - first**2)
            made.append(slopes | {"W1": x.T @ back, "b1": back.sum(0)})
        return losses, made

    def _run(self, images: np.ndarray, labels: np.ndarray, boxes: np.ndarray) -> Any:
        w, count = self.weights, len(labels)
        x = images.reshape(count, -1) / 255
        first = np.tanh(x @ w["W1"] + w["b1"])
        second = np.tanh(first @ w["W2"] + w["b2"])
        logits = second @ w["Wc"] + w["bc"]
        odds = np.exp(logits - logits.max(1, keepdims=True))
        probabilities = odds / odds.sum(1, keepdims=True)
        off = second @ w["Wb"] + w["bb"] - boxes
        losses = -np.log(probabilities[np.arange(count), labels]).mean(), (off**2).mean()
        return losses, (x, first, second, ((probabilities - np.eye(logits.shape[1])[labels]) / count, off / 2 / count))


TRUNK = ("W1", "b1", "W2", "b2")


def flat(slopes: dict[str, np.ndarray], names: tuple[str, ...] = TRUNK) -> Vector:
    return np.concatenate([slopes[name].ravel() for name in names])


class Adam:
    """As in torch.optim."""

    def __init__(self, rate: float, decay: float = 0.0) -> None:
        self.rate, self.decay, self.t = rate, decay, 0
        self.m: Vector = np.zeros(())
        self.v: Vector = np.zeros(())

    def step(self, value: Vector, slope: Vector) -> Vector:
        slope = slope + self.decay * value
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * slope
        self.v = 0.999 * self.v + 0.001 * slope**2
        return value - self.rate * (self.m / (1 - 0.9**self.t)) / (np.sqrt(self.v / (1 - 0.999**self.t)) + 1e-8)


class Method:
    """A method's weights for a step, and what it learns afterwards."""

    last = ("W2", "b2")

    def weigh(self, losses: Vector, slopes: list[dict[str, np.ndarray]]) -> Vector:
        return np.ones(2)

    def after_step(self, before: Vector, after: Vector) -> None: ...

    def after_epoch(self, losses: Vector) -> None: ...


class Uncertainty(Method):
    def __init__(self) -> None:
        self.s = np.zeros(2)

    def weigh(self, losses: Vector, slopes: Any) -> Vector:
        weights = np.exp(-self.s) / 2
        self.s = self.s - RATE * (0.5 - weights * losses)
        return weights


class ImtlL(Method):
    def __init__(self) -> None:
        self.s = np.zeros(2)

    def weigh(self, losses: Vector, slopes: Any) -> Vector:
        weights = np.exp(self.s)
        self.s = self.s - RATE * (weights * losses - 1)
        return weights


class Dwa(Method):
    def __init__(self) -> None:
        self.means: list[Vector] = []

    def weigh(self, losses: Vector, slopes: Any) -> Vector:
        if len(self.means) < 2:
            return np.ones(2)
        odds = np.exp(self.means[-1] / self.means[-2] / 2)
        return 2 * odds / odds.sum()

    def after_epoch(self, losses: Vector) -> None:
        self.means.append(losses)


class Geometric(Method):
    def weigh(self, losses: Vector, slopes: Any) -> Vector:
        return losses.prod() ** 0.5 / 2 / losses


class Stch(Method):
    nadir: Vector | None = None

    def weigh(self, losses: Vector, slopes: Any) -> Vector:
        if self.nadir is None:
            return 1 / losses
        odds = losses / self.nadir  # exp(log(L / nadir) / μ), μ = 1
        return odds / odds.sum() / losses

    def after_epoch(self, losses: Vector) -> None:
        self.nadir = losses if self.nadir is None else self.nadir


class Famo(Method):
    def __init__(self) -> None:
        self.logits, self.adam = np.zeros(2), Adam(0.025, 0.001)

    def shares(self) -> Vector:
        return np.exp(self.logits) / np.exp(self.logits).sum()

    def weigh(self, losses: Vector, slopes: Any) -> Vector:
        parts = self.shares() / (losses + 1e-8)
        return parts / parts.sum()

    def after_step(self, before: Vector, after: Vector) -> None:
        fell = np.log(before + 1e-8) - np.log(after + 1e-8)
        shares = self.shares()
        jacobian = np.diag(shares) - np.outer(shares, shares)  # of the softmax
        self.logits = self.adam.step(self.logits, jacobian @ fell)


class Gradnorm(Method):
    first: Vector | None = None

    def __init__(self) -> None:
        self.weights, self.adam = np.ones(2), Adam(0.025)

    def weigh(self, losses: Vector, slopes: Any) -> Vector:
        used = self.weights
        self.first = losses if self.first is None else self.first
        lengths = np.array([np.linalg.norm(flat(slope, self.last)) for slope in slopes])
        norms = used * lengths
        rates = losses / self.first
        targets = norms.mean() * (rates / rates.mean()) ** 1.5
        weights = self.adam.step(used, lengths * np.sign(norms - targets))
        self.weights = 2 * weights / weights.sum()
        return used


class OnGradients(Method):
    """Weights from the two trunk gradients as vectors; the heads learn from their own losses."""

    rule: Callable[[Vector, Vector], tuple[float, float]]

    def weigh(self, losses: Vector, slopes: list[dict[str, np.ndarray]]) -> Vector:
        return np.array(self.rule(*map(flat, slopes)))


def mgda(g1: Vector, g2: Vector) -> tuple[float, float]:
    """The foot of the origin on the segment."""
    edge = g1 - g2
    share = float(np.clip(-g2 @ edge / (edge @ edge), 0, 1))
    return share, 1 - share


def pcgrad(g1: Vector, g2: Vector) -> tuple[float, float]:
    return (1 - min(g1 @ g2, 0) / (g1 @ g1), 1 - min(g1 @ g2, 0) / (g2 @ g2)) if g1 @ g2 < 0 else (1.0, 1.0)


def imtl_g(g1: Vector, g2: Vector) -> tuple[float, float]:
    """The paper's α = g₁Uᵀ(DUᵀ)⁻¹, U and D the differences of unit gradients and gradients."""
    units = g1 / np.linalg.norm(g1) - g2 / np.linalg.norm(g2)
    second = g1 @ units / ((g1 - g2) @ units)
    return 1 - second, second


def nash(g1: Vector, g2: Vector) -> tuple[float, float]:
    """G w = 1/w, solved in log w."""
    matrix = np.array([[g1 @ g1, g1 @ g2], [g1 @ g2, g2 @ g2]])
    start = -0.5 * np.log(np.diag(matrix))
    found = root(lambda logs: np.log(np.maximum(matrix @ np.exp(logs), 1e-12)) + logs, start, tol=1e-14)
    return float(np.exp(found.x[0])), float(np.exp(found.x[1]))


def cagrad(g1: Vector, g2: Vector, kappa: float = 0.5) -> tuple[float, float]:
    mean, edge = (g1 + g2) / 2, g1 - g2
    radius = kappa * np.linalg.norm(mean)

    def slope(share: float) -> float:
        mixed = share * g1 + (1 - share) * g2
        return float(mean @ edge + radius * (mixed @ edge) / np.linalg.norm(mixed))

    if slope(0) >= 0:
        share = 0.0
    elif slope(1) <= 0:
        share = 1.0
    else:
        share = brentq(slope, 0, 1, xtol=1e-15)
    factor = float(radius / np.linalg.norm(share * g1 + (1 - share) * g2))
    return 0.5 + factor * share, 0.5 + factor * (1 - share)


def aligned_mtl(g1: Vector, g2: Vector) -> tuple[float, float]:
    values, vectors = np.linalg.eigh(np.array([[g1 @ g1, g1 @ g2], [g1 @ g2, g2 @ g2]]))
    made = np.sqrt(values[0]) * vectors @ np.diag(values**-0.5) @ vectors.T @ [0.5, 0.5]
    return float(made[0]), float(made[1])


class DbMtl(Method):
    """Its trunk follows an average of gradients of log L, so it makes the whole step itself."""

    average: list[Vector] | None = None

    def trunk(self, losses: Vector, slopes: list[dict[str, np.ndarray]]) -> Vector:
        now = [flat(slope) / loss for slope, loss in zip(slopes, losses, strict=True)]
        past = self.average or now
        self.average = [0.9 * old + 0.1 * new for old, new in zip(past, now, strict=True)]
        lengths = [np.linalg.norm(part) for part in self.average]
        return sum(max(lengths) / length * part for length, part in zip(lengths, self.average, strict=True))


def method(name: str) -> Method:
    on_losses = {
        "fixed": Method, "uncertainty": Uncertainty, "imtl_l": ImtlL, "dwa": Dwa, "geometric": Geometric,
        "stch": Stch, "famo": Famo, "gradnorm": Gradnorm, "db_mtl": DbMtl,
    }  # fmt: skip
    if name in on_losses:
        return on_losses[name]()
    made = OnGradients()
    made.rule = {
        "mgda": mgda, "pcgrad": pcgrad, "imtl_g": imtl_g, "nash": nash, "cagrad": cagrad, "aligned_mtl": aligned_mtl
    }[name]  # fmt: skip
    return made


def step(network: Network, method: Method, batch: tuple[np.ndarray, ...], static: tuple[float, float]) -> Vector | None:
    """Take one step of SGD; returns what multiplied the unweighted losses in the trunk."""
    raw, slopes = network.gradients(*batch)
    losses = np.array(static) * raw
    slopes = [{name: own * value for name, value in slope.items()} for own, slope in zip(static, slopes, strict=True)]
    if isinstance(method, DbMtl):
        weights, heads, trunk = None, 1 / losses, method.trunk(losses, slopes)
    else:
        weights = method.weigh(losses, slopes)
        heads = np.ones(2) if isinstance(method, OnGradients) else weights
        trunk = weights @ np.stack([flat(slope) for slope in slopes])
    for own, slope, head in zip(heads, slopes, "cb", strict=True):
        for name in (f"W{head}", f"b{head}"):
            network.weights[name] -= RATE * own * slope[name]
    penalty = 2 * DECAY * network.weights["W1"]
    position = 0
    for name in TRUNK:
        value = network.weights[name]
        value -= RATE * trunk[position : position + value.size].reshape(value.shape)
        position += value.size
    network.weights["W1"] -= RATE * penalty
    method.after_step(losses, np.array(static) * network.losses(*batch))
    return None if weights is None else weights * static

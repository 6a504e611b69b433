"""Four epochs of real training, step by step, against the same training in plain NumPy."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.losses.weighting import reference
from tests.losses.weighting.conftest import STATIC, batches, data, stack, train_epoch
from tests.losses.weighting.methods import NAMES, find

EPOCHS = 4
ORDER = batches(EPOCHS)
pytestmark = pytest.mark.usefixtures("in_float64")


@dataclass
class Trained:
    """What a stack of all methods did.

    Attributes:
        stack: in the end.
        start: the network's first weights.
        weights: of each method's network, step by step.
        rows: what each step was weighted with: (steps, 5).
    """

    stack: Any
    start: dict[str, np.ndarray]
    weights: dict[str, list[dict[str, np.ndarray]]]
    rows: dict[str, np.ndarray]


def named(member: Any) -> dict[str, np.ndarray]:
    layers = {"1": "trunk1", "2": "trunk2", "c": "classification", "b": "bbox"}
    made: dict[str, np.ndarray] = {}
    for key, layer in layers.items():
        kernel, bias = member.model.get_layer(layer).get_weights()
        made |= {f"W{key}": kernel, f"b{key}": bias}
    return made


@pytest.fixture(scope="module")
def trained(in_float64: None) -> Trained:
    made = stack([find(name) for name in NAMES], "float64")
    start = named(made.members[0])
    weights: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in NAMES}
    rows: dict[str, list[np.ndarray]] = {name: [] for name in NAMES}
    for order in ORDER:
        losses = []
        for examples in order:
            parts = made.train_steps(np.tile(examples, (len(NAMES), 1, 1)))
            losses.append([[STATIC[0] * p.classification_loss.mean(), STATIC[1] * p.bbox_loss.mean()] for p in parts])
            for name, member in zip(NAMES, made.members, strict=True):
                weights[name].append(named(member))
                rows[name].append(member.step_weights[-1][0])
        for member, means in zip(made.members, np.mean(losses, axis=0), strict=True):
            member.weighting.after_epoch(tuple(means))
    return Trained(made, start, weights, {name: np.stack(part) for name, part in rows.items()})


@pytest.mark.parametrize("name", [name for name in NAMES if name != "rlw"])
def test_every_step_is_that_of_plain_numpy(name: str, trained: Trained) -> None:
    """Network weights and effective weights, with static weights of 2 and 3 and an L2 penalty that none weighs."""
    network, method = reference.Network(trained.start), reference.method(name)
    images, labels, boxes = data()
    steps = iter(zip(trained.weights[name], trained.rows[name], strict=True))
    for order in ORDER:
        losses = []
        for examples in order:
            batch = images[examples], labels[examples], boxes[examples]
            losses.append(np.array(STATIC) * network.losses(*batch))
            effective = reference.step(network, method, batch, STATIC)
            found, row = next(steps)
            for key, value in network.weights.items():
                np.testing.assert_allclose(found[key], value, atol=1e-8, err_msg=key)
            if effective is not None:
                np.testing.assert_allclose(row[:2], effective, rtol=1e-7)
        method.after_epoch(np.mean(losses, axis=0))


@pytest.mark.parametrize("name", ["dwa", "famo", "gradnorm", "imtl_l", "stch", "uncertainty"])
def test_the_weights_have_moved(name: str, trained: Trained) -> None:
    """Otherwise the agreement above would say little."""
    shares = trained.rows[name][:, 0] / trained.rows[name][:, :2].sum(axis=1)
    assert abs(shares[-1] - shares[0]) > 1e-3


def test_no_two_methods_go_the_same_way(trained: Trained) -> None:
    """Those that are declared equivalent share the direction of a step, not its length."""
    ends = {name: np.concatenate([value.ravel() for value in trained.weights[name][-1].values()]) for name in NAMES}
    for one, other in itertools.combinations(NAMES, 2):
        declared = (find(one).equivalent or [None])[0] == other or (find(other).equivalent or [None])[0] == one
        assert np.abs(ends[one] - ends[other]).max() > 1e-4 or declared, (one, other)


def test_what_a_step_reports_of_gradients_is_theirs(trained: Trained) -> None:
    """a, b, c: of the trunk for methods on gradients, of the last shared layer for gradnorm, nowhere else."""
    images, labels, boxes = data()
    batch = images[ORDER[0][0]], labels[ORDER[0][0]], boxes[ORDER[0][0]]
    losses, slopes = reference.Network(trained.start).gradients(*batch)
    for name in NAMES:
        names = reference.Method.last if name == "gradnorm" else reference.TRUNK
        first, second = (own * reference.flat(slope, names) for own, slope in zip(STATIC, slopes, strict=True))
        if name == "db_mtl":
            first, second = first / losses[0] / STATIC[0], second / losses[1] / STATIC[1]
        expected = np.array([first @ first, first @ second, second @ second])
        if name != "gradnorm" and not hasattr(find(name), "trunk_weights"):
            expected *= np.nan
        np.testing.assert_allclose(trained.rows[name][0][2:], expected, rtol=1e-9)


def test_db_mtl_reports_what_multiplies_the_unweighted_losses(trained: Trained) -> None:
    """The gradient of log L is that of L over L; in the first step the average is that alone."""
    images, labels, boxes = data()
    batch = images[ORDER[0][0]], labels[ORDER[0][0]], boxes[ORDER[0][0]]
    losses, slopes = reference.Network(trained.start).gradients(*batch)
    lengths = [np.linalg.norm(reference.flat(slope)) / loss for slope, loss in zip(slopes, losses, strict=True)]
    expected = [max(lengths) / length / loss for length, loss in zip(lengths, losses, strict=True)]
    np.testing.assert_allclose(trained.rows["db_mtl"][0][:2], expected, rtol=1e-9)


def test_rlw_draws_two_normals_a_step(trained: Trained) -> None:
    """w = 2·softmax: the logit of w₁/2 is a difference of two normals, and one step says nothing of the next."""
    import tensorflow as tf

    weights = trained.rows["rlw"][:, :2] / STATIC
    np.testing.assert_allclose(weights.sum(axis=1), 2)
    assert len(set(weights[:, 0])) == len(weights)
    drawn = []
    for seed in range(10):
        method = find("rlw")()
        method.build(seed, "float64")
        losses = [tf.constant(1.0, tf.float64), tf.constant(0.0, tf.float64)]
        drawn.append([float(method.combine(losses)) / 2 for _ in range(60)])
    logits = np.log(drawn) - np.log1p(-np.array(drawn))
    assert stats.kstest(logits.ravel() / 2**0.5, "norm").pvalue > 0.01
    assert abs(np.corrcoef(logits[:, 1:].ravel(), logits[:, :-1].ravel())[0, 1]) < 0.15  # steps
    assert abs(np.corrcoef(logits[1:].ravel(), logits[:-1].ravel())[0, 1]) < 0.15  # seeds


def test_heads_may_take_the_weights_of_the_trunk() -> None:
    """``heads=weighted`` is one weighted sum of losses for the whole network."""
    made = stack([lambda: find("nash")(heads="weighted")], "float64")
    network = reference.Network(named(made.members[0]))
    images, labels, boxes = data()
    examples = ORDER[0][0]
    batch = images[examples], labels[examples], boxes[examples]
    _, slopes = network.gradients(*batch)
    train_epoch(made, ORDER[0][:1])
    weights = reference.nash(*(own * reference.flat(slope) for own, slope in zip(STATIC, slopes, strict=True)))
    for head, own, weight, slope in zip("cb", STATIC, weights, slopes, strict=True):
        expected = network.weights[f"W{head}"] - reference.RATE * own * weight * slope[f"W{head}"]
        np.testing.assert_allclose(named(made.members[0])[f"W{head}"], expected, atol=1e-9)


def test_only_the_named_part_of_the_trunk_is_weighted() -> None:
    """What both heads share but ``trunk`` does not name follows the plain sum; a, b, c are of what it names."""
    made = stack([lambda: find("mgda")(trunk=["trunk1/*"])], "float64")
    network = reference.Network(named(made.members[0]))
    images, labels, boxes = data()
    examples = ORDER[0][0]
    _, slopes = network.gradients(images[examples], labels[examples], boxes[examples])
    slopes = [{key: own * value for key, value in slope.items()} for own, slope in zip(STATIC, slopes, strict=True)]
    (row,) = train_epoch(made, ORDER[0][:1])[0]
    first, second = (reference.flat(slope, ("W1", "b1")) for slope in slopes)
    weights = reference.mgda(first, second)
    np.testing.assert_allclose(row[2:], [first @ first, first @ second, second @ second], rtol=1e-9)
    np.testing.assert_allclose(row[:2], np.array(STATIC) * weights, rtol=1e-9)
    found = named(made.members[0])
    for key, shares in (("b1", weights), ("b2", (1, 1)), ("W2", (1, 1))):
        step = sum(share * slope[key] for share, slope in zip(shares, slopes, strict=True))
        np.testing.assert_allclose(found[key], network.weights[key] - reference.RATE * step, atol=1e-9)

"""The methods that TorchJD has, in float64, against it: gradients by random matrices, losses by random sequences."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.losses.weighting.methods import combined, comparable_pairs, find, special_pairs, weights

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]
STEPS = 60

torch = pytest.importorskip("torch", reason="the extra `oracle` is not installed")
torch.set_num_threads(1)  # the matrices are tiny
aggregation = pytest.importorskip("torchjd.aggregation", reason="the extra `oracle` is not installed")


def unscaled(pairs: np.ndarray) -> np.ndarray:
    """The longer gradient at length 1: TorchJD takes squares below 1e-4 for 0."""
    return pairs / np.linalg.norm(pairs, axis=2).max(axis=1)[:, None, None]


def directions(aggregator: Any, pairs: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.stack([aggregator(torch.tensor(pair)).numpy() for pair in pairs])


def compare(name: str, aggregator: Any, pairs: np.ndarray, tolerance: float, factor: float = 1, **keys: Any) -> None:
    """Directions may differ by ``tolerance`` of the longer gradient."""
    found = combined(weights(name, pairs, **keys), pairs) * factor
    room = tolerance * np.linalg.norm(pairs, axis=2).max(axis=1)
    difference = np.linalg.norm(found - directions(aggregator, pairs), axis=1)
    assert (difference <= room).all(), (difference / room).max()


@pytest.mark.parametrize("case", ["comparable", "parallel", "opposite", "orthogonal", "equal", "the first is 0"])
@pytest.mark.parametrize("name", ["mgda", "pcgrad", "aligned_mtl"])
def test_closed_forms(name: str, case: str) -> None:
    pairs = comparable_pairs(500) if case == "comparable" else special_pairs(100, decades=1)[case]
    made = {"mgda": aggregation.MGDA, "pcgrad": aggregation.PCGrad, "aligned_mtl": aggregation.AlignedMTL}[name]
    compare(name, made(), pairs, 1e-6)


def test_imtl_g() -> None:
    """TorchJD's pseudo-inverse leaves the bisector where gradients are parallel."""
    compare("imtl_g", aggregation.IMTLG(), comparable_pairs(500), 1e-6)


def test_pcgrad_is_twice_upgrad() -> None:
    linalg = pytest.importorskip("torchjd.linalg", reason="this TorchJD has no projectors")
    pytest.importorskip("quadprog", reason="TorchJD's projector wants quadprog")
    pytest.importorskip("qpsolvers", reason="TorchJD's projector wants qpsolvers")
    exact = linalg.QuadprogProjector(norm_eps=1e-30, reg_eps=1e-13)
    compare("pcgrad", aggregation.UPGrad(projector=exact), comparable_pairs(500), 1e-5, factor=0.5)


@pytest.mark.parametrize("kappa", [0.3, 0.5, 1.5])
def test_cagrad(kappa: float) -> None:
    pytest.importorskip("cvxpy", reason="TorchJD's CAGrad wants cvxpy and clarabel")
    pytest.importorskip("clarabel", reason="TorchJD's CAGrad wants cvxpy and clarabel")
    compare("cagrad", aggregation.CAGrad(c=kappa), unscaled(comparable_pairs(150)), 2e-3, kappa=kappa)


def test_nash_is_the_fixed_point_of_the_paper() -> None:
    """FairGrad with α = 1 solves G w = 1/w; TorchJD's NashMTL approaches it in steps."""
    pairs = unscaled(comparable_pairs(200))
    expected = directions(aggregation.FairGrad(alpha=1.0), pairs)
    np.testing.assert_allclose(combined(weights("nash", pairs), pairs), expected, atol=1e-4)


def test_nash() -> None:
    pytest.importorskip("cvxpy", reason="TorchJD's NashMTL wants cvxpy and ecos")
    pytest.importorskip("ecos", reason="TorchJD's NashMTL wants cvxpy and ecos")
    pairs = np.random.default_rng(6).normal(size=(40, 2, 3))
    agreed = 0
    for pair, ours in zip(pairs, weights("nash", pairs), strict=True):
        solver = aggregation.NashMTL(n_tasks=2, max_norm=0.0, optim_niter=100)
        theirs = solver.weighting(torch.tensor(pair)).numpy()
        if np.abs(pair @ pair.T @ theirs * theirs - 1).max() < 1e-2:
            np.testing.assert_allclose(ours, theirs, rtol=1e-5)
            agreed += 1
    assert agreed >= 30  # where it has converged, which its authors' way often does not


def sequence() -> np.ndarray:
    """Losses that fall at different speeds, with noise: (steps, 2)."""
    random = np.random.default_rng(9)
    fall = np.exp(-np.arange(STEPS)[:, None] * np.array([0.05, 0.01])) * np.array([2.3, 0.08])
    return fall * np.exp(0.2 * random.normal(size=fall.shape))


def ours(method: Any, losses: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the combination and its two derivatives."""
    import tensorflow as tf

    values = [tf.constant(loss, tf.float64) for loss in losses]
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = method.combine(values)
    return float(total), np.array([float(slope) for slope in tape.gradient(total, values)])


def theirs(scalarizer: Any, losses: np.ndarray) -> tuple[float, np.ndarray]:
    values = torch.tensor(losses, requires_grad=True)
    total = scalarizer(values)
    total.backward()
    return float(total), values.grad.numpy()


def check(method: Any, scalarizer: Any, losses: np.ndarray) -> None:
    (value, slopes), (expected, expected_slopes) = ours(method, losses), theirs(scalarizer, losses)
    assert value == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(slopes, expected_slopes, rtol=1e-6)


@pytest.fixture
def made() -> Callable[..., Any]:
    def make(name: str, **keys: Any) -> Any:
        method = find(name)(**keys)
        method.build(0, "float64")
        return method

    return make


@pytest.fixture
def scalarization() -> Any:
    return pytest.importorskip("torchjd.scalarization", reason="this TorchJD has no scalarization")


def test_dwa(made: Any, scalarization: Any) -> None:
    method, scalarizer = made("dwa"), scalarization.DWA()
    for epoch in sequence().reshape(-1, 6, 2):
        for losses in epoch:
            check(method, scalarizer, losses)
        method.after_epoch(tuple(epoch.mean(axis=0)))
        scalarizer.step()
    assert abs(np.diff(ours(method, epoch[0])[1])[0]) > 1e-3  # the weights have left 1, 1


def test_famo(made: Any, scalarization: Any) -> None:
    import tensorflow as tf

    method, scalarizer = made("famo"), scalarization.FAMO(2).double()
    losses = sequence()
    for before, after in itertools.pairwise(losses):
        check(method, scalarizer, before)
        method.after_step(*([tf.constant(loss, tf.float64) for loss in pair] for pair in (before, after)))
        scalarizer.update(torch.tensor(after))


@pytest.mark.parametrize(
    ("name", "theirs_name", "parameters"), [("uncertainty", "UW", "log_var"), ("imtl_l", "IMTLL", "log_scale")]
)
def test_trained_scales(name: str, theirs_name: str, parameters: str, made: Any, scalarization: Any) -> None:
    """Also the derivatives by the scales, at scales other than 0."""
    import tensorflow as tf

    method, scalarizer = made(name), getattr(scalarization, theirs_name)(2).double()
    for losses in sequence():
        for variable, value in zip(method.trainable_variables, losses[::-1] - 0.5, strict=True):
            variable.assign(value)
        own = getattr(scalarizer, parameters)
        own.data = torch.tensor(losses[::-1] - 0.5)
        own.grad = None
        check(method, scalarizer, losses)
        with tf.GradientTape() as tape:
            total = method.combine([tf.constant(loss, tf.float64) for loss in losses])
        slopes = tape.gradient(total, [variable.value for variable in method.trainable_variables])
        np.testing.assert_allclose([float(slope) for slope in slopes], own.grad.numpy(), rtol=1e-9)


def test_geometric(made: Any, scalarization: Any) -> None:
    for losses in sequence():
        check(made("geometric"), scalarization.GeometricMean(), losses)


@pytest.mark.parametrize("mu", [0.1, 1.0, 3.0])
def test_stch(mu: float, made: Any, scalarization: Any) -> None:
    """TorchJD's takes any values, here log(L/nadir) with weights of 1."""
    method, nadir = made("stch", mu=mu), np.array([2.3, 0.08])
    method.after_epoch(tuple(nadir))
    scalarizer = scalarization.STCH(mu, weights=torch.ones(2, dtype=torch.float64))
    for losses in sequence():
        check(method, lambda values: scalarizer(torch.log(values / torch.tensor(nadir))), losses)

"""Box losses against NumPy in double precision and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import huber

from locexp.errors import UserError
from locexp.losses.mae import mae
from locexp.losses.mse import mse
from locexp.losses.smooth_l1 import smooth_l1

pytestmark = pytest.mark.usefixtures("float32")


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.uniform(0, 1, (200, 4)), rng.uniform(0, 1, (200, 4))


def value(loss: object) -> np.ndarray:
    return np.asarray(loss)


def test_mse_and_mae_are_means_over_coordinates(pair: tuple[np.ndarray, np.ndarray]) -> None:
    truth, said = pair
    single = [part.astype(np.float32) for part in pair]
    np.testing.assert_allclose(value(mse(*single)), ((truth - said) ** 2).mean(axis=1), rtol=2e-6)
    np.testing.assert_allclose(value(mae(*single)), np.abs(truth - said).mean(axis=1), rtol=2e-6)


@pytest.mark.parametrize("delta_px", [0.5, 1.0, 4.0, 100.0])
def test_smooth_l1_is_huber_over_delta_for_each_side(pair: tuple[np.ndarray, np.ndarray], delta_px: float) -> None:
    truth, said = pair
    width, height = 28, 14
    delta = delta_px / np.array([width, height, width, height])
    expected = (huber(delta, np.abs(truth - said)) / delta).mean(axis=1)
    single = [part.astype(np.float32) for part in pair]
    computed = value(smooth_l1(*single, canvas=(width, height), delta_px=delta_px))
    np.testing.assert_allclose(computed, expected, rtol=1e-5)


def test_smooth_l1_refuses_a_delta_of_zero(pair: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(UserError, match="delta_px=0"):
        smooth_l1(*pair, canvas=(28, 28), delta_px=0)


def test_gradient_of_smooth_l1_is_continuous_and_bounded() -> None:
    import tensorflow as tf

    said = tf.Variable(tf.linspace(-1.0, 1.0, 401)[:, None] * tf.ones((1, 4)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(smooth_l1(tf.zeros((401, 4)), said, canvas=(28, 28), delta_px=2.0))
    slope = tape.gradient(loss, said).numpy()[:, 0]
    expected = np.clip(np.linspace(-1, 1, 401) / (2 / 28), -1, 1) / 4
    np.testing.assert_allclose(slope, expected, atol=1e-6)

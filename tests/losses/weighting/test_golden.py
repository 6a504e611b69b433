"""Known weights and directions for J = [[-4, 1, 1], [6, 1, 1]], the example of TorchJD's papers and tests."""

from __future__ import annotations

import numpy as np
import pytest

from tests.losses.weighting.methods import GRADIENT, combined, weights

JACOBIAN = np.array([[[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]]])
SHORT, LONG = 18**0.5, 38**0.5
GOLDEN = {
    "mgda": ((0.6, 0.4), (0.0, 1.0)),
    "pcgrad": ((2.2222, 1.5789), (0.5848, 3.8012)),
    "imtl_g": ((0.5923, 0.4077), (0.0767, 1.0)),
    "cagrad": ((0.7041, 0.5), (0.1835, 1.2041)),
    "nash": ((0.5915, 0.4071), (0.0766, 0.9985)),
    "aligned_mtl": ((0.5591, 0.4083), (0.2133, 0.9673)),
    # Both at the length of the longer: by hand.
    "db_mtl": ((LONG / SHORT, 1.0), (6 - 4 * LONG / SHORT, 1 + LONG / SHORT)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", GRADIENT)
def test_weights_and_direction(name: str, dtype: str) -> None:
    expected, direction = GOLDEN[name]
    made = weights(name, JACOBIAN, dtype)
    np.testing.assert_allclose(made[0], expected, atol=1e-4)
    first, *rest = combined(made, JACOBIAN)[0]
    np.testing.assert_allclose([first, *rest], [direction[0], direction[1], direction[1]], atol=1e-4)


def test_nash_shortened_to_length_one_is_torchjds_default() -> None:
    direction = combined(weights("nash", JACOBIAN, max_norm=1.0), JACOBIAN)[0]
    np.testing.assert_allclose(direction, [0.0542, 0.7061, 0.7061], atol=1e-4)


def test_aligned_mtl_with_ones_is_twice_that_with_halves() -> None:
    """LibMTL's convention beside TorchJD's."""
    np.testing.assert_allclose(weights("aligned_mtl", JACOBIAN, preference=(1.0, 1.0))[0], [1.1182, 0.8166], atol=2e-4)

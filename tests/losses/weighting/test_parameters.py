"""Values out of range, and what a loss or a gradient of exactly 0 does to the methods that divide by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from locexp.errors import UserError
from tests.losses.weighting.methods import GRADIENT, NAMES, combined, find, special_pairs, weights

pytestmark = pytest.mark.usefixtures("float32")
NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("aligned_mtl", {"preference": (0.0, 0.0)}, r"preference=\[0.0, 0.0\]: expected two finite numbers >= 0"),
        ("aligned_mtl", {"preference": (-1.0, 1.0)}, r"preference=\[-1.0, 1.0\]"),
        ("aligned_mtl", {"preference": (NAN, 1.0)}, r"preference=\[nan, 1.0\]"),
        ("aligned_mtl", {"preference": (1.0, INFINITE)}, r"preference=\[1.0, inf\]"),
        ("aligned_mtl", {"preference": (1.0,)}, r"preference=\[1.0\]"),
        ("cagrad", {"kappa": -0.1}, "kappa=-0.1: expected a finite number >= 0"),
        ("cagrad", {"kappa": NAN}, "kappa=nan"),
        ("db_mtl", {"beta": 1.0}, r"beta=1.0: expected a number in \[0, 1\)"),
        ("db_mtl", {"beta": -0.1}, "beta=-0.1"),
        ("dwa", {"temperature": 0.0}, "temperature=0.0: expected a finite number > 0"),
        ("dwa", {"temperature": INFINITE}, "temperature=inf"),
        ("famo", {"learning_rate": 0.0}, "learning_rate=0.0"),
        ("famo", {"learning_rate": INFINITE}, "learning_rate=inf"),
        ("famo", {"decay": -1.0}, "decay=-1.0"),
        ("famo", {"decay": NAN}, "decay=nan"),
        ("gradnorm", {"alpha": -1.0}, "alpha=-1.0"),
        ("gradnorm", {"learning_rate": INFINITE}, "learning_rate=inf"),
        ("nash", {"max_norm": 0.0}, "max_norm=0.0: expected a finite number > 0, or null"),
        ("nash", {"max_norm": NAN}, "max_norm=nan"),
        ("stch", {"mu": 0.0}, "mu=0.0: expected a finite number > 0"),
    ],
)
def test_values_out_of_range_are_refused(name: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=rf"loss\.weighting\..*{message}"):
        find(name)(**parameters)


@pytest.mark.parametrize("name", GRADIENT)
def test_heads_and_trunk_are_checked_by_every_method_on_gradients(name: str) -> None:
    with pytest.raises(UserError, match=r"loss\.weighting\.heads=both: expected one of own, weighted"):
        find(name)(heads="both")
    with pytest.raises(UserError, match=r"loss\.weighting\.trunk=\[\]"):
        find(name)(trunk=[])


def test_a_pattern_that_matches_nothing_is_named_with_what_there_is() -> None:
    paths = ["trunk1/kernel", "trunk1/bias", "trunk2/kernel"]
    assert find("mgda")(trunk=["trunk1/*"]).chosen(paths) == [True, True, False]
    with pytest.raises(UserError, match=r"loss\.weighting\.trunk: 'conv\*' matches none of .*trunk2/kernel"):
        find("mgda")(trunk=["trunk1/*", "conv*"]).chosen(paths)


LOSSES = {"the first is 0": (0.0, 2.0), "the second is 0": (2.0, 0.0), "both are 0": (0.0, 0.0)}


@pytest.mark.parametrize("case", LOSSES)
@pytest.mark.parametrize("name", NAMES)
def test_a_loss_of_0_leaves_every_weight_finite(name: str, case: str) -> None:
    """In the first step, when it is what later ones are compared with, and afterwards."""
    import tensorflow as tf

    method = find(name)()
    method.build(0, "float32")
    for losses in (LOSSES[case], LOSSES[case], (1.0, 3.0)):
        values = [tf.constant(loss) for loss in losses]
        with tf.GradientTape() as tape:
            tape.watch(values)
            if name in GRADIENT:
                made = method.transform_losses(values)
                total = made[0] + made[1]
            else:
                total = method.combine(values)
        assert np.isfinite([float(slope) for slope in tape.gradient(total, values)]).all()
        assert np.isfinite(float(total))
        method.after_gradients([tf.constant(0.5), tf.constant(2.0)], values)
        method.after_step(values, [tf.constant(0.0), tf.constant(1.0)])
        method.after_epoch(losses)
        for variable in method.variables:
            assert np.isfinite(np.asarray(variable, np.float64)).all(), variable.name


@pytest.mark.parametrize("case", ["the first is 0", "the second is 0"])
def test_nash_is_no_longer_than_it_may_be_where_a_gradient_is_0(case: str) -> None:
    pairs = special_pairs()[case]
    longest = np.linalg.norm(combined(weights("nash", pairs, max_norm=1.5), pairs), axis=1)
    expected = np.minimum(np.linalg.norm(pairs, axis=2).max(axis=1) / 2, 1.5)
    np.testing.assert_allclose(longest, expected, rtol=1e-6)

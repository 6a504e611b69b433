"""What a method keeps and says is float32, whatever the precision of the network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.losses.weighting.conftest import batches, stack, train_epoch
from tests.losses.weighting.methods import NAMES, find

ORDER = batches(4)
pytestmark = pytest.mark.usefixtures("mixed")


@pytest.fixture
def mixed() -> Iterator[None]:
    from locexp.system.tensorflow import start_tensorflow

    start_tensorflow(precision="mixed_bfloat16")
    yield
    start_tensorflow()


def test_state_and_weights_are_float32_in_mixed_precision() -> None:
    """bfloat16 has 8 bits: a state of that type would lose what a step adds to it."""
    import tensorflow as tf

    names = ["db_mtl", "famo", "gradnorm", "mgda", "uncertainty"]
    made = stack([find(name) for name in names])
    rows = np.concatenate([train_epoch(made, order) for order in ORDER], axis=1)
    for name, member, row in zip(names, made.members, rows, strict=True):
        assert member.model.compute_dtype == "bfloat16"
        assert {variable.dtype for variable in member.weighting.variables} <= {"float32"}
        assert np.isfinite(row[:, :2]).all()
        fine = np.concatenate([row[:, 0], *(np.ravel(variable) for variable in member.weighting.variables)])
        coarse = tf.cast(tf.cast(fine.astype(np.float32), tf.bfloat16), tf.float32).numpy()
        assert (fine != coarse).mean() > 0.5, name


@pytest.mark.parametrize("name", NAMES)
def test_every_state_is_float32_in_mixed_precision(name: str) -> None:
    (member,) = stack([find(name)]).members
    assert {variable.dtype for variable in member.weighting.variables} <= {"float32", "int64"}

"""What holds for every network: shapes, seeds, precisions, formats, how much of the trunk is shared."""

from __future__ import annotations

import importlib
import inspect
import itertools
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from locexp.bbox.geometry import inverted
from locexp.errors import UserError
from locexp.models import fcn_softargmax, heads
from locexp.models.keys import Coordinates, Normalization
from tests.models.networks import NAMES, QUICK, TINY, slow_but, tiny

SHAPES = [(28, 28), (64, 64), (60, 60), (28, 41), (45, 33)]
LOAD_ALL = """
import sys
sys.modules["locexp"] = None  # importing it fails
import keras, numpy as np
from pathlib import Path
folder = Path(sys.argv[1])
for path in sorted(folder.glob("*.*")):
    if path.suffix in (".keras", ".h5"):
        model = keras.models.load_model(path, safe_mode=True, compile=False)
        with np.load(folder / f"{path.stem}.npz") as said:
            for head, values in model(said["images"], training=False).items():
                np.testing.assert_allclose(values, said[head], atol=1e-6)
        print(path.name)
"""

pytestmark = pytest.mark.usefixtures("float32")


def images(shape: tuple[int, int] = (28, 28), count: int = 3) -> np.ndarray:
    return np.random.default_rng(0).random((count, *shape, 1), np.float32)


def seeded(seed: int, name: str, **keys: Any) -> Any:
    import keras

    keras.utils.set_random_seed(seed)
    return tiny(name, **keys)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", QUICK)
def test_any_canvas(name: str, shape: tuple[int, int]) -> None:
    from locexp.training.member import check_model

    model = tiny(name, shape)
    check_model(model)
    said = model(images(shape))
    np.testing.assert_allclose(np.sum(said["classification"], axis=1), 1, atol=1e-5)
    assert np.isfinite(said["bbox"]).all()


def pairwise(options: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return choices of a value of each option in which each two values of two options come together."""
    chosen: list[tuple[Any, ...]] = []
    met: set[tuple[Any, ...]] = set()

    def pairs(values: tuple[Any, ...]) -> set[tuple[Any, ...]]:
        return set(itertools.combinations(enumerate(values), 2))

    every = {values: pairs(values) for values in itertools.product(*options)}
    while any(of - met for of in every.values()):
        best = max(every, key=lambda values: len(every[values] - met))
        chosen.append(best)
        met |= every[best]
    return chosen


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["ends", "every"])
@pytest.mark.parametrize("name", NAMES)
def test_every_option_of_a_network_goes_with_every_other(name: str, every: bool) -> None:
    """As in a fresh process, where Keras starts naming layers anew: no name may be used twice.

    Quickly: the first values of all options, and the last ones.
    """
    import keras

    from locexp.training.member import check_model

    keys = set(inspect.signature(importlib.import_module(f"locexp.models.{name}").build).parameters)
    maps = name == "fcn_softargmax"
    options: dict[str, tuple[Any, ...]] = {
        "bbox_head": get_args(fcn_softargmax.BoxHead if maps else heads.BoxHead),
        "coordinates": get_args(Coordinates),
        "normalization": get_args(Normalization),
        "dropout": (0.0, 0.5),
        "bins": (None, 5),
        "shared": ("all", 0),
    }
    used = {key: values for key, values in options.items() if key in keys}
    ends = [tuple(values[place] for values in used.values()) for place in (0, -1)]
    for values in pairwise(list(used.values())) if every else ends:
        keras.backend.clear_session()
        model = tiny(name, **dict(zip(used, values, strict=True)))
        check_model(model)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_the_weights(name: str) -> None:
    first, second, other = (seeded(seed, name) for seed in (1, 1, 2))
    for one, two in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    kernels = [
        [weights.numpy() for weights in model.trainable_variables if weights.path.endswith("kernel")]
        for model in (first, other)
    ]
    assert not any(np.array_equal(one, two) for one, two in zip(*kernels, strict=True))


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "float64"])
def test_heads_compute_in_float32_at_least(name: str, precision: str) -> None:
    from locexp.system.tensorflow import start_tensorflow

    start_tensorflow(precision=precision)
    dtype = "float64" if precision == "float64" else "float32"
    said = tiny(name)(images().astype(dtype))
    assert {str(values.dtype.name) for values in said.values()} == {dtype}
    np.testing.assert_allclose(np.sum(said["classification"], axis=1), 1, atol=1e-5)
    assert np.isfinite(said["bbox"]).all()


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("fcn_softargmax", {}),
        ("fcn_distribution", {}),
        ("fcn_distribution", {"bins": 9}),
        ("cnn_small", {"bbox_head": "distribution"}),
        ("resnet", {}),
        ("coordconv", {}),
        ("fcn_softargmax", {"bbox_head": "center_size"}),
    ],
)
def test_a_box_is_never_inverted_and_inside_whatever_the_weights(name: str, keys: dict[str, Any]) -> None:
    random = np.random.default_rng(3)
    # On 45x33 pixels the last cells of the maps reach beyond the canvas.
    model = tiny(name, (45, 33), normalization="none", **keys)
    found = []
    for scale in (0.1, 1.0, 10.0, 100.0):
        for weights in model.trainable_variables:
            weights.assign(random.normal(0, scale, weights.shape))
        found.append(np.asarray(model(images((45, 33), 200))["bbox"]))
    boxes = np.concatenate(found)
    assert np.ptp(boxes, axis=0).min() > 0.3  # they do take many values
    assert not inverted(boxes).any()
    if keys.get("bbox_head") != "center_size":
        assert boxes.min() >= 0
        assert boxes.max() <= 1


@pytest.mark.slow
def test_plain_keras_loads_every_network_without_locexp(tmp_path: Path) -> None:
    made = {name: tiny(name) for name in QUICK}
    made |= {
        "bins": tiny("fcn_distribution", (30, 41), bins=7),
        "center_size": tiny("fcn_softargmax", bbox_head="center_size"),
        "distribution": tiny("cnn", bbox_head="distribution", shared=1),
        "backbone": tiny("backbone", shared=0),
        "coordinates": tiny("resnet", coordinates="every", shared=0),
    }
    for name, model in made.items():
        for weights in model.variables:
            if weights.path.endswith("moving_variance"):  # else the signal fades in a deep network that is not trained
                weights.assign(np.full(weights.shape, 0.02))
        batch = np.random.default_rng(1).random((2, *model.input_shape[1:]), np.float32)
        np.savez(tmp_path / f"{name}.npz", images=batch, **{k: v.numpy() for k, v in model(batch).items()})
        for ending in ("keras", "h5"):
            model.save(tmp_path / f"{name}.{ending}")
    command = [sys.executable, "-c", LOAD_ALL, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 2 * len(made)


WITHOUT_DENSE = ("attention", "fcn_distribution", "fcn_softargmax")


@pytest.mark.parametrize("name", QUICK)
def test_shared_says_how_much_of_the_trunk_serves_both_heads(name: str) -> None:
    """Counted as the trainer does, by which output depends on which variable."""
    from locexp.losses.weighting.fixed import Fixed
    from locexp.training.trunk import find_trunk

    stages = len(TINY[name]["filters"]) + (name not in WITHOUT_DENSE)  # the dense layer of the others is one
    counts = []
    for shared in range(stages + 1):
        model = tiny(name, shared=shared)
        trunk = find_trunk(model, Fixed())
        counts.append(0 if trunk is None else sum(trunk.shared))
        apart = {weights.path.split("/")[0] for weights in model.trainable_variables}
        assert shared < stages or not any(path.startswith("classification_conv2d") for path in apart)
    assert counts[0] == 0
    assert all(less < more for less, more in itertools.pairwise(counts))
    everything = find_trunk(tiny(name), Fixed())
    assert everything is not None
    assert sum(everything.shared) == counts[-1]


@pytest.mark.parametrize("name", slow_but({"fcn_softargmax", "resnet"}, [name for name in QUICK if name != "cnn"]))
def test_training_moves_what_is_trained_and_nothing_else(name: str) -> None:
    """Constants of a network stay, also under weight decay; running means move; a second member shares the graph."""
    import keras

    from locexp.training.member import Member
    from locexp.training.stack import Stack

    made = []
    for seed in (0, 1):
        keras.utils.set_random_seed(seed)
        optimizer = keras.optimizers.AdamW(1e-2, weight_decay=0.1)
        made.append(Member(seed, tiny(name), optimizer, (1.0, 1.0), graph_key=f"test of {name}"))
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (32, 28, 28), np.uint8)
    boxes = np.tile(np.array([0.2, 0.3, 0.7, 0.9], np.float32), (32, 1))
    stack = Stack(made, pixels, random.integers(0, 10, 32), boxes)
    model = made[1].model
    before = {weights.path: weights.numpy() for weights in model.variables}
    stack.train_steps(np.stack([random.permutation(32).reshape(4, 8).astype(np.int32)] * 2))
    trained = {weights.path for weights in model.trainable_variables}
    for weights in model.variables:
        stays = weights.path not in trained and "moving" not in weights.path and "seed" not in weights.path
        assert np.array_equal(weights.numpy(), before[weights.path]) == stays, weights.path


@pytest.mark.parametrize("name", QUICK)
def test_no_network_has_a_1x1_convolution_with_strides(name: str) -> None:
    """For one image their gradient crashes TensorFlow 2.21 with oneDNN, and an epoch may end with a batch of one."""
    import keras

    convolutions = [layer for layer in tiny(name).layers if isinstance(layer, keras.layers.Conv2D)]
    assert not [layer.name for layer in convolutions if layer.kernel_size == (1, 1) and layer.strides != (1, 1)]


@pytest.mark.parametrize("name", QUICK)
def test_too_small_an_image_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"model.filters=\[.*leave nothing .*of an image of 28x3 pixels"):
        tiny(name, (3, 28), filters=(4, 6, 8))


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        ("cnn", {"shared": 4}, r"model.shared=4: expected a whole number from 0 .* to 3 .*The nearest is 3"),
        ("cnn", {"shared": "al"}, r"model.shared=al: expected a whole number .* or all. The nearest is all"),
        ("resnet", {"shared": -1}, r"model.shared=-1: expected .* to 3 .*The nearest is 0"),
        ("fcn_softargmax", {"shared": 9}, r"model.shared=9: expected .* to 2 .*The nearest is 2"),
        ("backbone", {"shared": 3}, r"model.shared=3: expected .* to 2 .*The nearest is 2"),
        ("cnn_small", {"filters": (4, -1)}, r"model.filters=\[4, -1\]: expected one whole number >= 1"),
        ("resnet", {"filters": ()}, r"model.filters=\[\]: expected one whole number >= 1"),
        ("fcn_distribution", {"bins": 1}, r"model.bins=1: expected a whole number >= 2, or null"),
        ("fcn_distribution", {"stride": 3}, r"model.stride=3: expected 1, 2 or 4"),
        ("fcn_softargmax", {"bbox_head": "edge"}, r"expected one of edges, center_size. Did you mean 'edges'"),
        ("resnet", {"bbox_head": "edges"}, r"model.bbox_head=edges: expected one of corners, .*distribution"),
        ("coordconv", {"coordinates": "imput"}, r"expected one of none, input, every. Did you mean 'input'"),
        ("coordconv", {"normalization": "bath"}, r"expected one of none, batch. Did you mean 'batch'"),
        ("cnn_small", {"squeeze": 0}, r"model.squeeze=0: expected a whole number >= 1"),
        ("cnn_small", {"dense_units": 0}, r"model.dense_units=0: expected a whole number >= 1"),
        ("resnet", {"dropout": 1.0}, r"model.dropout=1.0: expected a number in \[0, 1\)"),
        ("backbone", {"enlarge": 0}, r"model.enlarge=0: expected a whole number >= 1"),
    ],
)
def test_bad_keys_are_refused(name: str, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        tiny(name, **keys)


@pytest.mark.parametrize("name", NAMES)
def test_the_file_says_the_defaults_of_the_builder(name: str) -> None:
    """``model=NAME`` and the function called from Python make one network, and every key is in the file."""
    from omegaconf import OmegaConf

    from locexp.configuration.schema import config_directory
    from locexp.configuration.targets import check_arguments

    path = config_directory() / "model" / f"{name}.yaml"
    written: Any = OmegaConf.to_container(OmegaConf.load(path))
    assert isinstance(written, dict)
    module = importlib.import_module(f"locexp.models.{name}")
    assert written.pop("_target_") == f"locexp.models.{name}.build"
    check_arguments(module.build, written, "model", given_by_caller=("input_shape", "num_classes"))
    parameters = list(inspect.signature(module.build).parameters.values())
    defaults = {one.name: one.default for one in parameters if one.name not in ("input_shape", "num_classes")}
    said = {key: list(value) if isinstance(value, tuple) else value for key, value in defaults.items()}
    assert said == written
    for key in written:
        with pytest.raises(UserError, match=rf"model\.{key}="):
            check_arguments(module.build, {key: object()}, "model", given_by_caller=("input_shape", "num_classes"))


def test_cnn_small_is_small() -> None:
    from locexp.models.cnn_small import build

    for shape in ((28, 28), (40, 28), (60, 60), (64, 64)):
        assert build((*shape, 1), 10).count_params() <= 30_000

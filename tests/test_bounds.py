"""Bounds as they are declared: each at its limits, by the configuration and for those who call from Python."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from annotated_types import Ge, Interval, Le, Len, MinLen, Predicate, doc
from omegaconf import OmegaConf

from locexp.bounds import check_value, checked, different, fits, spelled
from locexp.configuration.targets import check_arguments
from locexp.errors import UserError

NAN, INFINITE = float("nan"), float("inf")
RATE = ([0, 0.0, 0.999], [-0.001, 1, 1.0, NAN, INFINITE, True, None, "0.5"])
UNIT = ([0, 0.5, 1], [-0.001, 1.001, NAN, True, None, "1"])
COUNT = ([1, 10**6], [0, -1, 1.0, True, None, "1", [1]])
AT_LEAST_0 = ([0, 0.5, 1e9], [-0.001, NAN, INFINITE, True, None, "1"])
ABOVE_0 = ([1e-9, 1, 1e9], [0, 0.0, -1, NAN, INFINITE, True, None, "1"])
AT_LEAST_1 = ([1, 1.0, 7.5], [0.999, NAN, INFINITE, True, None, "1"])
FILTERS = ([[1], (8, 16)], [[], [0], [8, -1], [8, 2.5], [True], 8, "8", None])
STRIDE = ([1, 2, 4], [0, 3, 8, 2.0, True, None, "2"])
NORMALIZATION = (["none", "batch"], ["bath", "", None, True, 1])
COORDINATES = (["none", "input", "every"], ["imput", None, True])
BOX_HEAD = (["corners", "ordered_corners", "center_size", "distribution"], ["edges", "corner", None, 1])
SHARED = (["all", 0, 1, 2], [-1, 9, "al", 1.0, True, None])
THRESHOLD = ([0, 254], [-1, 255, 0.0, True, None, "0"])
NOISE = (["gaussian", "salt", None], ["gauss", "", 1, True])
HEADS = (["own", "weighted"], ["both", None, True])
TRUNK = ([["conv2d*"], None], [[], "conv2d*", [1], 1])
CANVAS = ([[8, 8], (1024, 64)], [[64], [64, 7], [64, 1025], [64, 32.5], [8, 8, 8], [True, 8], 64, None])
SCALE = ([[0.1, 10], (1, 1)], [[0.09, 1], [1, 10.1], [1.5, 0.5], [1], [1, 2, 3], [NAN, 1], 1, None])
MARGIN = ([0, 30], [-1, 0.5, True, None])

MODELS: dict[str, dict[str, tuple[list[Any], list[Any]]]] = {
    "cnn": {"filters": FILTERS, "dense_units": COUNT, "dropout": RATE, "bbox_head": BOX_HEAD, "shared": SHARED},
    "cnn_small": {
        "filters": FILTERS,
        "squeeze": COUNT,
        "dense_units": COUNT,
        "normalization": NORMALIZATION,
        "dropout": RATE,
        "coordinates": COORDINATES,
        "bbox_head": BOX_HEAD,
        "shared": SHARED,
    },
    "coordconv": {
        "filters": FILTERS,
        "dense_units": COUNT,
        "normalization": NORMALIZATION,
        "dropout": RATE,
        "coordinates": COORDINATES,
        "bbox_head": BOX_HEAD,
        "shared": SHARED,
    },
    "resnet": {
        "filters": FILTERS,
        "stride": STRIDE,
        "dense_units": COUNT,
        "normalization": NORMALIZATION,
        "dropout": RATE,
        "coordinates": COORDINATES,
        "bbox_head": BOX_HEAD,
        "shared": SHARED,
    },
    "fcn_softargmax": {
        "filters": FILTERS,
        "stride": STRIDE,
        "normalization": NORMALIZATION,
        "dropout": RATE,
        "coordinates": COORDINATES,
        "bbox_head": (["edges", "center_size"], ["corners", None]),
        "shared": SHARED,
    },
    "fcn_distribution": {
        "filters": FILTERS,
        "stride": STRIDE,
        "bins": ([None, 2, 99], [1, 0, 2.0, True, "2"]),
        "normalization": NORMALIZATION,
        "dropout": RATE,
        "coordinates": COORDINATES,
        "shared": SHARED,
    },
    "backbone": {
        "architecture": (["MobileNetV2"], [1, None]),
        "weights": ([None, "imagenet"], ["imagenett", 3]),
        "enlarge": COUNT,
        "squeeze": COUNT,
        "dense_units": COUNT,
        "dropout": RATE,
        "bbox_head": BOX_HEAD,
        "shared": SHARED,
    },
}
LOSSES: dict[str, dict[str, tuple[list[Any], list[Any]]]] = {
    "smooth_l1": {"delta_px": ABOVE_0},
    "smooth_l1_giou": {"delta_px": ABOVE_0, "giou_weight": AT_LEAST_0},
    "siou": {"theta": AT_LEAST_1},
    "alpha_iou": {"alpha": AT_LEAST_1},
    "iou": {"form": (["linear", "log"], ["quadratic", None])},
}
WEIGHTING: dict[str, dict[str, tuple[list[Any], list[Any]]]] = {
    "aligned_mtl.AlignedMtl": {
        "preference": (
            [(0.5, 0.5), [1, 0]],
            [(0, 0), (-1, 1), (NAN, 1), (1, INFINITE), (1,), (1, 1, 1), 1, None, "ab", (True, 1)],
        ),
    },
    "cagrad.Cagrad": {"kappa": AT_LEAST_0},
    "db_mtl.DbMtl": {"beta": RATE},
    "nash.Nash": {"max_norm": ([None, 1e-9, 2], [0, -1, NAN, INFINITE, True, "1"])},
    "dwa.Dwa": {"temperature": ABOVE_0},
    "stch.Stch": {"mu": ABOVE_0},
    "famo.Famo": {"learning_rate": ABOVE_0, "decay": AT_LEAST_0},
    "gradnorm.Gradnorm": {"learning_rate": ABOVE_0, "alpha": AT_LEAST_0},
    **{name: {} for name in ("imtl_g.ImtlG", "mgda.Mgda", "pcgrad.Pcgrad")},
}
for name in ("aligned_mtl.AlignedMtl", "cagrad.Cagrad", "db_mtl.DbMtl", "nash.Nash"):
    WEIGHTING[name] |= {"heads": HEADS, "trunk": TRUNK}
for name in ("imtl_g.ImtlG", "mgda.Mgda", "pcgrad.Pcgrad"):
    WEIGHTING[name] = {"heads": HEADS, "trunk": TRUNK}
DRAWN: dict[str, tuple[list[Any], list[Any]]] = {"noise": NOISE, "noise_level": UNIT}
FRESH = {"fresh": ([True, False], [1, None, "true"])}
STRATEGIES: dict[str, dict[str, tuple[list[Any], list[Any]]]] = {
    "fixed.Fixed": {
        **DRAWN,
        **FRESH,
        "box": (
            [(0, 0, 1, 1), [6.5, 6, 22, 22]],
            [(1, 2, 3), (1, 1, 1, 2), (2, 1, 1, 2), (-1, 0, 3, 3), (0, -1, 3, 3), (0, 0, NAN, 1), "abcd", None],
        ),
    },
    "tight.Tight": {**DRAWN, **FRESH, "threshold": THRESHOLD, "margin": MARGIN},
    "jitter.Jitter": {
        **DRAWN,
        **FRESH,
        "threshold": THRESHOLD,
        "margin": MARGIN,
        "pixels": ([0, 0.5, 1024], [-0.1, 1024.5, NAN, True, None]),
    },
    "scatter.Scatter": {
        **DRAWN,
        **FRESH,
        "threshold": THRESHOLD,
        "canvas": CANVAS,
        "scale": SCALE,
        "overhang": ([0, 0.5], [-0.1, 0.51, NAN, True, None]),
    },
    "clutter.Clutter": {
        **DRAWN,
        **FRESH,
        "threshold": THRESHOLD,
        "canvas": CANVAS,
        "scale": SCALE,
        "overhang": ([0, 0.5], [-0.1, 0.51, NAN, True, None]),
        "distractors": ([0, 1000], [-1, 1001, 1.0, True, None]),
        "distractor_size": ([1, 8], [0, 61, 1.0, True, None]),
    },
}
DATA: dict[str, dict[str, tuple[list[Any], list[Any]]]] = {
    "mnist": {"source": (["auto", "cache", "download", "bundled"], ["web", None]), "path": ([None], ["x", ""])},
    "fashion_mnist": {"source": (["auto", "cache", "download"], ["bundled", None]), "path": ([None], ["x", ""])},
    "mnist_5k": {"source": (["auto", "bundled"], ["cache", "download", None]), "path": ([None], ["x", ""])},
    "file": {"source": (["auto"], ["cache", "bundled", None]), "path": (["x"], [None, 1])},
}
AXIS = {"low": ([1e-9, 1], [0, -1, 10, 11, NAN, True, None]), "high": ([0.2, 1e9], [0.1, 0, NAN, INFINITE, True, None])}
PLANS: dict[str, dict[str, tuple[list[Any], list[Any]]]] = {
    "bbox_weight": {**AXIS, "points": ([2, 9], [1, 2.0, True, None]), "final_seeds": ([0, 9], [-1, 1.0, True, None])},
    "simplex": {"points": ([3, 9], [2, 3.0, True, None])},
    "pareto": {**AXIS, "trials": COUNT, "batch": COUNT, "search_seed": ([0, 2**32 - 1], [-1, 2**32, 1.0, True, None])},
    "weighting": {
        **AXIS,
        "points": ([2, 9], [1, 2.0, True, None]),
        "methods": ([None, ["mgda"], ["mgda", "rlw"]], [[], ["mgda", "mgda"], ["fixed"], ["mdga"], "mgda", [1]]),
    },
    "race": {
        **AXIS,
        "points": ([0, 2, 25], [-1, 1, 2.0, True, None]),
        "rungs": ([[0.2], [1], (0.5,)], [[], [0], [-1], [NAN], [0.2, 0.4], 0.2, None]),
        "keep": ([[1], [9]], [[], [0], [1.0], [3, 2], 4, None]),
        "front": ([0, 9], [-1, 1.0, True, None]),
        "finalist_seeds": COUNT,
        "confirm": ([0, 6, 20], [-1, 1, 5, 6.0, True, None]),
        "margin": ABOVE_0,
        "budget": (
            [None, "10min", "2 h", "90s", "120 epochs"],
            ["", "soon", "0 epochs", "0min", "-1 epochs", 10, True],
        ),
    },
    "bbox_loss": {
        "losses": ([None, ["iou"], ["iou", "mae"]], [[], ["iou", "iou"], ["iuo"], "iou", [1]]),
        "weights": ([[1], [1, 2.5]], [[], [1, 1], [1, 0], [NAN], [INFINITE], 1, None, ["a"]]),
        "final_seeds": ([1, 9], [0, 1.0, True, None]),
    },
}
GIVEN: dict[str, dict[str, Any]] = {
    "bbox_weight": {"low": 0.1, "high": 10, "points": 3, "constant_sum": True, "single_task": True, "final_seeds": 1},
    "simplex": {"points": 3, "configured": True},
    "pareto": {
        "low": 0.1,
        "high": 10,
        "trials": 3,
        "batch": 2,
        "search_seed": 0,
        "configured": True,
        "single_task": True,
    },
    "race": {
        "low": 0.1,
        "high": 10,
        "points": 3,
        "rungs": [0.2],
        "keep": [1],
        "front": 0,
        "finalist_seeds": 2,
        "confirm": 6,
        "range": False,
        "margin": 0.01,
        "single_task": False,
        "budget": None,
    },
    "weighting": {"low": 0.1, "high": 10, "points": 3, "methods": None, "single_task": True, "replay": True},
    "bbox_loss": {"losses": None, "weights": [1], "final_seeds": 1},
    "file": {"path": "x"},
}
ROOMS: list[tuple[str, str, dict[str, Any], dict[str, dict[str, tuple[list[Any], list[Any]]]]]] = [
    ("locexp.models.{}.build", "model", {"input_shape": (28, 28, 1), "num_classes": 10}, MODELS),
    (
        "locexp.losses.{0}.{0}",
        "loss.bbox_loss_params",
        {"ground_truth": None, "prediction": None, "canvas": (28, 28)},
        LOSSES,
    ),
    ("locexp.losses.weighting.{}", "loss.weighting", {}, WEIGHTING),
    ("locexp.bbox.{}", "bbox", {}, STRATEGIES),
    ("locexp.data.{}.load", "data", {}, DATA),
    ("locexp.sweep.plans.{0}.{0}", "sweep", {"base": OmegaConf.create({})}, PLANS),
]
CASES = [
    pytest.param(path.format(name), key, GIVEN.get(name, {}), by_caller, parameter, *values, id=f"{name}-{parameter}")
    for path, key, by_caller, room in ROOMS
    for name, parameters in room.items()
    for parameter, values in parameters.items()
]


def find(path: str) -> Callable[..., Any]:
    module, _, name = path.rpartition(".")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


@pytest.mark.parametrize(("path", "key", "given", "by_caller", "parameter", "allowed", "refused"), CASES)
def test_every_bound_at_its_limits(
    path: str,
    key: str,
    given: dict[str, Any],
    by_caller: dict[str, Any],
    parameter: str,
    allowed: list[Any],
    refused: list[Any],
) -> None:
    """Refused by the configuration, and in the same words by the function or constructor itself."""
    if "pareto" in path:
        pytest.importorskip("optuna")
    function = find(path)

    def configured(value: Any) -> None:
        check_arguments(function, given | {parameter: value}, key, tuple(by_caller))
        if inspect.isclass(function):
            function(**{parameter: value})

    for value in allowed:
        configured(value)
    for value in refused:
        with pytest.raises(UserError, match=rf"^{key}\.\w+[:= ].*(expected|required)|^loss.bbox_loss=") as caught:
            configured(value)
        with pytest.raises(UserError) as called:
            function(**by_caller, **given | {parameter: value})
        assert str(called.value) == str(caught.value)


def test_augment_goes_with_fresh_alone() -> None:
    for path in ("locexp.bbox.tight.Tight", "locexp.bbox.scatter.Scatter", "locexp.bbox.clutter.Clutter"):
        for value in (0, 0.5, 1):
            find(path)(augment=value, fresh=True)
        for wrong in (-0.1, 1.1, NAN, True, None):
            with pytest.raises(UserError, match=r"^bbox.augment=.*: expected a number from 0 \(none\) to 1"):
                find(path)(augment=wrong, fresh=True)
        with pytest.raises(UserError, match="expected bbox.fresh=true beside it"):
            find(path)(augment=0.5)


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        (int, "a whole number, got str"),
        (Annotated[int, Ge(1)], "a whole number >= 1, got str"),
        (Annotated[int, Ge(1)] | None, "a whole number >= 1, or null, got str"),
        (Annotated[float, Le(3)], "a finite number <= 3, got str"),
        (Annotated[float, Interval(gt=0, le=1)], "a number in (0, 1], got str"),
        (Annotated[int, Interval(ge=2, le=5)], "a whole number from 2 to 5, got str"),
        (Literal["on", "off"], "one of on, off"),
        (Annotated[str, Literal["on", "off"]], "one of on, off"),
        (Annotated[Any, Literal["auto"] | Annotated[int, Ge(1)]], "auto, or a whole number >= 1"),
        (Sequence[int], "a list, each item a whole number, got str"),
        (Annotated[Sequence[float], Len(2, 2)], "a list of 2, each item a finite number, got str"),
        (Annotated[Sequence[str], MinLen(1)], "a list of at least 1, each item text, got str"),
        (Annotated[list[int], Predicate(different), doc("different numbers")], "different numbers, got str"),
        (bool, "true or false, got str"),
        (Literal[1, 2], "one of 1, 2, got str"),
    ],
)
def test_messages_say_what_is_allowed(hint: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        check_value("model.key", "x", hint)
    assert str(caught.value) == f"model.key=x: expected {message}."
    assert message.startswith(spelled(hint))


def test_messages_name_the_item_and_the_nearest_name() -> None:
    with pytest.raises(UserError, match=r"^k=\[1, 0\]: .* each item a whole number >= 1, but item 2 is 0\.$"):
        check_value("k", (1, 0), Sequence[Annotated[int, Ge(1)]])
    with pytest.raises(UserError, match=r"^k=bath: expected one of none, batch\. Did you mean 'batch'\?$"):
        check_value("k", "bath", Literal["none", "batch"])
    with pytest.raises(UserError, match=r"^k=nan: expected a finite number\.$"):
        check_value("k", NAN, float)


def test_numbers_and_lists_of_numpy_fit() -> None:
    assert fits(np.int64(3), Annotated[int, Ge(1)])
    assert fits(np.float32(0.5), Annotated[float, Interval(ge=0, lt=1)])
    assert fits(np.arange(1, 4), Sequence[Annotated[int, Ge(1)]])
    assert not fits(np.True_, int)
    assert not fits(np.float64("nan"), float)


def test_a_function_checks_itself_and_its_rules() -> None:
    def ordered(low: float, high: float) -> None:
        if low >= high:
            raise UserError("low < high")

    @checked("room", ordered)
    def function(low: float, high: Annotated[float, Ge(0)] = 5, **others: Any) -> float:
        """Keeps its name and its signature."""
        return low + high

    assert function(1, high=2, x=3) == 3
    assert (function.__name__, list(inspect.signature(function).parameters)) == ("function", ["low", "high", "others"])
    with pytest.raises(UserError, match="low < high"):
        function(6)
    with pytest.raises(UserError, match=r"room.high=-1: expected a finite number >= 0\."):
        function(-2, -1)
    with pytest.raises(TypeError, match="missing a required argument: 'low'"):
        function()  # type: ignore[call-arg]
    with pytest.raises(UserError, match="low < high"):
        check_arguments(function, {"low": 6}, "room")

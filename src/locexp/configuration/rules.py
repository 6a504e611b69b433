"""The rules that a composed configuration must satisfy: ranges, names, and what holds across keys."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from locexp.configuration.schema import (
    GROUPS,
    PRECISIONS,
    RESUME_KEYS,
    SCHEDULES,
    SOURCES,
    SWEEP_KEYS,
    Config,
    arguments_of,
    sweep_arguments,
)
from locexp.configuration.targets import check_arguments, find_loss, resolve
from locexp.errors import UserError, listed, nearest
from locexp.evaluation.metrics import HEADLINES
from locexp.losses.weighting.base import Weighting

MOST_SEEDS = 1000
"""More replicates tell nothing more; every job is composed and listed before the first begins."""
_SHARE = (lambda value: 0 <= value < 1, "a number in [0, 1)")
_POSITIVE = (lambda value: value > 0, "a finite number > 0, or null")
OPTIMIZER_RANGES: dict[str, tuple[Callable[[float], bool], str]] = {
    **dict.fromkeys(("beta_1", "beta_2", "momentum"), _SHARE),
    **dict.fromkeys(("clipnorm", "clipvalue", "global_clipnorm"), _POSITIVE),
    "weight_decay": (lambda value: value >= 0, "a finite number >= 0, or null"),
}
"""What Keras takes without a word for these arguments of an optimizer, and then trains nonsense with."""


def _require(ok: bool, key: str, given: object, allowed: str) -> None:
    if not ok:
        raise UserError(f"{key}={given}: expected {allowed}.")


def _choice(key: str, given: str, allowed: tuple[str, ...]) -> None:
    if given not in allowed:
        raise UserError(f"{key}={given}: expected one of {listed(allowed)}.{nearest(str(given), allowed)}")


def _positive_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def validate(cfg: DictConfig) -> None:
    """Check every range and cross-field rule of a composed configuration.

    Raises:
        UserError: names the key, what was given, what is allowed and the nearest name.
    """
    _check_names(cfg, Config, "")
    missing = sorted(OmegaConf.missing_keys(cfg))
    if missing:
        raise UserError(f"{missing[0]} is required: give it as {missing[0]}=VALUE.")
    rules: tuple[Callable[[DictConfig], None], ...] = (
        _data,
        _bbox,
        _model,
        _loss,
        _optimizer,
        _trainer,
        check_tracking,
        _sweep,
    )
    check_seed(cfg.seed)
    for rule in rules:
        rule(cfg)


def check_seed(seed: int) -> None:
    """Check the range of a seed; raises :class:`UserError`."""
    _require(0 <= seed < 2**31, "seed", seed, "a whole number from 0 to 2147483647")


def _check_names(node: DictConfig, schema: type, prefix: str) -> None:
    """Refuse keys that were forced in with ``+`` or taken out with ``~``."""
    names = [entry.name for entry in fields(schema)]
    for name in map(str, node):
        if name not in names:
            raise UserError(
                f"{prefix}{name}={node[name]}: unknown key; allowed: {listed(names)}.{nearest(name, names)}"
            )
    for name in names:
        if name not in node:
            raise UserError(f"{prefix}{name} is required: give it as {prefix}{name}=VALUE.")
        if name in GROUPS:
            _check_names(node[name], GROUPS[name], f"{name}.")


def _data(cfg: DictConfig) -> None:
    data = cfg.data
    loader = resolve(data._target_, "data._target_")
    _choice("data.source", data.source, SOURCES)
    check_arguments(loader, {"source": data.source, "path": data.path}, "data", given_by_caller=())
    limit = data.limit
    _require(limit is None or _positive_int(limit), "data.limit", limit, "a whole number >= 1, or null")
    validation = data.validation
    is_fraction = isinstance(validation, int | float) and not isinstance(validation, bool) and 0 < float(validation) < 1
    _require(is_fraction or validation == "test", "data.validation", validation, "a fraction in (0, 1), or test")
    _require(0 <= data.split_seed < 2**31, "data.split_seed", data.split_seed, "a whole number from 0 to 2147483647")
    if data.path is not None:
        _require(
            bool(data.path.strip()) and Path(data.path).exists(),
            "data.path",
            data.path,
            "an existing .npz file or folder of IDX files",
        )


def _bbox(cfg: DictConfig) -> None:
    arguments = arguments_of(cfg.bbox, "bbox")
    scene_seed = arguments.pop("scene_seed", 0)
    _require(
        isinstance(scene_seed, int) and 0 <= scene_seed < 2**31, "bbox.scene_seed", scene_seed, "a whole number >= 0"
    )
    strategy = resolve(str(cfg.bbox["_target_"]), "bbox._target_")
    if arguments.pop("_partial_", False):  # a function is the strategy
        check_arguments(strategy, arguments, "bbox", given_by_caller=("images", "split", "scene_seed"))
        return
    check_arguments(strategy, arguments, "bbox", given_by_caller=())
    strategy(**arguments)  # a strategy checks its own ranges


def _model(cfg: DictConfig) -> None:
    arguments = arguments_of(cfg.model, "model")
    target = str(cfg.model["_target_"])
    if target.startswith("keras."):
        return  # checked when it is built: keras must not be imported here
    build = resolve(target, "model._target_")
    check_arguments(build, arguments, "model", given_by_caller=("input_shape", "num_classes"))


def _loss(cfg: DictConfig) -> None:
    loss = cfg.loss
    for key in ("classification_weight", "bbox_weight"):
        weight = loss[key]
        _require(math.isfinite(weight) and weight >= 0, f"loss.{key}", weight, "a finite number >= 0")
    if loss.classification_weight == 0 and loss.bbox_weight == 0:
        raise UserError(
            "loss.classification_weight=0.0 and loss.bbox_weight=0.0: expected at least one weight above 0."
        )
    function = find_loss(loss.bbox_loss)
    params = arguments_of(loss.bbox_loss_params, "loss.bbox_loss_params", needs_target=False)
    boxes = list(inspect.signature(function).parameters)[:2]  # given by place, so their names are free
    check_arguments(function, params, "loss.bbox_loss_params", given_by_caller=(*boxes, "canvas"))
    _weighting(cfg)


def _weighting(cfg: DictConfig) -> None:
    loss = cfg.loss
    arguments = arguments_of(loss.weighting, "loss.weighting")
    target = str(loss.weighting["_target_"])
    method = resolve(target, "loss.weighting._target_")
    if not (isinstance(method, type) and issubclass(method, Weighting)):
        raise UserError(f"loss.weighting._target_={target}: expected a class derived from {Weighting.__module__}.")
    check_arguments(method, arguments, "loss.weighting", given_by_caller=())
    method(**arguments)  # a method checks its own ranges
    if not method.one_task:
        for key in ("classification_weight", "bbox_weight"):
            if loss[key] == 0:
                raise UserError(
                    f"loss.{key}={loss[key]}: {method.__name__} weights two losses, so it needs both; expected a "
                    "number > 0, or loss/weighting=fixed."
                )


def _optimizer(cfg: DictConfig) -> None:
    optimizer = cfg.optimizer
    rate = optimizer.learning_rate
    _require(math.isfinite(rate) and rate > 0, "optimizer.learning_rate", rate, "a finite number > 0")
    _choice("optimizer.schedule", optimizer.schedule, SCHEDULES)
    for name, (ok, allowed) in OPTIMIZER_RANGES.items():
        value = optimizer.params.get(name)
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        _require(value is None or (number and ok(value)), f"optimizer.params.{name}", value, allowed)
    if not str(optimizer._target_).startswith("keras."):
        resolve(optimizer._target_, "optimizer._target_")


def _trainer(cfg: DictConfig) -> None:
    trainer = cfg.trainer
    for key in ("epochs", "batch_size", "steps_per_call", "evaluation_batch_size"):
        _require(_positive_int(trainer[key]), f"trainer.{key}", trainer[key], "a whole number >= 1")
    batches = trainer.diagnostic_batches
    _require(batches >= 0, "trainer.diagnostic_batches", batches, "a whole number >= 0")
    _choice("trainer.precision", trainer.precision, PRECISIONS)
    _choice("trainer.keep", trainer.keep, ("best", "last"))
    _choice("trainer.monitor", trainer.monitor, tuple(f"val/{name}" for name in HEADLINES))
    threads = trainer.threads
    _require(threads == "auto" or _positive_int(threads), "trainer.threads", threads, "auto, or a whole number >= 1")
    patience = trainer.early_stopping
    _require(
        patience is None or _positive_int(patience), "trainer.early_stopping", patience, "a whole number >= 1, or null"
    )
    _require(trainer.resume is None, "trainer.resume", trainer.resume, "it on the command line, for one run")
    file_name = trainer.save_h5
    ok = file_name is None or (file_name.endswith(".h5") and Path(file_name).name == file_name)
    _require(ok, "trainer.save_h5", file_name, "a file name that ends in .h5, or null")
    for name, node in trainer.callbacks.items():
        key = f"trainer.callbacks.{name}"
        _require(isinstance(node, DictConfig) and "_target_" in node, key, node, "a _target_ and its arguments")
        if not str(node._target_).startswith("keras."):
            resolve(node._target_, f"{key}._target_")


def check_tracking(cfg: DictConfig) -> None:
    """Check the keys of ``tracking``; raises :class:`UserError`."""
    tracking = cfg.tracking
    _require(bool(tracking.experiment.strip()), "tracking.experiment", repr(tracking.experiment), "a name")
    uri = tracking.uri
    if uri is not None and "://" in uri:
        schemes = ("http", "https", "sqlite", "file")
        scheme = uri.split("://", 1)[0].split("+")[0]
        known = (*schemes, "postgresql", "mysql", "mssql")
        if scheme not in known:
            raise UserError(
                f"tracking.uri={uri}: expected a folder, or an address that starts with one of "
                f"{listed(f'{name}://' for name in known)}.{nearest(scheme, known)}"
            )


def _sweep(cfg: DictConfig) -> None:
    sweep = cfg.sweep
    for key in SWEEP_KEYS:
        if key not in sweep:
            raise UserError(f"sweep.{key} is required: give it as sweep.{key}=VALUE.")
    seeds = OmegaConf.to_container(sweep, resolve=True)["seeds"]  # type: ignore[index, call-overload]
    is_list = isinstance(seeds, list) and len(seeds) > 0
    whole = is_list and all(isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0 for seed in seeds)
    _require(
        seeds is None
        or (_positive_int(seeds) and int(seeds) <= MOST_SEEDS)
        or (whole and len(set(seeds)) == len(seeds)),
        "sweep.seeds",
        seeds,
        f"a whole number from 1 to {MOST_SEEDS}, a list of different seeds, or null",
    )
    _choice("sweep.on_error", str(sweep.on_error), ("continue", "stop"))
    for key in RESUME_KEYS[1:]:
        _require(isinstance(sweep[key], bool), f"sweep.{key}", sweep[key], "true or false")
    _require(sweep.resume is None, "sweep.resume", sweep.resume, "it on the command line, not in a file")
    arguments = sweep_arguments(cfg)
    if sweep._target_ is None:
        if arguments:
            name = min(arguments)
            raise UserError(
                f"sweep.{name}={arguments[name]}: unknown key; allowed in sweep: {listed(SWEEP_KEYS)}."
                f"{nearest(name, SWEEP_KEYS)}"
            )
        return
    plan = resolve(str(sweep._target_), "sweep._target_")
    check_arguments(plan, arguments, "sweep", given_by_caller=("base",))

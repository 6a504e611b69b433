"""The rules that a composed configuration must satisfy: names, and what holds across keys.

Ranges are annotations in ``schema``, read by ``locexp.bounds``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Literal, get_type_hints

from omegaconf import MISSING, DictConfig

from locexp.bounds import check_value, check_values
from locexp.configuration.instantiate import instantiate
from locexp.configuration.overrides import LONGEST_KEY
from locexp.configuration.renamed import check_configuration
from locexp.configuration.schema import (
    GROUPS,
    PLAN_GIVEN,
    SWEEP_KEYS,
    Config,
    DataKeys,
    OptimizerParams,
    Seed,
    SweepKeys,
    leaves,
    loader_arguments,
    plain,
    sweep_arguments,
    target_arguments,
)
from locexp.configuration.targets import check_arguments, check_names, find_loss, import_target, parameters_of
from locexp.errors import UserError, listed, nearest
from locexp.evaluation.metrics import HEADLINES
from locexp.losses.weighting.base import Weighting
from locexp.system.folders import expanded

LONGEST_EXPERIMENT = 500
"""The most characters that MLflow takes as the name of an experiment."""
PARAMETER_NAME = re.compile(r"[/\w.\- :]+")
MONITORS: Any = Literal[tuple(f"val/{name}" for name in HEADLINES)]


def _require(ok: bool, key: str, given: object, allowed: str) -> None:
    if not ok:
        raise UserError(f"{key}={given}: expected {allowed}.")


def validate(cfg: DictConfig, valid: set[str] | None = None) -> None:
    """Check every range and cross-field rule of a composed configuration.

    Args:
        cfg: the configuration.
        valid: groups that were found to be valid before, as text, and are not checked again; gets those of ``cfg``.

    Raises:
        UserError: names the key, what was given, what is allowed and the nearest name.
    """
    check_configuration(cfg)
    values = plain(cfg)
    for group, schema in {"": Config, **GROUPS}.items():
        names = [entry.name for entry in fields(schema)]  # others were forced in with `+`, or taken out with `~`
        check_names(f"{group}." if group else "", values[group] if group else values, names, names)
    valid = set() if valid is None else valid
    texts = {group: f"{group}: {values[group]!r}" for group in RULES}
    for group, text in texts.items():
        if text not in valid:
            _parameter_names(values[group], f"{group}.")
    missing = sorted(key for key, value in leaves(values) if value == MISSING)
    if missing:
        raise UserError(f"{missing[0]} is required: give it as {missing[0]}=VALUE.")
    check_seed(cfg.seed)
    _require(cfg.name is None or bool(cfg.name.strip()), "name", cfg.name, "a name, or null")
    for group, schema in GROUPS.items():
        if texts[group] not in valid:
            check_values(group, values[group], _hints(schema))
    for group, rule in RULES.items():  # each looks at its own group alone
        if texts[group] not in valid:
            rule(cfg)
    valid.update(texts.values())


def _parameter_names(values: Any, prefix: str = "") -> None:
    """Check the names of parameters that a user may invent: MLflow keeps no others, and would refuse the run."""
    if not isinstance(values, dict):
        return
    for name, value in values.items():
        key = f"{prefix}{name}"
        if not PARAMETER_NAME.fullmatch(key) or os.path.normpath(key) != key or key[0] in "/.":
            raise UserError(f"{key}: is not a parameter's name; expected letters, digits, spaces and _ - . : / alone.")
        if len(key) > LONGEST_KEY:
            raise UserError(f"{key[:40]}… has {len(key)} characters; expected at most {LONGEST_KEY}.")
        _parameter_names(value, f"{key}.")


def check_seed(seed: int) -> None:
    """Check the range of a seed; raises :class:`UserError`."""
    check_value("seed", seed, Seed)


def _hints(schema: type) -> dict[str, Any]:
    return get_type_hints(schema, include_extras=True)


def _data(cfg: DictConfig) -> None:
    values, arguments = plain(cfg.data), loader_arguments(cfg.data)
    missing = [name for name in get_type_hints(DataKeys) if name not in values]
    if missing:
        raise UserError(f"data.{missing[0]} is required: give it as data.{missing[0]}=VALUE.")
    check_values("data", values, _hints(DataKeys))
    check_arguments(import_target(str(values["_target_"]), "data._target_"), arguments, "data")
    path = values["path"]
    if path is not None:
        exists = bool(path.strip()) and os.path.exists(expanded(path, "data.path"))
        _require(exists, "data.path", path, "an existing file or folder")


def _bbox(cfg: DictConfig) -> None:
    arguments = target_arguments(cfg.bbox, "bbox")
    check_value("bbox.scene_seed", arguments.pop("scene_seed", 0), Seed)
    strategy = import_target(str(cfg.bbox["_target_"]), "bbox._target_")
    if arguments.pop("_partial_", False):  # a function is the strategy
        check_arguments(strategy, arguments, "bbox", given_by_caller=("images", "split", "scene_seed"))
        return
    check_arguments(strategy, arguments, "bbox")
    instantiate(cfg.bbox, "bbox", skip=("scene_seed",))  # a strategy checks what holds across its arguments


def _model(cfg: DictConfig) -> None:
    arguments = target_arguments(cfg.model, "model")
    target = str(cfg.model["_target_"])
    if target.startswith("keras."):
        return  # checked when it is built: keras must not be imported here
    build = import_target(target, "model._target_")
    check_arguments(build, arguments, "model", given_by_caller=("input_shape", "num_classes"))


def _loss(cfg: DictConfig) -> None:
    loss = cfg.loss
    if loss.classification_weight == 0 and loss.bbox_weight == 0:
        raise UserError(
            "loss.classification_weight=0.0 and loss.bbox_weight=0.0: expected at least one weight above 0."
        )
    function = find_loss(loss.bbox_loss)
    boxes = list(parameters_of(function, "loss.bbox_loss"))[:2]  # given by position, so their names are free
    check_arguments(function, plain(loss.bbox_loss_params), "loss.bbox_loss_params", given_by_caller=(*boxes, "canvas"))
    _weighting(cfg)


def _weighting(cfg: DictConfig) -> None:
    loss = cfg.loss
    arguments = target_arguments(loss.weighting, "loss.weighting")
    target = str(loss.weighting["_target_"])
    method = import_target(target, "loss.weighting._target_")
    if not (isinstance(method, type) and issubclass(method, Weighting)):
        raise UserError(f"loss.weighting._target_={target}: expected a class derived from {Weighting.__module__}.")
    check_arguments(method, arguments, "loss.weighting")
    instantiate(loss.weighting, "loss.weighting")  # a method checks what holds across its arguments
    if not method.one_task:
        for key in ("classification_weight", "bbox_weight"):
            if loss[key] == 0:
                raise UserError(
                    f"loss.{key}={loss[key]}: {method.__name__} weights two losses, so it needs both; expected a "
                    "number > 0, or loss/weighting=fixed."
                )


def _optimizer(cfg: DictConfig) -> None:
    optimizer = cfg.optimizer
    params = plain(optimizer.params)
    check_values("optimizer.params", params, _hints(OptimizerParams))
    if params.get("use_ema") and params.get("ema_overwrite_frequency") is None:
        raise UserError(
            "optimizer.params.use_ema=true: the averages are used where optimizer.params.ema_overwrite_frequency says "
            "after how many steps they replace the weights; give it, too."
        )
    if not str(optimizer._target_).startswith("keras."):
        import_target(optimizer._target_, "optimizer._target_")


def _trainer(cfg: DictConfig) -> None:
    trainer = cfg.trainer
    check_value("trainer.monitor", trainer.monitor, MONITORS)
    _require(trainer.resume is None, "trainer.resume", trainer.resume, "it on the command line, for one run")
    for name, node in trainer.callbacks.items():
        key = f"trainer.callbacks.{name}"
        _require(isinstance(node, DictConfig) and "_target_" in node, key, node, "a _target_ and its arguments")
        if not str(node._target_).startswith("keras."):
            import_target(node._target_, f"{key}._target_")


def check_tracking(cfg: DictConfig) -> None:
    """Check the keys of ``tracking``; raises :class:`UserError`."""
    tracking = cfg.tracking
    _require(bool(tracking.experiment.strip()), "tracking.experiment", repr(tracking.experiment), "a name")
    shown = f"{tracking.experiment[:40]}… ({len(tracking.experiment)} characters)"
    _require(
        len(tracking.experiment) <= LONGEST_EXPERIMENT, "tracking.experiment", shown, f"at most {LONGEST_EXPERIMENT}"
    )


def _sweep(cfg: DictConfig) -> None:
    sweep = cfg.sweep
    values = plain(sweep)
    check_names("sweep.", values, values, SWEEP_KEYS)
    check_values("sweep", values, _hints(SweepKeys))
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
    plan = import_target(str(sweep._target_), "sweep._target_")
    check_arguments(plan, arguments, "sweep", given_by_caller=PLAN_GIVEN)


RULES: dict[str, Callable[[DictConfig], None]] = {
    "data": _data,
    "bbox": _bbox,
    "model": _model,
    "loss": _loss,
    "optimizer": _optimizer,
    "trainer": _trainer,
    "tracking": check_tracking,
    "sweep": _sweep,
}

"""The typed configuration of a run.

Imports neither TensorFlow nor MLflow, so a configuration error is answered at once. The dataclasses reject unknown
keys and wrong types when Hydra composes. OmegaConf sees the bare types alone: what their annotations say beyond these
(:mod:`locexp.bounds`) is checked by :mod:`locexp.configuration.rules`, which holds the rules across fields, too.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Interval, Le, MinLen, Predicate, doc
from omegaconf import MISSING, DictConfig, OmegaConf

from locexp.bounds import different
from locexp.configuration.hydra_internals import register_resolver, store_once
from locexp.errors import UserError

Seed = Annotated[int, Interval(ge=0, le=2**31 - 1)]
Count = Annotated[int, Ge(1)]
MOST_THREADS = 1024
"""TensorFlow starts as many as it is asked for."""
Weight = Annotated[float, Ge(0)]
Fraction = Annotated[float, Interval(gt=0, lt=1)]
Share = Annotated[float, Interval(ge=0, lt=1)]
CLASSIFICATION, BBOX, METHOD = "loss.classification_weight", "loss.bbox_weight", "loss/weighting"
"""The keys that say how the losses are weighted, as sweeps vary them."""
RESUME_RUN, RESUME_SWEEP = "trainer.resume", "sweep.resume"
RESUME_KEYS = ("on_error", "max_members", "dry_run", "presume_dead", "allow_mixed")
"""The keys of ``sweep`` that say how it is run, and may be given with ``sweep.resume``."""
MOST_SEEDS = 1000
"""More replicates add nothing; every job is composed and listed before the first begins."""
OPEN = ("loss.bbox_loss_params", "optimizer.params", "trainer.callbacks")
"""The keys below which any name may be given; what they are for says which it takes."""
WITHOUT_EFFECT = ("threads", "checkpoint", "diagnostic_batches", "resume", "saved_input", "pictures")
"""The keys of ``trainer`` that change nothing about what is trained."""


def _is_h5_name(name: str) -> bool:
    return name.endswith(".h5") and Path(name).name == name


H5Name = Annotated[str, Predicate(_is_h5_name), doc("a file name that ends in .h5")]


@dataclass
class LossConfig:
    """The two losses and their weights; ``weighting`` holds a ``_target_`` and its arguments."""

    classification_weight: Weight = 1.0
    bbox_weight: Weight = 0.5
    bbox_loss: str = "mse"
    bbox_loss_params: dict[str, Any] = field(default_factory=dict)
    weighting: dict[str, Any] = field(default_factory=dict)


@dataclass
class OptimizerConfig:
    """A Keras optimizer and its learning-rate schedule."""

    _target_: str = MISSING
    learning_rate: Annotated[float, Gt(0)] = 0.001
    schedule: Annotated[str, Literal["constant", "cosine", "one_cycle"]] = "constant"
    params: dict[str, Any] = field(default_factory=dict)


@dataclass
class TrainerConfig:
    """How long and how the network is trained."""

    epochs: Count = 5
    batch_size: Count = 32
    precision: Annotated[str, Literal["float32", "mixed_bfloat16", "float64"]] = "float32"
    threads: Annotated[Any, Literal["auto"] | Annotated[int, Ge(1), Le(MOST_THREADS)]] = "auto"
    steps_per_call: Count = 200
    evaluation_batch_size: Count = 200
    monitor: str = "val/loc_acc_50"
    keep: Annotated[str, Literal["best", "last"]] = "best"
    save_h5: H5Name | None = None
    saved_input: Annotated[str, Literal["pixels", "fractions"]] = "pixels"
    pictures: Annotated[str, Literal["auto", "all", "few", "none"]] = "auto"
    early_stopping: Count | None = None
    deterministic: bool = False
    checkpoint: bool = True
    diagnostic_batches: Annotated[int, Ge(0)] = 0
    resume: str | None = None
    callbacks: dict[str, Any] = field(default_factory=dict)


@dataclass
class TrackingConfig:
    """Where results are tracked."""

    uri: str | None = None
    artifact_root: str | None = None
    experiment: str = "locexp"
    system_metrics: bool = True


@dataclass
class Config:
    """One run.

    ``data``, ``bbox``, ``model`` and ``sweep`` hold a ``_target_`` and its arguments, checked by its signature.
    """

    data: dict[str, Any] = field(default_factory=dict)
    bbox: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    sweep: dict[str, Any] = field(default_factory=dict)
    seed: Seed = 0
    name: str | None = None


class DataKeys(TypedDict):
    """The keys that all data have; the others are arguments of its ``_target_``, which gets ``source`` and ``path``."""

    _target_: str
    source: Literal["auto", "cache", "download", "bundled"]
    path: str | None
    limit: Count | None
    validation: Annotated[Fraction | Literal["test"], doc("a fraction in (0, 1), or test")]
    split_seed: Seed


class SweepKeys(TypedDict):
    """The keys that every sweep has; the others are arguments of its ``_target_``."""

    _target_: str | None
    seeds: Annotated[
        Annotated[int, Interval(ge=1, le=MOST_SEEDS)]
        | Annotated[Sequence[Seed], MinLen(1), Predicate(different)]
        | None,
        doc(f"a whole number from 1 to {MOST_SEEDS}, a list of different seeds, or null"),
    ]
    resume: str | None
    on_error: Literal["continue", "stop"]
    dry_run: bool
    presume_dead: bool
    allow_mixed: bool
    max_members: Count | None


class OptimizerParams(TypedDict, total=False):
    """Arguments of an optimizer for which Keras takes any number without a word, and then trains nonsense."""

    beta_1: Share | None
    beta_2: Share | None
    momentum: Share | None
    clipnorm: Annotated[float, Gt(0)] | None
    clipvalue: Annotated[float, Gt(0)] | None
    global_clipnorm: Annotated[float, Gt(0)] | None
    weight_decay: Weight | None
    name: Annotated[None, doc("null: a name changes nothing")]
    loss_scale_factor: Annotated[None, doc("null: losses are not scaled here")]


SWEEP_KEYS = tuple(SweepKeys.__annotations__)
PLAN_GIVEN = ("base", "cells", "replicates")
"""What a plan may take that is not a key, see :mod:`locexp.sweep.setting`."""
SPLIT_KEYS = ("limit", "validation", "split_seed")
"""The keys of ``data`` that its ``_target_`` does not get."""
GROUPS = {
    "loss": LossConfig,
    "optimizer": OptimizerConfig,
    "trainer": TrainerConfig,
    "tracking": TrackingConfig,
}
"""The groups whose keys are the same whatever file is picked."""


def hint_of(key: str) -> Any:
    """Return what a key of the schema is annotated with; ``None`` for one that is not in it."""
    group, _, name = key.rpartition(".")
    schema = {"": Config, "data": DataKeys, **GROUPS}.get(group)
    return get_type_hints(schema, include_extras=True).get(name) if schema is not None else None


def is_text(key: str) -> bool:
    """Whether a key takes text, whatever that looks like."""
    hint = hint_of(key)
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return bare in (str, str | None, H5Name | None)


def register() -> None:
    """Register the schema and the resolvers with Hydra; calling it again changes nothing."""
    store_once("locexp_schema", Config)
    register_resolver("locexp.unique", lambda: uuid.uuid4().hex[:6])


def config_directory() -> Path:
    """Return the directory of the YAML files: the checkout's ``conf/`` if there is one, else the wheel's."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent.parent / "conf"
    return checkout if (checkout / "config.yaml").is_file() else package / "conf"


def sweep_arguments(cfg: DictConfig) -> dict[str, Any]:
    """Return the keys of ``sweep`` that are arguments of its ``_target_``."""
    return {name: value for name, value in target_arguments(cfg.sweep, "sweep").items() if name not in SWEEP_KEYS}


def loader_arguments(data: DictConfig) -> dict[str, Any]:
    """Return the keys of ``data`` that are arguments of its ``_target_``."""
    return {name: value for name, value in target_arguments(data, "data").items() if name not in SPLIT_KEYS}


def target_arguments(node: DictConfig, key: str) -> dict[str, Any]:
    """Return the keys of a node that are arguments of its ``_target_``.

    Raises:
        UserError: it has no ``_target_``.
    """
    if "_target_" not in node:
        raise UserError(f"{key}._target_ is required: the dotted path of what to use.")
    return {name: value for name, value in plain(node).items() if name != "_target_"}


def plain(node: DictConfig) -> dict[str, Any]:
    """Return a node as a dictionary of plain values, interpolations resolved."""
    container = OmegaConf.to_container(node, resolve=True)
    assert isinstance(container, dict)
    return {str(name): value for name, value in container.items()}


def leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf of plain values by its dotted key; lists and empty dictionaries are leaves."""
    if not isinstance(node, dict) or (not node and prefix):
        yield prefix, node
        return
    for name, value in node.items():
        yield from leaves(value, f"{prefix}.{name}" if prefix else str(name))


def config_hash(cfg: DictConfig) -> str:
    """Return 16 hex digits that name a setting: equal for runs that differ only in seed, threads or bookkeeping."""
    container = plain(cfg)
    kept = {name: container[name] for name in ("data", "bbox", "model", "loss", "optimizer", "trainer")}
    kept["trainer"] = {name: value for name, value in kept["trainer"].items() if name not in WITHOUT_EFFECT}
    # Otherwise it changes nothing about what is trained, and settings of 0.1 do not have it.
    kept["data"] = {name: value for name, value in kept["data"].items() if name != "leaks" or value == "drop"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]

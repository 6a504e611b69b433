"""The typed configuration of a run.

Imports neither TensorFlow nor MLflow, so a configuration error is answered at once. The dataclasses reject unknown
keys and wrong types when Hydra composes; :mod:`locexp.configuration.rules` holds ranges and the rules across fields.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING, DictConfig, OmegaConf

from locexp.configuration.hydra_internals import register_resolver, store_once
from locexp.errors import UserError

PRECISIONS = ("float32", "mixed_bfloat16", "float64")
SCHEDULES = ("constant", "cosine", "one_cycle")
SOURCES = ("auto", "cache", "download", "bundled")
CLASSIFICATION, BBOX, METHOD = "loss.classification_weight", "loss.bbox_weight", "loss/weighting"
"""The keys that say how the losses are weighted, as sweeps vary them."""
RESUME_KEYS = ("on_error", "dry_run", "presume_dead", "allow_mixed")
"""The keys of ``sweep`` that say how it is run, and may stand beside ``sweep.resume``."""
SWEEP_KEYS = ("_target_", "seeds", "resume", *RESUME_KEYS)
"""The keys that every sweep has; the others are arguments of its ``_target_``."""
OPEN = ("loss.bbox_loss_params", "optimizer.params", "trainer.callbacks")
"""The keys below which any name may be given; what they are for says which it takes."""
WITHOUT_EFFECT = ("threads", "checkpoint", "diagnostic_batches", "resume")
"""The keys of ``trainer`` that change nothing about what is trained."""


@dataclass
class DataConfig:
    """Where the images come from and how they are split."""

    _target_: str = MISSING
    source: str = "auto"
    path: str | None = None
    limit: int | None = None
    validation: Any = 0.1
    split_seed: int = 0


@dataclass
class LossConfig:
    """The two losses and their weights; ``weighting`` holds a ``_target_`` and its arguments."""

    classification_weight: float = 1.0
    bbox_weight: float = 0.5
    bbox_loss: str = "mse"
    bbox_loss_params: dict[str, Any] = field(default_factory=dict)
    weighting: dict[str, Any] = field(default_factory=dict)


@dataclass
class OptimizerConfig:
    """A Keras optimizer and its learning-rate schedule."""

    _target_: str = MISSING
    learning_rate: float = 0.001
    schedule: str = "constant"
    params: dict[str, Any] = field(default_factory=dict)


@dataclass
class TrainerConfig:
    """How long and how the network is trained."""

    epochs: int = 5
    batch_size: int = 32
    precision: str = "float32"
    threads: Any = "auto"
    steps_per_call: int = 200
    evaluation_batch_size: int = 200
    monitor: str = "val/loc_acc_50"
    keep: str = "best"
    save_h5: str | None = None
    early_stopping: int | None = None
    deterministic: bool = False
    checkpoint: bool = True
    diagnostic_batches: int = 0
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
    """One run. ``bbox``, ``model`` and ``sweep`` hold a ``_target_`` and its arguments, checked by its signature."""

    data: DataConfig = field(default_factory=DataConfig)
    bbox: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    sweep: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    name: str | None = None


GROUPS = {
    "data": DataConfig,
    "loss": LossConfig,
    "optimizer": OptimizerConfig,
    "trainer": TrainerConfig,
    "tracking": TrackingConfig,
}
"""The groups whose keys are the same whatever file is picked."""


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
    return {name: value for name, value in arguments_of(cfg.sweep, "sweep").items() if name not in SWEEP_KEYS}


def arguments_of(node: DictConfig, key: str, needs_target: bool = True) -> dict[str, Any]:
    arguments = OmegaConf.to_container(node, resolve=True)
    assert isinstance(arguments, dict)
    if needs_target and "_target_" not in arguments:
        raise UserError(f"{key}._target_ is required: the dotted path of what to use.")
    arguments.pop("_target_", None)
    return {str(name): value for name, value in arguments.items()}


def config_hash(cfg: DictConfig) -> str:
    """Return 16 hex digits that name a setting: equal for runs that differ only in seed, threads or bookkeeping."""
    container = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(container, dict)
    kept = {name: container[name] for name in ("data", "bbox", "model", "loss", "optimizer", "trainer")}
    kept["trainer"] = {name: value for name, value in kept["trainer"].items() if name not in WITHOUT_EFFECT}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]

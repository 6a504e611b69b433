"""From a configuration to what is trained: its data, member and schedule. What can be wrong shows here."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from locexp.configuration.instantiate import instantiate
from locexp.configuration.targets import find_loss
from locexp.errors import UserError, first_line
from locexp.models.saving import check_round_trip
from locexp.models.strides import check_smallest_batch
from locexp.run.training_data import TrainingData, load_training_data
from locexp.system.matplotlib import start_matplotlib
from locexp.system.tensorflow import start_tensorflow

if TYPE_CHECKING:
    from locexp.training.member import Member
    from locexp.training.trainer import Schedule

PROBE_BOXES = ((0.2, 0.1, 0.7, 0.8), (0.3, 0.3, 0.5, 0.9))
"""Two boxes that overlap, normalised xyxy: what a box loss is tried on."""


@dataclass(frozen=True)
class Prepared:
    """Everything that a training needs, built and checked.

    Attributes:
        cfg: of the run.
        data: data set and scenes.
        member: not trained yet.
        schedule: how it is trained.
    """

    cfg: DictConfig
    data: TrainingData
    member: Member
    schedule: Schedule


_round_trips: set[str] = set()
"""The graph keys of networks that have been found to survive being saved; they differ in nothing but their numbers."""


def prepare(cfg: DictConfig, *, stacked: bool = False) -> Prepared:
    """Load the data, start TensorFlow, and build and check the network: nothing is written.

    Args:
        cfg: of the run.
        stacked: it is to train beside others in this process.

    Raises:
        UserError: the data, the network, the optimizer, a callback or the loss is not what it should be.
    """
    data = load_training_data(cfg)
    start_matplotlib()
    trainer = cfg.trainer
    if stacked and "keras" in sys.modules:
        # Layers and optimizers are named as if the member were alone; Keras numbers all that a process has made.
        sys.modules["keras"].backend.clear_session(free_memory=False)
    start_tensorflow(
        threads=trainer.threads, precision=trainer.precision, deterministic=trainer.deterministic, stacked=stacked
    )
    import keras

    from locexp.training.member import Member
    from locexp.training.trainer import Schedule, steps_per_epoch

    dtype = "float64" if trainer.precision == "float64" else "float32"
    steps = trainer.epochs * steps_per_epoch(len(data.dataset.train), trainer.batch_size)
    width, height = data.canvas
    loss = box_loss(cfg, data.canvas)
    check_box_loss(loss, cfg.loss.bbox_loss, dtype)
    keras.utils.set_random_seed(cfg.seed)
    member = Member(
        cfg.seed,
        instantiate(
            cfg.model, "model", input_shape=(height, width, data.channels), num_classes=data.dataset.num_classes
        ),
        build_optimizer(cfg, steps),
        (cfg.loss.classification_weight, cfg.loss.bbox_weight),
        dtype=dtype,
        box_loss=loss,
        weighting=instantiate(cfg.loss.weighting, "loss.weighting"),
        callbacks=[instantiate(node, f"trainer.callbacks.{name}") for name, node in trainer.callbacks.items()],
        diagnostics=trainer.diagnostic_batches > 0,
        monitor=monitor(cfg),
        graph_key=graph_key(cfg, data, steps),
    )
    check_smallest_batch(member.model, len(data.dataset.train), trainer.batch_size)
    if member.graph_key not in _round_trips:
        check_round_trip(
            member.model, data.arrays("test")[0], trainer.save_h5, data.dataset.num_classes, trainer.saved_input
        )
    if member.graph_key is not None:
        _round_trips.add(member.graph_key)
    schedule = Schedule(**{field.name: trainer[field.name] for field in dataclasses.fields(Schedule)})
    return Prepared(cfg, data, member, schedule)


def graph_key(cfg: DictConfig, data: TrainingData, steps: int) -> str | None:
    """Return what members with one graph have in common; ``None`` where a part is the user's own code.

    Such code may keep Python state that differs between members, which a shared graph would give them all.

    Args:
        cfg: of the member.
        data: gives canvas and classes.
        steps: of the run, which a schedule of the learning rate is made for.
    """
    parts = [cfg.model, cfg.optimizer, cfg.loss.weighting, *cfg.trainer.callbacks.values()]
    targets = [str(part._target_) for part in parts] + [str(cfg.loss.bbox_loss)]
    if not all(target.startswith(("locexp.", "keras.")) or "." not in target for target in targets):
        return None
    optimizer = dict(cfg.optimizer)
    if cfg.optimizer.schedule == "constant":
        steps = 0
        del optimizer["learning_rate"]  # a variable of the optimizer
    baked = [
        data.canvas,
        data.channels,
        data.dataset.num_classes,
        steps,
        cfg.model,
        optimizer,
        without_weights(cfg.loss),
        cfg.trainer,
    ]
    return OmegaConf.to_yaml(OmegaConf.create(baked), resolve=True)


def without_weights(loss: DictConfig) -> dict[Any, Any]:
    """Return the keys of ``loss`` but the two static weights, which are variables of a member."""
    return {name: value for name, value in loss.items() if name not in ("classification_weight", "bbox_weight")}


def monitor(cfg: DictConfig) -> str:
    """Return the metric that picks the best epoch: ``trainer.monitor``, or, where one task is trained alone and the
    monitor asks for both, that task's own metric. An untrained box would pick the epoch of the classifier by chance.
    """
    asked = str(cfg.trainer.monitor)
    if not asked.startswith("val/loc_acc_"):
        return asked
    if cfg.loss.bbox_weight == 0:
        return "val/accuracy"
    return "val/mean_iou" if cfg.loss.classification_weight == 0 else asked


def build_optimizer(cfg: DictConfig, steps: int) -> Any:
    """Return a fresh Keras optimizer for a run of this many steps.

    Raises:
        UserError: it is not one, or refuses its arguments.
    """
    import keras

    peak, decay = cfg.optimizer.learning_rate, keras.optimizers.schedules.CosineDecay
    if cfg.optimizer.schedule == "cosine":
        rate: Any = decay(peak, steps)
    elif cfg.optimizer.schedule == "one_cycle":
        rise = max(1, round(0.3 * steps))
        rate = decay(peak / 25, max(1, steps - rise), warmup_target=peak, warmup_steps=rise)
    else:
        rate = peak
    node = OmegaConf.create({"_target_": cfg.optimizer._target_, **cfg.optimizer.params})
    optimizer = instantiate(node, "optimizer.params", learning_rate=rate)
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise UserError(f"optimizer._target_={cfg.optimizer._target_}: is not a keras.optimizers.Optimizer.")
    return optimizer


def box_loss(cfg: DictConfig, canvas: tuple[int, int]) -> Callable[[Any, Any], Any]:
    """Return the configured box loss as (ground_truth, prediction) -> (n,)."""
    function = find_loss(cfg.loss.bbox_loss)
    arguments: dict[str, Any] = {str(name): value for name, value in cfg.loss.bbox_loss_params.items()}
    if "canvas" in inspect.signature(function).parameters:
        arguments["canvas"] = canvas
    return functools.partial(function, **arguments)


def check_box_loss(function: Callable[[Any, Any], Any], name: str, dtype: str) -> None:
    """Call a box loss once, on two pairs of boxes; raises :class:`UserError` unless it gives one number for each."""
    from keras import ops

    truth, predictions = (ops.convert_to_tensor(boxes, dtype) for boxes in (PROBE_BOXES, PROBE_BOXES[::-1]))
    key = f"loss.bbox_loss={name}"
    try:
        losses = np.asarray(function(truth, predictions))
    except UserError:
        raise
    except Exception as error:  # of the user's own code, which may raise anything
        raise UserError(f"{key}: failed with {type(error).__name__} ({first_line(error)}).") from error
    if losses.shape != (2,):
        raise UserError(f"{key}: gives shape {losses.shape} for two boxes; expected (2,), one loss per box.")
    if not np.isfinite(losses).all():
        raise UserError(f"{key}: gives {losses.tolist()} for two boxes; expected finite numbers.")

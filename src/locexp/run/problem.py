"""What a network is asked to learn: the data and the scenes that a configuration names."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from omegaconf import DictConfig, OmegaConf

from locexp.bbox.given import checked, fresh_scenes, strategy_of
from locexp.bbox.scenes import Scenes
from locexp.configuration.instantiate import instantiate
from locexp.data.arrays import Dataset, Split, sha256
from locexp.data.load import load_dataset, naming
from locexp.evaluation.metrics import floors
from locexp.evaluation.scenes import describe


@dataclass(frozen=True)
class Problem:
    """What a network is asked to learn: a data set with its boxes.

    Attributes:
        scenes: for ``train``, ``validation`` and ``test``.
        scenes_digest: sha256 over the images and boxes of the three, in hexadecimal.
        constant_targets: every training box is the same, so localization is trivial.
        floors: of the test part, see :func:`locexp.evaluation.metrics.floors`.
        validation_floor: mean IoU of the constant box on the validation part.
        facts: how hard the scenes are, see :func:`locexp.evaluation.scenes.describe`.
        fresh: makes the training scenes of an epoch (from 0), where they are new in each.
    """

    dataset: Dataset
    scenes: dict[str, Scenes]
    scenes_digest: str
    constant_targets: bool
    floors: dict[str, float]
    validation_floor: float
    facts: dict[str, float] = field(default_factory=dict)
    fresh: Callable[[int], Scenes] | None = None

    def arrays(self, part: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return images, labels and boxes of ``train``, ``validation`` or ``test``."""
        split: Split = getattr(self.dataset, part)
        return self.scenes[part].images, split.labels, self.scenes[part].boxes

    @functools.cached_property
    def page(self) -> bytes:
        """A PNG of some training scenes, drawn once for all runs on them."""
        from locexp.run.pictures import scenes_page

        return scenes_page(self.scenes["train"], self.dataset.train.labels)

    @property
    def canvas(self) -> tuple[int, int]:
        """(width, height) of the scenes in pixels."""
        height, width = self.scenes["train"].images.shape[1:]
        return int(width), int(height)


def load_problem(cfg: DictConfig) -> Problem:
    """Load the data and make its scenes; imports no TensorFlow. The last problem is kept, for the jobs of a sweep.

    Raises:
        UserError: the data cannot be had, or the boxes do not fit it.
    """
    return _load_problem(OmegaConf.to_yaml(OmegaConf.masked_copy(cfg, ["data", "bbox"])))


@functools.lru_cache(maxsize=1)
def _load_problem(yaml: str) -> Problem:
    cfg = OmegaConf.create(yaml)
    assert isinstance(cfg, DictConfig)
    dataset = load_dataset(cfg.data)
    strategy = strategy_of(instantiate(cfg.bbox, "bbox", skip=("scene_seed",)))
    seed = int(cfg.bbox.get("scene_seed", 0))
    parts = ("train", "test") if dataset.validation_is_test else ("train", "validation", "test")
    with naming(cfg.data.path):
        given = {part: getattr(dataset, part).images for part in parts}
        scenes = {
            part: checked(strategy.compose(images, split=part, scene_seed=seed), part, len(images))
            for part, images in given.items()
        }
    scenes.setdefault("validation", scenes["test"])
    boxes = scenes["train"].boxes
    return Problem(
        dataset=dataset,
        scenes=scenes,
        scenes_digest=sha256(*(array for part in parts for array in (scenes[part].images, scenes[part].boxes))),
        constant_targets=bool(np.ptp(boxes, axis=0).max() == 0),
        floors=floors(boxes, scenes["test"].boxes),
        validation_floor=floors(boxes, scenes["validation"].boxes)["mean_iou"],
        facts=describe(scenes),
        fresh=fresh_scenes(strategy, dataset.train.images, seed, scenes["train"]),
    )

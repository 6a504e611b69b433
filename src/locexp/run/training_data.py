"""What a network is asked to learn: the data and the scenes that a configuration names."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from cachetools import LRUCache, cached
from omegaconf import DictConfig, OmegaConf

from locexp.bbox.generated import Generated
from locexp.bbox.given import compose, fresh_scenes, strategy_of, takes
from locexp.bbox.scatter import Scatter
from locexp.bbox.scenes import Scenes, Strategy
from locexp.bbox.tight import Tight
from locexp.configuration.instantiate import instantiate
from locexp.data.arrays import Dataset, Split, sha256
from locexp.data.conversion import naming
from locexp.data.load import load_dataset
from locexp.data.suspicions import ground
from locexp.errors import ImagesError, UserError, listed
from locexp.evaluation.metrics import baselines, majority_accuracy
from locexp.evaluation.scenes import describe
from locexp.evaluation.terms import UserTerms
from locexp.images import channels_of

MOST_NUMBERS = 9
"""How many images a message names at most."""
MOST_WHOLE = 0.9
"""If this share of training boxes is the whole image, the ink is not what is above the threshold."""
UNUSED = "Boxes came with the data, and are not used; bbox=annotated learns them."


@dataclass(frozen=True)
class TrainingData:
    """What a network is asked to learn: a data set with its boxes.

    Attributes:
        scenes: for ``train``, ``validation`` and ``test``.
        scenes_digest: sha256 over the images and boxes of the three, in hexadecimal.
        constant_targets: every training box is the same, so localization is trivial.
        baselines: of the test part, see :func:`locexp.evaluation.metrics.baselines`.
        validation_baseline: mean IoU of the constant box on the validation part.
        facts: how hard the scenes are, see :func:`locexp.evaluation.scenes.describe`.
        notes: what the user must know of the data and the boxes.
        fresh: makes the training scenes of an epoch (from 0), where they are new in each.
        in_place: the parts in whose scenes each thing is where it is in the images of the data set.
    """

    dataset: Dataset
    scenes: dict[str, Scenes]
    scenes_digest: str
    constant_targets: bool
    baselines: dict[str, float]
    validation_baseline: float
    facts: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    fresh: Callable[[int], Scenes] | None = None
    in_place: frozenset[str] = frozenset()

    def arrays(self, part: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return images, labels and boxes of ``train``, ``validation`` or ``test``."""
        split: Split = getattr(self.dataset, part)
        return self.scenes[part].images, split.labels, self.scenes[part].boxes

    def terms(self, part: str) -> UserTerms:
        """Return what a user knows the classes and images of ``train``, ``validation`` or ``test`` by.

        The originals have a place on the canvas where the scenes are :attr:`in_place`.
        """
        split: Split = getattr(self.dataset, part)
        if split.annotations is None:
            return UserTerms(self.dataset.class_names)
        placement = split.annotations.placement if part in self.in_place else None
        return UserTerms(self.dataset.class_names, split.annotations.files, placement)

    @functools.cached_property
    def page(self) -> bytes:
        """A PNG of some training scenes, drawn once for all runs on them."""
        from locexp.plots.pictures import scenes_page

        return scenes_page(self.scenes["train"], self.dataset.train.labels, self.terms("train"))

    @functools.cached_property
    def leaks_page(self) -> bytes | None:
        """A PNG of images that are in two parts; ``None`` where none are."""
        from locexp.plots.pictures import leaks_page

        return leaks_page(self.dataset.leaks) if self.dataset.leaks else None

    @property
    def canvas(self) -> tuple[int, int]:
        """(width, height) of the scenes in pixels."""
        height, width = self.scenes["train"].images.shape[1:3]
        return int(width), int(height)

    @property
    def channels(self) -> int:
        """1 for grey scenes, 3 for colour."""
        return channels_of(self.scenes["train"].images)


@cached(LRUCache(1), key=lambda cfg: OmegaConf.to_yaml(OmegaConf.masked_copy(cfg, ["data", "bbox"])))
def load_training_data(cfg: DictConfig) -> TrainingData:
    """Load the data and make its scenes; imports no TensorFlow. The last are kept, for the jobs of a sweep.

    Raises:
        UserError: the data cannot be loaded, or the boxes do not fit it.
    """
    dataset = load_dataset(cfg.data)
    strategy = strategy_of(instantiate(cfg.bbox, "bbox", skip=("scene_seed",)))
    seed = int(cfg.bbox.get("scene_seed", 0))
    parts = ("train", "test") if dataset.validation_is_test else ("train", "validation", "test")
    with naming(cfg.data.path):
        scenes = {}
        errors = []
        for part in parts:
            given: Split = getattr(dataset, part)
            try:
                scenes[part] = compose(strategy, given.images, given.annotations, split=part, scene_seed=seed)
            except ImagesError as error:
                errors.append(_located(error, given))
        if errors:
            raise UserError(" ".join(errors))
    scenes.setdefault("validation", scenes["test"])
    boxes = scenes["train"].unaugmented_boxes
    return TrainingData(
        dataset=dataset,
        scenes=scenes,
        scenes_digest=sha256(*(array for part in parts for array in (scenes[part].images, scenes[part].boxes))),
        constant_targets=bool(np.ptp(boxes, axis=0).max() == 0),
        baselines=baselines(boxes, scenes["test"].boxes),
        validation_baseline=baselines(boxes, scenes["validation"].boxes)["mean_iou"],
        facts=describe(scenes)
        | {"scenes/floor_accuracy": majority_accuracy(dataset.train.labels, dataset.test.labels)},
        fresh=fresh_scenes(strategy, dataset.train.images, seed, scenes["train"], dataset.train.annotations),
        notes=(*dataset.notes, *_notes(strategy, dataset.train, boxes), *_unused(strategy, dataset.train)),
        in_place=frozenset(part for part in scenes if _is_in_place(strategy, part, dataset, scenes[part])),
    )


@cached({}, key=lambda cfg: OmegaConf.to_yaml(OmegaConf.masked_copy(cfg, ["data", "bbox"])))
def digests_of(cfg: DictConfig) -> dict[str, str]:
    """Return what tells the data and the scenes of a configuration from others; raises what their loading raises."""
    data = load_training_data(cfg)
    return {"images": data.dataset.digest, "boxes": data.scenes_digest}


def _is_in_place(strategy: Strategy, part: str, dataset: Dataset, scenes: Scenes) -> bool:
    """Return whether scenes show each thing where it is in the images; noise moves nothing."""
    images: np.ndarray = getattr(dataset, part).images
    if np.array_equal(scenes.images, images):
        return True
    if not isinstance(strategy, Generated) or strategy.noise is None:
        return False
    return strategy.canvas is None and not strategy.is_warped(part)


def _unused(strategy: Strategy, part: Split) -> list[str]:
    """Return whether boxes came with the data that the strategy does not take."""
    return [UNUSED] if part.annotations is not None and not takes(strategy, "annotations") else []


def _located(error: ImagesError, split: Split) -> str:
    """Return an error about images of a part in terms of the user's files, or of the array."""
    files = None if split.annotations is None else split.annotations.files
    names = (split.indices if files is None else files)[error.indices].tolist()
    most = names[:MOST_NUMBERS]
    more = f" and {len(names) - len(most)} more" if len(names) > len(most) else ""
    where = f"counted from 0 in {split.name}: " if files is None else ""
    return error.text.format(which=f"{where}{listed(most)}{more}")


def _notes(strategy: Strategy, part: Split, boxes: np.ndarray) -> list[str]:
    """Return what is wrong with the boxes to train on: of ink where the ground is not black, or all the same."""
    same = bool(np.ptp(boxes, axis=0).max() == 0)
    trivial = (
        "Every image has the same box, so localization is trivial here: a constant answer has mean IoU 1, and no "
        "weights can be compared."
    )
    if not isinstance(strategy, Tight | Scatter):
        remedy = (
            "Use bbox=tight for boxes that differ." if part.annotations is None else "Give data whose boxes differ."
        )
        return [f"{trivial} {remedy}"] if same else []
    drawn = isinstance(strategy, Scatter)  # what is above 0 is cut out there; the threshold is for what is drawn
    level, threshold = ground(part.images), 0 if drawn else strategy.threshold
    whole = float(np.mean((boxes == np.array([0, 0, 1, 1])).all(axis=1)))
    if level > threshold or whole >= MOST_WHOLE:
        found = f"The middle grey level at the images' borders is {level} of 255, but all above {threshold} is ink."
        if not drawn:
            found += f" So {whole:.0%} of the boxes to train on are the whole image."
        if level >= 128:
            found += " If the ink is dark on a bright ground, save 255 - images."
        elif drawn:
            found += f" Save np.where(images > {level}, images, 0)."
        else:
            found += f" Raise bbox.threshold{f' to {level} or more' if level > threshold else ''}."
        return [found, trivial] if same else [found]
    return [f"{trivial} Use bbox=scatter, which moves what is in the images."] if same else []

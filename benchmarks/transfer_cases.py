"""The cases of ``benchmarks/transfer.py``: what is learned, by which network, with which box loss, for how long.

A *world* is a data set, a kind of scene and a network: what changes when somebody begins something new. All cases of a
world are left out together when the report asks what the others would have said about it. The cheapest and most
different cases come first, so that a study that is stopped early says something, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FAMILIES = {
    "mse": "squared",
    "mae": "absolute",
    "smooth_l1": "absolute",
    "iou": "overlap",
    "giou": "overlap",
    "ciou": "overlap",
}
"""Box losses whose values are of one scale, so that a rule of thumb can be one number."""
AXES = {"squared": (0.1, 1e4), "absolute": (0.01, 1e3), "overlap": (0.01, 1e3)}
"""The lowest and highest ratio of bbox_weight to classification_weight."""

DIGITS = ("data=mnist_5k",)
# Its validation part is 6,000 images otherwise, whatever the limit, and most of the time would go into looking at them.
FASHION = ("data=file", "data.path={fashion}", "data.validation=0.02")
SMALL = ("data.size=[48,48]",)
WORLDS: dict[str, tuple[str, ...]] = {
    "digits, tight, cnn": DIGITS,
    "digits, tight, cnn_small": (*DIGITS, "model=cnn_small"),
    "digits, tight, resnet": (*DIGITS, "model=resnet"),
    "digits, tight, coordconv": (*DIGITS, "model=coordconv"),
    "digits, tight, fcn_distribution": (*DIGITS, "model=fcn_distribution"),
    "digits, jitter, cnn": (*DIGITS, "bbox=jitter", "bbox.pixels=2"),
    "digits, noise, cnn": (*DIGITS, "bbox.noise=gaussian", "bbox.noise_level=0.3"),
    "digits, scatter, cnn": (*DIGITS, "bbox=scatter", "bbox.canvas=[40,40]", "bbox.scale=[0.8,1.2]"),
    "digits, clutter, cnn": (*DIGITS, "bbox=clutter", "bbox.canvas=[40,40]"),
    "fashion, tight, cnn": FASHION,
    "fashion, tight, resnet": (*FASHION, "model=resnet"),
    "boards, photos, cnn": ("data=coco", "data.path={photos}/iot_boards_coco", *SMALL),
    "boards, photos, attention": ("data=coco", "data.path={photos}/iot_boards_coco", *SMALL, "model=attention"),
    "hands, photos, cnn": (
        "data=yolo",
        "data.path={photos}/asl_letters_yolo",
        "data.test_parts=[validation,test]",
        *SMALL,
    ),
    "signs, photos, cnn": (
        "data=table",
        "data.path={photos}/gtsrb",
        'data.group="(\\d{{5}}/\\d{{5}})_"',
        "data.size=[32,32]",
    ),
    "vegetables, photos, cnn": ("data=voc", "data.path={photos}/veg_localization", *SMALL),
}
"""What makes a world; ``{fashion}`` and ``{photos}`` stand for folders."""


@dataclass(frozen=True)
class Case:
    """A race.

    Attributes:
        world: a key of ``WORLDS``.
        loss: the box loss.
        limit: how many images to train on; ``None`` for all that there are.
        epochs: of a whole training.
        more: further overrides.
        note: of what they are, for the name.
        coarse: whether it takes long, so that fewer ratios have to do: in steps of .42 decades in place of .21.
    """

    world: str
    loss: str
    limit: int | None
    epochs: int
    more: tuple[str, ...] = ()
    note: str = ""
    coarse: bool = False

    @property
    def name(self) -> str:
        """What tells it from all others."""
        size = "all" if self.limit is None else str(self.limit)
        return f"{self.world}: {self.loss}, {size} x {self.epochs}{self.note and f', {self.note}'}"

    @property
    def points(self) -> int:
        """How many ratios begin."""
        return 13 if self.coarse else 25

    @property
    def keep(self) -> int:
        """How many are trained to the end on two seeds."""
        return 6 if self.coarse else 10

    @property
    def family(self) -> str:
        """Of its loss."""
        return FAMILIES[self.loss]

    @property
    def needs_photos(self) -> bool:
        """Whether it needs the folder of photos."""
        return any("{photos}" in override for override in WORLDS[self.world])

    def overrides(self) -> list[str]:
        """Return those of a single training, with ``{fashion}`` and ``{photos}`` in them."""
        limit = [] if self.limit is None else [f"data.limit={self.limit}"]
        made = [*WORLDS[self.world], *limit, f"trainer.epochs={self.epochs}", f"loss.bbox_loss={self.loss}"]
        return [*made, *self.more]

    def sweep(self) -> list[str]:
        """Return what makes a race of the training: without its confirmation, but with many that reach the end."""
        low, high = AXES[self.family]
        return [
            "sweep=race",
            f"sweep.low={low:g}",
            f"sweep.high={high:g}",
            f"sweep.points={self.points}",
            f"sweep.keep=[{self.keep}]",
            "sweep.finalist_seeds=2",
            "sweep.confirm=0",
        ]


def placed(overrides: list[str], folders: Mapping[str, str]) -> list[str]:
    """Return overrides with the folders in their places."""
    return [override.format(**folders) for override in overrides]


CASES = (
    Case("digits, tight, cnn", "mse", 1000, 5),
    Case("fashion, tight, cnn", "mse", 1000, 5),
    Case("digits, tight, cnn", "giou", 1000, 5),
    Case("signs, photos, cnn", "mse", None, 10),
    Case("digits, tight, cnn_small", "mse", 1000, 10),
    Case("fashion, tight, cnn", "giou", 1000, 5, coarse=True),
    Case("digits, jitter, cnn", "mse", 4000, 2, coarse=True),
    Case("boards, photos, cnn", "mse", None, 10, coarse=True),
    Case("digits, tight, cnn", "smooth_l1", 1000, 5, coarse=True),
    Case("digits, tight, resnet", "mse", 1000, 5, coarse=True),
    Case("digits, tight, cnn", "mse", 4000, 5),
    Case("fashion, tight, cnn", "mae", 1000, 5, coarse=True),
    Case("digits, noise, cnn", "mse", 4000, 2, coarse=True),
    Case("digits, tight, cnn", "giou", 4000, 5),
    Case("digits, scatter, cnn", "mse", 4000, 5, coarse=True),
    Case("signs, photos, cnn", "ciou", None, 10, coarse=True),
    Case("digits, tight, cnn_small", "smooth_l1", 4000, 2, coarse=True),
    Case("digits, tight, resnet", "giou", 1000, 5, coarse=True),
    Case("fashion, tight, cnn", "mse", 54000, 2, coarse=True),
    Case("digits, jitter, cnn", "ciou", 4000, 2, coarse=True),
    Case("digits, tight, cnn", "mse", 500, 10, coarse=True),
    Case("boards, photos, cnn", "giou", None, 10, coarse=True),
    Case("hands, photos, cnn", "mse", None, 10, coarse=True),
    Case("digits, tight, cnn", "mae", 4000, 2, coarse=True),
    Case("fashion, tight, resnet", "mse", 1000, 5, coarse=True),
    Case("digits, clutter, cnn", "smooth_l1", 4000, 5, coarse=True),
    Case("digits, tight, coordconv", "mse", 1000, 5, coarse=True),
    Case("fashion, tight, cnn", "giou", 20000, 2, coarse=True),
    Case("digits, noise, cnn", "giou", 4000, 2, coarse=True),
    Case("digits, tight, cnn", "mse", 4000, 10),
    Case("digits, tight, fcn_distribution", "smooth_l1", 1000, 5, coarse=True),
    Case("fashion, tight, cnn", "mse", 500, 10, coarse=True),
    Case("digits, tight, cnn", "giou", 500, 10, coarse=True),
    Case("digits, scatter, cnn", "iou", 4000, 5, coarse=True),
    Case("fashion, tight, cnn", "mse", 5000, 2, ("trainer=fast",), "fast", coarse=True),
    Case("hands, photos, cnn", "giou", None, 10, coarse=True),
    Case("digits, tight, resnet", "mse", 4000, 5, coarse=True),
    Case("digits, tight, cnn", "mse", 4000, 2, coarse=True),
    Case("boards, photos, attention", "mse", None, 10, coarse=True),
    Case("fashion, tight, resnet", "giou", 1000, 5, coarse=True),
    Case("fashion, tight, cnn", "smooth_l1", 54000, 2, coarse=True),
    Case("vegetables, photos, cnn", "mse", None, 20, coarse=True),
)

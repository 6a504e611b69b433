"""What the networks of a comparison predict for test images: for each setting its first seed's, for a page to show."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from locexp.analysis.comparison import SweepComparison
from locexp.analysis.results import ReadFile
from locexp.analysis.sentences import shortened
from locexp.errors import counted
from locexp.evaluation.metrics import sign_of
from locexp.plots.samples import IMAGES, TABLE, Samples, parse_samples

MAX_GALLERIES = 24
"""A page with more galleries than this would take long to open."""
TILE_BYTES = 500
"""About what a page needs for the boxes of an image and the words below it, without names."""


@dataclass(frozen=True)
class Gallery:
    """The gallery of a setting.

    Attributes:
        setting: its index.
        label: the setting and the seed.
        image_set: which of the image sets the samples are of; ``None`` where the run has only a picture.
        samples: the images and the predictions for them; ``None`` where the run has only a picture.
        picture: a PNG of images and boxes, of a run that keeps no samples; else empty.
    """

    setting: int
    label: str
    image_set: int | None
    samples: Samples | None
    picture: bytes = b""


@dataclass
class Galleries:
    """The galleries of a comparison, the best setting on validation first.

    Attributes:
        shown: at most :data:`MAX_GALLERIES`.
        image_sets: the images of the galleries: settings of one data set share one.
        missing: in words, which galleries are left out.
    """

    shown: list[Gallery] = field(default_factory=list)
    image_sets: list[Samples] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def read_galleries(comparison: SweepComparison, read: ReadFile, *, room: int) -> Galleries:
    """Return the gallery of each setting's first seed, as many as a page can hold, and what is left out.

    Args:
        comparison: of what.
        read: returns a file of a run.
        room: how many bytes of the page they may take.
    """
    finished = [index for index, setting in enumerate(comparison.settings) if setting.runs]
    sign, settings = sign_of(comparison.metric), comparison.settings
    ordered = sorted(finished, key=lambda index: -sign * settings[index].validation[comparison.metric].mean)
    made = Galleries()
    known: dict[str, int] = {}
    absent, left_out = [], 0
    for index in ordered:
        if left_out or len(made.shown) == MAX_GALLERIES:
            left_out += 1
            continue
        seed, run = min(settings[index].runs.items())
        samples = parse_samples(read(run, f"pictures/{IMAGES}"), read(run, f"pictures/{TABLE}"))
        picture = b"" if samples is not None else read(run, "pictures/gallery_random.png")
        if picture is None:
            absent.append(settings[index].label)
            continue
        digest = "" if samples is None else hashlib.sha256(samples.images).hexdigest()
        size = _size(picture, samples, is_known=digest in known)
        if size > room:
            left_out += 1
            continue
        room -= size
        if samples is not None and digest not in known:
            known[digest] = len(made.image_sets)
            made.image_sets.append(samples)
        made.shown.append(Gallery(index, f"{settings[index].label}, seed {seed}", known.get(digest), samples, picture))
    if absent:
        made.missing.append(f"There is no gallery of: {shortened(absent)}.")
    if left_out:
        shown = f"Galleries are shown for the {counted(len(made.shown), 'setting')} best on validation"
        made.missing.append(f"{shown}; those of the other {left_out} are with their runs.")
    return made


def _size(picture: bytes, samples: Samples | None, *, is_known: bool) -> int:
    """Return about how many bytes a gallery takes on a page, where pictures are in base64."""
    if samples is None:
        return TILE_BYTES + len(picture) * 4 // 3
    names = sum(len(f"{one.label}{one.predicted}{one.file}".encode()) for one in samples.predictions)
    return names + TILE_BYTES * len(samples.predictions) + (0 if is_known else len(samples.images) * 4 // 3)

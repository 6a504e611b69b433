"""``data=mnist_5k``: the bundled 5,000 real digits; no network needed."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import doc

from locexp.bounds import checked
from locexp.data.arrays import RawData
from locexp.data.bundled import bundled_digits


@checked("data")
def load(
    source: Annotated[Literal["auto", "bundled"], doc("auto or bundled (data=mnist_5k is bundled)")] = "auto",
    path: Annotated[Literal[None], doc("null (data=mnist_5k reads no path; file, voc, coco, yolo, table do)")] = None,
    notes: tuple[str, ...] = (),
) -> RawData:
    """Load the bundled digits; they have no official test split.

    Raises:
        UserError: another source than ``auto`` or ``bundled``, or a path.
    """
    images, labels = bundled_digits()
    return RawData("mnist_5k", "bundled", images, labels, notes=notes)

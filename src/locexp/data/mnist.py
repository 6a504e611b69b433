"""``data=mnist``: 60,000 + 10,000 handwritten digits, or the bundled 5,000 where there is no network."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from annotated_types import doc

from locexp.bounds import checked
from locexp.data import mnist_5k
from locexp.data.arrays import RawData
from locexp.data.npz import read_npz
from locexp.data.sources import OfflineError, RemoteFile, locate

FILES = (
    RemoteFile(
        "mnist.npz",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
        "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    ),
)


@checked("data")
def load(
    source: Literal["auto", "cache", "download", "bundled"] = "auto",
    path: Annotated[Literal[None], doc("null (data=mnist reads no path; file, voc, coco, yolo, table do)")] = None,
) -> RawData:
    """Load MNIST from ``source`` (auto, cache, download or bundled).

    Raises:
        UserError: the source that was asked for does not have it.
    """
    if source == "bundled":
        return mnist_5k.load()
    try:
        found, paths = locate(FILES, source, "mnist")
    except OfflineError as error:
        note = (
            f"MNIST is neither cached nor reachable ({error}): using the bundled 5,000 digits instead of 70,000. "
            "Metrics will be lower; data=mnist_5k asks for these digits on purpose."
        )
        return mnist_5k.load(notes=(note,))
    return replace(read_npz(paths[0], "data (the Keras cache)"), source=found)

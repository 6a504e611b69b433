"""``data=fashion_mnist``: 60,000 + 10,000 pictures of clothes (Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from annotated_types import doc

from locexp.bounds import checked
from locexp.data.arrays import RawData
from locexp.data.folder import read_folder
from locexp.data.sources import OfflineError, RemoteFile, keras_cache, locate
from locexp.errors import UserError

_BASE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
FILES = tuple(
    RemoteFile(f"fashion-mnist/{name}", _BASE + name, sha256, size)
    for name, size, sha256 in (
        ("train-images-idx3-ubyte.gz", 26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        ("train-labels-idx1-ubyte.gz", 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        ("t10k-images-idx3-ubyte.gz", 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        ("t10k-labels-idx1-ubyte.gz", 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    )
)
"""The files of the data set's own repository, whose README publishes their md5 (8d4fb7e6…, 25c81989…, bef4ecab…,
bb300cfd…)."""


@checked("data")
def load(
    source: Literal["auto", "cache", "download"] = "auto",
    path: Annotated[
        Literal[None], doc("null (data=fashion_mnist reads no path; file, voc, coco, yolo, table do)")
    ] = None,
) -> RawData:
    """Load Fashion-MNIST from the Keras cache or the network.

    Raises:
        UserError: neither has it, or ``source=bundled`` (nothing is bundled).
    """
    try:
        found, _ = locate(FILES, source, "fashion_mnist")
    except OfflineError as error:
        raise UserError(
            f"data=fashion_mnist: neither cached nor reachable ({error}). Use data=mnist_5k, or data=file with a "
            "folder of its IDX files."
        ) from error
    raw = read_folder(keras_cache() / "fashion-mnist", "data (the Keras cache)")
    return replace(raw, name="fashion_mnist", source=found)

"""``data=fashion_mnist``: 60,000 + 10,000 pictures of clothes (Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747)."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import doc

from locexp.bounds import checked
from locexp.data.arrays import RawData
from locexp.data.files import read_idx_folder
from locexp.data.sources import OfflineError, RemoteFile, keras_cache, locate
from locexp.errors import UserError

_BASE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
FILES = tuple(
    RemoteFile(f"fashion-mnist/{name}", _BASE + name, size=size)
    for name, size in (
        ("train-images-idx3-ubyte.gz", 26_421_880),
        ("train-labels-idx1-ubyte.gz", 29_515),
        ("t10k-images-idx3-ubyte.gz", 4_422_102),
        ("t10k-labels-idx1-ubyte.gz", 5_148),
    )
)


@checked("data")
def load(
    source: Literal["auto", "cache", "download"] = "auto",
    path: Annotated[Literal[None], doc("null (data=fashion_mnist reads no path; data=file does)")] = None,
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
    return RawData("fashion_mnist", found, *read_idx_folder(keras_cache() / "fashion-mnist", "data (the Keras cache)"))

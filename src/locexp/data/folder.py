"""Reading a folder with one file for each array: IDX, ``.npy`` and ``.npz``, or one CSV file for each part."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from locexp.data.arrays import RawData
from locexp.data.csv_table import read_csv
from locexp.data.files import named, read_npy, reading
from locexp.data.idx import read_idx
from locexp.data.roles import BESIDE, Role, by_role, role_of
from locexp.errors import UserError, listed

FORMAT_WORDS = {"idx", "idx1", "idx2", "idx3", "ubyte", "int", "npy", "npz", "csv"}
FORMATS = re.compile(r"idx|ubyte|\.np[yz]$|\.csv$")
COMPRESSED = re.compile(r"\.(gz|bz2|xz)$")
EXPECTED = "{train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz], {x,y}_{train,test}.npy, or {train,test}.csv[.gz]"


def read_folder(folder: Path, key: str = "data.path") -> RawData:
    """Read images and labels to train on and, where they are there, those to validate and to test on.

    The names of the files say which is which, as those of MNIST and of its relatives do.

    Raises:
        UserError: a file is missing or cannot be read, or there are several data sets.
    """
    with reading(folder, key), os.scandir(folder) as entries:
        files = sorted(entry.name for entry in entries if entry.is_file() and not entry.name.startswith("."))
    where = f"{key}={folder}"
    prefix, found, others = _one_set(folder, files, where)
    notes = [f"{folder.name}: not used: the files of {listed(others)}."] if others else []
    parts, names = {}, {}
    for part, pair in found.items():
        if COMPRESSED.sub("", pair.get("images", "").lower()).endswith(".csv"):
            table = read_csv(folder / pair["images"], key)
            notes += table.notes
            if table.labels is not None:
                parts[part], names[part] = (table.images, table.labels), (pair["images"], pair["images"])
            elif part == "train":
                raise UserError(f"{where}: {pair['images']} has no column label.")
            else:
                notes.append(f"{pair['images']}: not used: it has no labels.")
            continue
        for kind, other in (("images", "labels"), ("labels", "images")):
            if kind not in pair:
                raise UserError(f"{where}: has no {_partner(pair[other], kind)} beside {pair[other]}.")
        names[part] = (pair["images"], pair["labels"])
        images, labels = (_read(folder / name, key) for name in names[part])
        if "qmnist" in prefix and labels.ndim == 2:
            notes.append(f"{pair['labels']}: the first of its {labels.shape[1]} columns is the class, as in QMNIST.")
            labels = labels[:, 0]
        parts[part] = images, labels
    return RawData.of_parts(folder.name, parts, names, notes)


def _one_set(folder: Path, files: Sequence[str], where: str) -> tuple[str, dict[str, dict[str, str]], list[str]]:
    """Return the name of the data set, empty where files do not say; its files by part and kind; and other sets."""
    unpacked: dict[str, str] = {}
    for name in files:  # a file comes before the same one with .gz
        unpacked.setdefault(COMPRESSED.sub("", name.lower()), name)
    sets: dict[str, list[tuple[str, Role]]] = {}
    for base, name in unpacked.items():
        role = role_of(base)
        if role is None or role.kind in BESIDE or not FORMATS.search(base):
            continue
        if bool(role.kind) != base.endswith(".csv"):
            prefix = " ".join(word for word in role.others if word not in FORMAT_WORDS)
            sets.setdefault(prefix, []).append((name, role))
    complete = {prefix: found for prefix, roles in sets.items() if "train" in (found := by_role(roles))}
    if not complete:
        held = [*files, *sorted(f"{path.name}/" for path in folder.glob("[!.]*/"))]
        below = next((path.parent for path in sorted((*folder.glob("*/*train*"), *folder.glob("*/*/*train*")))), None)
        remedy = "" if below is None else f" Did you mean data.path={below}?"
        raise UserError(
            f"{where}: has no train-images-idx3-ubyte[.gz]; it holds {named(held)}; expected {EXPECTED}.{remedy}"
        )
    if len(complete) > 1 and "" not in complete:
        raise UserError(
            f"{where}: holds several data sets: {listed(complete)}; expected one: give a folder with its files alone."
        )
    prefix = "" if "" in complete else next(iter(complete))
    return prefix, complete[prefix], [name for name in complete if name != prefix]


def _partner(name: str, kind: str) -> str:
    """Return how the file of labels is called beside one of images, or the other way round, as far as it is known."""
    formats = ("idx3-ubyte", "idx2-int") if "qmnist" in name else ("idx3", "idx1")
    swaps = (("images", "labels"), ("imgs", "labels"), formats, ("x_", "y_"))
    base = COMPRESSED.sub("", name)
    for swap in swaps:
        old, new = swap if kind == "labels" else swap[::-1]
        base = base.replace(old, new)
    return f"{base}[.gz]" if base != COMPRESSED.sub("", name) else kind


def _read(path: Path, key: str) -> np.ndarray:
    array = COMPRESSED.sub("", path.name.lower()).endswith((".npy", ".npz"))
    return read_npy(path, key) if array else read_idx(path, key)

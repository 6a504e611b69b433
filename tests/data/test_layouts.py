"""The same images and labels in the layouts of others: read alike, or refused with a remedy."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locexp.data.arrays import RawData
from locexp.data.file import load
from locexp.errors import UserError
from tests.data.layouts import IMAGES, LABELS, TEST, TRAIN, csv, idx, label_last, npy, npz, write, zipped

PAIRS = {
    "keras": ("x_train", "y_train", "x_test", "y_test"),
    "capitals": ("X_train", "Y_train", "X_test", "Y_test"),
    "part first": ("train_x", "train_y", "test_x", "test_y"),
    "joined": ("trainX", "trainY", "testX", "testY"),
    "medmnist without validation": ("train_images", "train_labels", "test_images", "test_labels"),
    "data and target": ("train_data", "train_target", "test_data", "test_target"),
    "notMNIST": ("train_dataset", "train_labels", "test_dataset", "test_labels"),
    "part last": ("images_training", "labels_training", "images_testing", "labels_testing"),
}


def check(raw: RawData, *, tests: bool = True) -> None:
    train = TRAIN if tests else (IMAGES, LABELS)
    for got, expected in zip(raw.parts["train"], train, strict=True):
        np.testing.assert_array_equal(got, expected)
    assert ("test" in raw.parts) is tests
    if tests:
        for got, expected in zip(raw.parts["test"], TEST, strict=True):
            np.testing.assert_array_equal(got, expected)
    assert raw.train_images.dtype == np.uint8
    assert raw.train_labels.dtype == np.int64


@pytest.mark.parametrize("names", PAIRS.values(), ids=PAIRS)
def test_names_of_four_arrays(tmp_path: Path, names: tuple[str, ...]) -> None:
    arrays = {name: np.asarray(array) for name, array in zip(names, (*TRAIN, *TEST), strict=True)}
    (tmp_path / "a.npz").write_bytes(npz(**arrays))
    raw = load(path=str(tmp_path / "a.npz"))
    check(raw)
    told = " ".join(raw.notes)
    assert told == "" if names[0] == "x_train" else all(name in told for name in names)


@pytest.mark.parametrize(
    "names", [("x", "y"), ("X", "y"), ("images", "labels"), ("data", "target"), ("image", "class"), ("imgs", "targets")]
)
def test_names_of_two_arrays(tmp_path: Path, names: tuple[str, str]) -> None:
    (tmp_path / "a.npz").write_bytes(npz(**{names[0]: IMAGES, names[1]: LABELS}))
    raw = load(path=str(tmp_path / "a.npz"))
    check(raw, tests=False)
    assert f"{names[0]}, {names[1]} to train on" in raw.notes[0]


@pytest.mark.parametrize(
    "arrays", [(*TRAIN, *TEST), (TRAIN[0], TEST[0], TRAIN[1], TEST[1]), (*TRAIN[::-1], *TEST[::-1])]
)
def test_arrays_without_names_are_told_apart_by_their_shapes(tmp_path: Path, arrays: tuple[np.ndarray, ...]) -> None:
    (tmp_path / "a.npz").write_bytes(npz(*arrays))
    check(load(path=str(tmp_path / "a.npz")))


def test_medmnist_has_its_own_validation_part(tmp_path: Path) -> None:
    arrays = {
        "train_images": TRAIN[0][10:],
        "val_images": TRAIN[0][:10],
        "test_images": TEST[0],
        "train_labels": TRAIN[1][10:, None],
        "val_labels": TRAIN[1][:10, None],
        "test_labels": TEST[1][:, None],
    }
    (tmp_path / "pneumoniamnist.npz").write_bytes(npz(**arrays))
    raw = load(path=str(tmp_path / "pneumoniamnist.npz"))
    np.testing.assert_array_equal(raw.validation_images, TRAIN[0][:10])
    np.testing.assert_array_equal(raw.validation_labels, TRAIN[1][:10])
    assert len(raw.train_labels) == len(TRAIN[1]) - 10


def test_what_is_not_used_is_said_and_never_loaded(tmp_path: Path) -> None:
    boxes, objects = np.zeros((4, 4)), np.array([{}], dtype=object)
    np.savez(tmp_path / "a.npz", x_train=IMAGES, y_train=LABELS, anchor_box=boxes, meta=objects)
    raw = load(path=str(tmp_path / "a.npz"))
    check(raw, tests=False)
    assert raw.notes == (
        "a.npz: not used: anchor_box, meta. Boxes are read where they are called boxes_train, boxes_validation, "
        "boxes_test.",
    )
    # scikit-learn's digits hold the same images twice
    np.savez(tmp_path / "b.npz", data=IMAGES.reshape(len(IMAGES), -1), target=LABELS, images=IMAGES)
    raw = load(path=str(tmp_path / "b.npz"))
    check(raw, tests=False)
    assert "b.npz: not used: data." in raw.notes


IDX = {
    "{}-images-idx3-ubyte": "{}-labels-idx1-ubyte",
    "{}-images.idx3-ubyte": "{}-labels.idx1-ubyte",
    "emnist-letters-{}-images-idx3-ubyte": "emnist-letters-{}-labels-idx1-ubyte",
    "kmnist-{}-images-idx3-ubyte": "kmnist-{}-labels-idx1-ubyte",
    "{}_images.idx": "{}_labels.idx",
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("names", IDX.items(), ids=IDX)
def test_idx_folders(tmp_path: Path, names: tuple[str, str], ending: str, pack: Any) -> None:
    """The names of the data sets; compressed or not, whatever the name ends in."""
    files: dict[str, bytes] = {}
    for part, arrays in (("train", TRAIN), ("test" if "emnist" in names[0] else "t10k", TEST)):
        files |= {name.format(part) + ending: pack(idx(array)) for name, array in zip(names, arrays, strict=True)}
    raw = load(
        path=str(write(tmp_path / "mine", {**files, "emnist-letters-mapping.txt": b"1 65 97", "README.md": b""}))
    )
    check(raw)
    assert ("transposed" in " ".join(raw.notes)) is ("emnist-letters" in names[0])


@pytest.mark.parametrize(("code", "dtype"), [(0x08, ">u1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")])
def test_idx_types(tmp_path: Path, code: int, dtype: str) -> None:
    files = {"train-images-idx3-ubyte": idx(IMAGES, code, dtype), "train-labels-idx1-ubyte": idx(LABELS, 0x09, ">i1")}
    check(load(path=str(write(tmp_path / "mine", files))), tests=False)


def test_qmnist_has_the_class_in_the_first_of_eight_columns(tmp_path: Path) -> None:
    labels = np.full((len(LABELS), 8), 70_000)
    labels[:, 0] = LABELS
    files = {
        "qmnist-train-images-idx3-ubyte.gz": gzip.compress(idx(IMAGES)),
        "qmnist-train-labels-idx2-int.gz": gzip.compress(idx(labels, 0x0C, ">i4")),
    }
    raw = load(path=str(write(tmp_path / "mine", files)))
    check(raw, tests=False)
    assert "first of its 8 columns" in raw.notes[0]


@pytest.mark.parametrize(
    "names", [("{}-imgs.npz", "{}-labels.npz"), ("k49-{}-imgs.npz", "k49-{}-labels.npz"), ("x_{}.npy", "y_{}.npy")]
)
def test_folders_of_arrays(tmp_path: Path, names: tuple[str, str]) -> None:
    files: dict[str, bytes] = {}
    for part, arrays in (("train", TRAIN), ("test", TEST)):
        for name, array in zip(names, arrays, strict=True):
            files[name.format(part)] = npz(array) if name.endswith("npz") else npy(array)
    check(load(path=str(write(tmp_path / "mine", files))))


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("prefix", ["", "mnist_", "fashion-mnist_"])
def test_csv_folders(tmp_path: Path, prefix: str, header: bool) -> None:
    files = {f"{prefix}train.csv": csv(*TRAIN, header), f"{prefix}test.csv.gz": gzip.compress(csv(*TEST, header))}
    raw = load(path=str(write(tmp_path / "mine", files)))
    check(raw)
    assert ("the first is read as the label" in " ".join(raw.notes)) is not header


@pytest.mark.parametrize("name", ["a.csv.gz", "a.txt", "a.txt.bz2", "packed.csv"])
def test_a_csv_file_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    packs: dict[str, Any] = {"a.txt": bytes, "a.txt.bz2": bz2.compress}
    pack = packs.get(name, gzip.compress)
    (tmp_path / name).write_bytes(pack(csv(IMAGES, LABELS)))
    check(load(path=str(tmp_path / name)), tests=False)


def test_kaggles_digit_recognizer_has_no_labels_to_test_on(tmp_path: Path) -> None:
    files = {
        "train.csv": b"\xef\xbb\xbf" + csv(IMAGES, LABELS).replace(b"\n", b"\r\n"),
        "test.csv": csv(TEST[0], None),
        "sample_submission.csv": b"ImageId,Label\n1,0\n",
    }
    folder = write(tmp_path / "mine", files)
    raw = load(path=str(folder))
    check(raw, tests=False)
    assert "test.csv: not used: it has no labels." in raw.notes
    check(load(path=str(folder / "train.csv")), tests=False)
    with pytest.raises(UserError, match="has no column label"):
        load(path=str(folder / "test.csv"))
    with pytest.raises(UserError, match=r"has the columns ImageId, Label; expected one label and pixels"):
        load(path=str(folder / "sample_submission.csv"))


def test_csv_columns_in_another_place(tmp_path: Path) -> None:
    head, *rows = csv(IMAGES, LABELS).decode().splitlines()
    lines = [
        ",".join([*line.split(",")[1:], place, line.split(",")[0]])
        for place, line in zip(["id", *map(str, range(60))], [head.replace("label", '"class"'), *rows], strict=True)
    ]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    raw = load(path=str(tmp_path / "a.csv"))
    check(raw, tests=False)
    assert "a.csv: not used: id." in raw.notes


def test_the_files_without_a_prefix_come_first_and_what_else_lies_there_is_said(tmp_path: Path) -> None:
    """Kaggle's Fashion-MNIST holds both; a Mac leaves files that begin with a dot."""
    folder = write(
        tmp_path / "mine",
        {
            "train-images-idx3-ubyte": idx(IMAGES),
            "train-images-idx3-ubyte.gz": b"half a download",
            "train-labels-idx1-ubyte": idx(LABELS),
            "._train-images-idx3-ubyte": b"of a Mac",
            "train.csv": b"something else",
            "fashion-mnist_train.csv": csv(*TEST),
        },
    )
    raw = load(path=str(folder))
    check(raw, tests=False)
    assert raw.notes == ("mine: not used: the files of fashion mnist.",)


FOLDERS: dict[str, tuple[dict[str, bytes], str]] = {
    "nothing": ({}, r"has no train-images-idx3-ubyte\[.gz\]; it holds nothing; expected"),
    "torchvision": (
        {"MNIST/raw/train-images-idx3-ubyte": idx(IMAGES)},
        r"it holds MNIST/; expected .* Did you mean data.path=.*/mine/MNIST/raw\?",
    ),
    "class folders": ({f"{n}/a.png": b"" for n in range(3)}, "it holds 0/, 1/, 2/; expected"),
    "pictures": ({f"{n}.png": b"" for n in range(12)}, r"it holds 0.png, .* and 3 more; expected"),
    "no labels": ({"train-images-idx3-ubyte": idx(IMAGES)}, "has no train-labels-idx1-ubyte.* beside train-images"),
    "no QMNIST labels": ({"qmnist-train-images-idx3-ubyte": idx(IMAGES)}, "has no qmnist-train-labels-idx2-int"),
    "no images": ({"y_train.npy": npy(LABELS)}, r"has no x_train.npy"),
    "several sets": (
        {
            f"emnist-{name}-train-{kind}-ubyte": idx(array)
            for name in ("digits", "letters")
            for kind, array in (("images-idx3", IMAGES), ("labels-idx1", LABELS))
        },
        "holds several data sets: emnist digits, emnist letters; expected one",
    ),
    "several arrays": (
        {"x_train.npz": npz(a=IMAGES, b=IMAGES), "y_train.npy": npy(LABELS)},
        "holds a, b; expected one array",
    ),
    "not IDX": (
        {"train-images-idx3-ubyte": b"half", "train-labels-idx1-ubyte": idx(LABELS)},
        "begins with 68 61 6c 66",
    ),
}


@pytest.mark.parametrize(("files", "message"), FOLDERS.values(), ids=FOLDERS)
def test_folders_that_are_refused(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(path=str(write(tmp_path / "mine", files)))


FILES: dict[str, tuple[bytes, str]] = {
    "a.npy": (npy(IMAGES), "one array: give the folder"),
    "train-images-idx3-ubyte": (idx(IMAGES), "one IDX file: give the folder"),
    "train-images-idx3-ubyte.gz": (gzip.compress(idx(IMAGES)), "one IDX file: give the folder"),
    "a.npz.gz": (gzip.compress(npz(x=IMAGES, y=LABELS)), "compressed: unpack it"),
    "a.pkl": (b"\x80\x04]", r"Save np.savez_compressed"),
    "three.npz": (npz(IMAGES, IMAGES, LABELS), "has no array x_train; it holds arr_0, arr_1, arr_2; expected"),
    "unnamed.npz": (npz(a=IMAGES, b=LABELS), "has no array x_train; it holds a, b; expected"),
    "half.npz": (
        npz(x_train=IMAGES, y_train=LABELS, x_val=IMAGES),
        "only one of x_val and y_val, x_val; expected both",
    ),
    "kaggle.zip": (zipped("train.csv", csv(IMAGES, LABELS)), "holds train.csv, which are not arrays; unpack it"),
    "semicolons.csv": (csv(IMAGES, LABELS).replace(b",", b";"), "not a CSV file with commas"),
    "packed.csv": (gzip.compress(csv(IMAGES, LABELS))[:-20], "truncated or corrupt"),
    "empty.csv": (b"", "not a CSV file"),
    "header.csv": (csv(IMAGES, LABELS).splitlines()[0] + b"\n\n", "has no row with an image"),
    "words.csv": (
        csv(IMAGES, LABELS) + b"\nx" + b",1" * 36,
        "could not convert string 'x' .*; expected a number in every column",
    ),
    "names.csv": (csv(IMAGES, LABELS) + b"\ncat" + b",1" * 36, "could not convert string 'cat'"),
    "gap.csv": (csv(IMAGES, LABELS) + b"\n" + b",1" * 36, "could not convert string '' .*labels included"),
    "last.csv": (label_last(IMAGES, LABELS), "the first is the same in every row; expected the label first, or"),
    "inner.csv": (label_last(IMAGES[:, 1:-1, 2:], LABELS), "the first looks less like a label than the last"),
    "ragged.csv": (csv(IMAGES, LABELS) + b"\n1,2", "columns? .*; expected a number in every column"),
    "shuffled.csv": (b"label,pixel1,pixel0\n1,2,3\n1,2,3", "pixels in order"),
    "two.csv": (b"label,class,pixel0\n1,2,3\n1,2,3", "expected one label"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_refused(tmp_path: Path, name: str) -> None:
    content, message = FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        load(path=str(tmp_path / name))
    assert name in str(caught.value)

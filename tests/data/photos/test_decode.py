"""Photos of all kinds that people have come out as what they show; what is none is left out with its name."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from locexp.data.arrays import RawData
from locexp.data.photos.decode import PAD
from tests.data.photos.folders import Folder, drawn, is_close, marked

RED = (200, 40, 40)
WHOLE: dict[str, Any] = {"size": [64, 48], "resize": "stretch"}


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def read_one(folder: Folder, name: str, image: Image.Image | bytes, **changes: Any) -> RawData:
    folder.add(name, marked(), image=image)
    return folder.read(**(WHOLE | changes))


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "gif", "tif", "webp", "ppm", "tga", "jp2"])
def test_formats(folder: Folder, suffix: str) -> None:
    raw = read_one(folder, f"a.{suffix}", drawn())
    assert raw.train_images.shape == (1, 48, 64, 3)
    assert is_close(raw.train_images, RED)
    assert raw.problems == ()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_exif_turns_a_photo_and_boxes_are_those_of_the_upright_one(folder: Folder, orientation: int, kind: str) -> None:
    """The photo is turned by hand against its EXIF data; what is read is the photo that was meant."""
    upright = drawn((64, 48), (0, 0, 0))
    upright.paste((255, 255, 255), (8, 8, 40, 16))
    against = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(against[orientation]) if orientation in against else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = encoded(stored, kind, exif=exif)
    folder.add(f"a.{kind.lower()}", marked(box=(8, 8, 40, 16)), image=image, size=(64, 48))
    raw = folder.read(**WHOLE)
    assert np.abs(raw.train_images[0].astype(int) - np.asarray(upright.convert("L"))).max() < 40
    assert raw.annotations["train"].boxes.tolist() == [[8, 8, 40, 16]]


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("relative", [False, True])
def test_boxes_of_the_file_before_its_turn_are_turned_with_it(folder: Folder, orientation: int, relative: bool) -> None:
    """The annotation gives the size of the file as it is stored, and a box in it: it marks the same white."""
    stored = drawn((48, 64), (0, 0, 0))
    stored.paste((255, 255, 255), (8, 16, 24, 56))
    exif = Image.Exif()
    exif[0x0112] = orientation
    box = (8 / 48, 16 / 64, 24 / 48, 56 / 64) if relative else (8, 16, 24, 56)
    one = marked(box=box, is_relative=relative)
    folder.add("a.jpg", one, image=encoded(stored, "JPEG", exif=exif, quality=95), size=(48, 64))
    raw = folder.read(**WHOLE)
    x1, y1, x2, y2 = raw.annotations["train"].boxes[0].round().astype(int)
    inside = np.zeros((48, 64), bool)
    inside[y1:y2, x1:x2] = True
    assert ((raw.train_images[0] > 128) == inside).mean() > 0.99
    assert [one.action.split(";")[0] for one in raw.problems] == ["the boxes are turned upright", "turned upright"]
    assert len(folder.read(on_bad="stop").problems) == 2  # which are none to stop at


def test_cmyk(folder: Folder) -> None:
    raw = read_one(folder, "a.jpg", encoded(drawn().convert("CMYK"), "JPEG", quality=95))
    assert is_close(raw.train_images, RED)
    assert [(one.problem, one.file) for one in raw.problems] == [("CMYK", "a.jpg")]


@pytest.mark.parametrize(("suffix", "dtype"), [("png", np.uint16), ("tif", np.uint16), ("tif", np.int32)])
def test_16_bits(folder: Folder, suffix: str, dtype: type) -> None:
    values: np.ndarray = (np.arange(64 * 48).reshape(48, 64) % 256 * 257).astype(dtype)
    raw = read_one(folder, f"a.{suffix}", Image.fromarray(values))
    assert raw.train_images[0].tolist() == (np.arange(64 * 48).reshape(48, 64) % 256).tolist()
    assert "1 photo: 16 bits a pixel; 65535 read as white." in raw.notes


def test_32_bit_pixels_have_no_known_meaning(folder: Folder) -> None:
    folder.add("good.png", marked())
    folder.add("good2.png", marked())
    folder.add("float.tif", marked(), image=Image.fromarray(np.full((48, 64), 0.5, np.float32)))
    (problem,) = folder.read().problems
    assert problem.file == "float.tif"
    assert "mode F" in problem.problem


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_the_grey_of_the_canvas(folder: Folder, mode: str) -> None:
    image = Image.new("RGBA", (64, 48), (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (0, 0, 32, 48))
    if mode == "P":
        image = image.quantize(4)
    raw = read_one(folder, "a.png", image if mode == "P" else image.convert(mode), channels=1)
    assert raw.train_images[0, 10, 5] == 255
    assert raw.train_images[0, 10, 60] == PAD
    assert raw.problems[0].action == f"laid over grey ({PAD})"


def test_an_opaque_alpha_channel_is_not_worth_a_word(folder: Folder) -> None:
    raw = read_one(folder, "a.png", drawn().convert("RGBA"))
    assert is_close(raw.train_images, RED, 0)
    assert raw.problems == ()


@pytest.mark.parametrize("mode", ["P", "1", "L"])
def test_palettes_and_black_and_white(folder: Folder, mode: str) -> None:
    image = drawn((64, 48), (255, 255, 255))
    image.paste((0, 0, 0), (0, 0, 32, 48))
    raw = read_one(folder, "a.png", image.convert(mode))
    assert raw.train_images.shape == (1, 48, 64)
    assert (raw.train_images[0, :, :30] == 0).all()
    assert (raw.train_images[0, :, 34:] == 255).all()


def test_grey_only_where_all_photos_are(folder: Folder) -> None:
    """JPEG stores grey as colour, nearly."""
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 1), np.uint8).repeat(3, axis=2)
    folder.add("a.jpg", marked(), image=encoded(Image.fromarray(noise), "JPEG", quality=70))
    folder.add("b.png", marked(), image=drawn().convert("L"))
    assert folder.read().train_images.shape == (2, 32, 32)
    assert folder.read(channels=3).train_images.shape == (2, 32, 32, 3)
    folder.add("c.png", marked())
    raw = folder.read()
    assert raw.train_images.shape == (3, 32, 32, 3)
    assert "2 photos among them are grey (data.channels=auto)." in raw.notes
    grey = folder.read(channels=1).train_images
    assert grey.shape == (3, 32, 32)
    assert abs(int(grey[2, 16, 16]) - np.asarray(drawn().convert("L"))[0, 0]) <= 1


def test_the_first_of_several_pictures_is_read(folder: Folder) -> None:
    moving = encoded(drawn(), "GIF", save_all=True, append_images=[drawn(colour=(0, 0, 255))])
    raw = read_one(folder, "a.gif", moving)
    assert is_close(raw.train_images, RED)
    assert raw.problems[0].problem == "several pictures"


def bomb() -> bytes:
    """A PNG of 30,000 x 30,000 pixels in a few bytes, as its header has it."""
    raw = encoded(Image.new("L", (8, 8)), "PNG")
    header = raw[12:16] + (30_000).to_bytes(4, "big") * 2 + raw[24:29]
    return raw[:12] + header + zlib.crc32(header).to_bytes(4, "big") + raw[33:]


WRONG = {
    "truncated.jpg": (encoded(Image.effect_noise((64, 48), 50).convert("RGB"), "JPEG")[:-400], "truncated"),
    "truncated.png": (encoded(Image.effect_noise((64, 48), 50), "PNG")[:-400], "cannot be read|truncated"),
    "header.jpg": (encoded(drawn(), "JPEG")[:100], "cannot be read|not an image"),
    "empty.jpg": (b"", "is empty"),
    "page.jpg": (b"<html>404</html>", "it is a text"),
    "phone.jpg": (b"\0\0\0\x18ftypheic" + bytes(100), "HEIC"),
    "lfs.jpg": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "random.jpg": (bytes(range(100, 200)), "it begins with 64 65 66"),
    "bomb.png": (bomb(), "pixels"),
    "script.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "not an image"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_photo_is_left_out(folder: Folder, name: str) -> None:
    content, expected = WRONG[name]
    for index in range(2):
        folder.add(f"good{index}.png", marked())
    folder.add(name, marked("dog"), image=content)
    raw = folder.read()
    assert len(raw.train_images) == 2
    assert raw.class_names == ("cat",)
    (problem,) = raw.problems
    assert (problem.file, problem.action) == (name, "left out")
    assert any(word in problem.problem for word in expected.split("|")), problem


def test_missing_files_folders_and_pipes_are_never_opened(folder: Folder) -> None:
    for index in range(6):
        folder.add(f"good{index}.png", marked())
    for name in ("missing.png", "folder.png", "pipe.png"):
        folder.add(name, marked()).unlink()
    (folder.path / "folder.png").mkdir()
    os.mkfifo(folder.path / "pipe.png")
    assert [(one.file, one.problem.split(";")[0]) for one in folder.read().problems] == [
        ("folder.png", "is a folder"),
        ("missing.png", "there is no such file"),
        ("pipe.png", "is a device, a pipe or a socket"),
    ]


def test_a_bomb_takes_no_memory(folder: Folder, tmp_path: Path) -> None:
    """900 million pixels are refused by their header; the process stays as small as it was."""
    for index in range(2):
        folder.add(f"good{index}.png", marked())
    folder.add("bomb.png", marked(), image=bomb())
    code = (
        "import resource, sys; from pathlib import Path; from tests.data.photos.folders import *\n"
        "folder = Folder(Path(sys.argv[1]))\n"
        "folder.images = [ListedImage(p, (marked(),)) for p in sorted(folder.path.iterdir())]\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert len(folder.read().problems) == 1\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder.path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert int(done.stdout) < 50_000, done.stdout  # KiB

"""One photo: its size the right way up, and its pixels in the size that they have on a canvas."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageChops

from locexp.errors import first_line

FORMATS = (*("BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TGA", "TIFF", "WEBP"), *("AVIF", "MPO"))
"""What is read, in Pillow's names. Others that Pillow knows are not asked: for EPS it runs Ghostscript."""
MOST_PIXELS = 2**26
"""Of a photo as it is decoded, 256 MiB of memory; a JPEG is decoded at a fraction of its size."""
LARGE_PIXELS = 2**24
"""Photos above this are decoded one at a time, whatever the number of threads."""
PAD = 114
"""The grey level of a canvas around its photo, and behind what is transparent in it; that of YOLO's letterbox."""
GREY_TOLERANCE = 8
"""How far the channels of a grey photo may be apart, of 255, after JPEG has stored it as colour."""
REDUCING_GAP = 1.5
"""A photo is first reduced by a whole factor to at least this many times its size on the canvas, then resampled.

On photos of 400 pixels and a canvas of 96, values differ by .6 of 255 (rms) from those of the filter alone, which takes
twice as long; two usual filters, Pillow's BILINEAR and BOX, differ by 2.2.
"""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns an image upright, by its EXIF orientation; 1 is upright. From 5 on, width and height change places."""
PLAIN = ("1", "L", "P", "RGB", "RGBX", "YCbCr", "CMYK")
Remark = tuple[str, str]
TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")


class UnusableError(Exception):
    """Why a file, or a box in it, cannot be used, in words: ``"is empty"``."""


class MomentaryError(UnusableError):
    """Why a file cannot be used now, though it may well be the next time."""


@dataclass(frozen=True)
class Header:
    """What a photo says of itself before its pixels are read.

    Attributes:
        size: width and height in pixels, the right way up.
        orientation: EXIF's, from 1 (upright) to 8; from 5 on the file holds height x width.
    """

    size: tuple[int, int]
    orientation: int = 1


@dataclass(frozen=True)
class Pixels:
    """A photo in the size that it has on a canvas, the right way up.

    Attributes:
        values: uint8, (height, width) if grey was asked for, else (height, width, 3).
        is_grey: its colours do not differ from grey.
        remarks: what is unusual about it, each with what was done.
    """

    values: np.ndarray
    is_grey: bool
    remarks: tuple[Remark, ...] = ()


def header(path: Path) -> Header:
    """Return the size of a photo and how it lies in its file.

    Raises:
        UnusableError: there is no such file, it is no photo that can be read, or it is too large.
    """
    with _opened(path) as image:
        orientation = _orientation(image)
        width, height = image.size
        return Header((height, width) if orientation >= 5 else (width, height), orientation)


def pixels(path: Path, size: tuple[int, int], channels: int, large: threading.Lock) -> Pixels:
    """Return a photo, resampled to ``size`` (width, height) of the upright one, with antialiasing.

    Pixel (x, y) of the photo lies at (x * width / its width, y * height / its height), whatever way is taken there.

    Args:
        path: of the file.
        size: width and height to give it.
        channels: 1 for grey, 3 for colour.
        large: held while a large photo is decoded.

    Raises:
        UnusableError: it cannot be read to its end, or its pixels are of a kind whose meaning is not known.
    """
    with _opened(path) as image:
        orientation = _orientation(image)
        stored = size[::-1] if orientation >= 5 else size
        wanted = (int(stored[0] * REDUCING_GAP), int(stored[1] * REDUCING_GAP))
        box = (0.0, 0.0, float(image.width), float(image.height))
        if drafted := image.draft("L" if channels == 1 else None, wanted):
            box = drafted[1]
        count = image.width * image.height
        if count > MOST_PIXELS:
            raise UnusableError(f"has {count:,} pixels; expected {MOST_PIXELS:,} at most")
        with large if count > LARGE_PIXELS else contextlib.nullcontext():
            image.load()
            upright, remarks = _eight_bits(image)
            upright = upright.resize(stored, Image.Resampling.BILINEAR, box, REDUCING_GAP)
    if orientation in TURNS:
        upright = upright.transpose(TURNS[orientation])
        remarks.append(
            (
                "EXIF data say that it is turned",
                "turned upright; so are boxes where the annotation's size is that of the file as it lies",
            )
        )
    values = np.asarray(upright.convert("L" if channels == 1 else "RGB"))
    return Pixels(values, _is_grey(upright), tuple(remarks))


def _is_grey(image: Image.Image) -> bool:
    if image.mode == "L":
        return True
    red, green, blue = image.split()
    apart = (ImageChops.difference(red, green), ImageChops.difference(green, blue))
    return all(int(np.asarray(one).max()) <= GREY_TOLERANCE for one in apart)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image, of which only the header is read; turns whatever goes wrong into :class:`UnusableError`."""
    check_regular(path)
    Image.init()
    try:
        with (
            path.open("rb") as file,
            Image.open(file, formats=[name for name in FORMATS if name in Image.OPEN]) as image,
        ):
            yield image
    except UnusableError:
        raise
    except Image.UnidentifiedImageError:
        raise UnusableError(f"is not an image that is read ({_looks_like(path)}); expected JPEG, PNG …") from None
    except Image.DecompressionBombError:
        raise UnusableError("has more pixels than Pillow takes for safe") from None
    except MemoryError:
        raise MomentaryError("takes more memory than there is") from None
    except Exception as error:  # a spoilt file makes a decoder raise anything
        if isinstance(error, OSError) and error.errno is not None:  # of the system, not of a decoder
            raise MomentaryError(f"cannot be read ({error.strerror})") from None
        raise UnusableError(f"cannot be read ({first_line(error)})") from None


def check_regular(path: Path) -> None:
    """Check that a path is that of a file that is safe to open and holds something; raises :class:`UnusableError`."""
    try:
        found = os.stat(path)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise UnusableError("there is no such file" if missing else f"cannot be read ({error.strerror})") from None
    except ValueError:  # a zero byte in its name
        raise UnusableError("there is no such file") from None
    if stat.S_ISDIR(found.st_mode):
        raise UnusableError("is a folder; expected an image")
    if not stat.S_ISREG(found.st_mode):
        raise UnusableError("is a device, a pipe or a socket; expected an image")
    if found.st_size == 0:
        raise UnusableError("is empty")


def _looks_like(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(32)
    if start[4:8] == b"ftyp":
        return "it looks like HEIC or a video: save it as JPEG"
    if start.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS: git lfs pull gets the image"
    if start.lstrip()[:1] in (b"<", b"{"):
        return "it is a text"
    return f"it begins with {start[:8].hex(' ')}"


def _orientation(image: Image.Image) -> int:
    if image.format == "TIFF":
        return 1  # Pillow turns it itself
    try:
        # PNG's own method reads all pixels, to find what may come after them.
        value = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    except Exception:  # spoilt EXIF data, without which a photo is a photo
        return 1
    return int(value) if value in TURNS else 1


def _eight_bits(image: Image.Image) -> tuple[Image.Image, list[Remark]]:
    """Return a loaded image with 8 bits a channel, grey (L) or in colour (RGB), and remarks on how."""
    remarks: list[Remark] = []
    if getattr(image, "is_animated", False) and image.format != "MPO":  # whose others are views of the same
        remarks.append(("several pictures", "the first is read"))
    mode = image.mode
    if mode in TRANSPARENT or ("transparency" in image.info and mode in PLAIN):
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            remarks.append(("transparent pixels", f"laid over grey ({PAD})"))
            image = Image.alpha_composite(Image.new("RGBA", image.size, (PAD, PAD, PAD, 255)), image)
        return image.convert("RGB"), remarks
    if mode.startswith("I"):
        return _from_16_bits(image), [*remarks, ("16 bits a pixel", "65535 read as white")]
    if mode not in PLAIN:
        raise UnusableError(f"has pixels of Pillow's mode {mode}; expected 8 or 16 bits a channel, grey or in colour")
    if mode == "CMYK":
        remarks.append(("CMYK", "turned into RGB without its colour profile"))
    wanted = "L" if mode in ("1", "L") else "RGB"
    return image if mode == wanted else image.convert(wanted), remarks


def _from_16_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise UnusableError(f"has pixels from {low} to {high}; expected 8 or 16 bits")
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))

"""The README beside an exported network: what it takes and gives, and a few lines of Python that use it."""

from __future__ import annotations

from locexp.data.photos.decode import PAD, REDUCING_GAP
from locexp.errors import listed
from locexp.exporting.facts import BOX, CLASSIFICATION, METRICS, pixels
from locexp.exporting.formats import Format
from locexp.records.record import RunRecord
from locexp.trained.network import TrainedNetwork

MEASURED = dict(zip(METRICS, ("accuracy", "mean IoU", "right class and IoU of at least .5"), strict=True))


def readme(network: TrainedNetwork, record: RunRecord, form: Format, checked: str) -> str:
    """Return the README's text.

    Args:
        network: which is exported.
        record: of its run.
        form: of the file.
        checked: a sentence on how it was checked.
    """
    width, height = network.canvas
    measured = [f"{MEASURED[name]} {record.metrics[name]:.3f}" for name in METRICS if name in record.metrics]
    return f"""\
# {form.file}

This network names the one object in an image and boxes it. It was trained on {record.dataset.get("name", "data")} by \
locexp (run {record.name}){f"; on the test part: {listed(measured)}" if measured else ""}.

- Input `image`: float32 (batch, {height}, {width}, {network.channels}), {pixels(network)}. {_placing(network)}
- Output `classification`: float32 (batch, {len(network.class_names)}): {CLASSIFICATION} in `model.json`.
- Output `bbox`: float32 (batch, 4): {BOX}.

{checked}

It needs `pip install numpy pillow {" ".join(form.packages)}`, and not locexp. In this folder:

```python
{code(network, form)}
```
"""


def code(network: TrainedNetwork, form: Format) -> str:
    """Return Python code that names and boxes the object in ``photo.jpg``, in pixels of that file."""
    imported, loaded, asked = form.lines
    width, height = network.canvas
    sides = f"{width}, {height}, {width}, {height}"
    mode, pad = ("RGB", (PAD, PAD, PAD)) if network.channels == 3 else ("L", _pad(network))
    if network.resize == "letterbox":
        size = [
            f"scale = min({width} / photo.width, {height} / photo.height)",
            "size = max(round(photo.width * scale), 1), max(round(photo.height * scale), 1)",
        ]
    else:
        size = [f"size = {width}, {height}"]
    return "\n".join(
        [
            "import json",
            "",
            "import numpy as np",
            imported,
            "from PIL import Image, ImageOps",
            "",
            'names = json.load(open("model.json", encoding="utf-8"))["classes"]',
            loaded,
            'photo = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")',
            *size,
            f'canvas = Image.new("{mode}", ({width}, {height}), {pad})',
            f"scaled = photo.resize(size, Image.Resampling.BILINEAR, reducing_gap={REDUCING_GAP}).convert(canvas.mode)",
            f"canvas.paste(scaled, corner := (({width} - size[0]) // 2, ({height} - size[1]) // 2))",
            f"pixels = np.asarray(canvas, np.float32).reshape(1, {height}, {width}, {network.channels})",
            asked,
            f"x1, y1, x2, y2 = (box * [{sides}] - np.tile(corner, 2)) * np.tile(np.divide(photo.size, size), 2)",
            "print(names[classes.argmax()], classes.max(), x1, y1, x2, y2)  # in pixels of the photo",
        ]
    )


def _placing(network: TrainedNetwork) -> str:
    width, height = network.canvas
    if not network.are_photos:
        ground = ", light on dark: invert what is dark on light first" if network.is_light_on_dark else ""
        return f"The images to train on had this size{ground}."
    if network.resize == "letterbox":
        return f"Photos keep their shape: as large as {width}x{height} allows, in the middle of grey ({PAD})."
    return f"Photos are stretched to {width}x{height}."


def _pad(network: TrainedNetwork) -> int:
    """Return the grey level around an image."""
    return 0 if network.is_light_on_dark and not network.are_photos else PAD

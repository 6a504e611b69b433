"""What must be known of an exported network to use it: ``model.json`` beside the file, and ONNX's metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from locexp.exporting.formats import INPUT
from locexp.records.record import RunRecord
from locexp.trained.network import TrainedNetwork
from locexp.version import __version__

CLASSIFICATION = "the probability of each class, in the order of classes"
BOX = (
    "x1, y1, x2, y2 of one box, half-open (x2 and y2 are where the first pixel outside begins), as shares of the "
    "canvas's width and height"
)
METRICS = ("test/accuracy", "test/mean_iou", "test/loc_acc_50")
TAGS = ("locexp_version", "git_commit", "config_hash", "seed")


def facts_of(network: TrainedNetwork, record: RunRecord) -> dict[str, Any]:
    """Return the facts about a network and its run, for JSON."""
    width, height = network.canvas
    return {
        "input": {
            "name": INPUT,
            "dtype": "float32",
            "shape": ["batch", height, width, network.channels],
            "values": pixels(network),
        },
        "outputs": {
            name: {"dtype": "float32", "shape": ["batch", count], "values": values}
            for name, count, values in (
                ("classification", len(network.class_names), CLASSIFICATION),
                ("bbox", 4, BOX),
            )
        },
        "classes": list(network.class_names),
        "canvas": [width, height],
        "resize": network.resize if network.are_photos else None,
        "light_on_dark": network.is_light_on_dark,
        "run": {
            "name": record.name,
            "id": record.run_id,
            "data": record.dataset.get("name"),
            **{name: record.tags[name] for name in TAGS if name in record.tags},
        },
        "metrics": {name: record.metrics[name] for name in METRICS if name in record.metrics},
        "exported_by": f"locexp {__version__}",
    }


def pixels(network: TrainedNetwork) -> str:
    """Return in words what the input is."""
    return f"{'RGB' if network.channels == 3 else 'grey'} pixel values from 0 to 255 (NHWC); the network scales them"


def as_properties(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return facts as texts, as ONNX's metadata are: what is not a text is JSON."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in facts.items()
    }

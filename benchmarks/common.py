"""What the benchmarks share: digits, the classic script in plain Keras, and alternating subprocesses."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

BOX = np.float32([6, 6, 22, 22]) / 28


def repeated_digits(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the bundled digits, repeated to ``count`` images: what they show has no influence on speed."""
    from locexp.data.bundled import bundled_digits

    images, labels = bundled_digits()
    chosen = np.arange(count) % len(labels)
    return images[chosen], labels[chosen]


def classic_model(input_shape: tuple[int, int, int] = (28, 28, 1)) -> Any:
    """Build and compile the classic network in plain Keras."""
    import keras

    image = keras.Input(input_shape)
    x = keras.layers.Conv2D(32, 3, activation="relu")(image)
    x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Conv2D(64, 3, activation="relu")(x)
    x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Dense(128, activation="relu")(keras.layers.Flatten()(x))
    outputs = {
        "classification": keras.layers.Dense(10, activation="softmax", name="classification")(x),
        "bbox": keras.layers.Dense(4, activation="sigmoid", name="bbox")(x),
    }
    model = keras.Model(image, outputs)
    model.compile(
        optimizer="adam",
        loss={"classification": "sparse_categorical_crossentropy", "bbox": "mse"},
        loss_weights={"classification": 1.0, "bbox": 0.5},
        metrics={"classification": "accuracy"},
    )
    return model


def worker(script: str, *command_line: str) -> dict[str, Any]:
    """Run ``python SCRIPT WORDS`` and return the JSON of its last line."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(
        [sys.executable, script, *command_line], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{script} {' '.join(command_line)} failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def alternate(repeats: int, measures: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Take each measure in turn, ``repeats`` times over."""
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(repeats):
        for name, measure in measures.items():
            taken[name].append(measure())
            print(f"  {name}: {taken[name][-1]:,.4g}", flush=True)
    return taken


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return ``median (lowest to highest)``."""
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def machine() -> str:
    """Return what this machine is, in a line."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{model}, {len(os.sched_getaffinity(0))} cores, {time.strftime('%Y-%m-%d')}"

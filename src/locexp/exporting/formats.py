"""The formats that a network is exported to: how each is written, and how it is run without locexp."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from locexp.errors import UserError, listed, nearest

INPUT = "image"
Network: TypeAlias = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""Takes images, float32 (n, height, width, channels) of pixel values, and returns both outputs by their names."""


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        file: the name of the file, or of the folder.
        packages: that are needed to run it, as pip names them; the first is its runtime.
        modules: what the extra ``export`` installs for it.
        write: writes a Keras model to a path, with facts about it by their names where the format has room for them.
        load: the network as others run it.
        lines: of the README: how it is imported, loaded, and asked about ``pixels``.
    """

    file: str
    packages: tuple[str, ...]
    modules: tuple[str, ...]
    write: Callable[[Any, Path, Mapping[str, str]], None]
    load: Callable[[Path], Network]
    lines: tuple[str, str, str]


def _write_onnx(model: Any, path: Path, facts: Mapping[str, str]) -> None:
    import onnx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old names in NumPy, which tf2onnx asks for
        model.export(path, format="onnx", verbose=False)
    written = onnx.load(path)
    for tensor in (*written.graph.input, *written.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"  # of which tf2onnx makes several unknown ones
    onnx.helper.set_model_props(written, facts)
    onnx.checker.check_model(written, full_check=True)
    onnx.save(written, path)


def _load_onnx(path: Path) -> Network:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda images: dict(zip(names, session.run(names, {INPUT: images}), strict=True))


def _write_litert(model: Any, path: Path, facts: Mapping[str, str]) -> None:
    model.export(path, format="litert", verbose=False)


def _load_litert(path: Path) -> Network:
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(str(path)).get_signature_runner()
    return lambda images: run(**{INPUT: images})


def _write_saved_model(model: Any, path: Path, facts: Mapping[str, str]) -> None:
    model.export(path, format="tf_saved_model", verbose=False)


def _load_saved_model(path: Path) -> Network:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    return lambda images: {name: output.numpy() for name, output in loaded.serve(images).items()}


def _write_keras(model: Any, path: Path, facts: Mapping[str, str]) -> None:
    model.save(path)


def _load_keras(path: Path) -> Network:
    import keras

    loaded = keras.models.load_model(path, compile=False)
    return lambda images: {name: output.numpy() for name, output in loaded(images, training=False).items()}


FORMATS = {
    "onnx": Format(
        "model.onnx",
        ("onnxruntime",),
        ("onnx", "tf2onnx", "onnxruntime"),
        _write_onnx,
        _load_onnx,
        (
            "import onnxruntime",
            'network = onnxruntime.InferenceSession("model.onnx")',
            'box, classes = (found[0] for found in network.run(["bbox", "classification"], {"image": pixels}))',
        ),
    ),
    "litert": Format(
        "model.tflite",
        ("ai-edge-litert",),
        ("ai_edge_litert",),
        _write_litert,
        _load_litert,
        (
            "from ai_edge_litert.interpreter import Interpreter",
            'network = Interpreter("model.tflite").get_signature_runner()',
            'box, classes = (network(image=pixels)[name][0] for name in ("bbox", "classification"))',
        ),
    ),
    "saved_model": Format(
        "saved_model",
        ("tensorflow",),
        (),
        _write_saved_model,
        _load_saved_model,
        (
            "import tensorflow as tf",
            'network = tf.saved_model.load("saved_model")',
            'box, classes = (network.serve(pixels)[name][0].numpy() for name in ("bbox", "classification"))',
        ),
    ),
    "keras": Format(
        "model.keras",
        ("keras", "tensorflow"),
        (),
        _write_keras,
        _load_keras,
        (
            "import keras",
            'network = keras.models.load_model("model.keras")',
            'box, classes = (network.predict(pixels, verbose=0)[name][0] for name in ("bbox", "classification"))',
        ),
    ),
}
"""The formats by their names."""


def find_format(name: str | None) -> Format:
    """Return the format of a name.

    Raises:
        UserError: there is none of this name, or what it needs is not installed.
    """
    if name not in FORMATS:
        hint = nearest(name, FORMATS) if name else ""
        raise UserError(f"format={name or ''}: expected one of {listed(FORMATS)}.{hint}")
    missing = [module for module in FORMATS[name].modules if find_spec(module) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise UserError(
            f"format={name}: needs {listed(missing)}, which {verb} not installed: pip install 'locexp[export]'."
        )
    return FORMATS[name]

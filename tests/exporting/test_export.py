"""Exported networks answer as the Keras model does, in the runtimes that others use; whatever fails leaves nothing."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pytest
from PIL import Image

from locexp.errors import RunFailedError, UserError
from locexp.exporting import formats
from locexp.exporting.export import export
from locexp.exporting.folder import check_folder
from locexp.exporting.formats import FORMATS, find_format
from locexp.exporting.network import as_exported, precision_of
from locexp.prediction.predictions import Prediction, predict
from locexp.prediction.sources import Source
from locexp.system.tensorflow import start_tensorflow
from locexp.trained.network import TrainedNetwork
from tests.exporting.networks import CLASSES, RECORD, network, outputs, pictures
from tests.models.networks import NAMES

pytestmark = pytest.mark.usefixtures("float32")
EXTRA = ("onnx", "litert")
ALL = [*(pytest.param(name, marks=pytest.mark.extra) for name in EXTRA), "saved_model", "keras"]
MATRIX = [
    pytest.param(
        name,
        form,
        marks=[*([pytest.mark.extra] if form in EXTRA else []), *([] if name == "cnn" else [pytest.mark.slow])],
    )
    for form in FORMATS
    for name in NAMES
]


def exported(given: TrainedNetwork, name: str, folder: Path) -> list[str]:
    """Export a network, where the format's runtime is installed; returns what was said."""
    for module in FORMATS[name].modules:
        pytest.importorskip(module, reason="the extra `export` is not installed")
    said: list[str] = []
    export(given, RECORD, find_format(name), folder, said.append)
    return said


def answer(name: str, path: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the file of a format answers, asked in the way of its runtime's documentation."""
    if name == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path))
        found = session.run(["classification", "bbox"], {"image": images})
        return dict(zip(("classification", "bbox"), found, strict=True))
    if name == "litert":
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_path=str(path))
        found = interpreter.get_signature_runner("serving_default")(image=images)
        return {key: np.asarray(value) for key, value in found.items()}
    if name == "saved_model":
        import tensorflow as tf

        signature = tf.saved_model.load(str(path)).signatures["serving_default"]
        return {key: value.numpy() for key, value in signature(image=tf.constant(images)).items()}
    import keras

    found = keras.models.load_model(path, compile=False).predict(images, verbose=0)
    return {key: np.asarray(value) for key, value in found.items()}


@pytest.mark.parametrize(("name", "form"), MATRIX)
def test_each_network_answers_the_same_in_each_format(name: str, form: str, tmp_path: Path) -> None:
    given = network(name, channels=1 if name == "backbone" else 3)
    said = exported(given, form, tmp_path / "out")
    images = pictures(5, given.channels)
    expected = outputs(given.model, images)
    assert min(np.ptp(values, axis=0).max() for values in expected.values()) > 1e-4, "each image is answered the same"
    for count in (5, 1):
        found = answer(form, tmp_path / "out" / FORMATS[form].file, images[:count])
        assert {key: (value.shape, value.dtype) for key, value in found.items()} == {
            "classification": ((count, 4), np.float32),
            "bbox": ((count, 4), np.float32),
        }
        for key, values in expected.items():
            np.testing.assert_allclose(found[key], values[:count], rtol=0, atol=1e-5)
    assert re.search(rf"Checked with {FORMATS[form].packages[0]} \S+ on 12\d images of bundled digits", said[-2])
    assert tree(tmp_path / "out") >= {"README.md", FORMATS[form].file, "model.json"}


def test_a_network_of_version_0_1_is_exported_for_pixels(tmp_path: Path) -> None:
    given = network(pixels=False)
    exported(given, "keras", tmp_path / "out")
    images = pictures(3, 1)
    found = answer("keras", tmp_path / "out" / "model.keras", images)
    for key, values in outputs(given.model, images / 255).items():
        np.testing.assert_allclose(found[key], values, rtol=0, atol=1e-5)


@pytest.mark.extra
def test_onnx_says_what_must_be_known(tmp_path: Path) -> None:
    exported(network(canvas=(40, 24), channels=3), "onnx", tmp_path / "out")
    import onnx

    written = onnx.load(tmp_path / "out" / "model.onnx")
    tensors = [*written.graph.input, *written.graph.output]
    shapes = {
        tensor.name: [dim.dim_param or dim.dim_value for dim in tensor.type.tensor_type.shape.dim] for tensor in tensors
    }
    assert shapes == {"image": ["batch", 24, 40, 3], "classification": ["batch", 4], "bbox": ["batch", 4]}
    assert {tensor.type.tensor_type.elem_type for tensor in tensors} == {onnx.TensorProto.FLOAT}
    facts = {entry.key: entry.value for entry in written.metadata_props}
    assert json.loads(facts["classes"]) == [*CLASSES]
    assert json.loads(facts["canvas"]) == [40, 24]
    assert facts["resize"] == "letterbox"
    assert json.loads(facts["run"])["id"] == "1f"
    assert "0 to 255" in json.loads(facts["input"])["values"]
    assert "half-open" in json.loads(facts["outputs"])["bbox"]["values"]


def test_the_same_stands_in_a_file(tmp_path: Path) -> None:
    exported(network(canvas=(40, 24), resize="stretch"), "keras", tmp_path / "out")
    about = json.loads((tmp_path / "out" / "model.json").read_text(encoding="utf-8"))
    assert about["file"] == "model.keras"
    assert about["input"]["shape"] == ["batch", 24, 40, 1]
    shapes = {name: output["shape"] for name, output in about["outputs"].items()}
    assert shapes == {"classification": ["batch", 4], "bbox": ["batch", 4]}
    assert about["classes"] == [*CLASSES]
    assert (about["resize"], about["canvas"], about["light_on_dark"]) == ("stretch", [40, 24], False)
    assert about["run"]["name"] == RECORD.name
    assert about["metrics"] == {"test/accuracy": 0.5}
    assert "Checked with keras" in about["checked"]


def code_in(readme: Path) -> str:
    (block,) = re.findall(r"```python\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    return block


CASES = [("letterbox", 3, (131, 67)), ("stretch", 3, (131, 67)), ("letterbox", 1, (30, 97)), (None, 1, (48, 32))]


@pytest.mark.parametrize(
    ("form", "resize", "channels", "size"),
    [
        *(pytest.param(form, *CASES[0], marks=pytest.mark.extra) for form in EXTRA),
        *((form, *CASES[0]) for form in ("saved_model", "keras")),
        *(("keras", *case) for case in CASES[1:]),
    ],
)
def test_the_code_in_the_readme_answers_as_predict_does(
    form: str, resize: Any, channels: int, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines are run as they stand, on a photo of another shape than the canvas; the one to stretch is turned.

    Photos are turned before they are scaled here, after it in locexp: then grey levels are rounded differently.
    """
    given = network(canvas=(40, 24), channels=channels, resize=resize)
    exported(given, form, tmp_path / "out")
    monkeypatch.chdir(tmp_path / "out")
    shades = np.random.default_rng(0).integers(0, 256, (5, 4, 3)).astype(np.uint8)
    if resize is None:  # a drawing, light on a black ground
        shades[[0, 1, -2, -1]], shades[:, [0, -1]] = 0, 0
    photo = Image.fromarray(shades).resize(size, Image.Resampling.BILINEAR)
    exif = Image.Exif()
    turned = resize == "stretch"
    exif[0x0112] = 3 if turned else 1  # upside down, or upright
    photo.save("photo.jpg", format="PNG", exif=exif)

    variables: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code_in(tmp_path / "out" / "README.md"), "README.md", "exec"), variables)
    ((expected,),) = predict(given, [Source("photo.jpg", PurePath("photo"))])
    assert isinstance(expected, Prediction)
    assert not expected.inverted
    assert printed.getvalue().startswith(expected.name)
    assert variables["classes"].max() == pytest.approx(expected.probability, abs=1e-3 if turned else 1e-4)
    box = [float(variables[name]) for name in ("x1", "y1", "x2", "y2")]
    np.testing.assert_allclose(box, expected.box, rtol=0, atol=0.1 if turned else 0.01)


def test_the_readme_has_ten_lines_or_so(tmp_path: Path) -> None:
    exported(network(channels=3), "keras", tmp_path / "out")
    lines = [line for line in code_in(tmp_path / "out" / "README.md").splitlines() if line]
    assert sum(not line.startswith(("import", "from")) for line in lines) <= 12


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "float64"])
def test_another_precision_is_exported_in_float32(precision: str, tmp_path: Path) -> None:
    start_tensorflow(precision=precision)
    given = network("resnet")
    start_tensorflow()
    assert precision_of(given.model) == precision
    said = exported(given, "keras", tmp_path / "out")
    images = pictures(3, 1)
    twin = as_exported(given.model)
    assert precision_of(twin) == "float32"
    for weight, other in zip(given.model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(weight.astype(np.float32), other)
    found = answer("keras", tmp_path / "out" / "model.keras", images)
    assert found["bbox"].dtype == np.float32
    apart = max(np.abs(found[key] - values).max() for key, values in outputs(given.model, images).items())
    is_rough = precision == "mixed_bfloat16"
    assert 1e-5 < apart < 0.05 if is_rough else apart < 1e-5
    (note,) = (line for line in said if precision in line)
    measured = re.search(r"probabilities differ by (\S+) at most, edges of boxes by (\S+) px", note)
    assert measured is not None
    assert (float(measured[1]) > 1e-5) == is_rough


def tree(place: Path) -> set[str]:
    return {str(path.relative_to(place)) for path in place.rglob("*")}


@pytest.mark.parametrize("there", [False, True])
def test_nothing_is_left_of_a_network_that_answers_otherwise(there: bool, tmp_path: Path) -> None:
    given = network()
    if there:
        exported(given, "keras", tmp_path / "deep" / "out")
    before = tree(tmp_path)
    load = FORMATS["keras"].load

    def wrong(path: Path) -> formats.Network:
        run = load(path)
        return lambda images: {name: values + 2e-5 for name, values in run(images).items()}

    with pytest.raises(RunFailedError, match="differ from those of the Keras model by 2e-05"):
        export(given, RECORD, replace(FORMATS["keras"], load=wrong), tmp_path / "deep" / "out", lambda line: None)
    assert tree(tmp_path) == before


def test_nothing_is_left_where_it_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = network()
    exported(given, "keras", tmp_path / "out")
    before = tree(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copytree", full)
    for folder in (tmp_path / "out", tmp_path / "a" / "b"):
        with pytest.raises(OSError, match="No space left"):
            export(given, RECORD, FORMATS["keras"], folder, lambda line: None)
    assert tree(tmp_path) == before


def test_a_converter_that_fails_is_one_line(tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no such operation\nand a page of details")

    form = replace(FORMATS["keras"], write=fail)
    with pytest.raises(RunFailedError, match=r"^model\.keras: cannot be written and run \(.*no such operation\)\.$"):
        export(network(), RECORD, form, tmp_path / "out", lambda line: None)
    assert tree(tmp_path) == set()


def test_an_earlier_export_is_replaced_only_if_asked(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    check_folder(folder, overwrite=False)
    exported(network(), "saved_model", folder)
    with pytest.raises(UserError, match="holds an export; give another folder, or overwrite=true"):
        check_folder(folder, overwrite=False)
    check_folder(folder, overwrite=True)
    exported(network(), "keras", folder)
    assert tree(folder) == {"README.md", "model.json", "model.keras"}
    (folder / "diary.txt").touch()
    with pytest.raises(UserError, match=r"holds diary\.txt, so it is not an export's folder"):
        check_folder(folder, overwrite=True)


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "model.keras").touch()
    with pytest.raises(UserError, match=r"holds model\.keras, so it is not an export's"):
        check_folder(tmp_path, overwrite=True)
    with pytest.raises(UserError, match="cannot be written"):
        check_folder(tmp_path / "model.keras", overwrite=True)


def test_an_export_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    os.symlink(tmp_path / "real", tmp_path / "link")
    exported(network(), "keras", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "model.keras").is_file()


def test_an_unknown_format_and_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"format=tf: expected one of onnx, litert, saved_model, keras\."):
        find_format("tf")
    with pytest.raises(UserError, match="Did you mean 'onnx'"):
        find_format("ONX")
    with pytest.raises(UserError, match="^format=: expected one of"):
        find_format(None)
    monkeypatch.setattr(formats, "find_spec", lambda module: None)
    with pytest.raises(UserError, match=r"ai_edge_litert, which is not installed: pip install 'locexp\[export\]'"):
        find_format("litert")
    assert find_format("keras") is FORMATS["keras"]

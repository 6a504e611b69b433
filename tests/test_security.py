"""Nothing from data, records, stores or models is unpickled or run; no record leaves its folder; names are text."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from locexp.errors import UserError
from tests.conftest import TINY, door_here, only_run, train_here
from tests.test_faults import statuses

SCRIPT, IMAGE = "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'


class Trap:
    """What must never be unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path("sprung").touch, ()


def lambda_layer(config: dict[str, Any]) -> None:
    """As Keras itself saves ``Lambda(lambda x: os.system("touch sprung") and x)``."""
    import keras

    layer = keras.layers.Lambda(lambda x: os.system("touch sprung") and x)
    _insert(config, keras.saving.serialize_keras_object(layer))


def module_of_the_system(config: dict[str, Any]) -> None:
    """CVE-2025-1550: a function by the name of its module."""
    _insert(config, {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"})


def class_of_the_system(config: dict[str, Any]) -> None:
    inner = {"args": ["touch", "sprung"]}
    _insert(
        config, {"module": "subprocess", "class_name": "Popen", "config": inner, "registered_name": "subprocess>Popen"}
    )


def registered_name(config: dict[str, Any]) -> None:
    _insert(config, {"module": None, "class_name": "os.system", "config": {}, "registered_name": "os>system"})


def own_module(config: dict[str, Any]) -> None:
    """A module that lies beside the run."""
    Path("beside.py").write_text("open('sprung', 'w')\nclass Layer: pass\n", encoding="utf-8")
    _insert(config, {"module": "beside", "class_name": "Layer", "config": {}, "registered_name": "Layer"})


def keras_utility(config: dict[str, Any]) -> None:
    """CVE-2025-8747: a function of Keras that is none of a network's."""
    (entry,) = [
        {"module": "keras.utils", "class_name": "function", "config": "get_file", "registered_name": "get_file"}
    ]
    _insert(config, entry)


def _insert(config: dict[str, Any], layer: dict[str, Any]) -> None:
    """Put a layer in the place of the network's second one."""
    layers = config["config"]["layers"]
    layers[1] = {**layers[1], **layer}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, quick_stores: None) -> Path:
    place = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert train_here(*TINY) == 0
    return only_run(place)


@pytest.mark.parametrize(
    "spoil",
    [lambda_layer, module_of_the_system, class_of_the_system, registered_name, own_module, keras_utility],
    ids=lambda spoil: spoil.__name__,
)
def test_a_model_that_holds_code_is_not_loaded(
    finished: Path, workplace: Path, spoil: Callable[[dict[str, Any]], None]
) -> None:
    """``locexp.log`` loads the model of a run's folder, which may have come from elsewhere."""
    folder = workplace / "run"
    shutil.copytree(finished, folder)
    content = {name: file.read(name) for file in [zipfile.ZipFile(folder / "model.keras")] for name in file.namelist()}
    config = json.loads(content["config.json"])
    spoil(config)
    content["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(folder / "model.keras", "w") as file:
        for name, data in content.items():
            file.writestr(name, data)
    done = door_here("log", "run", "--uri", "elsewhere")
    assert not Path("sprung").exists()
    assert "without its model" in done.stdout
    assert "model.keras: cannot be loaded" in done.stdout
    assert (done.returncode, statuses_of("elsewhere")) == (0, ["FINISHED"])


def statuses_of(store: str) -> list[str]:
    Path("as").mkdir(exist_ok=True)
    shutil.copytree(store, Path("as") / "mlruns", dirs_exist_ok=True)
    return statuses(Path("as"))


def test_half_a_model_does_not_keep_a_run_from_its_store(finished: Path, workplace: Path) -> None:
    shutil.copytree(finished, workplace / "run")
    model = workplace / "run" / "model.keras"
    model.write_bytes(model.read_bytes()[:5000])
    done = door_here("log", "run", "--uri", "elsewhere")
    assert (done.returncode, "without its model" in done.stdout) == (0, True)


@pytest.mark.parametrize("name", ["x_train", "y_train", "x_test", "y_test"])
def test_objects_in_an_archive_are_not_unpickled(workplace: Path, name: str) -> None:
    from locexp.data.npz import read_npz

    arrays: dict[str, Any] = {
        key: np.zeros((4, 5, 5) if key[0] == "x" else 4, np.uint8) for key in ("x_train", "y_train", "x_test", "y_test")
    }
    arrays[name] = np.array([Trap()] * 4, object)
    np.savez("data.npz", allow_pickle=True, **arrays)
    with pytest.raises(UserError, match="pickled|object"):
        read_npz(Path("data.npz"))
    assert not Path("sprung").exists()


@pytest.mark.parametrize("content", ["pickle", "npy", "npy in a folder of IDX files"])
def test_a_pickle_under_another_name_is_not_unpickled(workplace: Path, content: str) -> None:
    import pickle

    place = Path("data.npz")
    if content == "pickle":
        place.write_bytes(pickle.dumps(Trap()))
    elif content == "npy":
        file = io.BytesIO()
        np.save(file, np.array([Trap()], object), allow_pickle=True)
        place.write_bytes(file.getvalue())
    else:
        place = Path("folder")
        place.mkdir()
        (place / "train-images-idx3-ubyte").write_bytes(pickle.dumps(Trap()))
        (place / "train-labels-idx1-ubyte").write_bytes(pickle.dumps(Trap()))
    assert train_here("data=file", f"data.path={place}") == 2
    assert not Path("sprung").exists()


@pytest.mark.parametrize(
    "text",
    [
        "x: !!python/object/apply:os.system ['touch sprung']",
        "x: !!python/object/new:os.system ['touch sprung']",
        "x: !!python/name:os.system",
        "x: !!python/module:beside",
        "? !!python/object/apply:os.system ['touch sprung']\n: 1",
    ],
)
@pytest.mark.parametrize("where", ["configuration", "resumed run"])
def test_tags_of_python_in_yaml_make_nothing(finished: Path, workplace: Path, text: str, where: str) -> None:
    Path("beside.py").write_text("open('sprung', 'w')\n", encoding="utf-8")
    if where == "configuration":
        folder = workplace / "mine" / "optimizer"
        folder.mkdir(parents=True)
        (folder / "own.yaml").write_text(f"_target_: keras.optimizers.Adam\n{text}\n")
        assert train_here("--config-dir", "mine", "optimizer=own") == 2
    else:
        shutil.copytree(finished, workplace / "run")
        record = json.loads(Path("run/run.json").read_text(encoding="utf-8"))
        Path("run/run.json").write_text(json.dumps(record | {"status": "KILLED"}), encoding="utf-8")
        Path("run/config/resolved.yaml").write_text(text, encoding="utf-8")
        assert train_here("trainer.resume=run") == 2
    assert not Path("sprung").exists()


@pytest.mark.parametrize("lead", ["absolute", "relative"])
def test_a_sweep_whose_record_names_another_folder_is_compared_in_its_own(workplace: Path, lead: str) -> None:
    whole = Path(__file__).parent / "fixtures" / "v0_1" / "multirun" / "whole"
    shutil.copytree(whole, workplace / "sweep")
    (workplace / "outside").mkdir()
    for path in (workplace / "sweep").rglob("run.json"):
        record = json.loads(path.read_text())
        record["tags"]["directory"] = str(workplace / "outside") if lead == "absolute" else "../outside"
        path.write_text(json.dumps(record))
    assert door_here("compare", "./sweep").returncode == 0
    assert not list((workplace / "outside").iterdir())
    assert (workplace / "sweep" / "comparison" / "report.html").is_file()


@pytest.mark.slow
def test_a_sweep_in_a_store_that_names_a_foreign_folder_writes_nothing_there(workplace: Path) -> None:
    import sqlite3

    assert train_here(*TINY, "--multirun", "loss.bbox_weight=1,20") == 0
    outside = workplace / "outside"
    outside.mkdir()
    with sqlite3.connect("mlruns/mlflow.db") as database:
        database.execute("UPDATE tags SET value = ? WHERE key = 'directory'", (str(outside),))
    assert door_here("compare", "last").returncode == 0
    assert not list(outside.iterdir())


@pytest.mark.parametrize("name", ["../x.h5", "/x.h5", "a/b.h5", "x.h5/../../y.h5"])
def test_a_file_of_a_run_cannot_be_named_out_of_its_folder(workplace: Path, name: str) -> None:
    assert train_here(*TINY, f"trainer.save_h5={name}") == 2
    assert not list(workplace.rglob("*.h5"))


@pytest.mark.parametrize("label", ["$x_$", "a=$b c=$", "$\\frac{$", "\\$ $ \\$", SCRIPT, "{x}", "%s", "a\\nb", "^_#&~"])
def test_names_are_drawn_as_they_are(label: str) -> None:
    """Matplotlib takes what stands between two dollar signs as a formula, and fails where it is none."""
    from locexp.plots.files import save, without_math

    figure = Figure()
    axes = figure.subplots()
    axes.plot([0], [0], label=without_math(label))
    axes.set_title(without_math(label))
    axes.set_yticks([0], [without_math(label)])
    axes.legend()
    save(figure, io.BytesIO())
    title: Any = axes.title
    shown, is_formula = title._preprocess_math(title.get_text())
    assert (shown, is_formula) == (label, False)


@pytest.mark.parametrize(
    "name",
    [
        SCRIPT,
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("$x_$", IMAGE, "javascript:alert(1)", "{{ 7*7 }}")),
    ],
)
@pytest.mark.slow
def test_a_sweep_may_be_called_anything(workplace: Path, name: str) -> None:
    """Through the command: the page has it as text, and its figures and links are there."""
    quoted = name.replace("'", "\\'")
    words = (*TINY, "--multirun", "loss.bbox_weight=1,20", f"name='{quoted}'", f"tracking.experiment='{quoted}'")
    assert train_here(*words) == 0
    (page,) = [path.read_text() for path in workplace.glob("multirun/*/*/comparison/report.html")]
    policy = re.search(r"<meta http-equiv=\"Content-Security-Policy\" content=\"([^\"]*)\"", page)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert "unsafe-inline" not in policy[1].partition("script-src")[2].partition(";")[0]
    assert "<script>alert" not in page
    assert "onerror=alert(1)>" not in page
    assert 'href="javascript' not in page
    assert "49" not in page.partition("<h1>")[2].partition("</h1>")[0]
    assert list(workplace.glob("multirun/*/*/comparison/front.png"))


def test_the_ui_is_told_to_listen_on_loopback_alone() -> None:
    """That it does is tested with the real server: tests/tracking/test_store.py."""
    from locexp.tracking.location import locate
    from locexp.tracking.server import server_command

    words = server_command(locate(None, None, "e"), 5000)
    assert words[words.index("--host") + 1] == "127.0.0.1"

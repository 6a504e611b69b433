"""How many threads a run, a stack and a job beside others get; and what Keras is, whatever the environment says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from locexp.system import tensorflow as runtime

STARTED = """
import json
from locexp.errors import UserError
from locexp.system.tensorflow import start_tensorflow
try:
    start_tensorflow()
except UserError as error:
    print(error)
else:
    import keras
    import tensorflow as tf
    config = keras.config
    print(json.dumps([config.backend(), config.image_data_format(), config.floatx(), config.epsilon(),
                      config.dtype_policy().name, tf.executing_eagerly(), float(tf.function(tf.sqrt)(4.0))]))
"""


def started(folder: Path, settings: str | None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start TensorFlow in a process of its own, with a settings file of Keras's."""
    if settings is not None:
        (folder / "keras.json").write_text(settings, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KERAS_", "TF_"))}
    return subprocess.run(
        [sys.executable, "-c", STARTED],
        env={**environment, "KERAS_HOME": str(folder), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


@pytest.mark.parametrize(
    ("settings", "variables", "said"),
    [
        (
            {"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.1, "backend": "torch"},
            {"TF_XLA_FLAGS": "--nonsense", "KERAS_BACKEND": "jax", "TF_USE_LEGACY_KERAS": "1", "TF2_BEHAVIOR": "0"},
            [
                "KERAS_BACKEND=jax, TF2_BEHAVIOR=0, TF_USE_LEGACY_KERAS=1, TF_XLA_FLAGS=--nonsense: set in the "
                "environment, but ignored here",
                "keras.json: image_data_format=channels_first, epsilon=0.1, floatx=float16 is ignored here",
            ],
        ),
        pytest.param(
            {"floatx": "float64", "backend": "jax"}, {}, ["floatx=float64 is ignored here"], marks=pytest.mark.slow
        ),
        pytest.param(None, {"KERAS_BACKEND": "tensorflow", "TF_XLA_FLAGS": ""}, [], marks=pytest.mark.slow),
    ],
)
def test_keras_is_what_a_run_needs_and_what_is_overruled_is_said(
    settings: dict[str, object] | None, variables: dict[str, str], said: list[str], tmp_path: Path
) -> None:
    done = started(tmp_path, None if settings is None else json.dumps(settings), **variables)
    assert json.loads(done.stdout) == ["tensorflow", "channels_last", "float32", 1e-7, "float32", True, 2.0]
    lines = done.stderr.splitlines()
    assert len(lines) == len(said), done.stderr
    assert all(expected in line for expected, line in zip(said, lines, strict=True))


@pytest.mark.parametrize("settings", ['{"floatx": "float8"}', "[1]", '{"epsilon": 1}'])
def test_settings_that_keras_cannot_read_are_named(settings: str, tmp_path: Path) -> None:
    done = started(tmp_path, settings)
    assert done.stdout.startswith(f"{tmp_path}/keras.json: Keras cannot be imported with this file, or with KERAS_HOME")
    assert "Traceback" not in done.stderr


def test_a_variable_that_keras_cannot_read_is_named(tmp_path: Path) -> None:
    done = started(tmp_path, None, KERAS_MAX_EPOCHS="many")
    assert "or with KERAS_HOME, KERAS_MAX_EPOCHS (ValueError: invalid literal" in done.stdout


@pytest.mark.parametrize(
    ("cores", "alone", "stacked"),
    [(1, (1, 1), (1, 1)), (2, (2, 2), (1, 2)), (4, (4, 2), (1, 4)), (16, (16, 2), (1, 16))],
)
def test_threads_follow_the_cores(
    cores: int, alone: tuple[int, int], stacked: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "core_count", lambda: cores)
    assert runtime.thread_counts("auto") == alone
    assert runtime.thread_counts("auto", stacked=True) == stacked
    assert runtime.thread_counts(3) == (3, 2)  # what is asked for is given, whatever the cores
    assert runtime.thread_counts(3, stacked=True) == (1, 3)


IMPORTED = """
import json, sys, threading
from locexp.system import tensorflow as runtime
begun, others = threading.Event(), []

def beside():
    begun.wait()
    import jax, sklearn  # as MLflow's own thread may
    others.extend([jax.here, sklearn.here])

thread = threading.Thread(target=beside)
thread.start()
true_import = runtime._import_keras

def keras():
    begun.set()
    thread.join()
    for name in ("jax", "sklearn"):
        del sys.modules[name]
    return true_import()

runtime._import_keras = keras
runtime.start_tensorflow()
before = sorted({"jax", "sklearn"} & set(sys.modules))
import jax, sklearn
print(json.dumps([others, before, jax.here, sklearn.here]))
"""


def test_what_no_run_uses_is_not_imported_with_tensorflow_but_is_there_for_all_others(tmp_path: Path) -> None:
    for name in ("jax", "sklearn"):
        (tmp_path / f"{name}.py").write_text("here = True")
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert json.loads(done.stdout) == [[True, True], [], True, True]


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx512f avx512_bf16 amx_bf16 amx_tile\n", True),
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx512f avx512_bf16\n", False),
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx2\nbugs\t\t: amx_bf16\n", False),
        ("vendor_id\t: AuthenticAMD\nflags\t\t: fpu avx512_bf16\n", True),
        ("vendor_id\t: AuthenticAMD\nflags\t\t: fpu avx2\n", False),
        ("Features\t: fp asimd bf16\nCPU implementer\t: 0x41\n", None),
        ("", None),
    ],
)
def test_which_processors_are_faster_in_bfloat16(cpuinfo: str, expected: bool | None) -> None:
    assert runtime.has_fast_bfloat16(cpuinfo) is expected


@pytest.mark.parametrize(
    ("fast", "precision", "notes"),
    [(False, "mixed_bfloat16", 1), (True, "mixed_bfloat16", 0), (None, "mixed_bfloat16", 0), (False, "float32", 0)],
)
def test_a_slow_precision_is_said_to_be_slow_once(
    fast: bool | None, precision: str, notes: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(runtime, "has_fast_bfloat16", lambda cpuinfo: fast)
    runtime.start_tensorflow()
    try:
        for _ in range(2):
            runtime.start_tensorflow(precision=precision)
    finally:
        runtime.start_tensorflow()
    assert sum("trainer.precision=float32 may take less time" in text for text in caplog.messages) == notes

"""Starting TensorFlow: quietly, with the threads, precision and determinism of the run, whatever the environment."""

from __future__ import annotations

import contextlib
import importlib.abc
import json
import logging
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from locexp.errors import UserError, listed, worded
from locexp.system.folders import keras_folder
from locexp.system.process import core_count, importing
from locexp.system.surroundings import FORCED, force_libraries

logger = logging.getLogger(__name__)

SETTINGS = {"image_data_format": "channels_last", "epsilon": 1e-7, "floatx": "float32"}
"""What Keras's own settings file may say otherwise; all of it is set for each run."""

UNUSED = "jax", "sklearn"
"""What TensorFlow and Keras import where it is installed, for a converter and wrappers that no run uses. scikit-learn
comes with MLflow, and is a fifth of the time that importing both takes, and 60 MB."""


class _WithoutUnused(importlib.abc.MetaPathFinder):
    """Lets this thread find none of :data:`UNUSED`, and others all, for they may import what they need meanwhile."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Raise for :data:`UNUSED` on this thread, so that later finders are not asked; leave all others to them."""
        if name in UNUSED and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{name} is not imported with TensorFlow", name=name)


@contextlib.contextmanager
def _without_unused() -> Iterator[None]:
    finder = _WithoutUnused()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what native code writes to file descriptor 2; replay it if the block fails."""
    if sys.stderr is not None:
        sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except Exception:  # not Ctrl-C, which explains itself
            os.dup2(saved, 2)
            kept.seek(0)
            os.write(2, kept.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def thread_counts(threads: int | str, *, stacked: bool = False) -> tuple[int, int]:
    """Return (intra-op, inter-op) threads; see docs/speed.md for the measurements behind ``auto``.

    Args:
        threads: ``"auto"``, or the number of cores to use.
        stacked: several members train side by side, or a run is to equal one that does: each operation on one core, as
            many at a time as there are cores. An operation on several adds up in another order.
    """
    count = core_count() if threads == "auto" else int(threads)
    return (1, count) if stacked else (count, 2 if count > 1 else 1)


def start_tensorflow(
    *, threads: int | str = "auto", precision: str = "float32", deterministic: bool = False, stacked: bool = False
) -> Any:
    """Import TensorFlow and set it up for one run; returns the module.

    Thread counts only take effect before the first operation of a process; later calls leave them as they are.

    Raises:
        UserError: Keras has been imported with another backend, or cannot read its settings.
    """
    if "keras" not in sys.modules:
        force_libraries()
        _note_settings()
    with quiet_stderr(), importing("tensorflow"), _without_unused():
        keras = _import_keras()
        import tensorflow as tf

        intra, inter = thread_counts(threads, stacked=stacked or deterministic)
        with contextlib.suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(intra)
            tf.config.threading.set_inter_op_parallelism_threads(inter)
        tf.constant(0)
    tf.get_logger().setLevel("ERROR")  # it warns of retracing where each run of a sweep traces its own network
    keras.config.set_floatx("float64" if precision == "float64" else "float32")
    keras.config.set_image_data_format(SETTINGS["image_data_format"])
    keras.config.set_epsilon(SETTINGS["epsilon"])
    if precision == "mixed_bfloat16" != keras.config.dtype_policy().name:  # not for each run of a sweep
        _note_slow_bfloat16()
    keras.config.set_dtype_policy(precision)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    return tf


def _import_keras() -> Any:
    """Import Keras, which reads its settings file while it is imported; returns the module."""
    try:
        import keras
    except (ValueError, TypeError, AttributeError, OSError) as error:  # as the file may be anything, so may the error
        variables = listed(sorted(name for name in os.environ if name.startswith("KERAS_") and name not in FORCED))
        raise UserError(
            f"{keras_folder() / 'keras.json'}: Keras cannot be imported with this file{variables and ', or with '}"
            f"{variables} ({worded(error)}); mend or remove what is wrong."
        ) from error
    if keras.backend.backend() != "tensorflow":
        raise UserError(
            f"Keras has been imported with the backend {keras.backend.backend()} already; set "
            "KERAS_BACKEND=tensorflow before it is."
        )
    return keras


def has_fast_bfloat16(cpuinfo: str) -> bool | None:
    """Whether a processor is faster in bfloat16 than in float32; ``None`` where that is not known, as of ARM.

    Intel's without AMX have instructions for it, too, but took 1.4 times as long with them (docs/speed.md).

    Args:
        cpuinfo: what Linux says in ``/proc/cpuinfo``.
    """
    line = re.search(r"^flags\s*:(.*)$", cpuinfo, re.MULTILINE)
    if line is None:
        return None
    flags = line[1].split()
    return "amx_bf16" in flags or ("avx512_bf16" in flags and "AuthenticAMD" in cpuinfo)


def _note_slow_bfloat16() -> None:
    with contextlib.suppress(OSError):
        if has_fast_bfloat16(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")) is False:
            logger.warning(
                "trainer.precision=mixed_bfloat16 is usually slower than float32 on this processor, which has neither "
                "AMX nor AMD's AVX512_BF16; trainer.precision=float32 may take less time"
            )


def _note_settings() -> None:
    """Say which settings of Keras's file are not those of a run."""
    path = keras_folder() / "keras.json"
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        others = [f"{name}={given[name]}" for name, value in SETTINGS.items() if given.get(name, value) != value]
    except (OSError, ValueError, AttributeError):
        return  # there is none, or Keras says what is wrong with it
    if others:
        logger.warning("%s: %s is ignored here", path, listed(others))

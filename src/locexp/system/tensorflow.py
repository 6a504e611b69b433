"""Bringing TensorFlow up: quietly, with the threads, precision and determinism of the run."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from locexp.system.process import core_count, importing


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Hold back what native code writes to file descriptor 2; replay it if the block fails."""
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
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with _quiet_stderr(), importing("tensorflow"):
        import keras
        import tensorflow as tf

        intra, inter = thread_counts(threads, stacked=stacked or deterministic)
        with contextlib.suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(intra)
            tf.config.threading.set_inter_op_parallelism_threads(inter)
        tf.constant(0)
    tf.get_logger().setLevel("ERROR")  # it warns of retracing where each run of a sweep traces its own network
    keras.config.set_floatx("float64" if precision == "float64" else "float32")
    keras.config.set_dtype_policy(precision)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    return tf

"""Keras callbacks: which can be called here. They have epoch hooks, and watch metrics that a run has."""

from __future__ import annotations

from locexp.errors import UserError, listed, nearest
from locexp.evaluation.metrics import metric_names


def check_callback(callback: object) -> None:
    """Refuse a callback with batch hooks (many steps run in one call), or one that monitors what is not measured.

    Raises:
        UserError: it has, or does, or is no callback.
    """
    import keras

    name = type(callback).__name__
    if not isinstance(callback, keras.callbacks.Callback):
        raise UserError(f"trainer.callbacks: {name} is not a keras.callbacks.Callback.")
    hooks = [
        hook
        for hook in vars(keras.callbacks.Callback)
        if "_batch_" in hook
        and (hook in vars(callback) or getattr(type(callback), hook) is not getattr(keras.callbacks.Callback, hook))
    ]
    if hooks:
        raise UserError(
            f"trainer.callbacks: {name} has batch hooks ({listed(hooks)}), which cannot be called: many steps run in "
            "one call into the graph. Use a callback with epoch hooks."
        )
    monitor = getattr(callback, "monitor", None)
    known = [f"{part}/{metric}" for part in ("train", "val") for metric in (*metric_names(), "loss")]
    if (
        isinstance(monitor, str)
        and monitor not in known
        and not monitor.startswith(("time/", "weights/", "gradients/"))
    ):
        hint = nearest(monitor.replace("_", "/", 1), known)
        raise UserError(
            f"trainer.callbacks: {name} has monitor={monitor}; expected one of val/… and train/…: "
            f"{listed((*metric_names(), 'loss'))}.{hint}"
        )

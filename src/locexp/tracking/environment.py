"""Variables of MLflow that say where or what is logged: locexp has keys for that, and says so where they are set."""

from __future__ import annotations

import os

from locexp.tracking.location import Location

UNREAD = {
    "MLFLOW_EXPERIMENT_NAME": "tracking.experiment",
    "MLFLOW_EXPERIMENT_ID": "tracking.experiment",
    "MLFLOW_RUN_ID": "trainer.resume",
    "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "tracking.system_metrics",
    "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": "tracking.system_metrics",
}
"""Variables that have no effect, and the key to be given instead. ``MLFLOW_TRACKING_URI`` is another."""


def unread_variables(location: Location, given: str | None, *, key: str = "tracking.uri") -> list[str]:
    """Return, in words, which variables are set without effect.

    Args:
        location: what is used.
        given: the address that the command gives, which explains why the variable is not read; or ``None``.
        key: by which it gives one.
    """
    notes = []
    if os.environ.get("MLFLOW_TRACKING_URI") and given is None:
        what = "results go to" if key == "tracking.uri" else "the store is"
        notes.append(
            f"MLFLOW_TRACKING_URI is set but not read: {what} {location.uri}. "
            f'Give {key}="$MLFLOW_TRACKING_URI" to use that one.'
        )
    others = [name for name in UNREAD if os.environ.get(name)]
    if others and key == "tracking.uri":
        verb = "is" if len(others) == 1 else "are"
        keys = ", ".join(dict.fromkeys(UNREAD[name] for name in others))
        notes.append(f"{', '.join(others)} {verb} set but not read; what is read instead: {keys}.")
    return notes

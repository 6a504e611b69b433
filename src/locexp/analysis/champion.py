"""``compare.register``: the model of the run that a comparison chooses goes into MLflow's registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locexp.analysis.chosen import chosen_run
from locexp.analysis.compare import CompareOptions, compare_sweep
from locexp.analysis.results import TITLES
from locexp.errors import UserError, counted

if TYPE_CHECKING:
    from locexp.tracking.store import MlflowStore


def compare_and_register(store: MlflowStore, which: str, options: CompareOptions) -> list[str]:
    """Compare a sweep as :func:`~locexp.analysis.compare.compare_sweep` does, and register the chosen run's model.

    Args:
        store: which has the sweep.
        which: see :meth:`locexp.records.store.Store.sweep`.
        options: with the name in ``register``.

    Returns:
        The lines for the screen; the last one says which run it is.

    Raises:
        UserError: the sweep cannot be compared, or the chosen run has no model; nothing is written.
    """
    from locexp.tracking.registry import CHAMPION, model_of, register

    assert options.register is not None
    parent = store.sweep(which)
    sweep_id = parent.tags["sweep_id"]
    chosen = chosen_run(store, parent, options.metric)
    try:
        model_id = model_of(store, chosen.run)
    except UserError as error:
        raise UserError(f"compare.register={options.register}: {error}") from None
    lines = compare_sweep(store, sweep_id, options)
    value = chosen.run.metrics[f"kept/{chosen.metric}"]
    what = f"run {chosen.run.name} ({chosen.run.run_id}), with {TITLES[chosen.metric]} {value:.4f} on validation"
    if len(chosen.setting.runs) > 1:
        what += f", the best of {counted(len(chosen.setting.runs), 'seed')} of the chosen setting"
    description = f"{what[0].upper()}{what[1:]}, {chosen.setting.label}, in sweep {sweep_id}."
    version = register(store, model_id, options.register, description)
    return [*lines, f"Model    models:/{options.register}@{CHAMPION} is version {version}: {what}"]

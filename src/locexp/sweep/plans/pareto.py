"""A search for weights by Optuna with two objectives, accuracy and mean IoU on validation."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Interval
from omegaconf import DictConfig

from locexp.bounds import checked
from locexp.errors import UserError
from locexp.sweep.plans.bbox_weight import check_axis, of_ratio, rounded, single_tasks
from locexp.sweep.plans.bbox_weight import configured as configured_weights
from locexp.sweep.setting import Stage, Stages, distinct, mean_outcome

OBJECTIVES = ("accuracy", "mean_iou")


def check_optuna() -> None:
    """Check that Optuna is installed; raises :class:`UserError`."""
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise UserError("sweep=pareto needs Optuna: pip install 'locexp[optuna]'.") from None


@checked("sweep", check_axis, check_optuna)
def pareto(
    base: DictConfig,
    *,
    trials: Annotated[int, Ge(1)],
    batch: Annotated[int, Ge(1)],
    low: float,
    high: float,
    search_seed: Annotated[int, Interval(ge=0, le=2**32 - 1)],
    configured: bool,
    single_task: bool,
) -> Stages:
    """Yield batches of weights, each chosen by NSGA-II (Deb et al. 2002) from what the earlier ones reached.

    A batch is a generation. A setting whose runs all failed is reported to the search as failed; it goes on.

    Args:
        base: its ``classification_weight`` stays (1 where it is 0).
        trials: how many weights in all.
        batch: how many at a time.
        low, high: the ends of bbox_weight / classification_weight.
        search_seed: drives the search: equal outcomes lead to an equal search.
        configured: run the weights of ``base``, too; their results are not reported to the search.
        single_task: run (1, 0) and (0, 1), too, likewise.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.NSGAIISampler(population_size=batch, seed=search_seed)
    study = optuna.create_study(directions=["maximize"] * len(OBJECTIVES), sampler=sampler)
    beside = [configured_weights(base)] if configured else []
    beside += single_tasks(base) if single_task else []
    remaining = trials
    while remaining > 0:
        asked = [study.ask() for _ in range(min(batch, remaining))]
        remaining -= len(asked)
        ratios = [trial.suggest_float("ratio", low, high, log=True) for trial in asked]
        settings = [of_ratio(base, min(high, max(low, rounded(ratio)))) for ratio in ratios]
        settings += [setting for setting in distinct(beside) if setting not in settings]
        beside = []  # once, with the first batch
        outcomes = yield Stage(settings, more=remaining > 0)
        for trial, row in zip(asked, outcomes[: len(asked)], strict=True):
            values = [mean_outcome(row, name) for name in OBJECTIVES]
            if any(value is None for value in values):
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, values)

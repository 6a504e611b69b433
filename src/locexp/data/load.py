"""From the data configuration to a split data set."""

from __future__ import annotations

from omegaconf import DictConfig

from locexp.data.arrays import Dataset
from locexp.data.split import split
from locexp.targets import resolve


def load_dataset(config: DictConfig) -> Dataset:
    """Load and split the data that a ``data`` configuration names.

    Raises:
        UserError: it cannot be had, read or split.
    """
    loader = resolve(config._target_, "data._target_")
    raw = loader(source=config.source, path=config.path)
    validation = config.validation
    return split(
        raw,
        validation="test" if validation == "test" else float(validation),
        split_seed=config.split_seed,
        limit=config.limit,
    )

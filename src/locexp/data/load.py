"""From the data configuration to a split data set."""

from __future__ import annotations

from omegaconf import DictConfig

from locexp.configuration.schema import loader_arguments
from locexp.configuration.targets import import_target
from locexp.data.arrays import Dataset
from locexp.data.conversion import converted, naming
from locexp.data.split import split


def load_dataset(config: DictConfig) -> Dataset:
    """Load and split the data that a ``data`` configuration names.

    Raises:
        UserError: it cannot be found, read or split.
    """
    loader = import_target(config._target_, "data._target_")
    raw = loader(**loader_arguments(config))
    with naming(config.path):
        return split(converted(raw), validation=config.validation, split_seed=config.split_seed, limit=config.limit)

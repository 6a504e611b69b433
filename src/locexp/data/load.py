"""From the data configuration to a split data set."""

from __future__ import annotations

from omegaconf import DictConfig

from locexp.configuration.schema import loader_arguments
from locexp.configuration.targets import import_target
from locexp.data.arrays import Dataset
from locexp.data.conversion import converted, naming
from locexp.data.leaks import checked_for_leaks
from locexp.data.split import split


def load_dataset(config: DictConfig) -> Dataset:
    """Load and split the data that a ``data`` configuration names, and look for images that are in two parts.

    Raises:
        UserError: it cannot be found, read or split, or images that must not be in two parts are.
    """
    loader = import_target(config._target_, "data._target_")
    raw = loader(**loader_arguments(config))
    with naming(config.path):
        raw = converted(raw)
        dataset = split(raw, validation=config.validation, split_seed=config.split_seed, limit=config.limit)
        return dataset if raw.leaks is None else checked_for_leaks(dataset, raw.leaks)

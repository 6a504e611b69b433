"""From the data configuration to a split data set."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from omegaconf import DictConfig

from locexp.configuration.targets import import_target
from locexp.data.arrays import Dataset
from locexp.data.split import split
from locexp.errors import UserError


def load_dataset(config: DictConfig) -> Dataset:
    """Load and split the data that a ``data`` configuration names.

    Raises:
        UserError: it cannot be had, read or split.
    """
    loader = import_target(config._target_, "data._target_")
    raw = loader(source=config.source, path=config.path)
    with naming(config.path):
        return split(raw, validation=config.validation, split_seed=config.split_seed, limit=config.limit)


@contextlib.contextmanager
def naming(path: str | None) -> Iterator[None]:
    """Say in which of the user's files the images lie that an error is about."""
    try:
        yield
    except UserError as error:
        if path is None:
            raise
        raise UserError(f"{error} The images are those of data.path={path}.") from error

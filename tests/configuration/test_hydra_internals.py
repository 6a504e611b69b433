"""What locexp takes from the inside of Hydra is still there, and does what it is needed for.

A failure here names what a new release of Hydra or OmegaConf has changed; it is mended in
``locexp/configuration/hydra_internals.py`` and nowhere else.
"""

from __future__ import annotations

import inspect
import pickle
import re
import warnings
from pathlib import Path

import pytest
from hydra import compose
from hydra.errors import MissingConfigException
from omegaconf import DictConfig

from locexp.configuration import hydra_internals as hydra
from locexp.configuration.compose import composing, whole
from locexp.configuration.schema import config_directory

SRC = Path(hydra.__file__).parents[1]


def test_no_other_file_reaches_into_hydra() -> None:
    reaching = [
        path.name
        for path in SRC.rglob("*.py")
        if re.search(
            r"^\s*(from|import) hydra\._internal|from hydra\.core\.(?!override_parser)", path.read_text(), re.M
        )
    ]
    assert reaching == ["hydra_internals.py"]


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        ("_run_hydra", {"args", "args_parser", "task_function", "config_path", "config_name"}),
        ("create_config_search_path", {"search_path_dir"}),
        ("configure_log", {"log_config", "verbose_config"}),
        ("env_override", {"env"}),
        ("HydraContext", {"config_loader", "callbacks"}),
    ],
)
def test_functions_take_what_they_are_given(function: str, parameters: set[str]) -> None:
    found = set(inspect.signature(getattr(hydra, function)).parameters)
    assert parameters <= found, f"Hydra's {function} no longer takes {parameters - found}"


def test_the_parser_knows_the_flags_that_are_asked_for() -> None:
    arguments = hydra.argument_parser("program").parse_intermixed_args(["a=1", "--multirun", "b=2"])
    assert (arguments.overrides, arguments.multirun) == (["a=1", "b=2"], True)
    for flag in ("help", "hydra_help", "cfg", "info", "shell_completion", "resolve", "config_dir", "config_name"):
        assert hasattr(arguments, flag), f"Hydra's parser has no flag {flag} any more"
    assert (arguments.config_path, arguments.experimental_rerun) == (None, None)


def test_a_further_folder_is_searched_too_and_the_search_ends_with_its_context(tmp_path: Path) -> None:
    folder = tmp_path / "it's my conf"
    (folder / "optimizer").mkdir(parents=True)
    (folder / "optimizer" / "quick.yaml").write_text("_target_: keras.optimizers.Adam\nlearning_rate: 0.5\n")
    with composing(str(folder)):
        assert compose("config", ["optimizer=quick"]).optimizer.learning_rate == 0.5
    with composing(), pytest.raises(MissingConfigException):
        compose("config", ["optimizer=quick"])
    with pytest.raises(AssertionError, match="not initialized"):
        compose("config")


def test_the_schema_and_the_resolver_are_registered_in_silence_however_often() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with composing() as composer:
                first = composer.compose([]).composition
                second = composer.compose(["seed=1"]).composition
    assert first is second


class Loader:
    """Hands out configurations, as a launcher asks for them."""

    def __init__(self, config: DictConfig) -> None:
        self.config = config
        self.asked: list[list[str]] = []

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        self.asked.append(sweep_overrides)
        return self.config


ran: list[str] = []


def note_folder(cfg: DictConfig) -> None:
    ran.append(hydra.HydraConfig.get().runtime.output_dir)


def test_a_launcher_takes_its_jobs_configurations_from_the_loader_that_it_is_given(tmp_path: Path) -> None:
    with composing() as composer:
        job = composer.compose(["hydra/launcher=basic"])
        config = whole(job.cfg, job.hydra(tmp_path / "7", index=7))
        loader = Loader(config)
        launcher = hydra.hydra_launcher(config, loader, hydra.Callbacks(config), note_folder)
        launcher.launch([["some=override"]], 7)
    assert loader.asked == [["some=override"]]
    assert ran == [str(tmp_path / "7")]
    assert (tmp_path / "7" / "config" / "overrides.yaml").is_file()


def test_hydra_accepts_a_node_that_was_composed_earlier_as_its_own(tmp_path: Path) -> None:
    with composing() as composer:
        job = composer.compose(["+hydra.job.env_set.SOME=one"])
    config = whole(job.cfg, job.hydra(tmp_path / "3-2", index=3))
    known = hydra.HydraConfig.instance()
    before = known.cfg
    known.set_config(config)
    try:
        found = hydra.HydraConfig.get()
        assert (found.job.num, found.job.id, found.sweep.subdir) == (3, "3", "3-2")
        assert found.job.env_set["SOME"] == "one"
        assert found.job_logging["handlers"]["file"]["filename"] == str(tmp_path / "3-2" / "train.log")
    finally:
        known.cfg = before


def test_the_configuration_directory_is_the_checkouts() -> None:
    assert (config_directory() / "config.yaml").is_file()


def test_callbacks_survive_being_pickled_for_a_worker() -> None:
    with composing() as composer:
        config = whole(composer.compose([]).cfg, composer.compose([]).hydra(Path("/x"), index=0))
    assert isinstance(pickle.loads(pickle.dumps(hydra.Callbacks(config))), hydra.Callbacks)

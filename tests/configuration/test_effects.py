"""What would change nothing is refused: whoever gives it expects something of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from locexp.configuration.compose import composing
from locexp.configuration.instantiate import instantiate
from locexp.errors import UserError
from locexp.sweep.jobs import StagedJobs
from tests.conftest import TINY, train_here

REFUSED = [
    (["hydra.sweep.subdir=x"], "hydra.sweep.subdir: does nothing here"),
    (["hydra.job.num=3"], "hydra.job.num=3: does nothing here"),
    (["hydra.job.id=x"], "hydra.job.id=x: does nothing here"),
    (["hydra.job.config.override_dirname.kv_sep=x"], "hydra.job.config.override_dirname.kv_sep=x: does nothing here"),
    (["hydra.runtime.output_dir=x"], "hydra.runtime.output_dir=x: does nothing here"),
    (["hydra.sweep.dir=x"], "hydra.sweep.dir=x: is for a sweep"),
    (["hydra/launcher=basic"], "hydra/launcher=basic: is for a sweep"),
    (["sweep.max_members=3"], "sweep.max_members=3: is for a sweep"),
    (["sweep.on_error=stop"], "sweep.on_error=stop: is for a sweep"),
    (["sweep.allow_mixed=true"], "sweep.allow_mixed=true: is for a sweep"),
    (["--multirun", "seed=1,2", "hydra.run.dir=x"], "hydra.run.dir=x: is for a run by itself"),
    (["sweep.seeds=2", "hydra.run.dir=x"], "hydra.run.dir=x: is for a run by itself"),
    (["hydra.help.app_name=x"], "hydra.help.app_name=x: does nothing here"),
    (["hydra.run.dir="], "hydra.run.dir=: expected the name of a folder"),
    (["--multirun", "seed=1,2", "hydra.sweep.dir="], "hydra.sweep.dir=: expected the name of a folder"),
    (["name="], "name=: expected a name, or null"),
    (["--multirun", "optimizer.params.name=a,b"], "optimizer.params.name=a: expected null: a name changes nothing"),
    (["bbox.noise_level=.3"], "bbox.noise_level=.3: does nothing without bbox.noise"),
    (["--multirun", "bbox.noise_level=.1,.3"], "bbox.noise_level=0.1: does nothing without bbox.noise"),
    (
        ["optimizer=sgd", "optimizer.params.momentum=0", "optimizer.params.nesterov=true"],
        "optimizer.params.nesterov=true",
    ),
    (
        ["optimizer.params.ema_momentum=.9"],
        "optimizer.params.ema_momentum=.9: does nothing without optimizer.params.use_",
    ),
    (["optimizer.params.use_ema=true"], "optimizer.params.use_ema=true: the averages are used where"),
    (
        ["optimizer.params.loss_scale_factor=2"],
        "optimizer.params.loss_scale_factor=2: expected null: losses are not sc",
    ),
]
ALLOWED = [
    ["hydra.run.dir=x", "hydra.verbose=true", "hydra.output_subdir=null", "hydra.job.name=x"],
    ["--multirun", "seed=1,2", "hydra.sweep.dir=x", "sweep.max_members=3", "sweep.on_error=stop"],
    ["bbox.noise=salt", "bbox.noise_level=.3"],
    ["--multirun", "bbox.noise=salt,gaussian", "bbox.noise_level=.1,.3"],
    ["optimizer=sgd", "optimizer.params.nesterov=true"],
    ["optimizer.params.use_ema=true", "optimizer.params.ema_overwrite_frequency=5", "optimizer.params.ema_momentum=.9"],
    ["optimizer.params.nesterov=false"],
    ["hydra.job.chdir=false"],
    ["optimizer.params.nesterov=true"],  # which Adam itself refuses
]


def plan(words: list[str]) -> None:
    overrides = [word for word in words if word != "--multirun"]
    with composing() as composer:
        StagedJobs(composer, overrides, multirun="--multirun" in words).next_stage({})


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=lambda value: " ".join(value) if value else "")
def test_what_does_nothing_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        plan(words)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("words", ALLOWED, ids=" ".join)
def test_what_does_something_is_taken(words: list[str]) -> None:
    plan(words)


KERAS = [
    ("optimizers.Adam", {"learning_rate": 0.1, "decay": 0.1}, "optimizer.params.decay=0.1: Adam ignores this"),
    ("optimizers.SGD", {"decay": 0.1}, "optimizer.params.decay=0.1: SGD ignores this"),
    ("optimizers.Adam", {"lr": 0.1}, "Adam refuses its arguments"),
    (
        "callbacks.LambdaCallback",
        {"on_epoch_ends": {"_target_": "math.sqrt", "_partial_": True}},
        "LambdaCallback takes this without any effect; .*Did you mean 'on_epoch_end'",
    ),
]


@pytest.mark.parametrize(("target", "arguments", "message"), KERAS)
def test_what_keras_drops_is_refused(target: str, arguments: dict[str, object], message: str, float32: None) -> None:
    node = OmegaConf.create({"_target_": f"keras.{target}", **arguments})
    with pytest.raises(UserError, match=message):
        instantiate(node, "optimizer.params")


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD", "RMSprop", "Adagrad", "Nadam", "Lion", "Adafactor", "Ftrl"])
def test_all_that_an_optimizer_says_of_itself_is_taken(name: str, float32: None) -> None:
    import keras

    known = getattr(keras.optimizers, name)().get_config()
    made = instantiate(OmegaConf.create({"_target_": f"keras.optimizers.{name}", **known}), "optimizer.params")
    assert made.get_config() == known


def test_warnings_of_own_code_are_warnings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "warns.py").write_text("import warnings\ndef make(): warnings.warn('colours are ignored')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.warns(UserWarning, match="colours are ignored"):
        instantiate(OmegaConf.create({"_target_": "warns.make"}), "model")


@pytest.mark.parametrize(("multirun", "unused"), [(True, "hydra.run.dir=x"), (False, "hydra.sweep.dir=y")])
def test_a_script_may_give_the_folders_of_both(multirun: bool, unused: str) -> None:
    with composing() as composer:
        staged = StagedJobs(composer, ["hydra.run.dir=x", "hydra.sweep.dir=y"], multirun=multirun)
    (note,) = staged.notes
    assert note.startswith(f"{unused}: is not used")
    assert str(staged.directory) == ("y" if multirun else "x")


def test_hooks_that_a_callback_takes_by_any_name_are_taken(float32: None) -> None:
    hook = {"_target_": "math.sqrt", "_partial_": True}
    node = OmegaConf.create({"_target_": "keras.callbacks.LambdaCallback", "on_test_begin": hook})
    assert instantiate(node, "trainer.callbacks.x").on_test_begin(4) == 2


def test_an_optimizer_of_ones_own_that_passes_it_on_is_refused_before_training(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / "mine.py").write_text(
        "import keras\n"
        "class Mine(keras.optimizers.Adam):\n"
        "    def __init__(self, learning_rate=0.1, **keys):\n"
        "        super().__init__(learning_rate, **keys)\n"
    )
    words = ["optimizer._target_=mine.Mine", "--multirun", "optimizer.params.decay=0.1,0.9"]
    assert train_here(*TINY, *words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: optimizer.params.decay=0.1: Mine ignores this")
    assert not (workplace / "multirun").exists()
    assert "mine" in sys.modules


@pytest.mark.slow
def test_the_name_of_a_sweep_is_said_to_be_that(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_here(*TINY, "--multirun", "seed=1,2", "name=mine") == 0
    assert "name=mine names the sweep; its runs are named by what varies, and their seeds" in capsys.readouterr().out

"""The configuration: what is refused and in which words, what makes two runs the same setting, and its comments."""

from __future__ import annotations

import copy
import inspect
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from omegaconf import OmegaConf, open_dict

from locexp.configuration.rules import validate
from locexp.configuration.schema import config_directory, config_hash, register
from locexp.errors import UserError
from locexp.evaluation.metrics import HEADLINES
from locexp.losses.weighting import methods
from tests.configuration.composed import compose_one, planned

NAN, INFINITE = float("nan"), float("inf")
BAD = {
    "loss.bbox_wieght=1": r"loss.bbox_wieght=1: unknown key; .*Did you mean 'bbox_weight'",
    "bbox_weight=3": r"unknown key; .*Did you mean 'loss.bbox_weight'",
    "optimiser=sgd": r"unknown key; .*Did you mean 'optimizer'",
    "+loss.foo=1": r"loss.foo=1: unknown key",
    "+foo=1": r"foo=1: unknown key; allowed: data, bbox",
    "~seed": r"seed is required",
    "data=mnst": r"data=mnst: expected one of .*Did you mean 'mnist'",
    "optimizer=sdg": r"optimizer=sdg: expected one of adam, adam_short, adamw, sgd",
    "experiment=sed": r"Did you mean 'seed'",
    "trainer.epochs=abc": r"trainer.epochs=abc: expected a whole number >= 1\.",
    "trainer.epochs=null": r"trainer.epochs=null: expected a whole number >= 1\.",
    "trainer.early_stopping=abc": r"trainer.early_stopping=abc: expected a whole number >= 1, or null\.",
    "loss.bbox_weight=abc": r"loss.bbox_weight=abc: expected a finite number >= 0\.",
    "trainer.epochs=0": r"trainer.epochs=0: expected a whole number >= 1",
    "trainer.epochs=1.5": r"trainer.epochs=1.5: ",
    "trainer.epochs": r"trainer.epochs: cannot be read as KEY=VALUE",
    "trainer.epochs=1,2": r"several values are a sweep; add --multirun",
    "trainer.batch_size=-1": r"trainer.batch_size=-1: expected a whole number >= 1",
    "trainer.threads=0": r"trainer.threads=0: expected auto",
    "trainer.precision=float16": r"expected one of float32, mixed_bfloat16, float64",
    "optimizer=3": r"optimizer=3: expected one of adam, adam_short, adamw, sgd",
    "trainer.keep=first": r"expected one of best, last",
    "trainer.monitor=val/loss": r"trainer.monitor=val/loss: expected one of val/accuracy",
    "trainer.monitor=val/mean_iuo": r"Did you mean 'val/mean_iou'",
    "trainer.early_stopping=0": r"trainer.early_stopping=0: expected",
    "trainer.save_h5=model.keras": r"a file name that ends in .h5",
    "trainer.save_h5=3": r"trainer.save_h5=3: expected a file name that ends in .h5, or null\.",
    "trainer.save_h5=../m.h5": r"a file name that ends in .h5",
    "hydra.job.env_set.x=3": r"add to it with \+hydra.job.env_set.x=VALUE",
    "trainer.callbacks.x=3": r"trainer.callbacks.x=3: expected a _target_",
    "+trainer.callbacks.x=3": r"trainer.callbacks.x=3: expected a _target_",
    "+trainer.callbacks.x={_target_: no.such.Callback}": r"cannot import no.such",
    "loss.bbox_weight=-1": r"loss.bbox_weight=-1.0: expected a finite number >= 0",
    "loss.bbox_weight=nan": r"loss.bbox_weight=nan: expected a finite number",
    "loss.classification_weight=inf": r"loss.classification_weight=inf: expected a finite number",
    "loss.bbox_weight=[1]": r"loss.bbox_weight=\[1\]: expected a finite number",
    "loss.bbox_loss=msee": r"expected one of .*ciou, .*mse, .*smooth_l1, .*or a dotted path. Did you mean 'mse'",
    "loss.bbox_loss=no.such.loss": r"cannot import no.such",
    "+loss.bbox_loss_params.delta_px=1": r"loss.bbox_loss_params.delta_px=1: unknown key",
    "loss.bbox_loss=smooth_l1 loss.bbox_loss_params.delta=1": r"allowed: delta_px. Did you mean 'delta_px'",
    "optimizer.params.beta_1=1": r"optimizer.params.beta_1=1: expected a number in \[0, 1\)",
    "optimizer.params={clipnorm: 0}": r"optimizer.params.clipnorm=0: expected a finite number > 0",
    "optimizer.params.weight_decay=x": r"optimizer.params.weight_decay=x: expected a finite number >= 0",
    "loss/weighting=mdga": r"loss/weighting=mdga: expected one of .*mgda.* Did you mean 'mgda'",
    "loss/weighting=cagrad loss.weighting.kappa=-1": r"loss.weighting.kappa=-1: expected a finite number >= 0",
    "loss/weighting=cagrad loss.weighting.capa=1": r"loss.weighting.capa",
    "loss/weighting=mgda loss.weighting.heads=none": r"loss.weighting.heads=none: expected one of own, weighted\.",
    "loss/weighting=dwa loss.weighting.temperature=0": r"loss.weighting.temperature=0: expected a finite number > 0",
    "loss/weighting=dwa loss.weighting.temperature=hot": r"loss.weighting.temperature=hot: expected a finite number",
    "loss/weighting=famo loss.bbox_weight=0": r"loss.bbox_weight=0.0: Famo weights two losses, so it needs both",
    "loss.weighting._target_=locexp.losses.mse.mse": r"expected a class derived from locexp.losses.weighting.base",
    "model.bbox_head=corner": r"model.bbox_head=corner: expected one of .* Did you mean 'corners'",
    "trainer.diagnostic_batches=-1": r"trainer.diagnostic_batches=-1: expected a whole number >= 0",
    "optimizer.learning_rate=0": r"expected a finite number > 0",
    "optimizer.schedule=cosin": r"Did you mean 'cosine'",
    "model.dense_unit=3": r"Did you mean 'dense_units'",
    "+model.dense_unit=3": r"Did you mean 'dense_units'",
    "model.dense_units=0": r"model.dense_units=0: expected a whole number >= 1",
    "model.dense_units=a": r"model.dense_units=a: expected a whole number >= 1, got str\.",
    "model.dropout=1": r"model.dropout=1: expected a number in \[0, 1\)",
    "model.filters=[8,2.5]": r"expected one whole number >= 1 for each convolution, but item 2 is 2.5\.",
    "model.filters=[]": r"model.filters=\[\]: expected one whole number",
    "model._target_=locexp.models.cnn.buld": r"no callable 'buld'. Did you mean 'build'",
    "model=backbone model.weights=imagenett": r"expected imagenet or null\. Did you mean 'imagenet'\?",
    "model=backbone model.weights=3": r"model.weights=3: expected imagenet or null, got int\.",
    "model=coordconv model.coordinates=al": r"model.coordinates=al: expected one of none, input, every\.",
    "model=fcn_softargmx": r"model=fcn_softargmx: expected one of .*Did you mean 'fcn_softargmax'",
    "bbox.threshold=255": r"bbox.threshold=255: expected a whole number from 0 to 254",
    "bbox.margin=-1": r"bbox.margin=-1: expected",
    "bbox.scene_seed=-1": r"bbox.scene_seed=-1: expected",
    "data.validation=1": r"data.validation=1: expected a fraction",
    "data.validation=tets": r"data.validation=tets: expected a fraction in \(0, 1\), or test",
    "data.limit=0": r"data.limit=0: expected a whole number >= 1",
    "data.source=web": r"expected one of auto, cache, download, bundled",
    "data.path=x": r"data=mnist reads no path",
    "data=file": r"data.path is required",
    "data.split_seed=-1": r"data.split_seed=-1: expected",
    "sweep.replay_seeds=3": r"^sweep.replay_seeds=3: was renamed to sweep.final_seeds\.$",
    "sweep=bbox_weight +sweep.replay_seeds=3": r"sweep.replay_seeds=3: was renamed to sweep.final_seeds\.",
    "seed=-1": r"seed=-1: expected a whole number from 0",
    "optimizer.learning_rate=%s" % ("9" * 400): r"optimizer.learning_rate: is larger than any number",
    "trainer.epochs=%s" % ("9" * 30): r"trainer.epochs=9+: .* >= 1, got a number that is too large",
    "sweep=bbox_weight sweep.high=%s"
    % ("9" * 400): r"sweep.high=9+: expected a finite number, got a number that is too",
    "trainer.threads=5000": r"trainer.threads=5000: expected auto, or a whole number from 1 to 1024\.",
    "seed=a": r"seed=a: expected a whole number",
    "seed=${foo}": r"interpolation key 'foo' not found",
    "tracking.experiment=%s" % ("e" * 501): r"tracking.experiment=e+… \(501 characters\): expected at most 500",
    "+trainer.callbacks={a//b:{_target_:keras.callbacks.TerminateOnNaN}}": r"a//b: is not a parameter's name",
    "+optimizer.params={%s:1}" % ("a" * 300): r"has 317 characters; expected at most 240",
    "data=file data.path='~nobody99/x.npz'": r"data.path=~nobody99/x.npz: Could not determine home directory",
    "data=1e400": r"data=1e400: expected one of coco, fashion_mnist",
    "~data=1": r"~data=1: expected one of coco, fashion_mnist",
    "trainer%s=1" % ("x" * 4000): r"^trainerxxx",
    "tracking.experiment=' '": r"tracking.experiment=' ': expected a name",
    "data.limit==100": r"^data.limit==100: cannot be read as KEY=VALUE; expected a whole number >= 1, or null\.$",
    "loss.bbox_weight=1,,2": r"loss.bbox_weight=1,,2: cannot be read as KEY=VALUE; expected a finite number >= 0\.$",
    "data.limit=1,2": r"^data.limit=1,2: several values are a sweep; add --multirun\.$",
    "~name": r"^(~name: cannot be taken out; give name=null\.|name is required.*)$",
    "~data.limit": r"^(~data.limit: cannot be taken out; give data.limit=null\.|data.limit is required.*)$",
    "hydra=null": r"^hydra=null: expected a key below it, such as hydra.run.dir",
    "name=${hydra:job.override_dirname}": r"^name=\$\{hydra:job.override_dirname\}: refers to itself\.$",
    "model=${seed}": r"^model=\$\{seed\}: a group is chosen before any key has a value; expected one of .*\bcnn\b",
    "loss.bbox_weight=${nope}": r"^loss.bbox_weight=\$\{nope\}: interpolation key 'nope' not found",
    "hydra.run.di=3": r"allowed in hydra.run: dir. Did you mean 'dir'",
}


@pytest.mark.parametrize("word", BAD)
def test_bad_input_is_named(word: str) -> None:
    words = word.split() if "=" in word.partition(" ")[2] else [word]
    with pytest.raises(UserError, match=BAD[word]) as caught:
        compose_one(*words)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["loss.bbox_weight=0", "loss.classification_weight=0"], "at least one weight above 0"),
        (["bbox=fixed", "bbox.box=[9,2,3,4]"], "inverted or empty"),
        (
            ["bbox=fixed", "bbox.box=[6,6,nan,22]"],
            r"four finite numbers \[x1, y1, x2, y2\] in pixels, but item 3 is nan\.",
        ),
        (["bbox=fixed", "bbox.box=a"], r"bbox.box=a: expected"),
        (["bbox=tight", "bbox.box=[1,2,3,4]"], "unknown key; allowed in bbox"),
        (["data=file", "data.path=missing.npz"], "data.path=missing.npz: expected an existing"),
        (["data=file", "data.path="], "data.path=: expected an existing"),
        (["data=mnist_5k", "data.source=cache"], "expected auto or bundled"),
        (
            ["loss.bbox_loss=smooth_l1", "+loss.bbox_loss_params.delta_px=-1"],
            "delta_px=-1: expected a number of pixels",
        ),
    ],
)
def test_bad_combinations_are_named(words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        compose_one(*words)


COUNT: tuple[list[Any], list[Any]] = ([1, 10**6], [0, -1])
SEED: tuple[list[Any], list[Any]] = ([0, 2**31 - 1], [-1, 2**31])
SHARE: tuple[list[Any], list[Any]] = ([None, 0, 0.999], [-0.001, 1, NAN, True, "a"])
POSITIVE: tuple[list[Any], list[Any]] = ([None, 1e-9, 5], [0, -1, NAN, INFINITE, True, "a"])
LIMITS: dict[str, tuple[list[Any], list[Any]]] = {
    "seed": SEED,
    "data.split_seed": SEED,
    "bbox.scene_seed": (SEED[0], [*SEED[1], 0.5, "a", True, None]),
    "data.source": (["auto", "cache", "download", "bundled"], ["web", ""]),
    "data.limit": ([None, *COUNT[0]], COUNT[1]),
    "data.validation": ([1e-9, 0.999, "test"], [0, 1, 1.0, -0.1, NAN, True, None, "tests", [0.5]]),
    "loss.classification_weight": ([0, 1e9], [-0.001, NAN, INFINITE]),
    "loss.bbox_weight": ([0, 1e9], [-0.001, NAN, INFINITE]),
    "optimizer.learning_rate": ([1e-9, 5], [0, -1, NAN, INFINITE]),
    "optimizer.schedule": (["constant", "cosine", "one_cycle"], ["linear", ""]),
    **{f"optimizer.params.{name}": SHARE for name in ("beta_1", "beta_2", "momentum")},
    **{f"optimizer.params.{name}": POSITIVE for name in ("clipnorm", "clipvalue", "global_clipnorm")},
    "optimizer.params.weight_decay": ([0, *POSITIVE[0]], POSITIVE[1][1:]),
    **{f"trainer.{name}": COUNT for name in ("epochs", "batch_size", "steps_per_call", "evaluation_batch_size")},
    "trainer.diagnostic_batches": ([0, 9], [-1]),
    "trainer.precision": (["float32", "mixed_bfloat16", "float64"], ["float16"]),
    "trainer.threads": (["auto", 1, 64], [0, -1, 1.5, True, None, "all"]),
    "trainer.monitor": ([f"val/{name}" for name in HEADLINES], ["val/loss", "accuracy"]),
    "trainer.keep": (["best", "last"], ["first"]),
    "trainer.early_stopping": ([None, *COUNT[0]], COUNT[1]),
    "trainer.save_h5": ([None, "m.h5"], ["m.keras", "a/m.h5", ""]),
    "trainer.saved_input": (["pixels", "fractions"], ["float", ""]),
    "trainer.resume": ([None], ["runs/1"]),
    "tracking.experiment": (["a"], ["", "  "]),
    "sweep.seeds": ([None, 1, 1000, [0], [3, 0]], [0, 1001, 1.5, True, "many", [], [1, 1], [-1], [0.5], [True]]),
    "sweep.on_error": (["continue", "stop"], ["ignore", None, True]),
    "sweep.max_members": ([1, 8, None], [0, -1, "many", 2.5]),
    **{f"sweep.{name}": ([True, False], ["maybe", 1, None]) for name in ("dry_run", "presume_dead", "allow_mixed")},
    "sweep.resume": ([None], ["last"]),
}


@pytest.mark.parametrize("key", LIMITS)
def test_every_key_at_its_limits(key: str) -> None:
    composed = compose_one().cfg
    for number, value in enumerate([value for values in LIMITS[key] for value in values]):
        cfg = copy.deepcopy(composed)
        with open_dict(cfg):
            OmegaConf.update(cfg, key, value)
        if number < len(LIMITS[key][0]):
            validate(cfg)
        else:
            with pytest.raises(UserError, match=rf"^{key}=.*: expected "):
                validate(cfg)


def test_every_job_of_a_sweep_is_checked() -> None:
    with pytest.raises(UserError, match="loss.bbox_weight=-2"):
        planned("loss.bbox_weight=1,-2", "seed=0")
    jobs = planned("loss.bbox_weight=1,2", "seed=range(3)", "name='a,b'")
    assert [(job.cfg.loss.bbox_weight, job.cfg.seed) for job in jobs] == [(w, s) for s in range(3) for w in (1, 2)]
    assert {job.cfg.name for job in jobs} == {"a,b"}


@pytest.mark.parametrize("name", sorted(methods()))
def test_every_method_has_a_file_that_names_its_class_and_all_its_keys(name: str) -> None:
    weighting = compose_one(f"loss/weighting={name}").cfg.loss.weighting
    assert weighting._target_ == f"{methods()[name].__module__}.{methods()[name].__name__}"
    made = inspect.signature(methods()[name]).parameters
    assert {key: weighting[key] for key in weighting if key != "_target_"} == {
        key: list(value.default) if isinstance(value.default, tuple) else value.default for key, value in made.items()
    }


@pytest.mark.parametrize("sign", ["", "+", "++"])
def test_keys_below_open_ones_need_no_sign(sign: str) -> None:
    word = f"{sign}loss.bbox_loss_params.delta_px"
    assert compose_one("loss.bbox_loss=smooth_l1", f"{word}=2").cfg.loss.bbox_loss_params == {"delta_px": 2}
    jobs = planned("loss.bbox_loss=smooth_l1", f"{word}=1,2")
    assert [job.cfg.loss.bbox_loss_params.delta_px for job in jobs] == [1, 2]
    assert [(job.name, job.varied) for job in jobs] == [
        (f"delta_px={value} seed=0", {"loss.bbox_loss_params.delta_px": str(value)}) for value in (1, 2)
    ]


def setting(*words: str) -> str:
    return config_hash(compose_one(*words).cfg)


def test_registering_again_changes_nothing_and_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        register()
        register()


def test_config_hash_names_a_setting() -> None:
    same = [[], ["seed=3"], ["trainer.threads=1"], ["tracking.experiment=x"], ["name=y"], ["hydra.run.dir=z"]]
    assert len({setting(*words) for words in same}) == 1
    other = ["loss.bbox_weight=0.6", "trainer.epochs=6", "data.split_seed=1", "model.dropout=0.1", "bbox=fixed"]
    assert len({setting(), *(setting(word) for word in other)}) == 1 + len(other)


def test_the_seed_experiment_is_the_classic_script() -> None:
    cfg = compose_one("experiment=seed").cfg
    assert cfg.bbox.box == [6, 6, 22, 22]
    assert (cfg.model.filters, cfg.model.dense_units, cfg.model.dropout) == ([32, 64], 128, 0)
    assert (cfg.loss.classification_weight, cfg.loss.bbox_weight, cfg.loss.bbox_loss) == (1.0, 0.5, "mse")
    assert (cfg.optimizer._target_, cfg.optimizer.learning_rate) == ("keras.optimizers.Adam", 0.001)
    assert (cfg.trainer.batch_size, cfg.trainer.epochs, cfg.trainer.keep) == (32, 5, "last")
    assert (cfg.data.validation, cfg.trainer.save_h5) == ("test", "multi_output_mnist_model.h5")
    assert cfg.trainer.saved_input == "fractions"


FILES = sorted(path for path in config_directory().rglob("*.yaml") if "hydra" not in path.parts)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_file_says_what_it_is_and_every_key_is_documented(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    head = "\n".join(line for line in lines[:8] if line.startswith("#"))
    assert "python -m locexp.train" in head
    top = [i for i, line in enumerate(lines) if line and line[0].isalpha()]
    keys = yaml.safe_load(path.read_text(encoding="utf-8"))
    for index in top:
        name = lines[index].split(":")[0]
        if name in ("_target_", "defaults", "hydra") or (isinstance(keys[name], dict) and "experiment" in path.parts):
            continue
        assert lines[index - 1].startswith("#"), f"{path.name}: {name} has no comment"


def test_the_fast_trainer_sets_its_keys_and_gives_way_to_the_command_line() -> None:
    cfg = compose_one("trainer=fast").cfg
    assert (cfg.trainer.epochs, cfg.trainer.precision, cfg.trainer.batch_size) == (2, "mixed_bfloat16", 32)
    assert (cfg.optimizer.learning_rate, cfg.optimizer.schedule) == (0.006, "one_cycle")
    mine = compose_one("optimizer.learning_rate=0.01", "trainer=fast", "trainer.epochs=1", "optimizer=adamw").cfg
    assert (mine.optimizer.learning_rate, mine.trainer.epochs) == (0.01, 1)
    assert mine.optimizer._target_ == "keras.optimizers.AdamW"


def test_adam_for_short_trainings_goes_with_the_fast_trainer() -> None:
    cfg = compose_one("trainer=fast", "optimizer=adam_short", "optimizer.params.beta_1=0.8").cfg
    assert (cfg.optimizer._target_, cfg.optimizer.learning_rate) == ("keras.optimizers.Adam", 0.006)
    assert cfg.optimizer.params == {"beta_1": 0.8, "beta_2": 0.97}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed=range(0,1000000000)", "seed: more than 100,000 jobs"),
        ("seed=tag(a,choice(1,2)),3", "is not a list of values"),
        ("+data=1", r"\+data=1: expected one of"),
    ],
)
def test_odd_values_end_in_a_line_at_once(override: str, expected: str) -> None:
    from locexp.configuration.overrides import check_groups, combinations

    check = combinations if "(" in override else check_groups
    with pytest.raises(UserError, match=expected):
        check([override])


def test_looking_for_leaks_names_no_other_setting_unless_it_drops_images(tmp_path: Path) -> None:
    """Version 0.1 did not look, and its settings keep their names."""
    np.savez(tmp_path / "a.npz", x_train=np.zeros((4, 8, 8), np.uint8), y_train=np.arange(4))
    words = ("data=file", f"data.path={tmp_path / 'a.npz'}")
    warn, refuse, drop = (compose_one(*words, f"data.leaks={how}").cfg for how in ("warn", "refuse", "drop"))
    old = warn.copy()
    with open_dict(old):
        del old.data["leaks"]
    assert config_hash(old) == config_hash(warn) == config_hash(refuse) != config_hash(drop)

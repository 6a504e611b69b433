"""Configurations that are copies of one with other values equal those that Hydra composes, and fail as they do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
import pytest
from omegaconf import DictConfig, OmegaConf

from locexp.configuration import compose
from locexp.configuration.compose import composing
from locexp.configuration.overrides import with_open_keys
from locexp.errors import UserError
from tests.configuration.test_files import written

SETS: list[tuple[str, ...]] = [
    (),
    ("loss.bbox_weight=3",),
    ("loss.bbox_weight=3", "loss.bbox_weight=4"),
    ("++loss.bbox_weight=1e2", "seed=7", "name=some run"),
    ("loss.bbox_loss=giou", "model.filters=[4,8]", "model.dense_units=8"),
    ("model.filters=[4]", "model=cnn_small", "model.dense_units=9"),
    ("model=resnet", "optimizer=sgd", "optimizer.learning_rate=.1", "++optimizer.params.momentum=0.9"),
    ("+optimizer.params.beta_1=0.8", "loss/weighting=mgda", "data=mnist_5k", "data.limit=100"),
    ("++loss.bbox_loss_params={delta_px: 2}", "loss.bbox_loss=smooth_l1"),
    ("loss.bbox_loss_params={giou_weight: 2}", "loss.bbox_loss=smooth_l1_giou"),
    ("loss.bbox_loss_params.delta_px=2", "loss.bbox_loss=smooth_l1"),
    ("experiment=tiny", "trainer.epochs=2", "trainer.early_stopping=null"),
    ("experiment=jitter", "bbox.scene_seed=2"),
    ("optimizer.params={beta_1: .5}", "~optimizer.params.beta_1"),
    ("optimizer=sgd", "optimizer.params={momentum: .5}", "~optimizer.params.momentum", "+optimizer.params.momentum=.6"),
    ("trainer.precision=mixed_bfloat16", "trainer.deterministic=true", "trainer.monitor=val/accuracy"),
    ("loss.bbox_weight=${loss.classification_weight}", "loss.classification_weight=2"),
    ("seed=3", "data.split_seed=${seed}"),
    ("sweep=bbox_weight", "sweep.seeds=[3,4]", "sweep.low=0.1", "tracking.experiment=other"),
    ("hydra.verbose=true", "loss.bbox_weight=3"),
    ("trainer.saved_input=fractions", "data.validation=test"),
    ("name='a $ 5'",),
    ("tracking.uri=sqlite:///a b.db",),
]


def values(cfg: DictConfig) -> Any:
    """Return all values, with their types as OmegaConf has them."""
    nodes = {}

    def walk(node: Any, key: str) -> None:
        nodes[key] = type(node).__name__, node._metadata.ref_type, node._metadata.optional, node._get_flag("struct")
        if OmegaConf.is_config(node) and not node._is_none():
            for name in node if OmegaConf.is_dict(node) else range(len(node)):
                walk(node._get_node(name), f"{key}.{name}")

    walk(cfg, "")
    return OmegaConf.to_container(cfg), nodes


@pytest.mark.parametrize("overrides", SETS, ids=" ".join)
def test_what_is_composed_is_what_hydra_composes(overrides: tuple[str, ...]) -> None:
    with composing() as composer:
        made = composer.compose(overrides).cfg
        cfg = hydra.compose("config", overrides=with_open_keys(overrides))
        OmegaConf.resolve(cfg)
    assert values(made) == values(cfg)


def test_what_was_composed_before_changes_nothing() -> None:
    alone = []
    for overrides in SETS:
        with composing() as composer:
            job = composer.compose(overrides)
        alone.append((values(job.cfg), job.config_hash, job.seed))
    with composing() as composer:
        for _ in range(2):
            jobs = [composer.compose(overrides) for overrides in SETS]
            assert [(values(job.cfg), job.config_hash, job.seed) for job in jobs] == alone


def test_files_of_ones_own_with_interpolations(tmp_path: Path) -> None:
    written(tmp_path, "loss/tied", "defaults: [default]\nbbox_weight: ${.classification_weight}\n")
    with composing(str(tmp_path)) as composer:
        for weight in ("2", "3"):
            made = composer.compose(["loss=tied", f"loss.classification_weight={weight}"])
            assert made.cfg.loss.bbox_weight == float(weight)


@pytest.mark.parametrize(
    "wrong",
    [
        ("loss.bbox_wieght=1",),
        ("loss.bbox_weight=many",),
        ("loss.bbox_weight=-1",),
        ("+loss.bbox_weight=1",),
        ("loss.classification_weight=0", "loss.bbox_weight=0"),
        ("model.filters=3",),
        ("model=nope",),
        ("~loss.nothing",),
        ("bbox@x=tight",),
        ("optimizer.params.nope=1", "optimizer.params=3"),
        ("loss.bbox_weight=${nothing.here}",),
        ("trainer.epochs=0",),
        ("data.path=/nowhere/at/all",),
    ],
    ids=" ".join,
)
def test_errors_are_those_of_one_run(wrong: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    def error(before: Sequence[tuple[str, ...]]) -> str:
        with composing() as composer:
            for overrides in before:
                composer.compose(overrides)
            with pytest.raises(UserError) as refused:
                composer.compose(wrong)
        return str(refused.value)

    after = error([(), ("loss.bbox_weight=1",), ("loss.bbox_weight=2", "model.dense_units=8")])
    monkeypatch.setattr(compose.Templates, "with_values", lambda self, overrides: None)
    assert after == error([])  # as Hydra alone has it


def test_hydra_composes_once_for_all_values(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    of_hydra = compose.compose

    def counted(*arguments: Any, **keys: Any) -> DictConfig:
        calls.append(keys["overrides"])
        return of_hydra(*arguments, **keys)

    monkeypatch.setattr(compose, "compose", counted)
    with composing() as composer:
        for model in ("cnn", "resnet"):
            for weight in range(1, 20):
                composer.compose([f"model={model}", f"loss.bbox_weight={weight}"])
    assert calls == [["model=cnn"], ["model=resnet"]]

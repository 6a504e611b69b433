"""Interpolations: replaced for each job before it is hashed and named, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from locexp.configuration.compose import composing
from locexp.errors import UserError
from locexp.records.provenance import run_name
from locexp.sweep.jobs import StagedJobs
from tests.configuration.composed import compose_one, planned
from tests.conftest import STOP_UNLESS_AGAIN, TINY, only_run, train_here


@pytest.mark.parametrize(
    ("word", "key", "value"),
    [
        ("data.split_seed=${seed}", "data.split_seed", 7),
        ("loss.bbox_weight=${loss.classification_weight}", "loss.bbox_weight", 1.0),
        ("data.split_seed=${oc.env:SOME_NUMBER}", "data.split_seed", 41),
        ('bbox.margin="${oc.decode:${oc.env:SOME_NUMBER}}"', "bbox.margin", 41),
        ("name='w=${loss.bbox_weight}'", "name", "w=0.5"),
        ("name=${hydra:runtime.choices.model}", "name", "cnn"),
        ("name=${hydra.runtime.choices.model}", "name", "cnn"),
        ("model.filters=[${seed},4]", "model.filters", [7, 4]),
        (
            "trainer.callbacks.x={_target_: keras.callbacks.EarlyStopping, patience: ${trainer.epochs}}",
            "trainer.callbacks.x.patience",
            5,
        ),
    ],
)
def test_values_take_their_place(word: str, key: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_NUMBER", "41")
    from omegaconf import OmegaConf

    cfg = compose_one("seed=7", word).cfg
    assert OmegaConf.select(cfg, key) == value
    assert "${" not in OmegaConf.to_yaml(cfg)


def test_a_setting_is_the_same_however_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_NUMBER", "3")
    plain = compose_one("data.split_seed=3", "seed=3")
    for word in ("data.split_seed=${seed}", "data.split_seed=${oc.env:SOME_NUMBER}"):
        written = compose_one(word, "seed=3")
        assert written.config_hash == plain.config_hash
        assert run_name(written.cfg, [word, "seed=3"]) == "split_seed=3 seed=3"


def test_what_depends_on_the_seed_is_another_setting_for_each() -> None:
    jobs = planned("loss.bbox_weight=${seed}", "sweep.seeds=[1,20]")
    assert [(job.name, job.cfg.loss.bbox_weight) for job in jobs] == [
        ("bbox_weight=1.0 seed=1", 1),
        ("bbox_weight=20.0 seed=20", 20),
    ]
    assert [job.config_hash for job in jobs] == [
        compose_one(f"loss.bbox_weight={weight}").config_hash for weight in (1, 20)
    ]


def test_what_does_not_depend_on_it_is_one_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_NUMBER", "3")
    jobs = planned("data.split_seed=${oc.env:SOME_NUMBER}", "seed=1,2", "name=${now:%S}")
    assert [job.name for job in jobs] == ["defaults seed=1", "defaults seed=2"]
    assert jobs[0].composition is jobs[1].composition


def test_a_swept_interpolation_is_named_by_its_value() -> None:
    jobs = planned("loss.bbox_weight=${loss.classification_weight},8", "loss.classification_weight=1,2")
    assert [job.name for job in jobs] == [
        "bbox_weight=1.0 classification_weight=1 seed=0",
        "bbox_weight=2.0 classification_weight=2 seed=0",
        "bbox_weight=8 classification_weight=1 seed=0",
        "bbox_weight=8 classification_weight=2 seed=0",
    ]


def test_the_time_is_one_for_all_jobs() -> None:
    jobs = planned("loss.bbox_weight=1,2,3", "tracking.experiment=x-${locexp.unique:}")
    assert len({job.cfg.tracking.experiment for job in jobs}) == 1


def test_files_may_hold_them_too(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\nseed: 4\nloss:\n  bbox_weight: ${seed}\nmodel:\n  filters: ['${seed}', 8]\n"
    )
    with composing(str(tmp_path)) as composer:
        cfg = composer.compose(["experiment=mine"]).cfg
        assert (cfg.loss.bbox_weight, cfg.model.filters) == (4, [4, 8])
        jobs = StagedJobs(composer, ["experiment=mine", "sweep.seeds=[2,3]"], multirun=True).next_stage({})
    assert [(job.name, job.cfg.model.filters[0]) for job in jobs] == [
        ("filters=[2, 8] bbox_weight=2.0 seed=2", 2),
        ("filters=[3, 8] bbox_weight=3.0 seed=3", 3),
    ]


REFUSED = {
    "data.split_seed=${oc.env:MISSING}": "environment variable 'MISSING' not found.",
    "name=${oc.env:MISSING}": "environment variable 'MISSING' not found.",
    "data.split_seed=${nosuch.key}": "interpolation key 'nosuch.key' not found.",
    "seed=${seed}": "recursive interpolation detected.",
    "name=${foo:bar}": "unsupported interpolation type foo.",
    "name=${hydra:job.num}": "is known only when the run has begun",
    "name=${hydra.job.num}": "is known only when the run has begun",
    "tracking.uri=${hydra:run.dir}": "is known only when the run has begun",
    "data.split_seed=${now:%S}": "differs from command to command",
    'bbox.scene_seed="${oc.decode:${now:%S}}"': "differs from command to command",
    "sweep.seeds=[1,${seed}]": "a sweep cannot depend on the seeds of its runs.",
    "model=${seed}": "a group is chosen before any key has a value; expected one of ",
    "data.limit=${oc.env:HOME}": "data.limit=/",
    "hydra.run.dir=${nosuch}": "interpolation key 'nosuch' not found.",
    "hydra.run.dir=${hydra.job.num}": "missing mandatory value: hydra.job.num.",
    "+hydra.job.env_set.X=${nosuch}": "interpolation key 'nosuch' not found.",
}


@pytest.mark.parametrize("word", REFUSED)
def test_what_cannot_be_resolved_is_refused(word: str) -> None:
    with composing() as composer, pytest.raises(UserError) as caught:
        StagedJobs(composer, [word], multirun=False)
    (line,) = str(caught.value).splitlines()
    assert line.split(":")[0].split("=")[0] == word.split("=")[0]
    assert REFUSED[word] in line


def test_a_circle_is_refused() -> None:
    with pytest.raises(UserError, match="recursive interpolation detected"):
        compose_one("loss.bbox_weight=${loss.classification_weight}", "loss.classification_weight=${loss.bbox_weight}")


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_with_what_was_resolved(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable has another value by then, and text that looks like an interpolation is none."""
    monkeypatch.setenv("SOME_NUMBER", "3")
    (workplace / "mine.py").write_text(STOP_UNLESS_AGAIN)
    words = ["trainer.epochs=2", "data.split_seed=${oc.env:SOME_NUMBER}", r"name='\${nosuch}'"]
    assert train_here(*TINY, *words, "trainer.callbacks.x={_target_: mine.Stop}") == 130
    monkeypatch.setenv("SOME_NUMBER", "4")
    (workplace / "again").touch()
    assert train_here(f"trainer.resume={only_run(workplace)}") == 0
    record = json.loads((only_run(workplace) / "run.json").read_text())
    assert (record["name"], record["parameters"]["data.split_seed"]) == ("${nosuch}", "3")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["stacked", "basic", pytest.param("joblib", marks=pytest.mark.extra)])
def test_every_launcher_trains_what_was_resolved(workplace: Path, launcher: str) -> None:
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = ["--multirun", "loss.bbox_weight=${seed}", "sweep.seeds=[1,20]", f"hydra/launcher={launcher}"]
    assert train_here(*TINY, *words) == 0
    records = [json.loads(path.read_text()) for path in workplace.glob("multirun/*/*/*/run.json")]
    found = {(record["name"], record["parameters"]["loss.bbox_weight"]) for record in records}
    assert found == {("bbox_weight=1.0 seed=1", "1.0"), ("bbox_weight=20.0 seed=20", "20.0")}
    (parent,) = workplace.glob("multirun/*/*/run.json")
    assert json.loads(parent.read_text())["metrics"]["sweep/finished"] == 2
    assert "bbox_weight=20.0" in (parent.parent / "comparison" / "comparison.md").read_text(encoding="utf-8")

"""The list of jobs: what it holds, in which order, and what is refused; no run is started."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from locexp.configuration.compose import Composer, composing
from locexp.configuration.schema import config_hash
from locexp.errors import UserError
from locexp.sweep.jobs import StagedJobs, SweepJob
from locexp.sweep.launchers import capacity_of
from locexp.sweep.swept import incomparable_keys


def first_stage(*words: str, multirun: bool = False) -> list[SweepJob]:
    with composing() as composer:
        return StagedJobs(composer, words, multirun=multirun).next_stage({})


def weights(job: SweepJob) -> tuple[float, float]:
    return job.cfg.loss.classification_weight, job.cfg.loss.bbox_weight


def test_the_weight_sweep() -> None:
    jobs = first_stage("sweep=bbox_weight", "sweep.seeds=2", "sweep.points=9")
    assert len(jobs) == 2 * (9 + 1 + 2)
    pairs = [weights(job) for job in jobs[:12]]
    ratios = [bbox / classification for classification, bbox in pairs[:9]]
    assert ratios == [0.001, 0.00562, 0.0316, 0.178, 1, 5.62, 31.6, 178, 1000]  # 10^-3, 10^-2.25, 10^-1.5, …
    assert pairs[9:] == [(1.0, 0.5), (1.0, 0.0), (0.0, 1.0)]
    assert [job.seed for job in jobs] == [0] * 12 + [1] * 12  # whole comparisons first
    assert len({job.key for job in jobs}) == 24
    assert jobs[9].name == "bbox_weight=0.5 seed=0"
    assert jobs[11].varied == {"loss.classification_weight": "0", "loss.bbox_weight": "1", "seed": "0"}


def test_weights_of_a_grid_have_three_digits_unless_more_are_typed_or_needed() -> None:
    def axis(low: str, high: str, points: int) -> list[float]:
        words = (f"sweep.low={low}", f"sweep.high={high}", f"sweep.points={points}", "sweep.single_task=false")
        return [weights(job)[1] for job in first_stage("sweep=bbox_weight", "sweep.seeds=1", *words)[:points]]

    assert axis("1.23456", "123.456", 3) == [1.23456, 12.3, 123.456]  # their geometric mean is 12.3456
    assert axis("100", "101", 5) == [100, 100.2, 100.5, 100.7, 101]  # 100 · 1.01^(1/4) = 100.249


def test_weights_of_constant_sum() -> None:
    jobs = first_stage("sweep=bbox_weight", "sweep.seeds=null", "sweep.constant_sum=true", "sweep.single_task=false")
    assert all(math.isclose(sum(weights(job)), 1, rel_tol=1e-5) for job in jobs[:9])
    assert weights(jobs[4]) == (0.5, 0.5)
    assert weights(jobs[9]) == (1.0, 0.5)  # as configured


def test_the_simplex() -> None:
    jobs = first_stage("sweep=simplex", "sweep.points=5", "sweep.seeds=1")
    assert [weights(job) for job in jobs] == [
        (1.0, 0.0),
        (0.75, 0.25),
        (0.5, 0.5),
        (0.25, 0.75),
        (0.0, 1.0),
        (1.0, 0.5),
    ]


@pytest.mark.slow
def test_seeds_by_hand_are_the_same_jobs() -> None:
    by_hand = first_stage("loss.bbox_weight=1,2", "seed=3,4", multirun=True)
    by_key = first_stage("loss.bbox_weight=1,2", "seed=3", "sweep.seeds=2", multirun=True)
    by_list = first_stage("loss.bbox_weight=1,2", "sweep.seeds=[3,4]", multirun=True)
    assert [job.key for job in by_hand] == [job.key for job in by_key] == [job.key for job in by_list]
    assert [job.name for job in by_hand] == [job.name for job in by_key]


def test_a_sweep_crosses_what_is_swept_by_hand() -> None:
    jobs = first_stage("sweep=simplex", "sweep.points=3", "sweep.seeds=1", "optimizer=adam,sgd", multirun=True)
    assert len(jobs) == 2 * 4
    assert {job.varied["optimizer"] for job in jobs} == {"adam", "sgd"}


def score(value: float) -> dict[str, float]:
    return {"loc_acc_75": value, "mean_iou": value}


def test_the_replay_follows_from_the_results_with_fresh_seeds() -> None:
    with composing() as composer:
        staged = StagedJobs(
            composer, ["sweep=bbox_weight", "sweep.points=3", "sweep.seeds=2", "sweep.final_seeds=3"], multirun=False
        )
        jobs = staged.next_stage({})
        assert staged.more
        # The setting of ratio 1000 is best on validation; one seed of it failed.
        results: dict[tuple[str, int], dict[str, float] | None] = {
            job.key: score(0.9 if job.cfg.loss.bbox_weight == 1000 else 0.5) for job in jobs
        }
        results[next(job.key for job in jobs if job.cfg.loss.bbox_weight == 1000)] = None
        replay = staged.next_stage(results)
        assert [(job.cfg.loss.bbox_weight, job.seed, job.stage) for job in replay] == [
            (weight, seed, 1) for seed in (2, 3, 4) for weight in (1000, 0.5)
        ]
        assert [job.index for job in replay] == list(range(len(jobs), len(jobs) + 6))
        assert staged.next_stage(results) == []


@pytest.mark.extra
@pytest.mark.slow
def test_the_search_repeats_itself_given_equal_results() -> None:
    pytest.importorskip("optuna")

    alone = "sweep.configured=false", "sweep.single_task=false"

    def searched(*words: str, failing: bool = False) -> list[float]:
        with composing() as composer:
            staged = StagedJobs(composer, ["sweep=pareto", "sweep.trials=7", "sweep.batch=3", *words], multirun=False)
            jobs = staged.next_stage({})
            results: dict[tuple[str, int], dict[str, float] | None] = {}
            while jobs:
                for job in jobs:
                    ratio = float(job.cfg.loss.bbox_weight)
                    results[job.key] = {"accuracy": 1 / (1 + ratio), "mean_iou": ratio / (1 + ratio)}
                    if failing and ratio > 10:
                        results[job.key] = None
                jobs = staged.next_stage(results)
            return [float(job.cfg.loss.bbox_weight) for job in staged.jobs]

    first = searched(*alone)
    assert first == searched(*alone)
    assert len(first) == 7
    assert all(1e-3 <= weight <= 1e3 for weight in first)
    # The configured weights and both tasks alone run beside the first batch, and change nothing about the search.
    assert searched() == [*first[:3], 0.5, 0.0, 1.0, *first[3:]]
    assert searched("sweep.configured=false") == [*first[:3], 0.0, 1.0, *first[3:]]
    assert len(searched(*alone, failing=True)) == 7  # failed trials are reported to the search, and it goes on


def test_the_sweep_of_methods_and_its_replays() -> None:
    with composing() as composer:
        words = ["sweep=weighting", "sweep.methods=[rlw,mgda,famo]", "sweep.points=3", "sweep.seeds=2"]
        staged = StagedJobs(composer, words, multirun=False)
        jobs = staged.next_stage({})
        half = jobs[: len(jobs) // 2]
        fixed = [job for job in half if job.cfg.loss.weighting._target_.endswith("Fixed")]
        ratios = [weights(job) for job in fixed]
        assert ratios[:3] == [(1.0, 0.1), (1.0, 10.0), (1.0, 1000.0)]
        assert ratios[3:] == [(1.0, 1.0), (1.0, 0.5), (1.0, 0.0), (0.0, 1.0)]  # equal, configured, each task alone
        assert [job.varied.get("loss/weighting") for job in half[len(fixed) :]] == ["rlw", "mgda", "famo"]
        assert {weights(job) for job in half[len(fixed) :]} == {(1.0, 1.0)}
        # Each method reports what it used on average; famo failed on one seed.
        used = {"mgda": (0.2, 0.8), "famo": (0.01, 3.0), "rlw": (1.0, 1.0)}
        results: dict[tuple[str, int], dict[str, float] | None] = {}
        for job in jobs:
            first, second = used.get(job.varied.get("loss/weighting", ""), weights(job))
            means = {"mean_weights/classification": first, "mean_weights/bbox": second}
            is_lost = job.varied.get("loss/weighting") == "famo" and job.seed == 1
            results[job.key] = None if is_lost else {"loc_acc_75": 0.5, **means}
        replays = staged.next_stage(results)
        assert [(job.varied["replay"], weights(job), job.seed, job.role) for job in replays] == [
            ("mgda", (0.2, 0.8), 0, "control"),
            ("famo", (0.01, 3.0), 0, "control"),
            ("mgda", (0.2, 0.8), 1, "control"),
            ("famo", (0.01, 3.0), 1, "control"),
        ]
        assert staged.next_stage(results) == []


def test_every_box_loss_is_compared_with_its_own_weight() -> None:
    with composing() as composer:
        words = ["sweep=bbox_loss", "sweep.losses=[giou,mae]", "sweep.weights=[1,10]", "sweep.final_seeds=3"]
        staged = StagedJobs(composer, words, multirun=False)
        jobs = staged.next_stage({})
        assert len(jobs) == 2 * (2 * 2 + 1)  # and the configured loss and weight
        best = {("giou", 10.0): 0.9, ("mae", 1.0): 0.8}
        results: dict[tuple[str, int], dict[str, float] | None] = {
            job.key: score(best.get((job.cfg.loss.bbox_loss, job.cfg.loss.bbox_weight), 0.1)) for job in jobs
        }
        finals = staged.next_stage(results)
        assert [(job.cfg.loss.bbox_loss, job.cfg.loss.bbox_weight) for job in finals[:3]] == [
            ("mse", 0.5),
            ("giou", 10.0),
            ("mae", 1.0),
        ]
        assert sorted({job.seed for job in finals}) == [2, 3, 4]
        assert {job.role for job in finals} == {"final"}


def test_what_a_command_runs_without_its_sweep_is_the_default() -> None:
    with composing() as composer:
        staged = StagedJobs(composer, ["loss.bbox_weight=1,0.5", "trainer.epochs=2"], multirun=True)
        jobs = staged.next_stage({})
        assert staged.default_hash == config_hash(composer.compose(["trainer.epochs=2"]).cfg) == jobs[1].config_hash


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sweep=bbox_weight", "loss.bbox_weight=7"], "loss.bbox_weight=7: the sweep varies loss.bbox_weight itself"),
        (["sweep=bbox_wieght"], "Did you mean 'bbox_weight'"),
        (["sweep=bbox_weight", "sweep.points=1"], r"sweep.points=1: expected a whole number >= 2"),
        (["sweep=bbox_weight", "sweep.low=0"], r"sweep.low=0 and sweep.high=1000.0: expected 0 < low < high"),
        (["sweep=bbox_weight", "sweep.pionts=3"], "Did you mean 'points'"),
        (["sweep=weighting", "sweep.methods=[mdga]"], "sweep.methods: 'mdga': expected one of .* Did you mean 'mgda'"),
        (["sweep=weighting", "sweep.methods=[fixed]"], "sweep.methods: 'fixed': expected one of"),
        (
            ["sweep=weighting", "sweep.single_task=false", "loss/weighting=mgda"],
            "loss/weighting=mgda: the sweep varies loss/weighting itself",
        ),
        (["sweep=bbox_loss", "sweep.losses=[iuo]"], "loss.bbox_loss=iuo: expected one of .* Did you mean 'iou'"),
        (["sweep=bbox_loss", "sweep.weights=[1,0]"], r"sweep.weights=\[1, 0\]: expected different numbers > 0"),
        (["sweep=bbox_weight", "loss/weighting=mgda"], "Mgda weights two losses, so it needs both"),
        (["sweep=simplex", "sweep.points=2"], "sweep.points=2: expected a whole number >= 3"),
        (["sweep.seeds=0"], "sweep.seeds=0: expected a whole number from 1 to 1000, a list"),
        (["sweep.seeds=1000000"], "sweep.seeds=1000000: expected a whole number from 1 to 1000"),
        (["sweep.seeds=[1,1]"], r"sweep.seeds=\[1, 1\]: expected"),
        (["sweep.seeds=[]"], r"sweep.seeds=\[\]: expected"),
        (["sweep.seeds=many"], "sweep.seeds=many: expected"),
        (["sweep.on_error=ignore"], "sweep.on_error=ignore: expected one of continue, stop"),
        (["sweep.dry_run=maybe"], "sweep.dry_run=maybe: expected true or false"),
        (["sweep.sedes=3"], "Did you mean 'seeds'"),
        (["--", "seed=1,2", "sweep.seeds=2"], "the seeds are given twice"),
        (["--", "seed=1", "sweep.seeds=[1,2]"], "the seeds are given twice"),
        (["--", "loss.bbox_weight=1,1"], "loss.bbox_weight=1: is given twice"),
        (["--", "loss.bbox_weight=1,1.0"], "is the same run as bbox_weight=1 seed=0"),
        (["--", "loss.bbox_weight=1,2", "loss.bbox_weight=7"], "bbox_weight is given twice, and swept"),
        (["--", "loss.bbox_weight=7", "loss.bbox_weight=1,2"], "bbox_weight is given twice, and swept"),
        (["--", "seed=range(1,1)"], r"seed=range\(1,1\): holds no value"),
        (["--", "model=glob(*)"], r"model=glob\(\*\): is not a list of values"),
        (["--", "loss.bbox_weight=interval(1,2)"], r"interval\(1,2\): is not a list of values"),
        (["--", "loss.bbox_weight=1,a"], "loss.bbox_weight=a"),
        (["--", "tracking.experiment=a,b"], "cannot be swept"),
        (["--", "sweep.seeds=1,2"], "cannot be swept"),
        (["loss.bbox_weight=1,2"], "several values are a sweep; add --multirun"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_nonsense_is_refused(words: list[str], message: str) -> None:
    multirun = words[0] == "--"
    with pytest.raises(UserError, match=message):
        first_stage(*words[multirun:], multirun=multirun)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trainer.epochs=1,2"], "trainer.epochs: runs that differ in this are trained, but not compared"),
        (["bbox=tight,fixed"], "bbox: runs that differ in this"),
        (["data.limit=640,1280", "loss.bbox_weight=1,2"], "data.limit: runs that differ"),
        (["trainer=default,fast"], "trainer.epochs: runs that differ"),
        (["data=mnist_5k,mnist"], "data: runs that differ"),
        (["bbox.threshold=0,9", "bbox.fresh=true,false"], "bbox.threshold: runs that differ"),
        (["trainer.epochs=1,2", "sweep.allow_mixed=true"], ""),
        (["bbox.fresh=true,false"], ""),
        (["loss.bbox_weight=1,2"], ""),
    ],
)
def test_what_will_not_be_compared_is_said_before_it_is_trained(words: list[str], said: str) -> None:
    with composing() as composer:
        staged = StagedJobs(composer, words, multirun=True)
        staged.next_stage({})
        notes = incomparable_keys(staged.jobs)
    assert [said in note for note in notes] == ([True] if said else [])


def own_plan(composer: Composer, body: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> StagedJobs:
    """Return a plan of the user's own, the function ``plan(base)`` with this body, before its first stage."""
    source = f"from locexp.sweep.setting import Setting, Stage\ndef plan(base):\n    {body}\n"
    (folder / "own_plan.py").write_text(source)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "own_plan", raising=False)
    return StagedJobs(composer, ["sweep._target_=own_plan.plan"], multirun=False)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("1 / 0", "failed with ZeroDivisionError: division by zero"),
        ("yield 1 / 0", "failed with ZeroDivisionError: division by zero"),
        ("return [Stage([Setting()])]", "failed with TypeError: it returns a list; expected a generator of stages"),
        ("yield [Setting()]", "failed with TypeError: it yields a list; expected locexp.sweep.setting.Stage"),
    ],
)
def test_a_plan_that_is_none_is_refused(
    body: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=f"sweep._target_=own_plan.plan: {message}"), composing() as composer:
        own_plan(composer, body, tmp_path, monkeypatch).next_stage({})


def test_a_stage_of_known_jobs_alone_does_not_end_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its results lead to the next stage; a resume, which has stored results alone, gets to the same jobs."""
    body = """
    first, second = (Setting({"loss.bbox_weight": weight}) for weight in (1.0, 2.0))
    yield Stage([first], more=True)
    (outcomes,) = yield Stage([first], more=True)
    yield Stage([second if outcomes[0]["accuracy"] > 0.5 else first])
    """
    with composing() as composer:
        plan = own_plan(composer, body, tmp_path, monkeypatch)
        (first,) = plan.next_stage({})
        (second,) = plan.next_stage({first.key: {"accuracy": 0.9}})
        assert (second.cfg.loss.bbox_weight, second.stage, plan.more) == (2.0, 1, False)
        again = own_plan(composer, body, tmp_path, monkeypatch)
        again.take_stages(plan.past_results)
        assert [job.key for job in again.jobs] == [first.key, second.key]
        assert again.past_results == plan.past_results


def test_jobs_side_by_side_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)))

    def planned(target: str, most: int | None = None, **keys: object) -> tuple[int, int | None, int | None, int]:
        made = capacity_of(OmegaConf.create({"_target_": target, **keys}), most)
        return made.workers, made.batch, made.threads, made.members

    submitit = "hydra_plugins.hydra_submitit_launcher.submitit_launcher"
    assert planned("hydra._internal.core_plugins.basic_launcher.BasicLauncher") == (1, 1, None, 1)
    assert planned("x.JoblibLauncher", n_jobs=-1) == (8, None, 1, 8)
    assert planned("x.JoblibLauncher", n_jobs=2) == (2, None, 4, 8)
    assert planned("x.JoblibLauncher", n_jobs=-5) == (4, None, 2, 8)
    assert planned(f"{submitit}.LocalLauncher", cpus_per_task=3) == (2, 2, 3, 8)
    assert planned(f"{submitit}.SlurmLauncher", cpus_per_task=4, array_parallelism=9) == (9, None, 4, 8)
    assert planned(f"{submitit}.SlurmLauncher", cpus_per_task=6, array_parallelism=256) == (1, None, 6, 12)
    assert planned("x.RayLauncher", ray={"remote": {"num_cpus": 2}, "init": {}}) == (4, None, 2, 8)
    assert planned("x.JoblibLauncher", 3, n_jobs=2) == (2, None, 4, 3)
    for target, key in ((f"{submitit}.LocalLauncher", "cpus_per_task"), ("x.JoblibLauncher", "n_jobs")):
        with pytest.raises(UserError, match=f"hydra.launcher.{key}=9: this machine has 8 cores .* at most 8"):
            planned(target, **{key: 9})


@pytest.mark.parametrize("value", [0, -3, 0.5, "two", True])
@pytest.mark.parametrize(
    ("target", "key"),
    [
        ("x.RayLauncher", "ray.remote.num_cpus"),
        ("x.RayLauncher", "ray.init.num_cpus"),
        ("hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher", "cpus_per_task"),
        ("hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher", "array_parallelism"),
    ],
)
def test_cores_and_tasks_are_whole_numbers(target: str, key: str, value: object) -> None:
    launcher = OmegaConf.create({"_target_": target})
    OmegaConf.update(launcher, key, value)
    with pytest.raises(UserError) as refused:
        capacity_of(launcher, None)
    assert str(refused.value) == f"hydra.launcher.{key}={value}: expected a whole number >= 1."


OF_THE_SETTING = ("loss", "++loss", "optimizer", "sweep", "seed")


@pytest.mark.parametrize(
    ("words", "multirun", "name", "has_default"),
    [
        (("loss.bbox_weight=1",), True, "bbox_weight=1", False),
        (("loss.bbox_weight=1", "sweep.seeds=2"), False, "bbox_weight=1", False),
        (("loss.bbox_weight=1", "seed=3,4"), True, "bbox_weight=1", False),
        (("loss.bbox_weight=0.5",), True, "bbox_weight=0.5", True),  # the default, said aloud
        (
            ("loss.bbox_loss=smooth_l1", "++loss.bbox_loss_params.delta_px=1"),
            True,
            "bbox_loss=smooth_l1 delta_px=1",
            False,
        ),
        (("optimizer=sgd", "sweep.seeds=2"), False, "optimizer=sgd", False),
        (("sweep.seeds=2",), False, "defaults", True),
        (("model.filters=[4]", "trainer.monitor=val/mean_iou", "sweep.seeds=2"), False, "defaults", True),
        (("model.filters=[4]", "loss.bbox_weight=1"), True, "bbox_weight=1", False),
        (("data.limit=320", "trainer.epochs=2", "experiment=tiny", "trainer.threads=1"), True, "defaults", True),
    ],
)
def test_a_setting_that_was_given_is_not_the_default(
    words: tuple[str, ...], multirun: bool, name: str, has_default: bool
) -> None:
    """Nothing is swept, or seeds alone: what was given tells the setting from the default."""
    with composing() as composer:
        staged = StagedJobs(composer, ("data=mnist_5k", *words), multirun=multirun)
        jobs = staged.next_stage({})
        plain = composer.compose([word for word in ("data=mnist_5k", *words) if not word.startswith(OF_THE_SETTING)])
    assert {job.name.rpartition(" seed=")[0] for job in jobs} == {name}
    assert (staged.default_hash == jobs[0].config_hash) is has_default
    assert staged.default_hash == plain.config_hash


def test_what_is_swept_is_named_however_it_is_added() -> None:
    for prefix in ("", "++"):
        jobs = first_stage(f"{prefix}loss.bbox_weight=1,2", multirun=True)
        assert [job.name for job in jobs] == ["bbox_weight=1 seed=0", "bbox_weight=2 seed=0"]

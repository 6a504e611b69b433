"""The plan of a race with made-up outcomes: who goes on, who is dropped and why, what is confirmed, what fits."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import DictConfig
from scipy import stats

from locexp.configuration.compose import composing
from locexp.records.sweep_list import CONFIRMATION
from locexp.sweep.jobs import StagedJobs
from locexp.sweep.plans.race import race
from locexp.sweep.racing.choice import best_first, smoothed
from locexp.sweep.racing.layout import DETECTABLE, Layout, fitted
from locexp.sweep.racing.standing import apart, standing
from locexp.sweep.setting import Outcomes, Setting, Stage
from tests.conftest import TINY, locexp, tiny_without, train_here

WEIGHT = "loss.bbox_weight"
DEFAULTS: dict[str, Any] = {
    "low": 1e-3,
    "high": 1e3,
    "points": 25,
    "rungs": [0.2],
    "keep": [4],
    "front": 0,
    "finalist_seeds": 1,
    "confirm": 6,
    "range": False,
    "margin": 0.01,
    "single_task": False,
    "budget": None,
}
Metric = Callable[[float], float]


@pytest.fixture(scope="module")
def base() -> DictConfig:
    with composing() as composer:
        return composer.compose(["data=mnist_5k"]).cfg


def peak(weight: float) -> float:
    """A metric that is best at 100, by decades."""
    return 0.9 - 0.1 * abs(math.log10(max(weight, 1e-9)) - 2)


def outcome(value: float, **more: float) -> dict[str, float]:
    both = {"loc_acc_75": value, "accuracy": value, "mean_iou": value, "test/loc_acc_75": value}
    return both | {"floor/accuracy": 0.1, "floor/mean_iou": 0.2} | more


def weight_of(setting: Setting) -> float:
    return float(setting.values[WEIGHT])


def raced(
    base: DictConfig,
    metric: Metric = peak,
    *,
    seeds: int = 1,
    failing: Sequence[float] = (),
    answers: Callable[[Stage], Outcomes] | None = None,
    **given: Any,
) -> list[Stage]:
    """Return the stages of a race in which a setting of this weight always reaches ``metric(weight)``."""

    def answer(stage: Stage) -> Outcomes:
        return [
            [None if weight_of(one) in failing else outcome(metric(weight_of(one)))] * (one.fresh_seeds or seeds)
            for one in stage.settings
        ]

    plan = race(base, **DEFAULTS | given, replicates=seeds)
    stages = [next(plan)]
    while True:
        try:
            stages.append(plan.send((answers or answer)(stages[-1])))
        except StopIteration:
            return stages


def weights(stage: Stage) -> list[float]:
    return [weight_of(setting) for setting in stage.settings]


def test_the_best_go_on_and_the_chosen_one_is_confirmed_against_the_configured_one(base: DictConfig) -> None:
    first, rest, confirmed, last = raced(base)
    assert (len(first.settings), first.until, first.more) == (26, 1, True)
    assert weights(first)[:3] == [0.001, 0.00178, 0.00316]  # three significant digits
    assert 0.5 in weights(first)
    assert (weights(rest), rest.until) == ([56.2, 100, 178, 316], None)
    assert [(weight_of(one), one.fresh_seeds, one.role) for one in confirmed.settings] == [
        (100, 6, CONFIRMATION),
        (0.5, 6, CONFIRMATION),
    ]
    (runner_up,) = last.settings
    assert weight_of(runner_up) in (56.2, 178)  # as far from the top; which one is not what this is about
    assert (runner_up.fresh_seeds, runner_up.role) == (6, CONFIRMATION)
    assert [stage.more for stage in (rest, confirmed, last)] == [True, True, False]
    assert "102 epochs of training" in first.notes[0]


def test_what_is_dropped_says_when_and_why(base: DictConfig) -> None:
    _, rest, *_ = raced(base)
    reasons = {weight_of(one.setting): one.reason for one in rest.dropped}
    assert len(reasons) == 22
    assert reasons[1000] == (
        "after 1 of 5 epochs: loc_acc_75 0.800 on validation, with its neighbours number 9 of 26; "
        "the best 4 were pursued"
    )
    assert rest.notes == ["after 1 of 5 epochs 4 of 26 settings go on"]


def test_further_ones_on_the_front_go_on(base: DictConfig) -> None:
    def answers(stage: Stage) -> Outcomes:
        # The class is better the lower the weight, the box the higher it is: all are on the front.
        return [
            [
                outcome(
                    peak(weight_of(one)),
                    accuracy=0.9 - 0.02 * math.log10(weight_of(one)),
                    mean_iou=0.8 + 0.02 * math.log10(weight_of(one)),
                )
            ]
            * (one.fresh_seeds or 1)
            for one in stage.settings
        ]

    _, rest, *_ = raced(base, answers=answers, front=2)
    assert len(rest.settings) == 6
    assert "the best 4 and 2 more on the front of accuracy and mean IoU were pursued" in rest.dropped[0].reason


def test_at_the_baseline_nothing_is_dropped(base: DictConfig) -> None:
    """A photo network is at chance after one epoch of sixty: whatever differs then says nothing."""

    def chance(weight: float) -> float:
        return 0.1 + 0.01 * peak(weight)

    _, rest, *_ = raced(base, chance)
    assert (len(rest.settings), rest.dropped) == (26, [])
    assert rest.notes == [
        "after 1 of 5 epochs 26 of 26 settings are no better than the baseline (the most frequent class, a constant "
        "box): nothing is dropped"
    ]


def test_where_settings_differ_by_no_more_than_seed_noise_nothing_is_dropped(base: DictConfig) -> None:
    noise = np.random.default_rng(1)
    values: dict[float, float] = {}
    _, rest, *_ = raced(base, lambda weight: values.setdefault(weight, 0.8 + 0.02 * noise.normal()))
    assert (len(rest.settings), rest.dropped) == (26, [])
    assert rest.notes[0].startswith("after 1 of 5 epochs settings do not differ by more than seed noise (p ")


def test_a_later_rung_may_drop_what_an_earlier_one_could_not(base: DictConfig) -> None:
    def answers(stage: Stage) -> Outcomes:
        rows: Outcomes = []
        for one in stage.settings:
            value = peak(weight_of(one)) if stage.until != 1 else 0.1
            rows.append([outcome(value)] * (one.fresh_seeds or 1))
        return rows

    stages = raced(base, answers=answers, rungs=[0.2, 2, 3], keep=[8, 4, 2])
    # Of four settings, one seed cannot show that they differ: no order of four is unlikely enough.
    assert [(len(stage.settings), stage.until) for stage in stages[:4]] == [(26, 1), (26, 2), (4, 3), (4, None)]


def test_a_replay_is_the_same_where_settings_are_equal(base: DictConfig) -> None:
    """Ties are broken by mean IoU, then by the order of the list."""
    stages = [raced(base, lambda weight: 0.9 if weight > 10 else 0.4) for _ in range(2)]
    assert stages[0] == stages[1]
    assert min(weights(stages[0][1])) > 10
    rows: Outcomes = [[outcome(0.5, mean_iou=iou)] for iou in (0.2, 0.4, 0.4, 0.3)]
    assert best_first(rows, range(4), []) == [1, 2, 3, 0]
    axis = {0: 1.0, 1: 10.0, 2: 100.0, 3: 1000.0}
    assert best_first(rows, range(4), [axis]) == [1, 2, 3, 0]


def test_failed_runs_are_not_pursued_and_nothing_follows_where_all_failed(base: DictConfig) -> None:
    _, rest, confirmed, *_ = raced(base, failing=[100.0])
    assert weights(rest) == [31.6, 56.2, 178, 316]
    assert 100 not in [weight_of(one.setting) for one in rest.dropped]  # it has failed, which says more
    assert weights(confirmed)[1] == 0.5
    assert len(raced(base, answers=lambda stage: [[None]] * len(stage.settings))) == 1


def test_where_the_chosen_one_is_not_shown_to_be_better_the_runner_up_is_not_tested(base: DictConfig) -> None:
    def answers(stage: Stage) -> Outcomes:
        # The configured one wins one pair of six: p is .0625.
        rows: Outcomes = []
        for one in stage.settings:
            rows.append([outcome(peak(weight_of(one)))] * (one.fresh_seeds or 1))
        if stage.settings[0].role == CONFIRMATION:
            rows[1] = [*rows[1][:5], outcome(1.0)]
        return rows

    assert len(raced(base, answers=answers)) == 3


def test_a_configured_setting_that_is_chosen_is_confirmed_against_the_runner_up(base: DictConfig) -> None:
    *_, confirmed = raced(base, lambda weight: 0.9 - 0.1 * abs(math.log10(weight) - math.log10(0.5)))
    assert weights(confirmed) == [0.5, 0.562]
    assert not confirmed.more


def test_the_best_are_chosen_from_on_further_seeds(base: DictConfig) -> None:
    """The seeds of the race have 100 first, the further one 316 by far, so that means rise up to it."""

    def answers(stage: Stage) -> Outcomes:
        rows: Outcomes = []
        for one in stage.settings:
            place = math.log10(weight_of(one))
            value = 1 - 0.3 * abs(place - 2.5) if one.fresh_seeds == 1 else peak(weight_of(one))
            rows.append([outcome(value)] * (one.fresh_seeds or 1))
        return rows

    _, rest, confirmed, last = raced(base, answers=answers, finalist_seeds=2)
    assert [(weight_of(one), one.fresh_seeds) for one in rest.settings] == [
        (weight, further) for further in (0, 1) for weight in (56.2, 100, 178, 316)
    ]
    assert weights(confirmed) == [316, 0.5]
    assert weights(last) == [178]


def test_a_ratio_is_judged_together_with_its_neighbours() -> None:
    """By numpy's own fits; and of a curve with one lucky run, the top is where its neighbours have it."""
    random = np.random.default_rng(0)
    ratios = [3.16, 10.0, 17.8, 31.6, 100.0, 562.0]
    values = random.uniform(size=len(ratios)).tolist()
    places = np.log10(ratios)
    expected = [
        np.polyfit(places - place, values, 2, w=np.sqrt(stats.norm.pdf(places - place)))[-1] for place in places
    ]
    assert smoothed(values, ratios).tolist() == pytest.approx(expected, abs=1e-9)
    for few in range(1, 4):
        assert smoothed(values[:few], ratios[:few]).tolist() == pytest.approx(values[:few], abs=1e-9)
    lucky = [0.80, 0.88, 0.92, 0.93, 0.94, 0.70]
    rows: Outcomes = [[outcome(value)] for value in lucky]
    axis = dict(enumerate([10.0, 31.6, 100.0, 316.0, 1000.0, 3160.0]))
    assert best_first(rows, range(6), [axis])[0] == 3
    assert best_first(rows, range(6), [])[0] == 4  # settings without an order have no neighbours
    assert best_first([[None], *rows], range(7), [{index + 1: ratio for index, ratio in axis.items()}])[0] == 4
    assert best_first([[None]], [0], [axis]) == []
    # What failed to learn says nothing of its neighbours, and half of the runs are too few to be first.
    dead: Outcomes = [row if index != 3 else [outcome(0.1)] for index, row in enumerate(rows)]
    assert set(best_first(dead, range(6), [axis])[:2]) == {2, 4}
    assert best_first(dead, range(6), [axis])[-1] == 3
    gaps: Outcomes = [[*row, *row, *row] for row in rows[:4]]
    assert best_first([*gaps, [outcome(0.94), None, None]], range(5), [])[-1] == 4
    with_none = {0: 0.0, **{index + 1: ratio for index, ratio in axis.items()}}  # the class alone is configured
    assert best_first([[outcome(0.1)], *rows], range(7), [with_none])[0] == 4


def test_where_nothing_was_dropped_only_the_best_get_further_seeds(base: DictConfig) -> None:
    stages = raced(base, lambda weight: 0.1 + 0.01 * peak(weight), finalist_seeds=3)
    assert [len(stage.settings) for stage in stages] == [26, 26, 4, 2, 1]
    assert [(weight_of(one), one.fresh_seeds) for one in stages[2].settings] == [
        (100, 2),
        (56.2, 2),
        (178, 2),
        (316, 2),
    ]


def test_the_best_one_by_itself_goes_on_whatever_its_neighbours_are(base: DictConfig) -> None:
    """Weights up to 100 learn well, those above badly: a parabola does not see the edge."""
    _, rest, *_ = raced(base, lambda weight: 0.9 - 0.04 * (2 - math.log10(weight)) if weight < 150 else 0.4)
    assert 100 in weights(rest)


@pytest.mark.parametrize("words", [("loss.classification_weight=0", "loss.bbox_weight=1"), ("loss.bbox_weight=0",)])
def test_one_task_alone_may_be_configured(words: tuple[str, ...]) -> None:
    with composing() as composer:
        cfg = composer.compose(["data=mnist_5k", *words]).cfg
    first, rest, *_ = raced(cfg, lambda weight: peak(max(weight, 1e-3)))
    assert (len(first.settings), len(rest.settings)) == (26, 4)
    assert len({str(one.values) for one in first.settings}) == 26


def test_no_confirmation_where_none_is_asked_for(base: DictConfig) -> None:
    stages = raced(base, confirm=0)
    assert len(stages) == 2
    assert "without a test" in stages[0].notes[1]


def test_single_tasks_are_trained_to_the_end_and_confirmed_beside(base: DictConfig) -> None:
    first, rest, confirmed, _ = raced(base, single_task=True)
    assert 0 not in weights(first)
    assert [one.values for one in rest.settings[-2:]] == [
        {WEIGHT: 0.0},
        {"loss.classification_weight": 0.0, WEIGHT: 1.0},
    ]
    assert weights(confirmed) == [100, 0.5, 0, 1]
    assert [one.role for one in confirmed.settings] == [CONFIRMATION] * 4


def test_a_range_is_searched_outwards_and_its_edges_are_confirmed(base: DictConfig) -> None:
    """Of a plateau from 10 to 316, ratios that were dropped are continued until one on each side is worse."""

    def plateau(weight: float) -> float:
        distance = abs(math.log10(weight) - 1.75)
        return 0.9 - 0.001 * distance if distance < 0.8 else 0.6 - 0.1 * distance

    stages = raced(base, plateau, range=True)
    rest, *search, confirmed, _ = stages[1:]
    assert rest.dropped == []  # the search may need them
    tried = sorted(weight for stage in (rest, *search) for weight in weights(stage))
    assert tried == [5.62, 10, 17.8, 31.6, 56.2, 100, 178, 316, 562]
    assert weights(confirmed) == [56.2, 0.5, 10, 316]
    assert {one.fresh_seeds for one in confirmed.settings} == {8}
    assert len(confirmed.dropped) == 26 - 4 - 5


def test_a_range_with_an_open_end_gets_further_ratios(base: DictConfig) -> None:
    stages = raced(base, lambda weight: 0.9 - 0.1 * max(0.0, 3.3 - math.log10(weight)), range=True, margin=0.05)
    added = [weight for stage in stages[2:] for weight in weights(stage) if weight > 1000]
    assert added[:4] == [1780, 3160, 5620, 10000]
    assert max(weights(stages[-2])) == 10000


@pytest.mark.parametrize(
    ("budget", "points", "confirm", "cost"),
    [(1000, 25, 6, 110), (110, 25, 6, 110), (105, 25, 6, 102), (84, 13, 6, 82), (50, 25, 0, 50), (22, 13, 0, 22)],
)
def test_a_budget_is_met_by_the_race_that_fits(budget: int, points: int, confirm: int, cost: int) -> None:
    whole = Layout(1, 25, 1, 0, 1, 0, 5, (1,), (4,), 2, 6)
    found = fitted(whole, budget)
    assert (found.points, found.confirm, found.cost) == (points, confirm, cost)


def test_what_a_race_trains_is_what_its_layout_says(base: DictConfig) -> None:
    for given in ({}, {"front": 2}, {"single_task": True}, {"finalist_seeds": 2}, {"confirm": 9}):
        stages = raced(base, lambda weight: peak(weight) + (weight == 0.001), **given)
        trained: dict[tuple[str, str], int] = {}
        for stage in stages[:-1]:
            for one in stage.settings:
                for seed in range(one.fresh_seeds or 1):
                    trained[str(one.values), f"{one.role}{bool(one.fresh_seeds)}{seed}"] = stage.until or 5
        said = int(stages[0].notes[0].rsplit(" epochs of training", 1)[0].rsplit(" ", 1)[1])
        assert sum(trained.values()) <= said
        assert sum(trained.values()) >= said - 4 * 2  # fewer on the front than might be


def test_a_budget_that_ends_before_settings_can_be_told_apart(base: DictConfig) -> None:
    noise = np.random.default_rng(1)
    values: dict[float, float] = {}
    stages = raced(base, lambda weight: values.setdefault(weight, 0.8 + 0.02 * noise.normal()), budget="120 epochs")
    assert len(stages) == 2
    assert stages[1].settings == []
    assert len(stages[1].dropped) == 26
    assert "the budget does not let all go on: nothing is chosen" in stages[1].dropped[0].reason


def test_with_two_seeds_the_noise_is_that_of_the_seeds() -> None:
    random = np.random.default_rng(0)
    none = random.normal(size=(200, 8, 2))
    found = np.mean([apart(values, []) <= 0.05 for values in none])
    assert 0.01 <= found <= 0.09
    assert apart(none[0] + 9 * np.arange(8.0)[:, None], []) <= 0.05


def test_with_one_seed_the_noise_is_that_of_neighbours() -> None:
    random = np.random.default_rng(0)
    none = random.normal(size=(200, 25, 1))
    assert np.mean([apart(values, [range(25)]) <= 0.05 for values in none]) <= 0.05
    wave = np.sin(np.linspace(0, 3, 25))[:, None]
    assert apart(wave + 0.1 * none[0], [range(25)]) <= 0.05
    assert apart(wave, []) == 1  # of unordered settings with one seed nothing is known
    assert apart(np.full((25, 1), 0.1), [range(25)]) == 1


def test_a_run_that_is_missing_changes_nothing_about_the_others() -> None:
    outcomes: Outcomes = [[outcome(0.1 * index + 0.01 * seed) for seed in range(2)] for index in range(9)]
    outcomes[0][1] = None
    outcomes[4] = [None, None]
    now = standing(outcomes, [], range(9))
    assert now.order == [8, 7, 6, 5, 3, 2, 1, 0]
    assert np.isnan(now.values[4])


@pytest.mark.parametrize("seeds", sorted(DETECTABLE))
def test_what_a_confirmation_can_tell(seeds: int) -> None:
    from locexp.evaluation.signed_rank import signed_rank

    draws = np.random.default_rng(seeds).normal(DETECTABLE[seeds], 1, (400, seeds))
    assert 0.7 <= np.mean([signed_rank(draw) <= 0.05 for draw in draws]) <= 0.9


def jobs_of(*overrides: str) -> StagedJobs:
    with composing() as composer:
        staged = StagedJobs(composer, overrides, multirun=True)
        staged.next_stage({})
        return staged


def test_what_is_swept_by_hand_races_too() -> None:
    """One race among all combinations, not one for each; the configured setting is found among them."""
    staged = jobs_of("sweep=race", "data=mnist_5k", "sweep.points=5", "optimizer.learning_rate=1e-3,3e-3")
    names = [job.name for job in staged.jobs]
    assert len(names) == 2 * 5 + 1
    assert names[0] == "learning_rate=0.001 bbox_weight=0.001 seed=0"
    assert sum(job.config_hash == staged.default_hash for job in staged.jobs) == 1
    assert "11 settings on 1 seed" in staged.stage_notes[0]


def test_a_configured_setting_beside_the_combinations_races_too() -> None:
    staged = jobs_of(
        "sweep=race", "data=mnist_5k", "sweep.points=0", "sweep.seeds=2", "sweep.keep=[1]", "model=cnn_small,resnet"
    )
    assert [job.name for job in staged.jobs if job.seed == 0] == [
        "model=cnn_small seed=0",
        "model=resnet seed=0",
        "defaults seed=0",
    ]


def test_weights_by_hand_race_without_ratios() -> None:
    staged = jobs_of("sweep=race", "sweep.points=0", "sweep.seeds=2", "sweep.keep=[2]", "loss.bbox_weight=0.5,10,100")
    assert [job.varied["loss.bbox_weight"] for job in staged.jobs if job.seed == 0] == ["0.5", "10", "100"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["sweep.rungs=[0.5,0.2]", "sweep.keep=[4,3]"], "sweep.rungs=[0.5, 0.2]: are the epochs [3, 1]"),
        (["sweep.rungs=[5]"], "each before the end of trainer.epochs=5"),
        (["sweep.rungs=[0]"], "sweep.rungs=[0]"),
        (["sweep.keep=[26]"], "sweep.keep=[26]: expected fewer than the 26 settings that race"),
        (["sweep.rungs=[1,2]", "sweep.keep=[3,4]"], "expected one number for each rung, none above the one before"),
        (["sweep.confirm=5"], "sweep.confirm=5: expected 0 for no confirmation, or a whole number >= 6"),
        (["sweep.budget=12 epochs"], "sweep.budget=12 epochs: too small for any race"),
        (["sweep.budget=soon"], "expected a time such as 10min"),
        (["trainer.epochs=1"], "trainer.epochs=1: a race drops settings before the end"),
        (["sweep.points=1"], "sweep.points=1: expected 0 for no ratios"),
        (["sweep.points=0"], "there is one setting alone"),
        (["sweep.low=10", "sweep.high=1"], "expected 0 < low < high"),
        (["sweep.range=true", "sweep.confirm=0"], "the edges of a range are confirmed"),
        (["--multirun", "loss.bbox_weight=1,2"], "loss.bbox_weight: is swept, and the race varies it itself"),
        (["--multirun", "data=mnist_5k,fashion_mnist"], "data"),
        (["loss.bbox_weight=3"], "the sweep varies loss.bbox_weight itself"),
        (["sweep.budget=10min"], "how long an epoch takes is not known"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refusals(workplace: Path, capsys: pytest.CaptureFixture[str], overrides: list[str], message: str) -> None:
    assert train_here("sweep=race", "data=mnist_5k", *overrides) == 2
    assert message in capsys.readouterr().err
    assert not list(workplace.iterdir())


@pytest.mark.slow
def test_a_budget_of_time_is_measured(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_here(*TINY) == 0
    capsys.readouterr()
    words = (*tiny_without("trainer.epochs"), "trainer.epochs=3", "sweep=race", "sweep.budget=1h", "sweep.dry_run=true")
    assert train_here(*words) == 0
    shown = capsys.readouterr().out
    assert "note     sweep.budget=1h: " in shown
    assert "s per epoch (median of 1 finished run with the same data and network)" in shown
    assert "note     the race: 26 settings on 1 seed for 1 of 3 epochs" in shown


@pytest.mark.slow
def test_a_race_by_the_command(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tiny networks learn nothing in an epoch, so nothing is dropped; then one is chosen, and confirmed."""
    short = (*tiny_without("trainer.epochs"), "trainer.epochs=2")
    words = (*short, "sweep=race", "sweep.points=3", "sweep.keep=[1]", "sweep.finalist_seeds=2")
    assert train_here(*words) == 0
    shown = capsys.readouterr().out
    assert "note     after 1 of 2 epochs 4 of 4 settings are no better than the baseline" in shown
    (path,) = workplace.glob("multirun/*/*/sweep/sweep.json")
    jobs = json.loads(path.read_text())["jobs"]
    assert [(job["role"], job["seed"]) for job in jobs[:5]] == [("", 0)] * 4 + [("", 1)]
    confirmed = [job for job in jobs if job["role"] == CONFIRMATION]
    assert sorted({job["seed"] for job in confirmed}) == [2, 3, 4, 5, 6, 7]
    assert len(confirmed) >= 12
    assert train_here("sweep.resume=last") == 0
    assert "0 are missing" in capsys.readouterr().out
    assert len(json.loads(path.read_text())["jobs"]) == len(jobs)


@pytest.mark.slow
@pytest.mark.extra
def test_a_race_by_worker_processes_is_that_of_one(workplace: Path) -> None:
    """Rungs that go on from checkpoints, the choice and its confirmation: equal bit for bit.

    Each in a process of its own: the threads of TensorFlow are those that it was started with.
    """
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    short = (*tiny_without("trainer.epochs"), "trainer.epochs=2", "trainer.deterministic=true", "trainer.threads=1")
    words = (*short, "sweep=race", "sweep.points=3", "sweep.keep=[1]")
    told = []
    for name, launcher in (("one", ()), ("two", ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"))):
        (workplace / name).mkdir()
        done = locexp("train", *words, *launcher, cwd=workplace / name)
        assert done.returncode == 0, done.stdout + done.stderr
        (sweep,) = (workplace / name).glob("multirun/*/*/sweep/sweep.json")
        jobs = [
            [job[key] for key in ("name", "seed", "stage", "role")] for job in json.loads(sweep.read_text())["jobs"]
        ]
        records = {path.parent.name: json.loads(path.read_text()) for path in sweep.parents[1].glob("[0-9]*/run.json")}
        results = {
            folder: {key: value for key, value in record["metrics"].items() if key.startswith(("test/", "val/"))}
            for folder, record in records.items()
        }
        told.append((jobs, results, {folder: record["status"] for folder, record in records.items()}))
    assert told[0] == told[1]

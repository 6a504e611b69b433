"""How good a race is: races resampled from stored full sweeps, races whose settings are all equal, peers at equal cost.

A sweep that has trained every setting to the end on many seeds knows what a race would have seen: the validation
metrics after each epoch, and the test metrics of fresh seeds. A resampled race gets its seed and the fresh seeds at
random from those of the sweep, the truth is the mean on test over the seeds that the choice has not seen. The rule is
not a copy: the generator of `sweep=race` is asked, and sent what the stored runs reached.

    python benchmarks/races.py resample FOLDER...     # of finished sweeps: share within .02 of the best, regret, epochs
    python benchmarks/races.py equal                  # settings that are equal in truth: how often "better" is claimed
    python benchmarks/races.py peers FOLDER...        # other rules at the cost of a race
    python benchmarks/races.py rules FOLDER...        # which rung, how many kept, how many seeds
"""

from __future__ import annotations

import argparse
import functools
import inspect
import json
import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import PchipInterpolator

from locexp.records.sweep_list import CONFIRMATION
from locexp.sweep.plans.bbox_weight import ratios_between
from locexp.sweep.plans.race import race
from locexp.sweep.racing.confirmation import is_shown
from locexp.sweep.racing.stages import stages
from locexp.sweep.setting import Outcomes, Setting, Stage

NAMES = ("loc_acc_75", "accuracy", "mean_iou")
NEAR, NEAR_PHOTOS = 0.02, 0.03
"""Of photos there are fewer to test on."""
FRESH = 15
WEIGHT = "loss.bbox_weight"
DEFAULTS: dict[str, Any] = {
    "low": 1e-3,
    "high": 1e3,
    "points": 0,
    "rungs": [0.2],
    "keep": [6],
    "front": 0,
    "finalist_seeds": 1,
    "confirm": 6,
    "range": False,
    "margin": 0.01,
    "single_task": False,
    "budget": None,
}


@dataclass(frozen=True)
class Stored:
    """A full sweep over the box weight, as its runs left it.

    Attributes:
        name: of its folder.
        weights: of the settings, rising; both tasks alone are left out.
        configured: which of them is the configured one.
        validation: (settings, seeds, epochs, 3), of NAMES.
        test: (settings, seeds), of the selection metric at the epoch that each run kept.
        monitored: (settings, seeds, epochs), by which a run picks its best epoch.
        baselines: of accuracy and mean IoU.
        truth: (settings,), where it is known.
    """

    name: str
    weights: tuple[float, ...]
    configured: int
    validation: np.ndarray
    test: np.ndarray
    monitored: np.ndarray
    baselines: tuple[float, float]
    truth: np.ndarray | None = None

    @property
    def on_axis(self) -> list[float]:
        """The weights of the grid, to which the configured one need not belong."""
        if np.allclose(self.weights, ratios_between(self.weights[0], self.weights[-1], len(self.weights)), rtol=0.01):
            return list(self.weights)
        return [weight for index, weight in enumerate(self.weights) if index != self.configured]

    @property
    def epochs(self) -> int:
        """Of a training."""
        return self.validation.shape[2]

    def best_epochs(self) -> np.ndarray:
        """Return the best epoch among the first ones, by the run's monitor: (settings, seeds, epochs), from 0."""
        best = np.zeros(self.monitored.shape, int)
        for epoch in range(self.epochs):
            best[:, :, epoch] = self.monitored[:, :, : epoch + 1].argmax(axis=2)
        return best

    def seen(self) -> np.ndarray:
        """Return what a race sees after each number of epochs: (settings, seeds, epochs, 3)."""
        return np.take_along_axis(self.validation, self.best_epochs()[..., None], axis=2)


def load(folder: Path) -> Stored:
    """Read a sweep of the box weight from the files of its runs."""
    runs: dict[float, dict[int, tuple[list[dict[str, float]], dict[str, Any]]]] = {}
    for path in sorted(folder.glob("*/run.json")):
        record = json.loads(path.read_text())
        parameters = record.get("parameters", {})
        weights = [float(parameters.get(f"loss.{name}_weight", 0)) for name in ("classification", "bbox")]
        if record["status"] != "FINISHED" or not all(weights) or not path.parent.name.isdigit():
            continue
        rows = [json.loads(line) for line in (path.parent / "history.jsonl").read_text().splitlines()]
        runs.setdefault(weights[1], {})[int(record["tags"]["seed"])] = rows, record
    ratios = tuple(sorted(runs))
    compared = json.loads((folder / "comparison" / "comparison.json").read_text())
    configured = float(compared["default"].partition("=")[2])
    seeds = sorted(set.intersection(*(set(found) for found in runs.values())))
    first = runs[ratios[0]][seeds[0]][1]
    histories = [[runs[ratio][seed][0] for seed in seeds] for ratio in ratios]

    def table(name: str) -> np.ndarray:
        return np.array([[[row[name] for row in rows] for rows in found] for found in histories])

    classes = int(first["dataset"]["classes"])
    return Stored(
        folder.name,
        ratios,
        ratios.index(configured),
        np.stack([table(f"val/{name}") for name in NAMES], axis=3),
        np.array([[runs[ratio][seed][1]["metrics"]["test/loc_acc_75"] for seed in seeds] for ratio in ratios]),
        table(first["parameters"]["trainer.monitor"]),
        (1 / classes, first["metrics"]["scenes/floor_mean_iou"]),
    )


@dataclass(frozen=True)
class Raced:
    """What came of a race.

    Attributes:
        chosen: the index of the setting; ``None``: nothing was chosen.
        epochs: that were trained up to the end of the first confirmation, and in all.
        better: whether the chosen setting was shown to be better than the configured one, the runner-up.
        held: whether nothing was dropped.
    """

    chosen: int | None
    epochs: tuple[int, int]
    better: tuple[bool, bool]
    held: bool


class Field:
    """Runs whose outcomes are known, for the generator of a race to ask for.

    Args:
        weights: of the settings.
        seen: (settings, seeds, epochs, 3), what a race sees after each number of epochs.
        test: (settings, seeds).
        configured: which of the weights is the configured one.
        baselines: of accuracy and mean IoU.
    """

    def __init__(
        self,
        weights: Sequence[float],
        seen: np.ndarray,
        test: np.ndarray,
        configured: int,
        baselines: tuple[float, float],
    ) -> None:
        self.lost = (-1, -1)  # the run that fails
        self.configured, self.weight = configured, weights[configured]
        self.logs, self.seen, self.test, self.baselines = np.log(weights), seen, test, baselines

    def race(self, seeds: Sequence[int], fresh: Sequence[int], given: Mapping[str, Any]) -> Raced:
        """Run a race on seeds, confirmed on fresh ones, by the generator of the plan."""
        plan = stages(**laid_out(self.seen.shape[2], self.weight, json.dumps(given), len(seeds)))
        trained: dict[tuple[int, int], int] = {}
        spent: list[int] = []
        confirmed: list[tuple[list[int], Outcomes]] = []
        dropped = False
        stage: Stage | None = next(plan)
        while stage is not None:
            is_last = bool(stage.settings) and stage.settings[0].role == CONFIRMATION
            until = stage.until or self.seen.shape[2]
            indices = [self._index(setting) for setting in stage.settings]
            dropped |= bool(stage.dropped)
            outcomes = []
            for index, setting in zip(indices, stage.settings, strict=True):
                drawn = seeds
                if setting.fresh_seeds:
                    after = 0 if setting.role != CONFIRMATION else given["finalist_seeds"]
                    drawn = fresh[after : after + setting.fresh_seeds]
                for seed in drawn:
                    trained[index, seed] = max(until, trained.get((index, seed), 0))
                outcomes.append([self._outcome(index, seed, until) for seed in drawn])
            if is_last:
                confirmed.append((indices, outcomes))
                spent.append(sum(trained.values()))
            try:
                stage = plan.send(outcomes)
            except StopIteration:
                stage = None
        if not confirmed:
            return Raced(None, (sum(trained.values()),) * 2, (False, False), not dropped)
        (chosen, *others), rows = confirmed[0]
        first = bool(others) and others[0] == self.configured and is_shown(rows[0], rows[1])
        second = len(confirmed) > 1 and is_shown(rows[0], confirmed[1][1][0])
        return Raced(chosen, (spent[0], spent[-1]), (first, second), not dropped)

    def _index(self, setting: Setting) -> int:
        return int(np.abs(self.logs - math.log(float(setting.values[WEIGHT]))).argmin())

    def _outcome(self, index: int, seed: int, until: int) -> dict[str, float] | None:
        if (index, seed) == self.lost:
            return None
        values = dict(zip(NAMES, self.seen[index, seed, until - 1].tolist(), strict=True))
        floors = {"floor/accuracy": self.baselines[0], "floor/mean_iou": self.baselines[1]}
        return values | floors | {"test/loc_acc_75": float(self.test[index, seed])}


@functools.cache
def configuration(epochs: int, weight: float) -> Any:
    """Return the configuration of the README's example with so many epochs and another box weight."""
    from locexp.configuration.compose import composing

    with composing() as composer:
        return composer.compose(["data=mnist_5k", f"trainer.epochs={epochs}", f"{WEIGHT}={weight}"]).cfg


@functools.cache
def laid_out(epochs: int, weight: float, given: str, replicates: int) -> dict[str, Any]:
    """Return what a race of the plan passes to the generator of its stages, which takes longer than these."""
    plan = race(configuration(epochs, weight), **json.loads(given), replicates=replicates)
    return inspect.getgeneratorlocals(plan)


def given_for(stored: Stored, **changed: Any) -> dict[str, Any]:
    """Return the keys of a race over the ratios of a stored sweep."""
    on_axis = stored.on_axis
    axis = {"low": on_axis[0], "high": on_axis[-1], "points": len(on_axis)}
    return DEFAULTS | axis | changed


def refined(stored: Stored, points: int, seeds: int, random: np.random.Generator) -> Stored:
    """Return a sweep over more ratios, made from a stored one: the means of its settings are interpolated over the
    logarithm of the weight; to each come the deviations of a run of the nearest setting, taken at random."""
    configured = stored.weights[stored.configured]
    weights = tuple(sorted({*ratios_between(stored.on_axis[0], stored.on_axis[-1], points), configured}))
    logs, wanted = np.log(stored.weights), np.log(weights)
    near = np.abs(logs - wanted[:, None]).argmin(axis=1)
    seen, picks = stored.seen(), random.integers(stored.test.shape[1], size=(len(weights), seeds))

    def made(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        means = values.mean(axis=1)
        smooth = PchipInterpolator(logs, means)(wanted)[:, None]
        return smooth, np.clip(smooth + (values - means[:, None])[near[:, None], picks], 0, 1)

    (_, validation), (truth, test) = made(seen), made(stored.test)
    epochs = np.broadcast_to(np.arange(stored.epochs, dtype=float), validation.shape[:3])
    name = f"{stored.name}, refined to {points} ratios"
    return Stored(name, weights, weights.index(configured), validation, test, epochs, stored.baselines, truth[:, 0])


class Source:
    """Sweeps to draw races from: a stored one, or one that is made anew for each race."""

    def __init__(self, stored: Stored, points: int | None = None) -> None:
        self.stored, self.points, self.random = stored, points, np.random.default_rng(0)
        self.name = stored.name if points is None else f"{stored.name}, refined to {points} ratios"

    def draw(self, seeds: int) -> tuple[Stored, list[int], list[int], np.ndarray]:
        """Return a sweep, the seeds of a race, fresh ones, and the truth by the seeds that were not drawn."""
        if self.points is not None:
            made = refined(self.stored, self.points, seeds + FRESH, self.random)
            assert made.truth is not None
            return made, list(range(seeds)), list(range(seeds, seeds + FRESH)), made.truth
        drawn = self.random.permutation(self.stored.test.shape[1])
        own, others, unseen = drawn[:seeds], drawn[seeds:], drawn[seeds + 1 :]
        fresh = np.concatenate([others, self.random.choice(unseen, FRESH)])  # enough for a confirmation, with repeats
        return self.stored, own.tolist(), fresh.tolist(), self.stored.test[:, unseen].mean(axis=1)


def resampled(source: Source, races: int, seeds: int, **changed: Any) -> tuple[np.ndarray, list[Raced]]:
    """Return the regret of each race, NaN where nothing was chosen, and what came of it."""
    regrets, ends = [], []
    for _ in range(races):
        stored, own, fresh, truth = source.draw(seeds)
        field = Field(stored.weights, stored.seen(), stored.test, stored.configured, stored.baselines)
        end = field.race(own, fresh, given_for(stored, **changed))
        regrets.append(np.nan if end.chosen is None else truth.max() - truth[end.chosen])
        ends.append(end)
    return np.array(regrets), ends


def report(source: Source, label: str, regrets: np.ndarray, ends: Sequence[Raced]) -> None:
    """Print a row about races."""
    first, whole = (np.mean([end.epochs[when] for end in ends]) for when in (0, 1))
    better = np.mean([end.better for end in ends], axis=0)
    print(
        f"| {source.name} | {label} | {len(ends):,} | {np.mean(regrets <= NEAR):.1%} | "
        f"{np.mean(regrets <= NEAR_PHOTOS):.1%} | {np.nanmean(regrets):.4f} | {np.nanmax(regrets):.3f} | "
        f"{first:.0f} | {whole:.0f} | {better[0]:.0%} | {better[1]:.0%} | {np.mean([end.held for end in ends]):.0%} |",
        flush=True,
    )


HEAD = (
    "sweep",
    "rule",
    "races",
    f"within {NEAR}",
    f"within {NEAR_PHOTOS}",
    "mean regret",
    "worst",
    "epochs",
    "with runner-up",
    "better than configured",
    "than runner-up",
    "nothing dropped",
)


def head(*titles: str) -> None:
    """Print the head of a table."""
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")


def resample(sources: Sequence[Source], races: int) -> None:
    """Print how good races by the defaults are."""
    head(*HEAD)
    for source in sources:
        report(source, "default", *resampled(source, races, 1))


RULES: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("keep 3", 1, {"keep": [3]}),
    ("keep 4", 1, {"keep": [4]}),
    ("keep 5", 1, {"keep": [5]}),
    ("keep 6", 1, {}),
    ("keep 8", 1, {"keep": [8]}),
    ("keep 4 and 2 of the front", 1, {"keep": [4], "front": 2}),
    ("keep 3, finalists on 2 seeds", 1, {"keep": [3], "finalist_seeds": 2}),
    ("keep 6, finalists on 2 seeds", 1, {"finalist_seeds": 2}),
    ("rung .4, keep 6", 1, {"rungs": [0.4]}),
    ("rungs .2, .4, keep 8, 4", 1, {"rungs": [0.2, 0.4], "keep": [8, 4]}),
    ("all on 2 seeds, keep 3", 2, {"keep": [3]}),
)


def rules(sources: Sequence[Source], races: int) -> None:
    """Print how the rung, what is kept and the seeds matter."""
    head(*HEAD)
    for source in sources:
        for label, seeds, changed in RULES:
            if source.points is None and seeds + 2 > source.stored.test.shape[1]:
                print(f"| {source.name} | {label} | too few seeds |")
                continue
            report(source, label, *resampled(source, races, seeds, **changed))


EQUAL = {
    "independent": 0.0,
    "neighbours alike, correlation .3": 0.3,
    "neighbours alike, correlation .5": 0.5,
    "counted, a run missing": 0.3,
    "apart at the rung, equal at the end": 0.3,
}
"""Kinds of settings that are equal in truth, and how the deviations of neighbours on one seed correlate: on digits,
with 25 ratios, by .3 after one epoch and by .5 after two."""


def equal_field(kind: str, seeds: int, settings: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return outcomes of settings that are equal in truth: (settings, seeds, 5, 3), and test (settings, seeds).

    A run deviates by its seed (.03, the same for all settings), by itself (.03) and from epoch to epoch (.01).
    """
    own, alike = random.normal(size=(settings, seeds)), EQUAL[kind]
    for index in range(1, settings):
        own[index] = alike * own[index - 1] + math.sqrt(1 - alike**2) * own[index]
    run = 0.03 * (random.normal(size=(1, seeds)) + own)
    growth = 0.3 * np.exp(-np.arange(5.0))[None, None, :, None]
    values = 0.9 - growth + run[:, :, None, None] + 0.01 * random.normal(size=(settings, seeds, 5, 3))
    if kind.startswith("apart"):
        slow = 0.3 * np.linspace(-1, 1, settings)[:, None] ** 2 * np.array([1, 0.5, 0.2, 0.05, 0])
        values -= slow[:, None, :, None]
    test = 0.9 + run + 0.01 * random.normal(size=run.shape)
    if kind.startswith("counted"):
        values, test = np.rint(500 * values) / 500, np.rint(500 * test) / 500
    return np.clip(values, 0, 1), np.clip(test, 0, 1)


def equal(races: int, seeds: Sequence[int]) -> None:
    """Print how often races claim a difference between settings that are equal."""
    head(
        "settings equal in truth",
        "fresh seeds",
        "races",
        "chosen called better",
        "better than runner-up",
        "something dropped",
        "epochs",
    )
    weights = sorted([*ratios_between(1e-3, 1e3, 25), 0.5])
    for kind in EQUAL:
        for confirm in seeds:
            random = np.random.default_rng(confirm)
            ends = []
            for _ in range(races):
                seen, test = equal_field(kind, 3 + confirm, len(weights), random)
                field = Field(weights, seen, test, weights.index(0.5), (0.1, 0.4))
                if kind.startswith("counted"):
                    field.lost = int(random.integers(len(weights))), int(random.integers(3 + confirm))
                ends.append(field.race([0], list(range(1, 3 + confirm)), DEFAULTS | {"points": 25, "confirm": confirm}))
            better = np.mean([end.better for end in ends], axis=0)
            dropped = 1 - np.mean([end.held for end in ends])
            cost = np.mean([end.epochs[0] for end in ends])
            print(
                f"| {kind} | {confirm} | {races:,} | {better[0]:.1%} | {better[1]:.1%} | {dropped:.0%} | {cost:.0f} |",
                flush=True,
            )


Peer = Callable[[np.ndarray, int, list[int], np.random.Generator], tuple[int, int]]
"""A rule: from what is seen (settings, seeds, epochs), a budget of epochs, the seeds it may use and a generator, to the
setting it chooses and the epochs it took."""


def random_dropping(seen: np.ndarray, budget: int, seeds: list[int], random: np.random.Generator) -> tuple[int, int]:
    """One epoch of all, as a race has it, but who goes on is drawn."""
    settings, _, epochs = seen.shape
    count = max(1, (budget - settings) // (epochs - 1))
    kept = random.permutation(settings)[:count]
    return int(kept[seen[kept, seeds[0], -1].argmax()]), settings + len(kept) * (epochs - 1)


def few_whole(seen: np.ndarray, budget: int, seeds: list[int], random: np.random.Generator) -> tuple[int, int]:
    """Evenly spaced settings to the end, on one seed."""
    settings, _, epochs = seen.shape
    count = min(settings, max(1, budget // epochs))
    kept = np.unique(np.linspace(0, settings - 1, count).round().astype(int))
    return int(kept[seen[kept, seeds[0], -1].argmax()]), len(kept) * epochs


def fixed_epochs(seen: np.ndarray, budget: int, seeds: list[int], random: np.random.Generator) -> tuple[int, int]:
    """All settings for the same number of epochs on one seed, then on a second, if there is enough for it."""
    settings, _, epochs = seen.shape
    each = min(epochs, max(1, budget // settings))
    return int(seen[:, seeds[0], each - 1].argmax()), settings * each


def fixed_seeds(seen: np.ndarray, budget: int, seeds: list[int], random: np.random.Generator) -> tuple[int, int]:
    """One epoch of all settings on as many seeds as there is enough for."""
    settings = len(seen)
    count = min(len(seeds), max(1, budget // settings))
    return int(seen[:, seeds[:count], 0].mean(axis=1).argmax()), settings * count


def asha(
    seen: np.ndarray, budget: int, seeds: list[int], random: np.random.Generator, *, grid: bool = False
) -> tuple[int, int]:
    """Optuna's SuccessiveHalvingPruner with its defaults, ratios by TPE or each of the grid once in random order."""
    import optuna

    settings, _, epochs = seen.shape
    sampler = optuna.samplers.TPESampler(seed=int(random.integers(2**31)))
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=optuna.pruners.SuccessiveHalvingPruner())
    for index in random.permutation(settings) if grid else ():
        study.enqueue_trial({"setting": int(index)})
    spent, trials = 0, 0
    while spent < budget and not (grid and trials == settings):
        trial = study.ask()
        trials += 1
        index = trial.suggest_int("setting", 0, settings - 1)
        value, state = -math.inf, optuna.trial.TrialState.COMPLETE
        for epoch in range(epochs):
            spent += 1
            value = float(seen[index, seeds[0], epoch])
            trial.report(value, epoch + 1)
            if epoch + 1 < epochs and (trial.should_prune() or spent >= budget):
                state = optuna.trial.TrialState.PRUNED
                break
        study.tell(trial, value if state == optuna.trial.TrialState.COMPLETE else None, state=state)
    done = [one for one in study.trials if one.state == optuna.trial.TrialState.COMPLETE] or study.trials
    best = max(done, key=lambda one: one.value if one.value is not None else max(one.intermediate_values.values()))
    return int(best.params["setting"]), spent


def asha_on_grid(seen: np.ndarray, budget: int, seeds: list[int], random: np.random.Generator) -> tuple[int, int]:
    """The same over the grid."""
    return asha(seen, budget, seeds, random, grid=True)


def wilcoxon(seen: np.ndarray, budget: int, seeds: list[int], random: np.random.Generator) -> tuple[int, int]:
    """Optuna's WilcoxonPruner over seeds, whole trainings, ratios by TPE."""
    import optuna

    settings, _, epochs = seen.shape
    pruner = optuna.pruners.WilcoxonPruner(p_threshold=0.1)
    sampler = optuna.samplers.TPESampler(seed=int(random.integers(2**31)))
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    spent, means = 0, dict[int, list[float]]()
    while spent + epochs <= budget:
        trial = study.ask()
        index = trial.suggest_int("setting", 0, settings - 1)
        values: list[float] = []
        for seed in seeds[:6]:
            if spent + epochs > budget:
                break
            spent += epochs
            values.append(float(seen[index, seed, -1]))
            trial.report(values[-1], seed)
            if trial.should_prune():
                break
        means.setdefault(index, values)
        study.tell(trial, float(np.mean(values)))
    return max(means, key=lambda index: float(np.mean(means[index]))), spent


PEERS: dict[str, Peer] = {
    "random dropping": random_dropping,
    "whole trainings of fewer settings": few_whole,
    "the same epochs for all": fixed_epochs,
    "one epoch for all, on more seeds": fixed_seeds,
    "Optuna, ASHA, TPE": asha,
    "Optuna, ASHA, grid": asha_on_grid,
    "Optuna, WilcoxonPruner, TPE": wilcoxon,
}


def peers(sources: Sequence[Source], races: int) -> None:
    """Print what other rules choose at the cost of the race, without its confirmation and with it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    head("sweep", "rule", "choices", "budget", "epochs", f"within {NEAR}", "mean regret", "worst")
    for source in sources:
        regrets, ends = resampled(source, races, 1)
        whole = round(np.mean([end.epochs[0] for end in ends]))
        choice = whole - 2 * 6 * source.stored.epochs
        row(source, "race", choice, choice, regrets)
        row(source, "race and its confirmation", whole, whole, regrets)
        for name, peer in PEERS.items():
            for budget in (choice, whole):
                random, found, took = np.random.default_rng(0), [], []
                for _ in range(races):
                    stored, own, fresh, truth = source.draw(1)
                    chosen, cost = peer(stored.seen()[..., 0], budget, [*own, *fresh], random)
                    found.append(truth.max() - truth[chosen])
                    took.append(cost)
                row(source, name, budget, float(np.mean(took)), np.array(found))


def row(source: Source, name: str, budget: int, took: float, regrets: np.ndarray) -> None:
    """Print a row about choices."""
    print(
        f"| {source.name} | {name} | {len(regrets):,} | {budget} | {took:.0f} | {np.mean(regrets <= NEAR):.1%} | "
        f"{np.nanmean(regrets):.4f} | {np.nanmax(regrets):.3f} |",
        flush=True,
    )


def main() -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("resample", "rules", "equal", "peers"))
    parser.add_argument("folders", nargs="*", type=Path, help="of sweeps of the box weight that have finished")
    parser.add_argument("--races", type=int, default=2000)
    parser.add_argument("--refined", type=int, help="also races over this many ratios, interpolated from each sweep")
    parser.add_argument("--confirm", type=int, nargs="+", default=[6, 8, 12], help="fresh seeds, of equal settings")
    arguments = parser.parse_args()
    start = time.perf_counter()
    sources = []
    for folder in arguments.folders:
        stored = load(folder)
        print(f"{stored.name}: {len(stored.weights)} settings, {stored.test.shape[1]} seeds, {stored.epochs} epochs")
        sources += [Source(stored)] + ([Source(stored, arguments.refined)] if arguments.refined else [])
    if arguments.what == "equal":
        equal(arguments.races, arguments.confirm)
    else:
        {"resample": resample, "rules": rules, "peers": peers}[arguments.what](sources, arguments.races)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()

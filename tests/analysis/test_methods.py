"""Methods against the best fixed weights and their replays, on made-up data of known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from locexp.analysis import methods
from locexp.analysis.comparison import compare_settings
from locexp.analysis.methods import compare_methods
from locexp.analysis.results import SettingRuns, sort_runs
from locexp.evaluation.metrics import METRICS
from locexp.records.record import RunRecord

SEEDS = range(10)


def run(setting: str, seed: int, job: int, score: float, **more: str) -> RunRecord:
    """A finished run of ``method`` or, with ``replay``, of fixed weights; its ``role`` is a tag."""
    method, replayed, weight = more.get("method", "fixed"), more.get("replay"), more.get("weight", "1")
    varied = {"varied.loss.bbox_weight": weight}
    varied |= {"varied.loss/weighting": method} if method != "fixed" else {}
    varied |= {"varied.replay": replayed} if replayed else {}
    varied |= {"varied.optimizer.learning_rate": more["rate"]} if "rate" in more else {}
    noise = np.random.default_rng((seed, job)).normal(0, 1e-4)
    metrics = {f"{part}/{name}": score + noise for part in ("test", "kept") for name in METRICS}
    return RunRecord(
        run_id=f"{setting}-{seed}-{job}",
        name=setting,
        status="FINISHED",
        start_time=0,
        end_time=1,
        parameters={
            "loss.classification_weight": "1",
            "loss.bbox_weight": weight,
            "loss.weighting._target_": f"locexp.losses.weighting.{method}.{method.title()}",
        },
        tags={"config_hash": setting, "seed": str(seed), "sweep_job": str(job), "role": more.get("role", "")} | varied,
        metrics=metrics | {"floor/mean_iou": 0.3},
    )


def groups() -> list[SettingRuns]:
    """Fixed weights 1 and 10; mgda better than both, famo worse; nash as good as imtl_g; replays of mgda and famo."""
    runs = []
    for seed in SEEDS:
        runs += [
            run("one", seed, 0, 0.70),
            run("ten", seed, 1, 0.80, weight="10"),
            run("mgda", seed, 2, 0.85, method="mgda"),
            run("famo", seed, 3, 0.60, method="famo"),
            run("imtl_g", seed, 4, 0.80, method="imtl_g"),
            run("nash", seed, 5, 0.80, method="nash"),
            run("replay of mgda", seed, 6, 0.85, weight="3", replay="mgda", role="control"),
            run("replay of famo", seed, 7, 0.95, weight="4", replay="famo", role="control"),
        ]
    return sort_runs(runs)


def test_methods_are_judged_against_the_best_fixed_weights() -> None:
    found = compare_settings(groups(), default_hash="one", metric="loc_acc_75", read=lambda *_: None)
    labels = [one.label for one in found.settings]
    assert [labels[index] for index in found.candidates] == [
        "bbox_weight=1",
        "bbox_weight=10",
        "bbox_weight=1 weighting=mgda",
        "bbox_weight=1 weighting=famo",
        "bbox_weight=1 weighting=imtl_g",
    ]  # neither the controls, though one of them is the best of all, nor nash, which imtl_g stands for
    assert found.chosen == 2
    compared = found.methods
    assert compared is not None
    assert labels[compared.best_fixed] == "bbox_weight=10"
    verdicts = {labels[one.setting].rpartition("=")[2]: one for one in compared.against_fixed}
    assert {name: one.verdict for name, one in verdicts.items()} == {
        "mgda": "better",
        "famo": "worse",
        "imtl_g": "no difference seen",
    }
    assert verdicts["mgda"].corrected <= 3 * 2 / 2**10 + 1e-12  # three methods, ten seeds of one sign
    against = {labels[one.setting].rpartition("=")[2]: one.verdict for one in compared.against_replay}
    assert against == {"mgda": "no difference seen", "famo": "worse"}
    assert {labels[one]: labels[other[0]] for one, other in compared.equivalent.items()} == {
        "bbox_weight=1 weighting=nash": "bbox_weight=1 weighting=imtl_g"
    }


def test_a_sweep_of_fixed_weights_says_nothing_of_methods() -> None:
    fixed = [group for group in groups() if group.method == "fixed" and not group.role]
    values = np.array([group.values("test/loc_acc_75", list(SEEDS)) for group in fixed])
    assert compare_methods(fixed, [0, 1], values, values, values) is None


def test_fixed_weights_that_were_picked_cannot_make_a_method_worse_by_that_alone() -> None:
    """Eight seeds of one sign do for two methods, but not for two methods against each of 16 fixed weights."""
    test = np.full((19, 8), 0.5) + np.linspace(0, 1e-3, 8)
    test[0], test[1], test[2] = 0.6, 0.7, 0.5  # the picked one, a better and a worse method
    made = methods.against_picked(test, 0, [1, 2], picked_from=16)
    assert [one.verdict for one in made] == ["better", "not better"]
    assert [one.verdict for one in methods.against_picked(test, 0, [1, 2], picked_from=2)] == ["better", "worse"]


def test_a_method_is_compared_with_the_replay_that_shares_what_else_varies() -> None:
    runs = []
    for seed in SEEDS:
        for place, (rate, score) in enumerate((("0.1", 0.8), ("0.01", 0.6))):
            more = {"rate": rate}
            runs += [
                run(f"fixed {rate}", seed, place, 0.5, **more),
                run(f"mgda {rate}", seed, 2 + place, score, method="mgda", **more),
                run(f"replay {rate}", seed, 4 + place, score - 0.1, replay="mgda", role="control", weight="3", **more),
            ]
    found = compare_settings(sort_runs(runs), default_hash=None, metric="loc_acc_75", read=lambda *_: None).methods
    assert found is not None
    assert [round(one.difference.mean, 2) for one in found.against_replay] == [0.1, 0.1]


def test_a_setting_without_a_finished_run_has_a_row_and_stands_for_nothing() -> None:
    runs = [run("one", seed, 0, 0.7) for seed in SEEDS] + [run("nash", seed, 2, 0.8, method="nash") for seed in SEEDS]
    runs += [replace(run("imtl_g", seed, 1, 0.8, method="imtl_g"), status="FAILED", metrics={}) for seed in SEEDS]
    found = compare_settings(sort_runs(runs), default_hash="one", metric="loc_acc_75", read=lambda *_: None)
    labels = [one.label for one in found.settings]
    assert labels == ["bbox_weight=1", "bbox_weight=1 weighting=imtl_g", "bbox_weight=1 weighting=nash"]
    assert found.candidates == [0, 2]  # nash is compared: what it is equivalent to has failed
    assert (found.settings[1].failures, found.settings[1].test["accuracy"].n) == (10, 0)
    assert found.methods is not None
    assert not found.methods.equivalent


def test_where_every_final_run_failed_the_first_stage_is_compared() -> None:
    runs = [run(name, seed, 0, 0.7, weight=weight) for seed in SEEDS for name, weight in (("a", "1"), ("b", "2"))]
    runs += [replace(run("a", seed, 1, 0.9, role="final"), status="FAILED") for seed in (20, 21)]
    settings = sort_runs(runs)
    assert [(one.role, len(one.runs), one.failures) for one in settings] == [("", 10, 0), ("", 10, 0)]


def test_final_runs_alone_are_compared() -> None:
    """What chose a setting has no part in its test: the first stage's runs of a chosen setting are left out."""
    runs = [run("a", seed, seed, 0.99, weight="1") for seed in (0, 1)]
    runs += [run("b", seed, 2 + seed, 0.50, weight="2") for seed in (0, 1)]
    runs += [run("a", seed, 10 + seed, 0.60, weight="1", role="final") for seed in (2, 3, 4)]
    found = compare_settings(sort_runs(runs), default_hash="b", metric="loc_acc_75", read=lambda *_: None)
    assert found.candidates == [0]
    assert sorted(found.settings[0].runs) == [2, 3, 4]
    assert abs(found.settings[0].test["loc_acc_75"].mean - 0.60) < 1e-3
    assert sorted(found.settings[1].runs) == [0, 1]  # shown, not compared
    assert not found.decision.choice.adjusted  # the seeds of the first stage are not missing

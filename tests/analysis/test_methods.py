"""Methods against the best fixed weights and their replays, on made-up data of known truth."""

from __future__ import annotations

import numpy as np

from locexp.analysis.comparison import compare_settings
from locexp.analysis.methods import compare_methods
from locexp.analysis.results import METRICS, SettingRuns, sort_runs
from locexp.tracking.reading import StoredRun

SEEDS = range(10)


def run(setting: str, seed: int, job: int, score: float, **more: str) -> StoredRun:
    """A finished run of ``method`` or, with ``replay``, of fixed weights; its ``role`` is a tag."""
    method, replay, weight = more.get("method", "fixed"), more.get("replay"), more.get("weight", "1")
    varied = {"varied.loss.bbox_weight": weight}
    varied |= {"varied.loss/weighting": method} if method != "fixed" else {}
    varied |= {"varied.replay": replay} if replay else {}
    noise = np.random.default_rng((seed, job)).normal(0, 1e-4)
    metrics = {f"{part}/{name}": score + noise for part in ("test", "kept") for name in METRICS}
    return StoredRun(
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
    methods = found.methods
    assert methods is not None
    assert labels[methods.best_fixed] == "bbox_weight=10"
    verdicts = {labels[one.setting].rpartition("=")[2]: one for one in methods.against_fixed}
    assert {name: one.verdict for name, one in verdicts.items()} == {
        "mgda": "better",
        "famo": "worse",
        "imtl_g": "no difference seen",
    }
    assert verdicts["mgda"].corrected <= 3 * 2 / 2**10 + 1e-12  # three methods, ten seeds of one sign
    against = {labels[one.setting].rpartition("=")[2]: one.verdict for one in methods.against_replay}
    assert against == {"mgda": "no difference seen", "famo": "worse"}
    assert {labels[one]: labels[other[0]] for one, other in methods.equivalent.items()} == {
        "bbox_weight=1 weighting=nash": "bbox_weight=1 weighting=imtl_g"
    }


def test_a_sweep_of_fixed_weights_says_nothing_of_methods() -> None:
    fixed = [group for group in groups() if group.method == "fixed" and not group.role]
    values = np.array([group.values("test/loc_acc_75", list(SEEDS)) for group in fixed])
    assert compare_methods(fixed, [0, 1], values, values) is None


def test_final_runs_alone_are_compared() -> None:
    """What chose a setting has no part in its test: the first stage's runs of a chosen setting are left out."""
    runs = [run("a", seed, seed, 0.99, weight="1") for seed in (0, 1)]
    runs += [run("b", seed, 2 + seed, 0.50, weight="2") for seed in (0, 1)]
    runs += [run("a", seed, 10 + seed, 0.60, weight="1", role="final") for seed in (2, 3, 4)]
    found = compare_settings(sort_runs(runs), default_hash="b", metric="loc_acc_75", read=lambda *_: None)
    assert found.candidates == [0]
    assert sorted(found.settings[0].runs.runs) == [2, 3, 4]
    assert abs(found.settings[0].test["loc_acc_75"].mean - 0.60) < 1e-3
    assert sorted(found.settings[1].runs.runs) == [0, 1]  # shown, not compared

"""``python -m locexp.compare`` on runs made by hand, against numbers worked out by hand."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from locexp.cli.compare import compare_command
from locexp.cli.train import _compare as compare_at_end
from locexp.errors import RunFailedError, UserError
from locexp.tracking.location import locate
from tests.conftest import door_here, locexp

SEEDS = range(8)
SPREAD = [-0.004, -0.003, -0.002, -0.001, 0.001, 0.002, 0.003, 0.004]
"""What a seed adds to every metric; its mean is 0."""
SETTINGS = {
    # (classification weight, bbox weight): accuracy, mean IoU, loc_acc_75 on test; loc_acc_75 on validation
    (1.0, 0.5): (0.950, 0.700, 0.400, 0.410),
    (1.0, 10.0): (0.940, 0.800, 0.700, 0.690),
    (1.0, 100.0): (0.930, 0.850, 0.680, 0.710),  # best on validation, not on test
    (1.0, 50.0): (0.920, 0.790, 0.500, 0.510),  # dominated by the two before it
    (1.0, 0.0): (0.955, 0.100, 0.000, 0.000),
    (0.0, 1.0): (0.100, 0.900, 0.090, 0.090),
}
FLOOR = 0.60

NO_MARGIN = ("0", "-0.01", "nan", "inf")
BAD_NAMES = ("..", "models:/x", "x@champion", " x", "50% off", "a" * 251)


class Bench:
    """A store with a sweep made by hand."""

    def __init__(self, place: Path) -> None:
        from locexp.tracking.session import Session

        self.place = place
        session = Session(locate(str(place / "mlruns"), None, "locexp"))
        self.client, self.experiment = session.client, session.experiment_id
        self.parent = self._run("sweep x", {"kind": "sweep", "sweep_id": "day-time", "default_hash": "1.0-0.5"})
        self.client.log_metric(self.parent, "sweep/jobs", 48)

    def _run(self, name: str, tags: dict[str, str], status: str = "FINISHED") -> str:
        run = self.client.create_run(self.experiment, run_name=name, tags=tags)
        if status != "RUNNING":
            self.client.set_terminated(run.info.run_id, status)
        return str(run.info.run_id)

    def child(
        self,
        weights: tuple[float, float],
        seed: int,
        *,
        status: str = "FINISHED",
        tags: dict[str, str] | None = None,
        parameters: dict[str, str] | None = None,
        without: str | None = None,
    ) -> str:
        from mlflow.entities import Metric, Param

        classification, bbox = weights
        accuracy, iou, both, validated = SETTINGS[weights]
        identity = self._run(
            f"bbox_weight={bbox:g} seed={seed}",
            {
                "kind": "run",
                "sweep_id": "day-time",
                "mlflow.parentRunId": self.parent,
                "config_hash": f"{classification}-{bbox}",
                "seed": str(seed),
                "sweep_job": str(list(SETTINGS).index(weights)),
                "varied.loss.classification_weight": f"{classification:g}",
                "varied.loss.bbox_weight": f"{bbox:g}",
                "varied.seed": str(seed),
                "data_digest": "d" * 64,
                "scenes_digest": "s" * 64,
                "locexp_version": "1",
                "git_commit": "c",
                "tensorflow_version": "t",
                "keras_version": "k",
            }
            | (tags or {}),
            status,
        )
        if status == "FINISHED":
            values = {"floor/mean_iou": FLOOR}
            for part, own in (("test", both), ("kept", validated)):
                values |= {
                    f"{part}/accuracy": accuracy + SPREAD[seed % 8],
                    f"{part}/mean_iou": iou + SPREAD[seed % 8],
                    f"{part}/loc_acc_50": own,
                    f"{part}/loc_acc_75": own + SPREAD[(seed * 3 + list(SETTINGS).index(weights)) % 8],
                    f"{part}/center_error_px": 1.0,
                    f"{part}/loss": 1 / (1 + bbox),  # would rank quite differently
                }
            values.pop(without or "", None)
            params = {
                "loss.classification_weight": str(classification),
                "loss.bbox_weight": str(bbox),
                "trainer.epochs": "5",
            }
            self.client.log_batch(
                identity,
                metrics=[Metric(name, value, 0, 0) for name, value in values.items()],
                params=[Param(name, value) for name, value in (params | (parameters or {})).items()],
            )
        return identity

    def whole(self) -> Bench:
        for weights in SETTINGS:
            for seed in SEEDS:
                self.child(weights, seed)
        return self


@pytest.fixture
def bench(workplace: Path) -> Bench:
    return Bench(workplace)


@pytest.fixture(scope="module")
def bench_to_read(tmp_path_factory: pytest.TempPathFactory, quick_stores: None) -> Bench:
    """One that every test leaves as it was: a sweep none of whose runs has finished."""
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def whole_to_read(tmp_path_factory: pytest.TempPathFactory, quick_stores: None) -> Bench:
    """One with all of the sweep's runs, which tests may compare, and do nothing else to."""
    return Bench(tmp_path_factory.mktemp("whole")).whole()


@pytest.fixture
def empty(bench_to_read: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.chdir(bench_to_read.place)
    return bench_to_read


@pytest.fixture
def whole(whole_to_read: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.chdir(whole_to_read.place)
    return whole_to_read


def compare(*words: str) -> list[str]:
    output: list[str] = []
    compare_command(words, output.append)
    return output


def result(bench: Bench) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((bench.place / "sweep-day-time" / "comparison" / "comparison.json").read_text())
    return found


def test_the_numbers_are_those_worked_out_by_hand(whole: Bench) -> None:
    output = "\n".join(compare("compare.details=true"))
    found = result(whole)
    settings = {tuple(one["varied"].values())[:2]: one for one in found["settings"]}
    default, strong = settings["1", "0.5"], settings["1", "100"]
    # Mean and 95 % t interval over eight seeds; the sum of squares of SPREAD is 6e-5.
    half_width = stats.t.ppf(0.975, 7) * (6e-5 / 7) ** 0.5 / 8**0.5
    assert default["test"]["accuracy"] == pytest.approx({"mean": 0.95, "half_width": half_width, "n": 8})
    assert strong["floor_mean_iou"] == pytest.approx(0.6)
    assert strong["skill_mean_iou"] == pytest.approx((0.85 - 0.6) / 0.4)
    # Δm: the mean loss in percent against accuracy alone (.955) and the box alone (.9).
    assert strong["delta_m"]["mean"] == pytest.approx(50 * (0.025 / 0.955 + 0.05 / 0.9))
    assert default["delta_m"]["mean"] == pytest.approx(50 * (0.005 / 0.955 + 0.2 / 0.9))
    # Chosen on validation, though another is better on test.
    assert found["chosen"] == strong["label"] == "classification_weight=1 bbox_weight=100"
    against = {one["setting"]: one for one in found["against_default"]}
    verdict = against[strong["label"]]
    assert verdict["difference"]["mean"] == pytest.approx(0.28)
    assert verdict["p"] == pytest.approx(2 / 2**8)
    assert verdict["corrected"] == pytest.approx(3 * 2 / 2**8)  # Holm: all three p are the smallest there is
    assert verdict["verdict"] == "better"
    # The front: the three that nothing dominates; per seed, the union of rectangles above (.1, .6).
    assert sorted(found["front"]["settings"]) == sorted(
        settings["1", weight]["label"] for weight in ("0.5", "10", "100")
    )
    areas = [(0.93 + s - 0.1) * (0.85 + s - 0.6) + (0.01) * (0.8 + s - 0.6) + (0.01) * (0.7 + s - 0.6) for s in SPREAD]
    assert found["front"]["reference"] == pytest.approx([0.1, 0.6])
    assert found["front"]["hypervolume"]["mean"] == pytest.approx(sum(areas) / 8)
    assert "is better than the default weights (classification_weight=1 bbox_weight=0.5): they reach" in output


def test_the_table_fits_the_terminal(whole: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    piped = compare("compare.details=true")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    shown = compare("compare.details=true")

    def table_of(lines: list[str]) -> list[str]:
        """Return the lines up to the answers, of which the first follows an empty line and is a sentence."""
        return lines[: next(index for index, line in enumerate(lines) if line.endswith("."))]

    assert max(map(len, table_of(piped))) > 80
    assert max(map(len, table_of(shown))) <= 80
    assert set(" ".join(table_of(shown)).split()) == set(" ".join(table_of(piped)).split())
    assert shown[len(table_of(shown)) :] == piped[len(table_of(piped)) :]


def test_what_is_written_and_logged(whole: Bench) -> None:
    output = "\n".join(compare("day-time", "compare.details=true"))
    folder = whole.place / "sweep-day-time" / "comparison"
    names = {path.name for path in folder.iterdir()}
    assert names >= {"report.html", "comparison.csv", "comparison.json", "comparison.md", "front.png"}
    logged = {file.path for file in whole.client.list_artifacts(whole.parent, "comparison")}
    assert logged == {f"comparison/{name}" for name in names}
    page = (folder / "report.html").read_text()
    for word in ('src="http', 'href="http', "<script src", "url(http"):
        assert word not in page, "the report must be self-contained"
    rows = list(csv.DictReader(io.StringIO((folder / "comparison.csv").read_text())))
    assert len(rows) == len(SETTINGS)
    assert float(rows[1]["test/mean_iou/mean"]) == pytest.approx(0.8)
    assert "bbox alone" in output
    tested = {name: [row[f"against_{name}/p"] for row in rows] for name in ("default", "chosen")}
    assert all(sum(p == "" for p in of) == 3 for of in tested.values())  # itself, and each task alone
    # The hand-made 100 beats the default on every seed: scipy's exact test, times three for Holm's first step.
    strong = next(row for row in rows if "bbox_weight=100" in row["setting"])
    p = stats.wilcoxon([0.1 + seed for seed in range(8)]).pvalue
    assert float(strong["against_default/p"]) == pytest.approx(p)
    assert float(strong["against_default/corrected"]) == pytest.approx(3 * p)
    assert strong["against_default/verdict"] == "better"
    # The terms of Δm and the baseline are where there is room for them.
    assert rows[1]["floor/mean_iou"] == "0.6"
    assert float(rows[1]["delta_m/mean_iou"]) == pytest.approx(100 * 0.1 / 0.9)
    for title in ("baseline", "Δ accuracy %", "Δ mean IoU %", "Δm %"):
        assert f"<th scope=col>{title}</th>" in page
        assert title in (folder / "comparison.md").read_text()
    assert "Δ mean IoU %" not in output
    assert "Δm %" in output


def test_failures_are_counted_and_seeds_may_be_missing(bench: Bench) -> None:
    for weights in list(SETTINGS)[:3]:
        for seed in SEEDS:
            bad = weights == (1.0, 10.0) and seed >= 6
            bench.child(weights, seed, status="FAILED" if bad else "FINISHED")
    bench.child((1.0, 10.0), 6, status="FINISHED")  # a second try succeeded
    output = "\n".join(compare())
    ten = next(one for one in result(bench)["settings"] if one["varied"]["loss.bbox_weight"] == "10")
    assert (ten["test"]["accuracy"]["n"], ten["failed"]) == (7, 1)
    assert "Jobs that did not finish: 1;" in output
    assert "from 7 to 8 seeds" in output


def test_a_seed_that_lacks_settings_counts_neither_as_a_worse_sweep(bench: Bench) -> None:
    """The hypervolume is that of the sweep without the seed, and the report says so."""
    bench.whole()
    assert "leave out" not in "\n".join(compare())
    before = result(bench)
    bench.child((1.0, 0.5), 90)
    output = "\n".join(compare())
    after = result(bench)
    assert "Hypervolume and bands leave out the seeds that lack settings: 90." in output
    assert after["front"]["hypervolume"] == before["front"]["hypervolume"]


def test_a_setting_whose_every_run_failed_is_shown(bench: Bench) -> None:
    for weights in list(SETTINGS)[:3]:
        for seed in SEEDS:
            bench.child(weights, seed, status="FAILED" if weights == (1.0, 10.0) else "FINISHED")
    output = compare("compare.details=true")
    label = "classification_weight=1 bbox_weight=10"
    row = next(line for line in output if line.startswith(label))
    assert row.split()[2:] == ["0", "8", "no", "run", "has", "finished"]
    ten = next(one for one in result(bench)["settings"] if one["label"] == label)
    assert (ten["failed"], ten["test"]["accuracy"]) == (8, {"mean": None, "half_width": None, "n": 0})
    folder = bench.place / "sweep-day-time" / "comparison"
    written = next(row for row in csv.DictReader((folder / "comparison.csv").open()) if row["setting"] == label)
    assert (written["failed"], written["test/accuracy/n"], written["test/accuracy/mean"]) == ("8", "0", "")
    assert label in (folder / "report.html").read_text()


def test_one_failed_seed_does_not_rule_a_setting_out(bench: Bench) -> None:
    for weights in list(SETTINGS)[:3]:
        for seed in SEEDS:
            failed = (seed == 0 and weights == (1.0, 100.0)) or (seed > 2 and weights == (1.0, 0.5))
            bench.child(weights, seed, status="FAILED" if failed else "FINISHED")
    output = "\n".join(compare())
    assert "Use classification_weight=1 bbox_weight=100" in output
    assert "Not eligible, because fewer than half of 8 seeds have finished: classification_weight=1 " in output
    assert "bbox_weight=0.5 (3)" in output
    assert "Some runs are missing" in output
    assert "Every other setting is worse" not in output


def test_few_seeds_say_what_they_cannot_tell(bench: Bench) -> None:
    for weights in list(SETTINGS)[:4]:
        for seed in range(3):
            bench.child(weights, seed)
    output = "\n".join(compare("compare.details=true"))
    assert "Too few seeds to tell" in output
    assert {one["verdict"] for one in result(bench)["against_default"]} == {"too few seeds to tell"}
    # 6 pairs: Holm needs 6·2/2^n <= .05, n >= 8.
    assert "at least 8 seeds are needed" in output


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ({"tags": {"data_digest": "e" * 64}}, "data: data_digest differs"),
        ({"tags": {"scenes_digest": "e" * 64}}, "box strategy or scenes: scenes_digest differs"),
        ({"tags": {"git_commit": "other"}}, "code version: git_commit differs"),
        ({"parameters": {"trainer.epochs": "50"}}, "training budget: trainer.epochs differs: 5 (8 runs), 50 (1 run)"),
    ],
)
def test_runs_of_mixed_provenance_are_refused_unless_asked_for(bench: Bench, odd: dict[str, Any], reason: str) -> None:
    for seed in SEEDS:
        bench.child((1.0, 0.5), seed)
    bench.child((1.0, 10.0), 0, **odd)
    with pytest.raises(UserError, match="must not be compared") as refused:
        compare()
    assert reason in str(refused.value)
    assert not (bench.place / "sweep-day-time").exists()
    assert bench.client.list_artifacts(bench.parent) == []
    (note,) = compare_at_end(
        locate(None, None, "locexp"), "day-time", bench.place, 0, allow_mixed=False
    )  # what was trained is there
    assert note.startswith("note     not compared: sweep day-time: its runs must not be compared")
    assert any(f"Mixed, as compare.allow_mixed asks: {reason}" in line for line in compare("compare.allow_mixed=true"))


def test_runs_whose_tags_were_taken_away_are_passed_over(bench: Bench) -> None:
    for weights in ((1.0, 0.5), (1.0, 10.0)):
        for seed in SEEDS:
            bench.child(weights, seed)
    before, listed = compare(), compare("list")
    bench._run("no seed", {"kind": "run", "sweep_id": "day-time", "config_hash": "x"})
    bench._run("no number", {"kind": "run", "sweep_id": "day-time", "config_hash": "x", "seed": "one"})
    bench._run("no hash", {"kind": "run", "sweep_id": "day-time", "seed": "1"})
    bench._run("no id", {"kind": "sweep"})
    assert (compare(), compare("list")) == (before, listed)
    with pytest.raises(UserError, match="day-tine: there is no sweep of this id"):
        compare("day-tine")


def test_missing_metrics_are_named(bench: Bench) -> None:
    bench.child((1.0, 0.5), 0)
    bench.child((1.0, 10.0), 0, without="test/mean_iou")
    with pytest.raises(UserError, match=r"bbox_weight=10 seed=0 .* lacks the metrics test/mean_iou"):
        compare()
    with pytest.raises(RunFailedError, match=r"sweep day-time could not be compared \(.*lacks the metrics"):
        compare_at_end(locate(None, None, "locexp"), "day-time", bench.place, 0, allow_mixed=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["day-tine"], "day-tine: there is no sweep of this id in .* Did you mean 'day-time'"),
        (["'; drop table"], "expected the id of a sweep"),
        (["day-time", "other"], "day-time other: expected one sweep id"),
        (["compare.metric=loss"], "The total loss depends on the weights, so it ranks nothing"),
        (["compare.metric=mean_iuo"], "Did you mean 'mean_iou'"),
        (["compare.alow_mixed=true"], "Did you mean 'compare.allow_mixed'"),
        (["compare.allow_mixed=perhaps"], "compare.allow_mixed=perhaps"),
        (["tracking.experiment=other"], "tracking.experiment=other: is not in"),
        (["tracking.uri=elsewhere"], "holds no store yet"),
        (["tracking.uri=ftp://host"], "tracking.uri"),
        (["tracking.experiment="], "tracking.experiment"),
        (["tracking.experiment=[a"], r"tracking.experiment=\[a"),
        (["compare.metric="], "compare.metric=: expected a value"),
        *(([f"compare.margin={one}"], f"compare.margin={one}: expected a number > 0, at most 1") for one in NO_MARGIN),
        (["compare.margin=1.5"], "compare.margin=1.5: loc_acc_75 ranges from 0 to 1"),
        ([f"compare.margin={'9' * 400}"], "compare.margin=9+: int too large"),
        (["compare.margin=1%"], "compare.margin=1%"),
        (["compare.metric=center_error_px", "compare.margin=0"], "expected a number of pixels > 0"),
        (["compare.keep=accuracy"], "compare.keep=accuracy: expected what may be lost, by metric, in quotes"),
        (["compare.keep={acuracy: .1}"], "compare.keep={acuracy: 0.1}: .* Did you mean 'accuracy'"),
        (["compare.keep={loc_acc_75: .1}"], "expected one of accuracy, mean_iou, center_error_px. It takes both tasks"),
        (["compare.keep={accuracy: -1}"], "compare.keep={accuracy: -1.0}: expected a number > 0, at most 1"),
        (["compare.keep={accuracy: 2}"], "compare.keep={accuracy: 2.0}: accuracy ranges from 0 to 1"),
        (["compare.keep={accuracy: {a: 1}}"], "compare.keep={accuracy: .*: expected a number, what may be lost"),
        (["compare.keep={accuracy: much}"], "compare.keep={accuracy: much}"),
        (["tracking.experiment=${nowhere}"], "tracking.experiment=.*nowhere"),
        ([], "no run of this sweep has finished"),
        (["compare.register=signs"], "no run of this sweep has finished"),
        (["list", "compare.register=signs"], "compare.register=signs: cannot be combined with a list"),
        (["compare.register="], "compare.register=: expected a value"),
        (["compare.register=a/b"], "compare.register=a/b: expected a name .* Did you mean 'a-b'"),
        *(([f"compare.register='{name}'"], "expected a name for MLflow's registry") for name in BAD_NAMES),
    ],
)
def test_what_cannot_be_compared_is_refused(empty: Bench, words: list[str], message: str) -> None:
    before = sorted(empty.place.rglob("*"))
    with pytest.raises(UserError, match=message):
        compare(*words)
    assert sorted(empty.place.rglob("*")) == before


def test_what_is_as_good_and_what_is_free_is_on_the_screen_and_in_the_files(bench: Bench) -> None:
    """loc_acc_75 is .700 with weight 10, .680 with the chosen 100; differences have no spread but rounding."""
    whole = bench.whole()
    for child in whole.client.search_runs([whole.experiment], "tags.kind = 'run'"):
        whole.client.log_param(child.info.run_id, "loss.weighting._target_", "locexp.losses.weighting.fixed.Fixed")
    shown = compare("compare.margin=0.03", "compare.keep={accuracy: .02, mean_iou: .06}", "compare.details=true")
    found = json.loads((whole.place / "sweep-day-time" / "comparison" / "comparison.json").read_text())
    names = {name.rpartition("=")[2]: one["verdict"] for name, one in found["equality"]["settings"].items()}
    assert names == {"0.5": "worse", "10": "as good", "100": "as good", "50": "worse"}
    # Accuracy alone is .955: .5 loses .005, 10 .015, 50 .035. Mean IoU alone is .9: 100 loses .05, 50 .11.
    most = {one["metric"]: one["most"].rpartition("=")[2] for one in found["free"]}
    assert most == {"accuracy": "10", "mean_iou": "100"}
    assert [len(one["tests"]) for one in found["free"]] == [3, 2]
    assert any(line.startswith("The most box for free: ") and " 2 passed; " in line for line in shown)
    rows = list(csv.DictReader(io.StringIO((whole.place / "sweep-day-time/comparison/comparison.csv").read_text())))
    assert {row["equality/verdict"] for row in rows} == {"worse", "as good", ""}
    refused = door_here("compare", "compare.keep={accuracy: 3}")
    assert (refused.returncode, refused.stderr.count("\n"), refused.stderr[:6]) == (2, 1, "error:")


def test_a_running_sweep_is_left_alone(bench: Bench) -> None:
    from locexp.system.process import process_tags

    bench.child((1.0, 0.5), 0)
    bench.client.update_run(bench.parent, "RUNNING")
    for key, value in process_tags().items():
        bench.client.set_tag(bench.parent, key, value)
    with pytest.raises(UserError, match=f"still running .process {os.getpid()}"):
        compare()


def test_a_job_that_outlives_its_sweep_is_waited_for(bench: Bench) -> None:
    from locexp.system.process import process_tags

    bench.child((1.0, 0.5), 0)
    bench.child((1.0, 0.5), 1, status="RUNNING", tags=process_tags())
    with pytest.raises(UserError, match=f"seed=1 is still running .process {os.getpid()}"):
        compare()


def test_what_another_machine_left_running_can_be_presumed_dead(bench: Bench) -> None:
    elsewhere = {"host": "elsewhere", "pid": "1", "process_start": "0"}
    bench.child((1.0, 0.5), 0)
    bench.child((1.0, 0.5), 1, status="RUNNING", tags=elsewhere)
    bench.client.update_run(bench.parent, "RUNNING")
    for key, value in elsewhere.items():
        bench.client.set_tag(bench.parent, key, value)
    with pytest.raises(UserError, match="RUNNING on elsewhere, .* add compare.presume_dead=true"):
        compare()
    output = "\n".join(compare("compare.presume_dead=true"))
    assert "Jobs that did not finish: 1;" in output


def test_a_sweep_that_was_cut_short_says_so(bench: Bench) -> None:
    weights = list(SETTINGS)
    for seed in SEEDS:
        bench.child(weights[0], seed)
    jobs = [
        {"index": 0, "name": "", "role": "", "config_hash": f"{one[0]}-{one[1]}", "seed": seed}
        | {"varied": {"loss.bbox_weight": f"{one[1]:g}"}}
        for one in weights[:2]
        for seed in SEEDS
    ]
    bench.client.log_text(
        bench.parent, json.dumps({"words": [], "multirun": True, "config_dir": None, "jobs": jobs}), "sweep/sweep.json"
    )
    output = "\n".join(compare("day-time"))
    cut = "Cut short: 8 of 16 jobs have no run in the store; python -m locexp.train sweep.resume=day-time runs"
    assert cut in output
    assert f"Settings without any run: bbox_weight={weights[1][1]:g}." in output
    assert "Cut short: 8 of 16" in (bench.place / "sweep-day-time" / "comparison" / "report.html").read_text()


def test_a_sweep_whose_process_was_killed_is_dead_in_the_list(bench: Bench) -> None:
    bench.child(next(iter(SETTINGS)), 0)
    bench.client.update_run(bench.parent, status="RUNNING")
    for name, value in {"host": socket.gethostname(), "pid": "999999999"}.items():
        bench.client.set_tag(bench.parent, name, value)
    line = next(line for line in compare("list") if "day-time" in line)
    assert "DEAD" in line
    assert "1/?" in line


def test_figures_of_an_earlier_comparison_go(whole: Bench) -> None:
    compare()
    folder = whole.place / "sweep-day-time" / "comparison"
    before = sorted(path.name for path in folder.iterdir())
    assert "weights.png" not in before
    (folder / "weights.png").write_bytes(b"old")
    compare()
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_store_that_cannot_be_read_is_said_in_a_line(bench: Bench) -> None:
    with contextlib.closing(sqlite3.connect(bench.place / "mlruns" / "mlflow.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")  # as of another MLflow
        database.commit()
    done = locexp("compare", cwd=bench.place)  # this process has the store open, and would not look again
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: tracking.uri: ")
    assert "update mlflow" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command(whole: Bench) -> None:
    done = locexp("compare", cwd=whole.place)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Use classification_weight=1 bbox_weight=100" in done.stdout
    listed = door_here("compare", "list")
    assert "day-time" in listed.stdout
    refused = door_here("compare", "compare.metric=loss")
    assert (refused.returncode, refused.stderr.startswith("error: ")) == (2, True)


def test_the_screen_has_the_answer_and_the_files_the_rest(whole: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sentences, six settings, the report; each sentence of the details is in comparison.md."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    shown, details = compare(), compare("compare.details=true")
    assert shown[0] == ""
    assert shown[1].startswith("Use classification_weight=1 bbox_weight=100: loc_acc_75 ")
    assert any(line.startswith("Sure: better than the default (p = 0.023 if it were luck, 8 seeds);") for line in shown)
    assert any(line.startswith("Cost: 0.0200 ± 0.0000 of accuracy; gain: ") for line in shown)
    assert len(shown) <= 24
    assert max(len(line) for line in shown if not line.startswith(("note ", "Report "))) <= 80
    assert shown[-1] == details[-1] == "Report   sweep-day-time/comparison/report.html"
    page = (whole.place / "sweep-day-time" / "comparison" / "comparison.md").read_text()
    sentences = [line for line in details if line.endswith(".") and not line.startswith("note ")]
    assert len(sentences) >= 5
    assert [sentence for sentence in sentences if sentence not in page] == []


def test_what_must_be_known_is_on_the_screen_in_any_case(bench: Bench) -> None:
    """Warnings are no details: failed jobs, missing tables, a sweep cut short."""
    for weights in list(SETTINGS)[:2]:
        for seed in range(3):
            bench.child(weights, seed, status="FAILED" if seed == 2 else "FINISHED")
    notes = [line for line in compare() if line.startswith("note     ")]
    assert any("No intervals over test examples" in note for note in notes)
    assert any("Jobs that did not finish: 2;" in note for note in notes)
    assert any("It is not known whether jobs are missing" in note for note in notes)

"""Saved views and descriptions, through a real store: what they show, and that what a user changed stays."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from locexp.records.record import RunRecord
from locexp.tracking import presenting, view_format
from locexp.tracking.descriptions import describe_run, escaped
from locexp.tracking.location import locate
from locexp.tracking.store import MlflowStore, presented_sweep
from locexp.tracking.views import sweep_views
from tests.analysis.test_compare_command import Bench, compare
from tests.conftest import TINY, door_here, train_here

RUNS, MEANS = "day-time", "day-time-means"
FRONT = ("test/accuracy", "test/mean_iou")


@pytest.fixture
def bench(workplace: Path) -> Bench:
    """A sweep of six settings with two seeds each."""
    made = Bench(workplace)
    for weights in ((1.0, 0.5), (1.0, 10.0), (1.0, 100.0), (1.0, 50.0), (1.0, 0.0), (0.0, 1.0)):
        for seed in range(2):
            made.child(weights, seed)
    return made


def present(bench: Bench, text: str = "the answer") -> presenting.Presented:
    """Write the sweep's views and a description, as its comparison does."""
    store = MlflowStore(locate(str(bench.place / "mlruns"), None, "locexp"))
    parent, runs = store.sweep("last"), store.children("day-time")
    return presenting.present(store.client, store.location, parent, runs, lambda _: text)


def tags_of(bench: Bench) -> dict[str, str]:
    return dict(bench.client.get_experiment(bench.experiment).tags)


def view(bench: Bench, key: str) -> tuple[str, dict[str, Any]]:
    return view_format.read_tag(tags_of(bench)[view_format.VIEW_TAG + key])


def description(bench: Bench) -> str:
    return str(bench.client.get_run(bench.parent).data.tags[view_format.DESCRIPTION_TAG])


def charts(state: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [chart for chart in state["compareRunCharts"] if chart["type"] == kind]


def test_a_sweep_has_a_view_of_its_runs_and_one_of_its_settings(bench: Bench) -> None:
    present(bench)
    keys = {key.removeprefix(view_format.VIEW_TAG) for key in tags_of(bench) if key.startswith(view_format.VIEW_TAG)}
    assert keys == {RUNS, MEANS, "all-sweeps", "single-runs"}
    other = bench.client.create_run(bench.experiment, tags={"kind": "run", "sweep_id": "another"}).info.run_id
    for key, grouped in {RUNS: False, MEANS: True}.items():
        name, state = view(bench, key)
        assert "sweep x" in name
        found = bench.client.search_runs([bench.experiment], state["searchFilter"])
        assert len(found) == 12
        assert not {bench.parent, other} & {run.info.run_id for run in found}
        assert state["runsHiddenMode"] == "SHOW_ALL"
        (scatter,) = charts(state, "SCATTER")
        assert (scatter["xaxis"]["key"], scatter["yaxis"]["key"]) == FRONT
        (parallel,) = charts(state, "PARALLEL")
        assert set(parallel["selectedParams"]) == {"loss.classification_weight", "loss.bbox_weight"}
        assert set(parallel["selectedMetrics"]) >= set(FRONT)
        assert {chart["metricKey"] for chart in charts(state, "BAR")} == {*FRONT, "test/loc_acc_75"}
        assert {"metrics.`test/accuracy`", "params.`loss.bbox_weight`"} <= set(state["selectedColumns"])
        shown = {section["uuid"]: section["display"] for section in state["compareRunSections"]}
        assert all(shown[chart["metricSectionId"]] for chart in state["compareRunCharts"])
        assert [shown[prefix] for prefix in ("train", "kept", "floor")] == [False] * 3
        if grouped:
            (key_of_group,) = state["groupBy"]["groupByKeys"]
            assert key_of_group["mode"] == "tag"
            groups = {run.data.tags[key_of_group["groupByData"]] for run in found}
            assert len(groups) == 6  # settings
            assert "classification_weight=1 bbox_weight=50" in groups
        else:
            assert state["groupBy"] is None


def test_an_experiment_has_views_of_its_sweeps_and_of_single_runs(bench: Bench) -> None:
    """From the start: they are made with the experiment."""
    alone = bench.client.create_run(bench.experiment, tags={"kind": "run"}).info.run_id
    for key, expected in {"all-sweeps": {bench.parent}, "single-runs": {alone}}.items():
        _, state = view(bench, key)
        found = bench.client.search_runs([bench.experiment], state["searchFilter"])
        assert {run.info.run_id for run in found} == expected


def test_what_is_there_already_is_not_written_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    present(bench)
    before, told = tags_of(bench), description(bench)
    monkeypatch.setattr("mlflow.MlflowClient.set_experiment_tag", lambda *_: pytest.fail("written twice"))
    monkeypatch.setattr("mlflow.MlflowClient.set_tag", lambda *_: pytest.fail("written twice"))
    present(bench)
    assert (tags_of(bench), description(bench)) == (before, told)


def test_more_runs_bring_the_views_and_the_description_up_to_date(bench: Bench) -> None:
    present(bench)
    before = view(bench, RUNS)
    for run in bench.client.search_runs([bench.experiment], "tags.kind = 'run'"):
        bench.client.log_param(run.info.run_id, "loss.bbox_weight.further", run.info.run_id)  # another varied one
    present(bench, "another answer")
    after = view(bench, RUNS)
    assert "loss.bbox_weight.further" in charts(after[1], "PARALLEL")[0]["selectedParams"]
    assert after[0] == before[0]
    assert description(bench) == "another answer"


@pytest.mark.parametrize("change", ["edited", "renamed", "deleted"])
def test_a_view_that_a_user_changed_is_theirs(bench: Bench, change: str) -> None:
    present(bench)
    name, state = view(bench, RUNS)
    tag = view_format.VIEW_TAG + RUNS
    if change == "deleted":
        bench.client.delete_experiment_tag(bench.experiment, tag)
    elif change == "renamed":
        bench.client.set_experiment_tag(bench.experiment, tag, view_format.as_tag("mine", state, 1))
    else:
        edited = view_format.as_tag(name, state | {"searchFilter": "params.seed = '3'"}, 1)
        bench.client.set_experiment_tag(bench.experiment, tag, edited)
    theirs = tags_of(bench)
    for run in bench.client.search_runs([bench.experiment], "tags.kind = 'run'"):
        bench.client.log_param(run.info.run_id, "loss.bbox_weight.further", run.info.run_id)  # another varied one
    present(bench)
    after = tags_of(bench)
    assert after.get(tag) == theirs.get(tag)
    _, means = view(bench, MEANS)  # still locexp's own
    assert "params.`loss.bbox_weight.further`" in means["selectedColumns"]
    assert "loss.bbox_weight.further" not in charts(means, "PARALLEL")[0]["selectedParams"]  # a text has no mean
    bench.client.set_experiment_tag(bench.experiment, "mine", "1")  # a user's own tags are nobody's business
    present(bench)
    assert tags_of(bench)["mine"] == "1"


@pytest.mark.parametrize("edited", ["mine", ""])
def test_a_description_that_a_user_edited_is_theirs(bench: Bench, edited: str) -> None:
    present(bench)
    bench.client.set_tag(bench.parent, view_format.DESCRIPTION_TAG, edited)
    present(bench, "another answer")
    assert description(bench) == edited


def test_runs_are_read_for_views_that_are_not_there_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that could not be compared has its views from its end, and one that was compared is not read again."""
    location = locate(str(bench.place / "mlruns"), None, "locexp")
    parent = MlflowStore(location).sweep("last")
    assert set(presented_sweep(location, parent).views) == {RUNS, MEANS}
    before = tags_of(bench)

    def unread(*_: object) -> list[RunRecord]:
        raise AssertionError

    monkeypatch.setattr(MlflowStore, "children", unread)
    again = presented_sweep(location, parent)
    assert (set(again.views), again.notes) == ({RUNS, MEANS}, [])
    assert tags_of(bench) == before


def test_a_description_that_was_there_before_is_theirs(bench: Bench) -> None:
    bench.client.set_tag(bench.parent, view_format.DESCRIPTION_TAG, "mine")
    bench.client.set_tag(bench.parent, presenting.WRITTEN, "not JSON")
    present(bench)
    assert description(bench) == "mine"


def test_the_description_of_a_sweep_has_the_answer_the_picture_and_the_settings(bench: Bench) -> None:
    compare()
    links, answer, picture, table, again = description(bench).split("\n\n")
    assert answer.startswith("**Use classification\\_weight=1 bbox\\_weight=100: loc\\_acc\\_75 0.68")
    found = re.findall(r"\]\((\S+)\)", links)
    assert [address.partition("#")[0] for address in found] == ["./"] * 3  # below whatever path MLflow is served at
    assert all("workflowType=machine_learning" in address for address in found)
    assert f"get-artifact?path=comparison/front.png&run_uuid={bench.parent}" in picture
    assert table.count("\n") == 7
    assert "| **classification\\_weight=1 bbox\\_weight=100 (chosen)**&ensp; | 0.9265 ±0.0064&ensp; | 0.8465" in table
    assert "`python -m locexp.compare day-time`" in again


def test_names_are_no_markdown(workplace: Path) -> None:
    bench = Bench(workplace)
    name = "a|b <img src=x> [c](http://x) _d_ *e* `f` :smile: @g"
    for seed in range(2):
        bench.child((1.0, 0.5), seed, tags={"varied.loss.bbox_weight": name})
    compare()
    lines = description(bench).splitlines()
    (titles,) = (line for line in lines if line.startswith("| setting"))
    (row,) = (line for line in lines if line.startswith("| ") and "img" in line)
    assert len(re.findall(r"(?<!\\)\|", row)) == titles.count("|")
    for line in lines:
        assert not [markup for markup in ("<img", "[c]", " _d_", " *e*", "`f`", ":smile:", "@g") if markup in line]
    assert escaped("a\n\n# b") == "a # b"


def test_long_names_and_many_keys_fit_in_a_tag() -> None:
    import random

    draw = random.Random(0)
    keys = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz_0123456789", k=200)) for _ in range(60)]
    parent = RunRecord("n" * 5000, tags={"kind": "sweep", "sweep_id": "day-time"}, start_time=1.0)
    runs = [
        RunRecord(
            f"run {number}",
            parameters={key: str(number) for key in keys} | {"seed": "0"},
            tags={f"varied.{key}": str(number) for key in keys},
        )
        for number in range(3)
    ]
    views, notes = sweep_views(parent, runs)
    (note,) = notes
    (count,) = (int(number) for number in re.findall(r"room for (\d+) of 60", note))
    for one in views:
        assert len(one.text) <= view_format.LONGEST_VIEW
        name, state = view_format.read_tag(one.text)
        assert len(name) < 120
        (parallel,) = charts(state, "PARALLEL")
        assert 0 < count <= len(parallel["selectedParams"]) < 60
        (scatter,) = charts(state, "SCATTER")
        assert scatter["xaxis"]["key"] == "test/accuracy"


def test_many_metrics_of_the_users_own_fit_in_a_tag() -> None:
    parent = RunRecord("s", tags={"sweep_id": "i"})
    metrics = {f"{hashlib.sha256(bytes([number])).hexdigest()}/norm": 1.0 for number in range(250)}
    runs = [RunRecord("r", parameters={"lr": lr}, tags={"varied.lr": lr}, metrics=metrics) for lr in ("1", "2")]
    views, notes = sweep_views(parent, runs)
    assert notes == []
    for one in views:
        assert len(one.text) <= view_format.LONGEST_VIEW
        assert "params.`lr`" in view_format.read_tag(one.text)[1]["selectedColumns"]


def varied(parameters: list[dict[str, str]], *keys: str) -> tuple[set[str], set[str]]:
    """Return the axes of the view of runs and of that of means, for runs with these parameters in a sweep of keys."""
    parent = RunRecord("s", tags={"sweep_id": "i"})
    tags = {f"varied.{key}": "" for key in keys}
    views, _ = sweep_views(parent, [RunRecord("r", parameters=one, tags=tags) for one in parameters])
    found = {one.key: charts(view_format.read_tag(one.text)[1], "PARALLEL")[0]["selectedParams"] for one in views}
    return set(found["i"]), set(found["i-means"])


def test_what_varies_is_what_the_sweep_varies() -> None:
    """A choice of a group is that of the parameters below it; texts have no mean; what else differs is no matter."""
    adam = {"optimizer._target_": "Adam", "optimizer.lr": "0.1", "optimizer.beta": "0.9", "monitor": "a", "seed": "0"}
    sgd = {"optimizer._target_": "SGD", "optimizer.lr": "0.2", "monitor": "b", "seed": "1"}
    assert varied([adam, sgd], "optimizer", "seed") == ({"optimizer._target_", "optimizer.lr"}, {"optimizer.lr"})
    assert varied([{"loss.weighting._target_": "a"}, {"loss.weighting._target_": "b"}], "loss/weighting") == (
        {"loss.weighting._target_"},
        set(),
    )
    assert varied([{"seed": "0"}, {"seed": "1"}, {}], "seed") == ({"seed"}, {"seed"})  # the third never began


def test_a_parameter_without_a_mean_is_a_column_and_takes_no_other_ones_place() -> None:
    parent = RunRecord("s", tags={"sweep_id": "i"})
    parameters = [
        {"loss.weighting._target_": name, "loss.bbox_weight": weight} for name, weight in (("a", "1"), ("b", "2"))
    ]
    tags = {"varied.loss/weighting": "", "varied.loss.bbox_weight": ""}
    views, notes = sweep_views(parent, [RunRecord("r", parameters=one, tags=tags) for one in parameters])
    assert notes == []
    for one in views:
        columns = view_format.read_tag(one.text)[1]["selectedColumns"]
        assert {"params.`loss.weighting._target_`", "params.`loss.bbox_weight`"} <= set(columns)


def test_beyond_a_page_runs_come_by_seed(workplace: Path) -> None:
    """MLflow shows the first hundred: not the best of them, but some seeds of every setting."""
    parent = RunRecord("s", tags={"sweep_id": "i"})
    runs = [RunRecord("r", parameters={"seed": str(number)}) for number in range(view_format.PAGE + 1)]
    for many in (runs, runs[:-1]):
        views, notes = sweep_views(parent, many)
        for one in views:
            _, state = view_format.read_tag(one.text)
            is_long = many is runs
            assert (state["orderByKey"] == "params.`seed`", state["runListHidden"]) == (is_long, not is_long)
        assert ["Load more" in note for note in notes] == [True] * (many is runs)


def test_a_store_that_refuses_costs_a_note(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.exceptions import MlflowException

    def refused(*_: object) -> None:
        raise MlflowException("Permission denied")

    monkeypatch.setattr("mlflow.MlflowClient.set_experiment_tag", refused)
    monkeypatch.setattr("mlflow.MlflowClient.set_tag", refused)
    notes = [line for line in compare() if line.startswith("note")]
    (note,) = (line for line in notes if "MLflow" in line)
    assert note == "note     MLflow's saved views and descriptions are not all written (Permission denied)"
    assert (bench.place / "sweep-day-time" / "comparison" / "report.html").is_file()
    assert present(bench).views == []


@pytest.mark.parametrize(
    ("version", "is_old"), [("3.15.1", True), ("2.22.0", True), ("3.16.0", False), ("4.0", False), ("<html>", False)]
)
def test_an_older_server_is_told(monkeypatch: pytest.MonkeyPatch, version: str, is_old: bool) -> None:
    monkeypatch.setattr(presenting, "fetch_bytes", lambda *_: version.encode())
    note = presenting.without_views(locate("http://127.0.0.1:1", None, "locexp"))
    assert (note is not None) == is_old
    assert note is None or (version in note and "3.16" in note)


def test_a_version_that_cannot_be_had_is_taken_for_a_new_one() -> None:
    assert presenting.without_views(locate("http://127.0.0.1:1", None, "locexp")) is None


def test_digests_tell_whose_a_text_is() -> None:
    texts, digests = presenting.changes({}, None, {"a": "1"})
    assert (texts, list(json.loads(str(digests)))) == ({"a": "1"}, ["a"])
    assert presenting.changes({"a": "1"}, digests, {"a": "1"}) == ({}, None)  # as it is
    assert presenting.changes({"a": "1"}, digests, {"a": "2"})[0] == {"a": "2"}  # ours, brought up to date
    assert presenting.changes({"a": "x"}, digests, {"a": "2"}) == ({}, None)  # edited
    assert presenting.changes({}, digests, {"a": "2"}) == ({}, None)  # deleted
    assert presenting.changes({"a": "x"}, None, {"a": "2"}) == ({}, None)  # somebody's from the start
    assert presenting.changes({"a": "2"}, None, {"a": "2"}) == ({}, presenting.changes({}, None, {"a": "2"})[1])


def test_a_run_is_described_in_a_line() -> None:
    metrics = {"test/accuracy": 0.97, "test/mean_iou": 0.76, "test/loc_acc_75": 0.584, "kept/epoch": 4, "epochs": 5}
    assert describe_run(RunRecord("r", status="FINISHED", metrics=metrics)) == (
        "Test: accuracy 0.9700, mean IoU 0.7600, class right and IoU ≥ .75 0.5840, with the weights of epoch 4 of 5"
    )
    failed = RunRecord("r", status="FAILED", error="a_b\nc")
    assert describe_run(failed) == "FAILED: a\\_b"
    assert describe_run(RunRecord("r", status="FINISHED")) == "Test: no metrics"


@pytest.mark.slow
def test_a_run_and_its_experiment_are_described(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mlflow import MlflowClient

    assert train_here(*TINY) == 0
    client = MlflowClient(f"sqlite:///{workplace}/mlruns/mlflow.db")
    experiment = client.get_experiment_by_name("locexp")
    (run,) = client.search_runs([experiment.experiment_id])
    text = run.data.tags[view_format.DESCRIPTION_TAG]
    assert text.startswith(f"Test: accuracy {run.data.metrics['test/accuracy']:.4f}, ")
    assert "**Views**" in experiment.tags[view_format.DESCRIPTION_TAG]
    address = f"/#/experiments/{experiment.experiment_id}/runs/{run.info.run_id}?workflowType=machine_learning"
    assert capsys.readouterr().out.rstrip().endswith(address)


@pytest.mark.slow
def test_a_sweep_is_presented_at_its_end_and_wherever_it_is_logged(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its links are printed; a resume leaves one view of each kind, and what the user changed."""
    from mlflow import MlflowClient

    def tags(store: str) -> dict[str, str]:
        experiment = MlflowClient(f"sqlite:///{workplace}/{store}/mlflow.db").get_experiment_by_name("locexp")
        return dict(experiment.tags)

    assert train_here(*TINY, "-m", "loss.bbox_weight=1,10") == 0
    said = capsys.readouterr().out
    (sweep_id,) = re.findall(r"&viewStateShareKey=(\S+[0-9a-f])$", said.replace("-means\n", "\n\n"), re.MULTILINE)[:1]
    before = tags("mlruns")
    keys = {key.removeprefix(view_format.VIEW_TAG) for key in before if key.startswith(view_format.VIEW_TAG)}
    assert keys == {sweep_id, f"{sweep_id}-means", "all-sweeps", "single-runs"}
    assert "Load more" not in said  # two runs are less than a page
    client = MlflowClient(f"sqlite:///{workplace}/mlruns/mlflow.db")
    mine = view_format.VIEW_TAG + f"{sweep_id}-means"
    client.delete_experiment_tag(client.get_experiment_by_name("locexp").experiment_id, mine)
    assert train_here("sweep.resume=last") == 0
    assert tags("mlruns") == {key: value for key, value in before.items() if key != mine}
    again = capsys.readouterr().out
    assert re.search(rf"(?m)^front    http\S+viewStateShareKey={sweep_id}$", again)
    assert not re.search(r"(?m)^means ", again)
    (folder,) = workplace.glob("multirun/*/*/sweep")
    assert door_here("log", str(folder.parent), "--uri", "other").returncode == 0
    assert {key for key in tags("other") if key.startswith(view_format.VIEW_TAG)} == {
        key for key in before if key.startswith(view_format.VIEW_TAG)
    }

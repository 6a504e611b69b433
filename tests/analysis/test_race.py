"""The comparison of a race, on one made by hand: what is tested and in which order, and what was not pursued."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import locexp
from locexp.analysis.answer import answers
from locexp.analysis.brief import brief
from locexp.analysis.chosen import chosen_run
from locexp.analysis.comparison import SweepComparison
from locexp.analysis.curves import read_curves
from locexp.analysis.description import describe
from locexp.analysis.exports import as_csv, as_json
from locexp.analysis.figures import draw_figures
from locexp.analysis.headline import headline
from locexp.analysis.results import notes_on
from locexp.analysis.tables import table
from locexp.cli.compare import compare_command
from locexp.errors import UserError
from locexp.records.folder_store import FolderStore
from locexp.records.record import RunRecord
from locexp.records.sweep_list import CONFIRMATION
from locexp.tracking import view_format
from locexp.tracking.limits import TAG
from locexp.tracking.views import sweep_views
from tests.analysis.races import (
    CHOSEN,
    CONFIGURED,
    DROPPED,
    FRESH,
    RUNNER_UP,
    SCORES,
    HandMade,
    confirmed,
    raced,
    reason,
    value,
)

LEAST = 2 / 2**6
"""The least p of six pairs."""


def place_of(comparison: SweepComparison, weight: str) -> int:
    return [setting.config_hash for setting in comparison.settings].index(weight)


def outcomes(comparison: SweepComparison) -> list[tuple[str, str, float]]:
    """The tests against the chosen setting in their order: against which one, its verdict, p."""
    tests = comparison.decision.against_chosen
    return [(comparison.settings[test.setting].config_hash, test.verdict, test.p) for test in tests]


def worse_by_seed(made: HandMade, weight: str) -> HandMade:
    """The race with a weight that is as good as the chosen one: half of the seeds are for either."""
    for index, run in enumerate(made.runs):
        if run.tags["role"] == CONFIRMATION and run.tags["config_hash"] == weight:
            seed = int(run.tags["seed"])
            metrics = {
                name: value(CHOSEN, seed, 5) + (0.01 + seed / 1000) * (-1) ** seed if "/" in name else number
                for name, number in run.metrics.items()
            }
            made.runs[index] = replace(run, metrics=metrics | {"floor/mean_iou": 0.2})
    return made


def test_the_confirmation_is_tested_in_its_order_and_not_corrected() -> None:
    """All six seeds are for the chosen one in both tests: p = 2/2⁶ each, by the exact test, though there are two."""
    found = confirmed().compared()
    assert found.settings[found.chosen].config_hash == CHOSEN
    assert outcomes(found) == [(CONFIGURED, "worse", LEAST), (RUNNER_UP, "worse", LEAST)]
    (against_default,) = found.decision.against_default
    assert (against_default.setting, against_default.verdict) == (found.chosen, "better")
    assert against_default.corrected == against_default.p == LEAST
    gaps = [value(CHOSEN, seed, 5) - value(CONFIGURED, seed, 5) for seed in FRESH]
    assert against_default.difference.mean == pytest.approx(sum(gaps) / 6)
    assert stats.wilcoxon(gaps, method="exact").pvalue == LEAST
    assert {name: test.corrected for name, test in found.by_task.items()} == {"accuracy": LEAST, "mean_iou": LEAST}
    assert found.methods is None


def test_only_confirmation_runs_are_in_the_numbers_and_the_race_chose() -> None:
    """The runner-up is better on validation, on fresh seeds as in the race: the first in the list stays chosen."""
    found = confirmed(order=("10", CONFIGURED, CHOSEN)).compared()
    chosen = found.settings[found.chosen]
    assert (chosen.config_hash, sorted(chosen.runs)) == ("10", [*FRESH])
    assert [found.settings[index].config_hash for index in found.candidates] == ["10", CONFIGURED, CHOSEN]
    assert outcomes(found) == [(CONFIGURED, "worse", LEAST), (CHOSEN, "better", LEAST)]
    assert headline(found)[1].startswith(
        "Careful: better than the default (p = 0.031 if it were luck, 6 fresh seeds), but on test the runner-up (100) "
        "is better;"
    )


def test_what_the_first_test_does_not_show_ends_the_order() -> None:
    found = worse_by_seed(confirmed(), CONFIGURED).compared()
    (first, second) = outcomes(found)
    assert first[:2] == (CONFIGURED, "no difference seen")
    assert second[:2] == (RUNNER_UP, "not tested")
    assert math.isnan(second[2])
    assert headline(found)[1].startswith("Not sure: no difference from the default seen (p = ")
    text = " ".join(answers(found))
    assert (
        "Against the runner-up (bbox_weight=1000): no test, since nothing is shown against the default setting" in text
    )


def test_a_default_that_is_chosen_is_tested_against_the_runner_up() -> None:
    found = confirmed(order=(CHOSEN, RUNNER_UP)).compared(default=CHOSEN)
    assert found.default == found.chosen
    assert outcomes(found) == [(RUNNER_UP, "worse", LEAST)]
    assert found.decision.against_default == found.decision.against_chosen
    use, sure, _ = headline(found)
    assert use.startswith("Use bbox_weight=100, the default: loc_acc_75 0.87")
    assert sure == (
        "Sure: better than the runner-up (1000) (p = 0.031 if it were luck, 6 fresh seeds); 3 settings were not "
        "pursued to the end."
    )


@pytest.mark.parametrize(
    "ends", [{(CONFIGURED, 7): "KILLED"}, {(CHOSEN, 3): ""}, {(weight, 7): "" for weight in (CHOSEN, CONFIGURED)}]
)
def test_a_confirmation_that_has_not_ended_gives_no_p_value(ends: dict[tuple[str, int], str]) -> None:
    found = confirmed(ends=ends).compared()
    assert [verdict for _, verdict, _ in outcomes(found)] == ["not tested", "not tested"]
    assert (
        "the planned confirmation has not ended: no test; 2 settings were not pursued to the end." in headline(found)[1]
    )
    assert headline(found)[2].startswith("Cost: not tested (accuracy +0.")
    assert "p = " not in " ".join([*headline(found), *answers(found)])
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert {row[f"{family}/{name}"] for row in rows for family in FAMILIES for name in ("p", "corrected")} == {""}
    exported = as_json(found)
    json.dumps(exported, allow_nan=False)
    tests = [*exported["against_default"], *exported["against_chosen"]]
    tests += exported["chosen_minus_default_by_task"].values()
    assert {test["p"] for test in tests} == {None}
    assert {test["verdict"] for test in tests} == {"not tested"}
    assert all(test["difference"]["mean"] is not None for test in tests)  # an estimate there is


FAMILIES = ("against_default", "against_chosen")


def test_the_first_test_stands_where_the_second_was_stopped() -> None:
    found = confirmed(ends={(RUNNER_UP, 7): "KILLED"}).compared()
    assert [verdict for _, verdict, _ in outcomes(found)] == ["worse", "not tested"]
    assert headline(found)[1].startswith(
        "Sure: better than the default (p = 0.031 if it were luck, 6 fresh seeds); the runner-up (1000) is not tested "
        "yet;"
    )
    assert "(bbox_weight=1000): no test, since the planned confirmation has not ended." in " ".join(answers(found))


def test_what_is_run_beside_the_order_is_shown_and_not_tested() -> None:
    """The edges of a range, and a task alone, which cannot be chosen: they are in the first stage of the list."""
    made = confirmed(beside=("10", "0"))
    found = made.compared()
    assert [name for name, *_ in outcomes(found)] == [CONFIGURED, RUNNER_UP]
    names = [found.settings[index].config_hash for index in found.candidates]
    assert (names[:3], names[3:]) == ([CHOSEN, CONFIGURED, RUNNER_UP], ["10"])
    assert len(found.settings[place_of(found, "10")].runs) == 6
    stopped = confirmed(beside=("10",), ends={("10", 7): "KILLED"}).compared()
    assert [verdict for _, verdict, _ in outcomes(stopped)] == ["worse", "worse"]  # planned tests have ended


def test_a_job_that_failed_has_ended_and_the_others_are_tested() -> None:
    found = confirmed(seeds=range(2, 9), ends={(CONFIGURED, 8): "FAILED"}).compared()
    assert outcomes(found)[0] == (CONFIGURED, "worse", LEAST)
    few = confirmed(ends={(CONFIGURED, 7): "FAILED"}).compared()
    assert outcomes(few)[0][1] == "too few seeds to tell"
    assert headline(few)[1].startswith(
        "Not sure: 5 fresh seeds cannot tell it from the default; at least 6 are needed;"
    )


@pytest.mark.parametrize("begun", [False, True])
def test_without_a_confirmation_there_is_a_choice_and_no_test(begun: bool) -> None:
    """Also where it has begun, but nothing of what was chosen has finished: the others alone say nothing."""
    made = confirmed(ends={(CHOSEN, seed): "KILLED" for seed in FRESH}) if begun else raced()
    found = made.compared(default="10")
    assert found.settings[found.chosen].config_hash == CHOSEN
    assert sorted(found.settings[index].config_hash for index in found.candidates) == ["10", "100", "1000"]
    assert {verdict for _, verdict, _ in outcomes(found)} == {"not tested"}
    assert headline(found)[1].startswith("Not sure: no confirmation on fresh seeds has ended: no test;")
    assert "no test." in " ".join(answers(found))
    assert "p = " not in " ".join(answers(found))


def test_what_was_dropped_is_not_pursued_and_nothing_else() -> None:
    made = confirmed(order=(CHOSEN, "10", RUNNER_UP))
    found = made.compared(default="10")
    dropped = [found.settings[index] for index in found.not_pursued]
    assert [setting.config_hash for setting in dropped] == [*DROPPED]
    assert [setting.not_pursued for setting in dropped] == [reason(weight) for weight in DROPPED]
    assert sum(setting.failures for setting in found.settings) == 0
    notes = notes_on(found.settings, allow_mixed=False)
    assert notes == []
    shown = table(found)
    cells = {row.index: dict(zip(shown.titles, map(str, row.cells), strict=True)) for row in shown.rows}
    row = cells[place_of(found, "0.1")]
    assert (row["n"], row["failed"], row["verdict"]) == ("0", "0", "not pursued")
    best = (value("0.1", 0, 1) + value("0.1", 1, 1)) / 2
    assert row["on validation"] == f"{best:.4f} (1 epoch)"
    assert cells[found.chosen]["on validation"].endswith("(5 epochs)")
    rows = {row["config_hash"]: row for row in csv.DictReader(io.StringIO(as_csv(found)))}
    assert (rows["0.1"]["verdict"], rows["0.1"]["not_pursued"]) == ("not pursued", reason("0.1"))
    assert (rows["0.1"]["race/epochs"], float(rows["0.1"]["race/validation"])) == ("1", pytest.approx(best))
    assert (rows[CHOSEN]["not_pursued"], rows[CHOSEN]["race/epochs"]) == ("", "5")
    exported = {one["config_hash"]: one for one in as_json(found)["settings"]}
    assert exported["1"]["not_pursued"] == reason("1")
    text = " ".join(answers(found))
    assert "Not pursued to the end, so neither tested nor called worse: 3 of 6 settings (bbox_weight=0.1," in text


def test_a_setting_that_was_dropped_and_confirmed_is_pursued() -> None:
    """The configured one is confirmed wherever it came in; its row is that of its confirmation."""
    found = confirmed().compared()
    configured = found.settings[place_of(found, CONFIGURED)]
    assert (configured.not_pursued, len(configured.runs), configured.failures) == ("", 6, 0)
    assert found.race is not None
    assert found.race.lines[place_of(found, CONFIGURED)].reason == reason(CONFIGURED)


def test_a_stopped_race_says_what_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = raced(dropped=())
    for index, run in enumerate(made.runs):
        if run.tags["config_hash"] in DROPPED:
            made.runs[index] = replace(run, status="KILLED", metrics={}, tags=run.tags | {"paused": "1"})
    found = made.compared()
    assert [setting.failures for setting in found.settings] == [0] * 6
    assert notes_on(found.settings, allow_mixed=False) == []
    assert str(table(found).rows[0].cells[-1]) == "paused"
    made.write(tmp_path / "race")
    monkeypatch.chdir(tmp_path)
    lines: list[str] = []
    compare_command(["./race"], lines.append)
    resume = "python -m locexp.train sweep.resume=day"
    assert f"note     Cut short: 6 runs are paused; {resume} continues them." in lines


def test_a_race_that_stopped_in_its_first_rung_says_how_it_goes_on(tmp_path: Path) -> None:
    made = raced(dropped=())
    for index, run in enumerate(made.runs):
        made.runs[index] = replace(run, status="KILLED", metrics={}, tags=run.tags | {"paused": "1"})
    made.write(tmp_path / "race")
    resume = r"python -m locexp\.train sweep\.resume=day continues them"
    with pytest.raises(UserError, match=rf"nothing to compare\. {len(made.runs)} runs are paused; {resume}\."):
        compare_command([str(tmp_path / "race")], print)


def test_three_lines_say_what_to_use_how_sure_and_what_it_costs() -> None:
    """Seeds 2 to 7 add 11/6 · .004 on average: .9 · 31/32 and .5 · 31/32, and .0073."""
    use, sure, cost = headline(confirmed().compared())
    assert use == "Use bbox_weight=100: loc_acc_75 0.879 on test (default 0.5: 0.492)."
    assert sure == (
        "Sure: better than the default (p = 0.031 if it were luck, 6 fresh seeds); and than the runner-up (1000); "
        "2 settings were not pursued to the end."
    )
    assert cost.startswith("Cost: none; gain: 0.38")


def test_the_screen_has_what_finished_and_how_many_were_not_pursued() -> None:
    lines = brief(confirmed().compared(), 100)
    rows = [line.split("  ")[0] for line in lines[lines.index("") + 1 :]]
    assert rows[:5] == ["bbox_weight", "0.5 (default)", "10", "100 (chosen)", "1000 (runner-up)"]
    assert lines[-1].startswith("2 settings not pursued: report, comparison.csv.")


def test_the_run_to_use_is_of_what_the_race_chose(tmp_path: Path) -> None:
    folder = confirmed(order=("10", CONFIGURED, CHOSEN)).write(tmp_path / "race")
    store = FolderStore(str(folder))
    found = chosen_run(store, store.sweep("last"), "loc_acc_75")
    assert found.setting.config_hash == "10"
    assert int(found.run.tags["seed"]) in FRESH


def test_the_command_on_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    confirmed().write(tmp_path / "race")
    lines: list[str] = []
    compare_command(["./race"], lines.append)
    text = "\n".join(lines)
    assert lines[1] == "Use bbox_weight=100: loc_acc_75 0.879 on test (default 0.5: 0.492)."
    assert "Cut short" not in text
    assert "did not finish" not in text
    assert "No run has finished" not in text
    made = tmp_path / "race" / "comparison"
    assert (made / "race.png").is_file()
    assert f"| bbox_weight=0.1 | {reason('0.1')} |" in (made / "comparison.md").read_text()
    page = (made / "report.html").read_text()
    assert "<h2>The race</h2>" in page
    assert reason("0.1") in page
    # The same from Python.
    sweep = locexp.load_sweep(tmp_path / "race")
    settings = sweep.settings.set_index("setting")
    assert settings.loc["bbox_weight=0.1", "not_pursued"] == reason("0.1")
    assert settings.loc["bbox_weight=100", "not_pursued"] == ""
    assert settings.loc["bbox_weight=0.1", "race/epochs"] == 1
    assert settings["chosen"].sum() == settings.loc["bbox_weight=100", "chosen"] == 1
    runs = sweep.runs
    assert (runs["not_pursued"] != "").sum() == 6
    assert runs.loc[runs["compared"], "role"].value_counts().to_dict() == {CONFIRMATION: 18, "": 2}  # weight 10
    cut = confirmed(ends={(RUNNER_UP, 7): ""})
    cut.write(tmp_path / "cut")
    lines.clear()
    compare_command(["./cut"], lines.append)
    assert "Cut short: 1 of 30 jobs has no run in the folder;" in "\n".join(lines)


def test_every_setting_has_a_line_as_far_as_it_was_pursued() -> None:
    made = confirmed()
    found = made.compared()
    assert found.race is not None
    epochs = {found.settings[index].config_hash: line.epochs for index, line in found.race.lines.items()}
    assert epochs == {weight: 1 if weight in DROPPED else 5 for weight in SCORES}
    curves, without = read_curves(found, made.read)
    assert without == 0
    figure = draw_figures(found, curves)["race"]
    (axes, _) = figure.axes
    points = [np.size(line.get_xdata()) for line in axes.lines]
    assert points.count(5) == 3
    assert [np.size(line.get_xdata()) for line in axes.lines if line.get_marker() == "x"].count(1) == 3


def test_other_sweeps_have_no_race() -> None:
    made = HandMade()
    for weight in SCORES:
        for seed in FRESH:
            made.add(weight, seed)
    found = made.compared()
    assert found.race is None
    assert "not_pursued" not in as_csv(found)
    assert "race" not in draw_figures(found, {})


def test_mlflow_says_what_was_dropped_when_and_why() -> None:
    parent = RunRecord("s", tags={"kind": "sweep", "sweep_id": "day"}, run_id="a", experiment_id="1")
    text = describe(confirmed().compared(), parent, [])
    assert len(text) <= TAG
    assert "| not pursued&ensp; | when and why&ensp; |" in text
    assert f"| bbox\\_weight=0.1&ensp; | {reason('0.1').replace('_', chr(92) + '_')}&ensp; |" in text
    assert text.count("bbox\\_weight=0.1&ensp;") == 1  # in this table alone
    runs = [replace(run, metrics=run.metrics | {"test/accuracy": 1.0}) for run in confirmed().runs]
    for views, has_column in ((sweep_views(parent, runs), True), (sweep_views(parent, runs[-6:]), False)):
        for view in views[0]:
            _, state = view_format.read_tag(view.text)
            assert (view_format.tag("not_pursued") in state["selectedColumns"]) is has_column

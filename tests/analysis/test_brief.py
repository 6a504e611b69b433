"""What a screen shows of a comparison: a screenful, whatever the sweep, and nothing that must be known is missing."""

from __future__ import annotations

import pytest

from locexp.analysis.brief import brief, settings_that_matter
from locexp.analysis.comparison import compare_settings
from locexp.analysis.results import sort_runs
from locexp.evaluation.metrics import METRICS
from tests.analysis.test_headline import record, sweep

SCREENFUL = 24


@pytest.fixture(autouse=True)
def screenful(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 24 rows."""
    monkeypatch.setenv("LINES", str(SCREENFUL))
    monkeypatch.setenv("COLUMNS", "80")


def test_a_small_sweep_is_shown_whole() -> None:
    found = sweep({"0.5": (0.95, 0.70, 0.40), "100": (0.93, 0.80, 0.60), "10": (0.95, 0.70, 0.30)})
    expected = [
        "bbox_weight    loc_acc_75      vs default  accuracy        mean IoU        vs best  skill",
        "0.5 (default)  0.4000 ±0.0024              0.9500 ±0.0024  0.7000 ±0.0024  worse    +0.25",
        "10             0.3000 ±0.0024  worse       0.9500 ±0.0024  0.7000 ±0.0024  worse    +0.25",
        "100 (chosen)   0.6000 ±0.0024  better      0.9300 ±0.0024  0.8000 ±0.0024  as good  +0.50",
        "loc_acc_75: class right, IoU at least .75; skill 0: a constant box",
        "Tests: compare.details=true",
    ]
    assert brief(found, 90)[4:] == expected
    assert brief(found, None)[4:] == expected


def test_columns_are_left_out_before_rows_are_folded() -> None:
    found = sweep({"0.5": (0.95, 0.70, 0.40), "100": (0.93, 0.80, 0.60)})
    assert brief(found, 78)[4] == "bbox_weight    loc_acc_75      vs default  accuracy        mean IoU"
    narrow = brief(found, 40)
    assert [line for line in narrow if line.startswith("bbox_weight")] == [
        "bbox_weight    loc_acc_75",
        "bbox_weight    vs default",
        "bbox_weight    accuracy",
        "bbox_weight    mean IoU",
    ]
    assert max(map(len, narrow)) <= 40


def test_of_many_settings_those_that_matter_are_shown() -> None:
    """200 settings, of which one is chosen, one is the default, and 12 may do as well: a screenful has six."""
    settings = {str(weight): (0.9, 0.7, 0.4 + weight / 1000) for weight in range(1, 186)}
    settings |= {str(weight): (0.95, 0.7, 0.9) for weight in range(186, 200)}
    settings["200"] = (0.95, 0.75, 0.901)
    found = sweep(settings, default="7")
    lines = brief(found, 80)
    assert len(lines) <= 13
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "194 more settings: report, comparison.csv. Tests: compare.details=true"
    assert any(line.startswith("200 (chosen)") for line in lines)
    assert any(line.startswith("7 (default)") for line in lines)
    kept = [found.names[index] for index in settings_that_matter(found, 7)]
    assert kept[0] == "bbox_weight=7"  # in the order of the weights
    assert all(int(name.partition("=")[2]) > 185 for name in kept[1:])
    assert len(brief(found, None)) == len(lines) + 6  # a file gets a few more


def test_one_more_setting_is_one() -> None:
    settings = {str(weight): (0.9, 0.7, 0.4 + weight / 1000) for weight in range(1, 8)}
    assert brief(sweep(settings, default="1"), 80)[-1].startswith("1 more setting: ")


@pytest.mark.parametrize("width", [80, 40])
def test_names_of_200_characters_fit(width: int) -> None:
    values = [f"{'a' * 150}{number}{'b' * 50}" for number in range(3)]
    runs = [
        record(str(place), seed, place, dict.fromkeys(METRICS, 0.5 + place / 10))
        for place in range(3)
        for seed in (0, 1)
    ]
    for one in runs:
        one.tags["varied.data.path"] = values[int(one.tags["config_hash"])]
    found = compare_settings(sort_runs(runs), default_hash="0", metric="loc_acc_75", read=lambda *_: None)
    lines = brief(found, width)
    assert max(map(len, lines[:-1])) <= width
    assert any("…" in line for line in lines)


def test_each_task_alone_is_called_so() -> None:
    runs = [record(weight, 0, 0, dict.fromkeys(METRICS, 0.5)) for weight in ("0", "0.5")]
    box = record("1", 0, 2, dict.fromkeys(METRICS, 0.4), **{"varied.loss.classification_weight": "0"})
    box.parameters["loss.classification_weight"] = "0"
    found = compare_settings(sort_runs([*runs, box]), default_hash="0.5", metric="loc_acc_75", read=lambda *_: None)
    assert [line.split("  ")[0] for line in brief(found, 80)[3:7]] == [
        "bbox_weight",
        "class alone",
        "0.5 (chosen, default)",
        "box alone",
    ]


def test_two_settings_that_train_the_same_task_alone_are_told_apart() -> None:
    runs = []
    for place, (classification, box) in enumerate((("0", "1"), ("0", "10"), ("1", "1"), ("1", "0"))):
        one = record(
            box, 0, place, dict.fromkeys(METRICS, 0.5), **{"varied.loss.classification_weight": classification}
        )
        one.parameters["loss.classification_weight"] = classification
        one.tags["config_hash"] = str(place)
        runs.append(one)
    found = compare_settings(sort_runs(runs), default_hash="2", metric="loc_acc_75", read=lambda *_: None)
    names = [line.split("  ")[0] for line in brief(found, None)[3:8]]
    assert names[0] == "bbox_weight, classification_weight"
    assert len(set(names)) == 5
    assert "class alone" in names
    assert sum("bbox alone" in name for name in names) == 2


def test_unequal_seeds_and_failures_have_their_columns() -> None:
    whole = sweep({"0.5": (0.95, 0.70, 0.40), "100": (0.93, 0.80, 0.60)}, seeds=3)
    runs = [run for setting in whole.settings for run in setting.runs.values()][:-1]
    failed = record("100", 2, 1, dict.fromkeys(METRICS, 0.0))
    failed.status = "FAILED"
    found = compare_settings(sort_runs([*runs, failed]), default_hash="0.5", metric="loc_acc_75", read=lambda *_: None)
    title, *rows = brief(found, None)[4:7]
    where = title.index("n  failed")
    assert [row[where:].split()[:2] for row in rows] == [["3", "0"], ["2", "1"]]


def test_digits_that_the_user_typed_are_kept() -> None:
    settings = {"177.828": (0.9, 0.7, 0.6), "0.5": (0.9, 0.7, 0.5)}
    found = sweep(settings)
    assert found.names == ["bbox_weight=178", "bbox_weight=0.5"]
    typed = compare_settings(
        found.settings, default_hash=None, metric="loc_acc_75", read=lambda *_: None, typed={"loss.bbox_weight"}
    )
    assert typed.names == ["bbox_weight=177.828", "bbox_weight=0.5"]

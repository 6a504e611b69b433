"""Jobs that train side by side: what each leaves, how one of them fails, and what cannot be stacked."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.conftest import TINY, tiny_without, train_here
from tests.sweep.test_sweeps import client, everything, runs

RATES = ("--multirun", "optimizer=sgd", "optimizer.learning_rate=0.01,1e30,0.02", "seed=1,2")


def by_name(place: Path) -> dict[str, Any]:
    return {run.info.run_name: run for run in runs(place, "tags.kind = 'run'")}


def artifacts(place: Path, run_id: str, folder: str | None = None) -> set[str]:
    found: set[str] = set()
    for file in client(place).list_artifacts(run_id, folder):
        found |= artifacts(place, run_id, file.path) if file.is_dir else {file.path}
    return found


def left(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_each_job_leaves_what_the_basic_launcher_leaves(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files and artifacts by name, parameters, tags and the names of the metrics; the log has the run's own lines."""
    words = (*TINY, "--multirun", "loss.bbox_weight=0.5,20", "trainer.epochs=2")
    places = {name: workplace / name for name in ("stacked", "basic")}
    for name, place in places.items():
        place.mkdir()
        monkeypatch.chdir(place)
        assert train_here(*words, f"hydra/launcher={name}") == 0
        assert capsys.readouterr().err == ""
    stacked, basic = (by_name(place) for place in places.values())
    assert set(stacked) == set(basic) == {"bbox_weight=0.5 seed=0", "bbox_weight=20 seed=0"}
    own = {"directory", "mlflow.parentRunId", "sweep_id", "pid", "process_start", "overrides"}
    for name, run in stacked.items():
        other = basic[name]
        assert run.info.status == other.info.status == "FINISHED"
        assert set(run.data.metrics) == set(other.data.metrics)
        assert run.data.params == other.data.params
        assert {key: value for key, value in run.data.tags.items() if key not in own} == {
            key: value for key, value in other.data.tags.items() if key not in own
        }
        folders = [Path(one.data.tags["directory"]) for one in (run, other)]
        assert left(folders[0]) == left(folders[1])
        for file in ("config.yaml", "resolved.yaml"):
            lines = [(folder / "config" / file).read_text().splitlines() for folder in folders]
            same = [[line for line in part if not line.strip().startswith("list:")] for part in lines]
            assert same[0] == same[1]
        assert artifacts(places["stacked"], run.info.run_id) == artifacts(places["basic"], other.info.run_id)
        assert {one.data.metrics["time/stack_members"] for one in (run, other)} == {1, 2}


@pytest.mark.slow
def test_a_member_that_diverges_fails_and_the_others_go_on(workplace: Path) -> None:
    assert train_here(*TINY, *RATES, "trainer.epochs=2") == 1
    found = by_name(workplace)
    failed = {name for name, run in found.items() if run.info.status == "FAILED"}
    assert failed == {"learning_rate=1e+30 seed=1", "learning_rate=1e+30 seed=2"}
    assert {run.info.status for name, run in found.items() if name not in failed} == {"FINISHED"}
    assert len(found) == 6
    ends = {name: run.info.end_time for name, run in found.items()}
    assert max(ends[name] for name in failed) < min(ends[name] for name in set(ends) - failed), "closed at the end only"
    for name, run in found.items():
        log = (Path(run.data.tags["directory"]) / "train.log").read_text()
        assert log.count("diverged") == (1 if name in failed else 0), name
        if name not in failed:
            assert run.data.metrics["time/stack_members"] == 4, "those that failed were trained on"


@pytest.mark.slow
def test_jobs_of_different_data_are_stacked_apart(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--multirun", "data.limit=320,64", "loss/weighting=fixed,mgda", "seed=1")
    assert train_here(*tiny_without("data.limit"), *words) == 0
    found = by_name(workplace)
    assert len(found) == 4
    assert {run.info.status for run in found.values()} == {"FINISHED"}
    assert {run.data.metrics["time/stack_members"] for run in found.values()} == {2}
    assert "[4/4]" in capsys.readouterr().out


@pytest.mark.slow
def test_what_cannot_be_trained_together_is_trained_alone(
    workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of memory in the second epoch of a stack of two: both are trained from their start, and nothing twice."""
    from locexp.training.stack import Stack

    steps = Stack.train_steps
    calls = []
    together: list[weakref.ref[Stack]] = []
    names = []

    def short_of_memory(stack: Stack, order: Any, chosen: Sequence[int] | None = None, **keys: Any) -> Any:
        calls.append(len(stack.members))
        member: Any = stack.members[0]
        names.append([member.optimizer.name, *(layer.name for layer in member.model.layers)])
        if len(stack.members) > 1:
            together.append(weakref.ref(stack))
        else:
            assert together[0]() is None, "what was too much for memory is still there"
        if len(stack.members) > 1 and len(calls) > 1:
            raise MemoryError("no room for two")
        return steps(stack, order, chosen, **keys)

    monkeypatch.setattr(Stack, "train_steps", short_of_memory)
    assert train_here(*TINY, "trainer.epochs=2", "--multirun", "seed=1,2") == 0
    out = capsys.readouterr().out
    assert "2 jobs cannot be trained together (no room for two): they are trained one by one" in out
    assert "[2/2]" in out
    assert calls == [2, 2, 1, 1, 1, 1]
    assert names == [names[0]] * 6, "a network that is trained again has other names than one by itself"
    for run in by_name(workplace).values():
        history = client(workplace).get_metric_history(run.info.run_id, "val/accuracy")
        assert [metric.step for metric in history] == [1, 2]
        assert len((Path(run.data.tags["directory"]) / "history.jsonl").read_text().splitlines()) == 2


@pytest.mark.slow
def test_memory_caps_a_stack_and_says_so(
    workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    from locexp.training import memory

    monkeypatch.setattr(memory, "member_bytes", lambda *_: 300 * 2**20)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**30))
    assert train_here(*TINY, "--multirun", "seed=1,2") == 0
    out = capsys.readouterr().out
    assert "a stack has 1 member, not 2: each takes about 300 MiB of memory" in out
    assert {run.data.metrics["time/stack_members"] for run in by_name(workplace).values()} == {1}


@pytest.mark.parametrize("given", ["0", "-1", "many"])
def test_a_stack_of_none_is_refused(workplace: Path, capsys: pytest.CaptureFixture[str], given: str) -> None:
    assert train_here(*TINY, "--multirun", "seed=1,2", f"sweep.max_members={given}") == 2
    assert f"sweep.max_members={given}: expected a whole number >= 1, or null" in capsys.readouterr().err
    assert everything(workplace) == set()


def test_what_a_member_takes_is_estimated_on_the_safe_side() -> None:
    """Against the arrays themselves: state, gradients, kept and reloaded weights, what every layer puts out for a batch
    and its gradient, and what is said of each example."""
    import keras

    from locexp.models.cnn import build
    from locexp.training.member import Member
    from locexp.training.memory import member_bytes

    member = Member(0, build((28, 28, 1), 10), keras.optimizers.Adam(), (1.0, 0.5))
    weights = sum(array.nbytes for array in member.model.get_weights())
    state = sum(np.asarray(variable.numpy()).nbytes for variable in member.variables)
    model: Any = member.model
    inner = keras.Model(model.input, [layer.output for layer in model.layers])
    outputs = sum(np.asarray(output).nbytes for output in inner(np.zeros((32, 28, 28, 1), np.float32)))
    at_least = state + 3 * weights + 2 * outputs + 4 * 1000 * (10 + 4)
    assert at_least <= member_bytes(member.model, "float32", 32, 1000) <= 2 * at_least


def test_a_network_inside_a_network_takes_what_its_layers_take() -> None:
    import keras

    from locexp.training.memory import member_bytes

    image = keras.Input((28, 28, 1))
    maps = keras.layers.Conv2D(8, 3, activation="relu")(image)
    inner = keras.Model(image, keras.layers.GlobalMaxPooling2D()(maps))
    outer_image = keras.Input((28, 28, 1))
    nested = keras.Model(outer_image, inner(outer_image))
    assert member_bytes(nested, "float32", 32, 1000) >= member_bytes(inner, "float32", 32, 1000)

"""One network into one folder: written, run in the format's own runtime, compared, described, and only then there."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from locexp.errors import RunFailedError, counted, worded
from locexp.exporting.examples import examples_for
from locexp.exporting.facts import as_properties, facts_of
from locexp.exporting.folder import ABOUT, README
from locexp.exporting.formats import Format
from locexp.exporting.network import as_exported, precision_of
from locexp.exporting.readme import readme
from locexp.models.pixels import pixel_model
from locexp.models.saving import TOLERANCE
from locexp.records.record import RunRecord
from locexp.system.files import move_folder, write_whole
from locexp.system.tensorflow import quiet_stderr
from locexp.trained.network import TrainedNetwork

Answers: TypeAlias = Mapping[str, np.ndarray]
"""Outputs by their names."""


def export(network: TrainedNetwork, record: RunRecord, form: Format, folder: Path, say: Callable[[str], None]) -> None:
    """Export a run's network into a folder, which takes the place of an earlier export.

    Args:
        network: of the run.
        record: of the run.
        form: the format.
        folder: see :func:`check_folder`.
        say: shows a line.

    Raises:
        RunFailedError: the network cannot be written in this format, or answers otherwise there; nothing is left.
        OSError: the files cannot be written; likewise.
    """
    examples = examples_for(record, network.canvas, network.channels)
    if examples.note:
        say(f"note     {examples.note}")
    exported = as_exported(network.model)
    batches = [examples.images, examples.images[:1]]
    expected = [answers(exported, batch) for batch in batches]
    if (precision := precision_of(network.model)) != "float32":
        say(f"note     {_distance(answers(pixel_model(network.model), batches[0]), expected[0], precision, network)}")
    facts = facts_of(network, record)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / folder.name / form.file
        path.parent.mkdir()
        found = _written(exported, path, form, facts, batches)
        difference = max(_difference(*pair) for pair in zip(expected, found, strict=True))
        checked = (
            f"Checked with {form.packages[0]} {metadata.version(form.packages[0])} on "
            f"{counted(len(examples.images), 'image')} of {examples.what}: the outputs differ from those of the Keras "
            f"model by {difference:.1g} at most."
        )
        content = json.dumps({"file": form.file, **facts, "checked": checked}, indent=2, ensure_ascii=False) + "\n"
        write_whole(path.with_name(ABOUT), content)
        write_whole(path.with_name(README), readme(network, record, form, checked))
        move_folder(path.parent, folder)
    say(checked)
    say(f"Files    {folder}  ({form.file}, {ABOUT}, {README})")


def answers(model: Any, images: np.ndarray) -> Answers:
    """Return the outputs of a Keras model, float64."""
    return {name: np.asarray(values, np.float64) for name, values in model(images, training=False).items()}


def _written(
    exported: Any, path: Path, form: Format, facts: dict[str, Any], batches: list[np.ndarray]
) -> list[Answers]:
    """Write a network, and return what the file answers in the format's runtime."""
    try:
        with quiet_stderr():
            form.write(exported, path, as_properties(facts))
            network = form.load(path)
            return [{name: np.asarray(one) for name, one in network(batch).items()} for batch in batches]
    except OSError:
        raise
    except Exception as error:  # converters and runtimes have many, and no common one
        raise RunFailedError(f"{form.file}: cannot be written and run ({worded(error)}).") from error


def _difference(expected: Answers, found: Answers) -> float:
    """Return by how much two answers differ at most.

    Raises:
        RunFailedError: it is more than it may be, or there are other outputs.
    """
    shapes = [{name: values.shape for name, values in answers.items()} for answers in (expected, found)]
    if shapes[0] != shapes[1]:
        raise RunFailedError(f"the exported network has the outputs {shapes[1]}; expected {shapes[0]}.")
    difference = max(float(np.abs(expected[name] - found[name]).max()) for name in expected)
    if not difference <= TOLERANCE:
        raise RunFailedError(
            f"the exported network's outputs differ from those of the Keras model by {difference:.2g}; expected at "
            f"most {TOLERANCE:g}. Nothing was exported."
        )
    return difference


def _distance(before: Answers, after: Answers, precision: str, network: TrainedNetwork) -> str:
    """Say how far the answers of a network in another precision are from those in float32."""
    probabilities = np.abs(before["classification"] - after["classification"]).max()
    edges = (np.abs(before["bbox"] - after["bbox"]) * (network.canvas * 2)).max()
    others = int((before["classification"].argmax(1) != after["classification"].argmax(1)).sum())
    return (
        f"The run computes in {precision}, which runtimes elsewhere do not: the same weights are exported in float32. "
        f"On {counted(len(before['bbox']), 'image')}, probabilities differ by {probabilities:.2g} at most, edges of "
        f"boxes by {edges:.2g} px; {counted(others, 'image')} of them {'gets' if others == 1 else 'get'} another class."
    )

"""The command ``python -m locexp.predict``: which network, which images, and where the answers go."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from locexp.cli.keys import is_override, read_keys
from locexp.cli.network import CompareKeys, read_network_keys
from locexp.configuration.schema import TrackingConfig
from locexp.errors import UserError, counted, listed, nearest
from locexp.models.saving import MODEL
from locexp.prediction.output import FORMATS, Writer, picture_paths, shown
from locexp.prediction.predictions import Prediction, predict
from locexp.prediction.sources import Failure, Source, collect
from locexp.records.record import RECORD
from locexp.system.commands import command
from locexp.system.files import replacing
from locexp.system.folders import check_writable, expanded
from locexp.system.matplotlib import start_matplotlib
from locexp.system.screen import Screen
from locexp.system.surroundings import check_encoding
from locexp.trained.finding import EXPECTED, found_model
from locexp.trained.network import load_network

_NO_KEY = "no key"
MOST_SHOWN = 20
"""Lines about images that cannot be used, of which there may be a thousand."""


@dataclass
class PredictConfig:
    """What ``python -m locexp.predict`` takes.

    Attributes:
        format: how the answers are written; ``None`` for what the suffix of ``out`` says.
        out: a file for the answers, instead of standard output.
        pictures: a folder for annotated pictures.
        overwrite: write over files that are there.
    """

    format: str | None = None
    out: str | None = None
    pictures: str | None = None
    overwrite: bool = False
    compare: CompareKeys = field(default_factory=CompareKeys)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)


def predict_command(arguments: Sequence[str]) -> int:
    """Predict, and write the answers; returns the exit status: 1 where some images could not be used.

    Args:
        arguments: which network; images; KEY=VALUE.

    Raises:
        UserError: there is no such network or no image, or a key or a value is wrong; nothing is written.
        RunFailedError: the store cannot be read.
    """
    which, images, cfg = parse_arguments(arguments)
    out = None if cfg.out is None else expanded(cfg.out, "out")
    folder = None if cfg.pictures is None else expanded(cfg.pictures, "pictures")
    collected = collect(images, folder)
    if not collected.sources:
        raise UserError("; ".join(f"{shown(one.file)}: {one.why}" for one in collected.failures) + ".")
    paths = [] if folder is None else list(picture_paths(folder, collected.sources))
    _check_targets(out, folder, paths, overwrite=cfg.overwrite)
    _check_apart([*paths, *([out] if out else [])], collected.sources)
    with Screen(sys.stderr) as screen:
        screen.progress("reading the network")
        with found_model(which, cfg.tracking, cfg.compare.metric) as found:
            network = load_network(found)
        screen.line(f"network  {shown(found.what)}")
        pictures = _Pictures(paths, network.class_names)
        for note in (*collected.notes, *pictures.notes):
            screen.note(shown(note))
        report = _Report(screen, len(collected.sources))
        for failure in collected.failures:
            report.failed(failure)
        with _output(out) as write:
            writer = Writer(cfg.format, write, collected.sources, network.class_names)
            writer.begin()
            for outcomes in predict(network, collected.sources):
                failures = pictures.draw(outcomes, report.done)
                screen.close()  # standard output may be the same terminal
                for outcome in outcomes:
                    if isinstance(outcome, Prediction):
                        writer.row(outcome)
                    else:
                        report.failed(outcome)
                for failure in failures:
                    report.failed(failure)
                write("")
                report.block(outcomes)
            writer.end()
        report.end(out, folder)
    return report.status


def parse_arguments(arguments: Sequence[str]) -> tuple[str, list[str], Any]:
    """Return which network is meant, the images, and the configuration; raises :class:`UserError`."""
    # A file whose name looks like KEY=VALUE is a file, unless it is a key.
    keys = read_keys(PredictConfig, [])
    plain: list[str] = []
    overrides: list[str] = []
    for argument in arguments:
        is_key = is_override(argument) and (
            OmegaConf.select(keys, argument.partition("=")[0], default=_NO_KEY) is not _NO_KEY
            or not os.path.lexists(argument)
        )
        (overrides if is_key else plain).append(argument)
    check_encoding([*plain[:1], *overrides])
    if not plain:
        raise UserError(f"expected a network and images; {EXPECTED}.")
    which, *images = plain
    cfg = read_network_keys(PredictConfig, overrides, which)
    by_suffix = os.path.splitext(cfg.out or "")[1].lower()[1:]
    cfg.format = cfg.format or (by_suffix if by_suffix in FORMATS else "table")
    if cfg.format not in FORMATS:
        raise UserError(f"format={cfg.format}: expected one of {listed(FORMATS)}.{nearest(cfg.format, FORMATS)}")
    if not images:
        is_image = os.path.isfile(which) and os.path.basename(which) not in (RECORD, MODEL)
        hint = f" Did you mean {command('predict', 'last', which)}?" if is_image else ""
        raise UserError(f"{which}: expected images after the network: files, folders, patterns or arrays.{hint}")
    return which, images, cfg


def _check_targets(out: Path | None, folder: Path | None, pictures: Sequence[Path], *, overwrite: bool) -> None:
    """Check that what is to be written can be, and that nothing is written over unless that is asked for."""
    if out is not None:
        check_writable(out.parent, "out")
        if out.is_dir():
            raise UserError(f"out={out}: is a folder; expected a file.")
    if folder is not None:
        check_writable(folder, "pictures")
    for key, path in [("out", out), *(("pictures", picture) for picture in pictures)]:
        if path is not None and os.path.lexists(path) and not overwrite:
            raise UserError(f"{key}: {shown(str(path))} is there already; give another, or overwrite=true.")


def _check_apart(targets: Sequence[Path], sources: Sequence[Source]) -> None:
    """Check that no image is written over, whatever ``overwrite`` says."""
    images = {os.path.realpath(source.file) for source in sources}
    for path in targets:
        if os.path.realpath(path) in images:
            raise UserError(f"{shown(str(path))}: is one of the images; give another place for what is written.")


@contextlib.contextmanager
def _output(out: Path | None) -> Iterator[Callable[[str], object]]:
    """Give what writes the answers; a file is there whole or not at all."""
    if out is None:

        def write(text: str) -> None:
            sys.stdout.write(text)
            if not text:  # the end of a block
                sys.stdout.flush()

        yield write
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        yield file.write


class _Pictures:
    """Draws predictions, where that is asked for."""

    def __init__(self, paths: Sequence[Path], class_names: Sequence[str]) -> None:
        self._paths = paths
        self.notes: list[str] = []
        if paths:
            start_matplotlib()
            from locexp.plots.names import drawable

            names, self.notes = drawable(class_names)
            self._names = dict(zip(class_names, names, strict=True))

    def draw(self, outcomes: Sequence[Prediction | Failure], done: int) -> list[Failure]:
        """Draw those of a block, before which others are done; return those of which there is no picture."""
        if not self._paths:
            return []
        from locexp.prediction.pictures import draw

        paths = self._paths[done : done + len(outcomes)]
        pairs = [(one, path) for one, path in zip(outcomes, paths, strict=True) if isinstance(one, Prediction)]
        return draw(pairs, self._names)


class _Report:
    """What is said on standard error."""

    def __init__(self, screen: Screen, count: int) -> None:
        self._screen, self._count = screen, count
        self.done = self._failed = self._inverted = 0

    def failed(self, failure: Failure) -> None:
        self._failed += 1
        if self._failed <= MOST_SHOWN:
            self._screen.line(f"error    {shown(failure.file)}: {failure.why}")

    def block(self, outcomes: Sequence[Prediction | Failure]) -> None:
        self.done += len(outcomes)
        self._inverted += sum(isinstance(one, Prediction) and one.inverted for one in outcomes)
        if self.done < self._count:
            self._screen.progress(f"{self.done:,} of {self._count:,} images", share=self.done / self._count)

    def end(self, out: Path | None, pictures: Path | None) -> None:
        if self._inverted:
            verb = "is" if self._inverted == 1 else "are"
            self._screen.note(
                f"{counted(self._inverted, 'image')} {verb} dark on light, and the training images were light on dark: "
                "inverted before the network saw them."
            )
        if self._failed > MOST_SHOWN:
            self._screen.line(f"error    and {self._failed - MOST_SHOWN:,} more")
        if self._failed:
            self._screen.line(f"failed   {counted(self._failed, 'image')} could not be used")
        for what, path in (("answers", out), ("pictures", pictures)):
            if path is not None:
                self._screen.line(f"{what:<8} {shown(str(path))}")

    @property
    def status(self) -> int:
        return int(self._failed > 0)

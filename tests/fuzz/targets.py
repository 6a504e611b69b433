"""Everything that locexp reads and that others can have written: how inputs are made, and what reads them.

A reader may raise what a user can get wrong (:data:`EXPECTED`). Anything else is a traceback on somebody's screen.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from locexp.errors import RunFailedError, UserError
from tests.fuzz.mutations import spoilt, spoilt_json, spoilt_text
from tests.fuzz.photos import read_photos, spoilt_photos

ROOT = Path(__file__).parents[2]
EXPECTED = (UserError, RunFailedError)
SECONDS = 10.0
"""Longer than this, a reader hangs."""
MEMORY = 1 << 30
"""More than this above what was there before, a reader takes too much."""


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        name: of what it reads.
        inputs: makes inputs.
        read: reads one, in an empty folder; raises one of :data:`EXPECTED` where it is wrong.
        share: of all inputs that this reader gets, relative to the others: some take a millisecond, others a second.
    """

    name: str
    inputs: st.SearchStrategy[Any]
    read: Callable[[Any, Path], object]
    share: float = 1.0


def _idx(shape: tuple[int, ...], kind: int = 8) -> bytes:
    header = bytes([0, 0, kind, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
    return header + (np.arange(np.prod(shape)) % (4 if len(shape) == 1 else 256)).astype(np.uint8).tobytes()


def _read_data(path: Path) -> object:
    """Read and split a user's data, as ``data=file`` does."""
    from omegaconf import OmegaConf

    from locexp.data.load import load_dataset

    keys = {"source": "auto", "path": str(path), "validation": 0.1, "split_seed": 0, "limit": None}
    return load_dataset(OmegaConf.create({"_target_": "locexp.data.file.load", **keys}))


def _read_idx(content: tuple[tuple[bytes, bool, bool], tuple[bytes, bool, bool]], folder: Path) -> object:
    """Read a folder of images and labels, each with whether it is named and whether it is compressed as gzip has it."""
    for kind, (data, is_named_gz, is_compressed) in zip(("images-idx3", "labels-idx1"), content, strict=True):
        path = folder / f"train-{kind}-ubyte{'.gz' if is_named_gz else ''}"
        path.write_bytes(gzip.compress(data, 1) if is_compressed else data)
    return _read_data(folder)


def _npz(*, compressed: bool = False, **arrays: Any) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def _archives() -> list[bytes]:
    images = np.arange(40 * 4 * 4).reshape(40, 4, 4).astype(np.uint8)
    labels = np.arange(40) % 3
    return [
        _npz(x_train=images, y_train=labels),
        _npz(x_train=images[..., None], y_train=labels[:, None], x_test=images, y_test=labels, compressed=True),
        _npz(x_train=images.astype(np.float32) / 255, y_train=labels.astype(float)),
        _npz(x_train=images.reshape(40, -1), y_train=np.eye(3)[labels], compressed=True),
        _npz(x_train=images, y_train=np.array(list("ab" * 20))),
        _npz(x_train=images.astype(">i4"), y_train=labels.astype(np.int8), boxes=np.zeros((40, 4))),
    ]


def _arrays() -> st.SearchStrategy[bytes]:
    """Whole archives of arrays that are not what they should be."""
    dtypes = st.sampled_from(("u1", "i8", ">i2", "f2", "f8", "c8", "?", "U3", "S2", "M8[s]", "m8", "V3"))
    shapes = st.lists(st.sampled_from((0, 1, 2, 3, 6, 7)), min_size=0, max_size=5).map(tuple)

    def build(draw: tuple[str, tuple[int, ...], str, tuple[int, ...], bool]) -> bytes:
        first, shape, second, other, compressed = draw
        arrays = [
            np.resize(np.arange(7), size).astype(kind) if kind not in ("V3", "m8") else np.zeros(size, kind)
            for kind, size in ((first, shape), (second, other))
        ]
        return _npz(x_train=arrays[0], y_train=arrays[1], compressed=compressed)

    return st.tuples(dtypes, shapes, dtypes, shapes, st.booleans()).map(build)


def _read_npz(content: bytes, folder: Path) -> object:
    (folder / "data.npz").write_bytes(content)
    return _read_data(folder / "data.npz")


@st.composite
def _spoilt_members(draw: st.DrawFn, archives: list[bytes]) -> bytes:
    """Return an archive with one spoilt array, whose checksum is right: the change reaches the reader of arrays."""
    with zipfile.ZipFile(io.BytesIO(draw(st.sampled_from(archives)))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = draw(st.sampled_from(sorted(members)))
    members[name] = draw(st.one_of(spoilt(st.just(members[name])), _headers(members[name])))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", draw(st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return file.getvalue()


def _headers(array: bytes) -> st.SearchStrategy[bytes]:
    """Arrays whose header says something else than their data have."""
    body = array[10 + int.from_bytes(array[8:10], "little") :]
    kinds = ("|u1", "<i8", "<f8", "|O", "<U1000000000", "|V99", "[('a', '<i4')]", "<M8[s]", "<c16", "x", "<f2", "|b1")
    shapes = (
        "(40, 4, 4)",
        "(40,)",
        "()",
        "(-1,)",
        "(1000000000000,)",
        "(0, 4, 4)",
        "(40, 4, 4, 1, 1, 1)",
        "None",
        "(1e9,)",
        "(" * 90,
        "(True,)",
        "(2**62,)",
        "(99999999999999999999,)",
        "('a',)",
        "(20000, 20000, 4)",
    )

    def build(kind: str, shape: str, order: str) -> bytes:
        said = kind if kind.startswith("[") else f"'{kind}'"
        header = f"{{'descr': {said}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
        return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body

    return st.builds(build, st.sampled_from(kinds), st.sampled_from(shapes), st.sampled_from(("False", "True", "0")))


def _read_checkpoint(content: bytes, folder: Path) -> object:
    from locexp.training.checkpoint import read_checkpoint

    (folder / "checkpoint.npz").write_bytes(content)
    return read_checkpoint(folder / "checkpoint.npz")


def _checkpoints() -> list[bytes]:
    about = {"format": 2, "training_id": "x seed=1", "epoch": 2, "best_epoch": 1, "stopped": False, "names": ["a"]}
    arrays: dict[str, Any] = {"model/00000": np.zeros(3), "best/00000": np.zeros(3)}
    return [_npz(about=np.array(json.dumps(about)), **arrays)]


YAML_TOKENS = (
    "!!python/object/apply:os.system ['touch sprung']",
    "!!python/name:os.system",
    "!!binary aGk=",
    "!!set {a, b}",
    "!!timestamp 2020-01-01",
    "&a [*a]",
    "*a",
    "${seed}",
    "${..}",
    "${bbox}",
    "${oc.env:HOME}",
    "${oc.decode:'['}",
    "${nosuch:1}",
    "${",
    "???",
    "null",
    ".nan",
    "1e999",
    "0x" + "f" * 40,
    "9" * 400,
    "[1, 2",
    "{a: 1",
    "'",
    '"',
    "|",
    "<<: {a: 1}",
    "defaults: [nosuch]",
    "defaults: [{/model: cnn}, _self_]",
    "_target_: os.system",
    "_target_: builtins.eval",
    "# @package _global_",
    "# @package nosuch.where",
    "\t",
    "\x07",
    "é",
    "\ufeff",
    "---",
    "%YAML 9.9",
    "- " * 60,
    "[" * 60,
    "a: &b {c: 1}",
    "true",
    "yes: no",
    "1: 2",
    "null: 3",
)
"""What YAML and OmegaConf read in a way of their own. No target here would do harm if it were called."""


def _yaml_files(*groups: str) -> list[str]:
    return [path.read_text() for group in groups for path in sorted((ROOT / "conf" / group).glob("*.yaml"))]


def _compose(content: tuple[str, str, bool], folder: Path) -> object:
    from locexp.configuration.compose import composing

    group, text, latin = content
    (folder / "conf" / group).mkdir(parents=True)
    (folder / "conf" / group / "mine.yaml").write_bytes(text.encode("latin-1" if latin else "utf-8", "replace"))
    with composing(str(folder / "conf")) as composer:
        return composer.compose([f"{'+' if group == 'experiment' else ''}{group}=mine"])


KEYS = (
    *("data", "bbox", "model", "loss", "optimizer", "trainer", "sweep", "experiment", "seed", "name", "tracking"),
    *("loss.bbox_weight", "loss.bbox_loss", "loss/weighting", "loss.bbox_loss_params.beta", "model.filters"),
    *("data.limit", "data.path", "data.validation", "optimizer.params.momentum", "optimizer._target_"),
    *("trainer.callbacks.x", "trainer.callbacks", "trainer.epochs", "trainer.save_h5", "trainer.monitor"),
    *("sweep.seeds", "sweep.points", "sweep._target_", "bbox._target_", "hydra/launcher", "hydra.run.dir"),
    *("hydra.sweep.dir", "hydra.launcher.n_jobs", "tracking.uri", "tracking.experiment", "", ".", "a b", "é", "@x"),
)
VALUES = (
    *("1", "0", "-1", "1e400", "nan", "null", "true", "0.5", "3,4", "a,b,c", "1,1", "", " ", "tiny", "mse", "adam"),
    *("[1,2]", "[]", "{}", "{a:1}", "{a:{b:[1]}}", "[", "}", "'", '"', "'a b'", "a=b", "a#b", "(1)", "a:b", "\\", "$"),
    *("${seed}", "${trainer.epochs}", "${", "${oc.env:HOME}", "${nosuch:1}", "???", "~", "*", "&a", "!!x", "é", "日本"),
    *("range(1,4)", "range(1,20)", "range(0,1000000000)", "choice(1,2)", "choice()", "interval(0,1)", "glob(*)"),
    *("sort(3,1)", "shuffle(1,2)", "tag(a,choice(1,2))", "int(x)", "str(1)", "json_str('{')", "extend_list(1)"),
    *("<script>alert(1)</script>", "$x_$", "x" * 3000, "\x00", "\x1b[31m", "\ud800", "stacked", "basic", "os.system"),
    *(
        "locexp.models.cnn.build",
        "keras.optimizers.SGD",
        "1" * 400,
        "/dev/null",
        "../..",
        "file:./x",
        "http://[",
        "a\nb",
    ),
)


def _overrides() -> st.SearchStrategy[tuple[list[str], bool]]:
    one = st.builds(
        lambda prefix, key, sign, values: f"{prefix}{key}{sign}{','.join(values)}",
        st.sampled_from(("", "", "", "", "+", "++", "~", "-", "--")),
        st.sampled_from(KEYS),
        st.sampled_from(("=", "=", "=", "=", "", "==", ":=", "@")),
        st.lists(st.sampled_from(VALUES), min_size=1, max_size=2),
    )
    return st.tuples(st.lists(st.one_of(one, one, one, st.text(max_size=12)), min_size=1, max_size=3), st.booleans())


def _jobs(content: tuple[list[str], bool], folder: Path) -> object:
    """Do with overrides what the command does before it writes anything."""
    from hydra.errors import HydraException

    from locexp.cli.resume_overrides import RUN, SWEEP, resumed
    from locexp.configuration.compose import composing
    from locexp.configuration.explain import explain
    from locexp.configuration.overrides import check_groups
    from locexp.sweep.jobs import StagedJobs
    from locexp.tracking.location import location_of

    overrides, multirun = content
    try:
        check_groups(overrides)
        resumed(RUN, overrides)
        resumed(SWEEP, overrides)
        with composing() as composer:
            staged = StagedJobs(composer, overrides, multirun=multirun)
            staged.take_stages([])
            location_of(staged.base.tracking)
            return staged.jobs
    except HydraException as error:
        raise UserError(explain(error, overrides)) from error


def _record() -> Any:
    """A finished run's record, as locexp wrote it."""
    path = ROOT / "tests" / "fixtures" / "v0_1" / "multirun" / "whole" / "0" / "run.json"
    return json.loads(path.read_text()) | {"format": 2}


def _read_record(content: bytes, folder: Path) -> object:
    """Read a record, and ask of it what the doors ask before they act."""

    from locexp.records.record import RunRecord, finite_metrics
    from locexp.run.resume import _stopped  # the part of the door that reads
    from locexp.sweep.folder import end_of

    (folder / "run.json").write_bytes(content)
    record = RunRecord.read(folder)
    finite_metrics(record.metrics)
    with contextlib.suppress(*EXPECTED):
        end_of(folder, stopped=False)
    return _stopped(folder)


def _read_history(content: bytes, folder: Path) -> object:
    from types import SimpleNamespace

    from locexp.run.continuation import _whole_epochs

    (folder / "history.jsonl").write_bytes(content)
    return _whole_epochs(folder, SimpleNamespace(epoch=2))  # type: ignore[arg-type]


def _histories() -> st.SearchStrategy[bytes]:
    rows = [{"epoch": epoch, "timestamp": 1.7e9, "val/accuracy": 0.5, "time/epoch_seconds": 1.0} for epoch in (1, 2, 3)]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    lines = st.lists(spoilt_json(rows[0]), min_size=1, max_size=3).map(b"\n".join)
    return st.one_of(spoilt(st.just(content)), lines)


def _list() -> Any:
    path = ROOT / "tests" / "fixtures" / "v0_1" / "multirun" / "whole" / "sweep" / "sweep.json"
    return json.loads(path.read_text())


def _read_list(content: bytes, folder: Path) -> object:
    """Read a sweep's list and do with it what a resume and a job do."""
    from locexp.records.record import RunRecord
    from locexp.records.sweep_list import SweepList
    from locexp.sweep.folder import check_free
    from locexp.sweep.queue import Queue
    from locexp.sweep.stored import StoredSweep

    (folder / "sweep").mkdir()
    path = folder / "sweep" / "sweep.json"
    path.write_bytes(content)
    with contextlib.suppress(*EXPECTED):
        check_free(folder)
    with contextlib.suppress(*EXPECTED):
        SweepList.read(folder).link(0)
    listed = SweepList.parse(content, path)
    sweep = StoredSweep(RunRecord("sweep", tags={"sweep_id": "x"}), listed, {}, [], Queue(folder))
    with contextlib.suppress(*EXPECTED):  # there are no jobs now, but were
        sweep.check([])
    return listed


def _sweep_changes() -> st.SearchStrategy[tuple[str, bytes]]:
    """Which file of a sweep's folder is spoilt, and how."""
    whole = ROOT / "tests" / "fixtures" / "v0_1" / "multirun" / "whole"
    changes: list[st.SearchStrategy[tuple[str, bytes]]] = []
    for name in ("run.json", "0/run.json", "3/run.json", "sweep/sweep.json"):
        value = json.loads((whole / name).read_text())
        changes.append(spoilt_json(value).map(lambda content, name=name: (name, content)))  # type: ignore[misc]
    for name in ("0/history.jsonl", "0/tables/predictions.csv"):
        path = whole / name
        content = (
            path.read_bytes() if path.is_file() else gzip.decompress(path.with_name(path.name + ".gz").read_bytes())
        )
        changes.append(spoilt(st.just(content)).map(lambda content, name=name: (name, content)))  # type: ignore[misc]
    return st.one_of(*changes)


def _compare_folder(content: tuple[str, bytes], folder: Path) -> object:
    """Compare a sweep's folder of which one file is spoilt: ``python -m locexp.compare FOLDER``."""
    from locexp.cli.compare import compare_command

    place = folder / "sweep"
    shutil.copytree(ROOT / "tests" / "fixtures" / "v0_1" / "multirun" / "whole", place)
    for path in place.rglob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    (place / content[0]).write_bytes(content[1])
    lines: list[str] = []
    compare_command([str(place)], lines.append)
    return json.loads((place / "comparison" / "comparison.json").read_text())


def _targets() -> list[Target]:
    idx = [_idx((40, 4, 4)), _idx((40,)), _idx((2, 2, 2, 1)), _idx((40,), 0x0C), _idx((40, 4, 4), 0x0D)]
    whole, broken = st.sampled_from(idx), spoilt(st.sampled_from(idx))
    plain = st.tuples(st.one_of(whole, broken, broken), st.booleans(), st.booleans())
    broken_gzip = st.tuples(spoilt(st.sampled_from([gzip.compress(one) for one in idx])), st.just(True), st.just(False))
    right = st.tuples(st.just(idx[1]), st.just(False), st.just(False))
    idx_folders = st.tuples(st.one_of(plain, broken_gzip), st.one_of(right, right, plain))
    archives = _archives()
    groups = ("data", "bbox", "model", "loss", "optimizer", "trainer", "sweep", "experiment")
    yaml = st.sampled_from(groups).flatmap(
        lambda group: st.tuples(st.just(group), spoilt_text(_yaml_files(group), YAML_TOKENS), st.booleans())
    )
    return [
        Target("IDX", idx_folders, _read_idx, 5),
        Target("npz", st.one_of(spoilt(st.sampled_from(archives)), _spoilt_members(archives), _arrays()), _read_npz, 5),
        Target("checkpoint", _spoilt_members(_checkpoints()), _read_checkpoint, 2),
        Target("record", spoilt_json(_record()), _read_record, 3),
        Target("history", _histories(), _read_history, 2),
        Target("sweep list", spoilt_json(_list()), _read_list, 2),
        Target("YAML", yaml, _compose, 0.8),
        Target("overrides", _overrides(), _jobs, 1),
        Target("photos", spoilt_photos(), read_photos, 5),
        Target("sweep folder", _sweep_changes(), _compare_folder, 0.05),
    ]


TARGETS = {target.name: target for target in _targets()}

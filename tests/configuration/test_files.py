"""Users' YAML files: what is wrong in one is said in one line with the file, the line, the key and the remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from locexp.configuration.compose import composing
from locexp.errors import UserError
from tests.conftest import train_here

GLOBAL = "# @package _global_\n"
WRONG: dict[str, tuple[str | bytes, str]] = {
    "tab": (GLOBAL + "loss:\n\tbbox_weight: 3\n", r"line 3: found character '\\t' that cannot start any token; indent"),
    "twice": (GLOBAL + "loss:\n  bbox_weight: 3\n  bbox_weight: 4\n", "line 4: found duplicate key bbox_weight; leave"),
    "latin": (GLOBAL.encode() + b"seed: 1\nname: gr\xf6\xdfe\n", "line 3: byte 0xf6 is not UTF-8; save the file as"),
    "utf16": ((GLOBAL + "seed: 1\n").encode("utf-16"), "line 1: byte 0xff is not UTF-8"),
    "nul": (GLOBAL + "name: a\0b\n", "line 2: unacceptable character #x0000"),
    "colon": (GLOBAL + "name: a: b\n", "line 2: mapping values are not allowed here; quote a value that holds a colon"),
    "percent": (GLOBAL + "name: %x\n", "line 2: found character '%' that cannot start any token; quote the value"),
    "unclosed": (GLOBAL + "model:\n  filters: [1, 2\nseed: 3\n", "line 4: expected ',' or ']'"),
    "documents": (GLOBAL + "seed: 1\n---\nseed: 2\n", "line 3: found another document"),
    "executed": (
        GLOBAL + "name: !!python/object/apply:os.getcwd []\n",
        "line 2: could not determine a constructor for",
    ),
    "named": (GLOBAL + "name: !!python/name:os.system\n", "give plain values, without a tag"),
    "nothing": ("", ": is empty; give keys as KEY: VALUE"),
    "list": (GLOBAL + "- a\n- b\n", "line 2: expected keys at the top, as KEY: VALUE, got a list"),
    "scalar": (GLOBAL + "hello\n", "line 2: expected keys at the top, as KEY: VALUE, got a single value"),
    "itself": (GLOBAL + "model: &a\n  x: *a\n", ": is nested too deeply, or refers to itself"),
    "deep": (GLOBAL + "name: " + "[" * 3000 + "]" * 3000 + "\n", ": is nested too deeply"),
    "key": (GLOBAL + "~: 3\n", "Incompatible key type 'NoneType'"),
    "schema": (
        GLOBAL + "loss:\n  bbox_wieght: 3\n",
        "line 3: loss.bbox_wieght: unknown key; .*Did you mean 'bbox_weight'",
    ),
    "group": (GLOBAL + "losss:\n  bbox_weight: 3\n", "line 2: losss: unknown key; .*Did you mean 'loss'"),
    "argument": (GLOBAL + "bbox:\n  margn: 3\n", "line 3: bbox.margn=3: unknown key; .*Did you mean 'margin'"),
    "type": (GLOBAL + "trainer:\n  epochs: abc\n", "line 3: trainer.epochs=abc: expected a whole number >= 1"),
    "range": (GLOBAL + "trainer:\n\n  epochs: 0\n", "line 4: trainer.epochs=0: expected a whole number >= 1"),
    "large": (GLOBAL + f"loss:\n  bbox_weight: {'9' * 400}\n", "line 3: loss.bbox_weight: is larger than any number"),
    "digits": (
        GLOBAL + f"data:\n  limit: {'9' * 30}\n",
        "line 3: data.limit=9+: .* >= 1, or null, got a number that is t",
    ),
    "argument_large": (
        GLOBAL + f"model:\n  dropout: {'9' * 400}\n",
        "line 3: model.dropout: is larger than any number",
    ),
    "exponent": (GLOBAL + "trainer:\n  epochs: 1e3\n", "line 3: trainer.epochs=1000.0: expected a whole number"),
    "text": (GLOBAL + "loss: mse\n", "line 2: loss=mse: expected keys: classification_weight, bbox_weight"),
    "none": (GLOBAL + "loss:\n", "line 2: loss: expected keys: classification_weight"),
    "callback": (
        GLOBAL + "trainer:\n  callbacks:\n    x: {patience: 3}\n",
        "line 4: trainer.callbacks.x=.*expected a _t",
    ),
    "package": ("loss:\n  bbox_weight: 3\n", ": begin it with the line `# @package _global_`"),
    "mapping": (GLOBAL + "defaults:\n  optimizer: adamw\n", "line 2: defaults: expected a list, each item as - GROUP"),
    "number": (GLOBAL + "defaults: [3]\n", "line 2: defaults: expected a list, each item as - GROUP: NAME"),
    **{
        f"option_{number}": (
            GLOBAL + f"defaults:\n  - override /optimizer: {option}\n",
            "line 3: defaults: expected a list, each item as - GROUP: NAME",
        )
        for number, option in enumerate(
            ("3", "1.5", "true", "{a: b}", "[1, 2]", "!!binary aGVsbG8=", "[!!binary aGVsbG8=]")
        )
    },
    "binary": (
        GLOBAL + "defaults:\n  - !!binary aGVsbG8=\n",
        "line 3: defaults: expected a list, each item as - GROUP",
    ),
    "numbered": (GLOBAL + "defaults:\n  - 3: adam\n", "line 3: defaults: expected a list, each item as - GROUP: NAME"),
    "two": (GLOBAL + "defaults:\n  - tiny\n  - {a: b, c: d}\n", "line 4: defaults: expected a list, each item as"),
    "choice": (
        GLOBAL + "defaults:\n  - override /optimizer: nop\n",
        "line 3: optimizer=nop: expected one of adam, adam_short",
    ),
    "relative": (
        GLOBAL + "defaults:\n  - optimizer: adamw\n",
        "line 3: experiment/optimizer=adamw: .*named with a slash",
    ),
    "again": (
        GLOBAL + "defaults:\n  - /model: cnn\n",
        "line 3: model: is chosen already; write - override /model: NAME",
    ),
    "below": (
        GLOBAL + "defaults:\n  - override model: cnn\n",
        "line 3: (experiment/model: .* a slash: /model|Invalid Defaults)",
    ),
    "file": (GLOBAL + "defaults:\n  - nope\nseed: 1\n", "line 3: experiment=nope: expected one of "),
    "override": (GLOBAL + "defaults:\n  - override /optimiser: sgd\n", "line 3: .*optimiser"),
    "no": (GLOBAL + "name: no\n", r"line 2: name: YAML reads no as false; write 'no'\."),
    "on": (GLOBAL + "tracking:\n  experiment: on\n", "line 3: tracking.experiment: YAML reads on as true; write 'on'"),
    "e": (GLOBAL + "name: 1e3\n", "line 2: name: YAML reads 1e3 as 1000.0; write '1e3'"),
    "octal": (GLOBAL + "seed: 012\n", r"line 2: seed: YAML reads 012 as 10; write 10\."),
    "sexagesimal": (GLOBAL + "seed: 1:30\n", "line 2: seed: YAML reads 1:30 as 90; write 90"),
    "unknown_interpolation": (
        GLOBAL + "loss:\n  bbox_weight: ${nosuch.key}\n",
        "line 3: loss.bbox_weight: interpolation",
    ),
    "broken_interpolation": (
        GLOBAL + "loss:\n  bbox_weight: ${seed\n",
        r"line 3: loss.bbox_weight=\$\{seed: no viable",
    ),
    "subdir": (GLOBAL + "hydra:\n  sweep:\n    subdir: x\n", "line 4: hydra.sweep.subdir: does nothing here"),
    "without": (GLOBAL + "bbox:\n  noise_level: .3\n", "line 3: bbox.noise_level=0.3: does nothing without bbox.noise"),
    "searchpath": (GLOBAL + "hydra:\n  searchpath: [x]\n", ": Overriding hydra.searchpath is only supported from"),
}
RIGHT: dict[str, str | bytes] = {
    "both": GLOBAL + "loss:\n  bbox_weight: 3\nbbox:\n  noise: null\n  noise_level: .1\n",
    "plain": GLOBAL + "loss:\n  bbox_weight: 3\n",
    "mark": ("\ufeff" + GLOBAL + "loss:\n  bbox_weight: 3\n").encode(),
    "windows": (GLOBAL + "loss:\n  bbox_weight: 3\n").replace("\n", "\r\n").encode(),
    "anchor": GLOBAL + "loss: &x\n  bbox_weight: 3\ntrainer:\n  deterministic: yes\n",
    "merge": GLOBAL + "loss:\n  <<: {bbox_weight: 1}\n  bbox_weight: 3\nname: 2026-01-01\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of the user's with a name that a shell, a YAML reader and an address would each read otherwise."""
    made = tmp_path / "it's #my? cfg, 100%"
    (made / "experiment").mkdir(parents=True)
    return made


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(folder: Path, *overrides: str, config_name: str = "config") -> str:
    with composing(str(folder), config_name) as composer, pytest.raises(UserError) as caught:
        composer.compose(overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_file_and_line(folder: Path, name: str) -> None:
    content, message = WRONG[name]
    path = written(folder, f"experiment/{name}", content)
    said = refusal(folder, f"experiment={name}")
    assert said.startswith((f"{path}, line ", f"{path}: "))
    assert re.search(message, said), said


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_unusual_is_read(folder: Path, name: str) -> None:
    written(folder, f"experiment/{name}", RIGHT[name])
    with composing(str(folder)) as composer:
        assert composer.compose([f"experiment={name}"]).cfg.loss.bbox_weight == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("optimizer:\n  _target_: keras.optimizers.Adam\n", ", line 1: optimizer.optimizer: unknown key"),
        ("learning_rate: 0.1\n", ": optimizer._target_ is required"),
        ("_target_: keras.optimizers.Adam\nlearning_rat: 0.1\n", ", line 2: optimizer.learning_rat: unknown key"),
        (
            "_target_: keras.optimizers.Adam\nlearning_rate: fast\n",
            ", line 2: optimizer.learning_rate=fast: expected a",
        ),
        ("defaults: [base]\n_target_: keras.optimizers.Adam\n", ", line 1: optimizer=base: expected one of adam"),
    ],
)
def test_a_group_file_of_ones_own(folder: Path, content: str, message: str) -> None:
    path = written(folder, "optimizer/mine", content)
    assert refusal(folder, "optimizer=mine").startswith(f"{path}{message}")


def test_a_primary_configuration_of_ones_own(folder: Path) -> None:
    path = written(folder, "mine", "defaults:\n  - config\n  - _self_\nseeed: 3\n")
    said = refusal(folder, config_name="mine")
    assert said.startswith(f"{path}, line 4: seeed: unknown key")
    assert said.endswith("Did you mean 'seed'?")


@pytest.mark.parametrize(("name", "overrides"), [("model/cnn", ["model=cnn"]), ("config", [])])
def test_a_file_that_would_not_be_read_is_refused(folder: Path, name: str, overrides: list[str]) -> None:
    path = written(folder, name, "dropout: 0.5\n")
    assert refusal(folder, *overrides) == (
        f"{path}: locexp has a {name} of its own, which is read instead; rename this file."
    )


def test_a_file_of_comments_alone_changes_nothing(folder: Path) -> None:
    written(folder, "experiment/none", GLOBAL + "# seed: 3\n")
    with composing(str(folder)) as composer:
        assert composer.compose(["experiment=none"]).config_hash == composer.compose([]).config_hash


def test_another_ending_and_a_part_for_the_whole_are_refused(folder: Path) -> None:
    (folder / "experiment" / "mine.yml").write_text(GLOBAL + "seed: 1\n")
    message = refusal(folder, "experiment=mine")
    ours = "experiment/mine.yml: is not read; give it the ending .yaml."
    assert message == ours or message.endswith("must use the '.yaml' extension.")  # Hydra 1.4 says it itself
    with pytest.raises(UserError, match="--config-name experiment/tiny: .*; give experiment=tiny"):
        refusal(folder, config_name="experiment/tiny")


def test_files_that_lead_to_each_other_are_refused(folder: Path) -> None:
    written(folder, "experiment/one", GLOBAL + "defaults: [other]\n")
    written(folder, "experiment/other", GLOBAL + "defaults: [one]\n")
    assert refusal(folder, "experiment=one").startswith("experiment=one: a file's list of defaults leads back")


def test_the_command_line_is_not_blamed_on_a_file(folder: Path) -> None:
    written(folder, "experiment/fine", GLOBAL + "trainer:\n  epochs: 3\n")
    assert refusal(folder, "experiment=fine", "trainer.epochs=0") == "trainer.epochs=0: expected a whole number >= 1."


def test_of_a_sweep_over_files_the_wrong_one_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(folder, "experiment/fine", RIGHT["plain"])
    written(folder, "experiment/wrong", GLOBAL + "bbox:\n  margn: 3\n")
    monkeypatch.chdir(folder.parent)
    for flags in (["--multirun"], ["--multirun", "sweep.dry_run=true"]):
        assert train_here("--config-dir", folder.name, *flags, "experiment=fine,wrong") == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {folder.name}/experiment/wrong.yaml, line 3: bbox.margn=3: unknown key")
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_what_only_shows_the_configuration_says_it_alike(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(folder, "experiment/tab", WRONG["tab"][0])
    for flag in (["--cfg", "job"], ["--help"], ["--info", "defaults"]):
        assert train_here("--config-dir", str(folder), "experiment=tab", *flag) == 2
        assert f"error: {path}, line 3: found character" in capsys.readouterr().err


@pytest.mark.parametrize(("made", "message"), [(False, "there is no such folder"), (True, "is a file, not a folder")])
def test_a_folder_that_is_none(tmp_path: Path, made: bool, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    if made:
        (tmp_path / "cfg").touch()
    assert train_here("--config-dir", str(tmp_path / "cfg")) == 2
    assert capsys.readouterr().err == f"error: --config-dir {tmp_path / 'cfg'}: {message}.\n"


def test_a_file_that_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(folder, "experiment/mine", RIGHT["plain"])
    whole = Path.read_bytes

    def refused(self: Path) -> bytes:
        if self == path:
            raise PermissionError(13, "Permission denied")
        return whole(self)

    monkeypatch.setattr(Path, "read_bytes", refused)  # root may read anything
    assert refusal(folder, "experiment=mine") == f"{path}: cannot be read (Permission denied)."

"""Values that Hydra's grammar reads something into: every refusal says how to quote, and that works as it is pasted."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locexp.configuration.compose import Composer, composing
from locexp.configuration.overrides import combinations
from locexp.configuration.quoting import as_text
from locexp.errors import UserError
from locexp.system.commands import for_shell

SPECIAL = [
    "epoch=9",
    "a#b",
    "größe",
    "日本",
    "mnist (1).npz",
    "a(b)",
    "[a",
    "{a",
    "[a]",
    "{a:1}",
    "it's",
    '"a',
    "both ' and \"",
    "$(ls)",
    "`ls`",
    "a;b&c|d>e<f!",
    "${x",
    "${seed}",
    "\\${seed}",
    "\\\\${x",
    "a,b",
    "1e3",
    "1_000",
    "true",
    "a\nb",
    "a\tb' \\",
    "\\'",
]
PLAIN = ["ends in \\", "a b", "50%", "a:b", "a/b.npz", "x-1.5", "a\\b", "null-ish"]


def pasted(text: str) -> list[str]:
    """Return the arguments that a shell makes of a text."""
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' {text}"], capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]


def refusal(composer: Composer, override: str) -> str:
    """Return what is said of an override, which is read first for a sweep, and then composed."""
    try:
        combinations([override])
    except UserError as error:
        return str(error)
    with pytest.raises(UserError) as caught:
        composer.compose([override])
    return str(caught.value)


@pytest.mark.parametrize("text", SPECIAL)
def test_a_refused_value_is_quoted_so_that_it_can_be_pasted(text: str) -> None:
    with composing() as composer:
        if not text.startswith(("${seed}", "\\")):  # is an interpolation, and right as it stands
            said = refusal(composer, f"name={text}")
            assert "\n" not in said
            (argument,) = pasted(said[said.rindex(": ") + 2 :] if ": " not in text else said.split(": ", 2)[-1])
            assert argument == as_text("name", text)
        assert composer.compose([as_text("name", text)]).cfg.name == text
        ((override,),) = combinations([as_text("name", text)])[1]
        assert composer.compose([override]).cfg.name == text


@pytest.mark.parametrize("text", PLAIN)
def test_other_values_are_left_as_they_are(text: str) -> None:
    assert as_text("name", text) == f"name={text}"
    with composing() as composer:
        assert composer.compose([f"name={text}"]).cfg.name == text


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
    | st.text("\\${}'\"a", min_size=1, max_size=12)
)
def test_any_text_survives_hydras_grammar(text: str) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from omegaconf import OmegaConf

    override = OverridesParser.create().parse_overrides([as_text("name", text)])[0]
    assert not override.is_sweep_override()
    value = override.value()
    assert OmegaConf.create({"name": value}).name == text if isinstance(value, str) else str(value) == text


def test_any_text_survives_a_shell() -> None:
    for text in [*SPECIAL, *PLAIN, "a\x01b\x7f", "\r\n"]:
        assert pasted(for_shell(text)) == [text]
        assert "\n" not in for_shell(text)


ABC = "trainer.early_stopping=x"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trainer.early_stopping=3", ABC], f"{ABC}: expected a whole number >= 1, or null."),
        ([ABC, "trainer.early_stopping=3"], f"{ABC}: expected a whole number >= 1, or null."),
        (["trainer.epochs=3", "trainer.epochs=-1"], "trainer.epochs=-1: expected a whole number >= 1."),
        (["seed=1", "seed=${nosuch}"], "seed=${nosuch}: interpolation key 'nosuch' not found."),
        (["trainer.keep=last", "trainer.keep=first"], "trainer.keep=first: expected one of best, last."),
    ],
)
def test_of_two_overrides_the_wrong_one_is_quoted(words: list[str], message: str) -> None:
    with composing() as composer, pytest.raises(UserError) as caught:
        composer.compose(words)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("+experiment=tiny", "+experiment=tiny: experiment is there already, and takes no +: experiment=tiny"),
        ("++experiment=tiny", "++experiment=tiny: experiment is there already, and takes no +: experiment=tiny"),
        ("+data=mnist_5k", "+data=mnist_5k: data is there already, and takes no +: data=mnist_5k"),
        ("+seed=1", "+seed=1: seed is there already, and takes no +: seed=1"),
        ("++x=1", "x=1: unknown key; allowed: data, bbox"),
        ("~nosuch", "~nosuch: unknown key; allowed: bbox, data"),
        ("~loss.bbox_wieght", "~loss.bbox_wieght: unknown key; allowed in loss: "),
        ("~loss.bbox_weight", "~loss.bbox_weight: cannot be taken out; give it another value."),
        ("~data=nope", "~data=nope: unknown key; allowed: bbox, data"),
        ("seed =3", "seed =3: cannot be read as KEY=VALUE, such as loss.bbox_weight=10."),
        ("=3", "'=3': cannot be read as KEY=VALUE"),
        ("bbox.box=[1,2", "bbox.box=[1,2: cannot be read as KEY=VALUE ("),
    ],
)
def test_signs_and_keys_that_do_not_fit(word: str, message: str) -> None:
    with composing() as composer, pytest.raises(UserError) as caught:
        composer.compose([word])
    assert str(caught.value).startswith(message)

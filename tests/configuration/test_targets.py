"""What the user's own code raises where the configuration is checked: one line that names the key."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from locexp.configuration.compose import composing
from locexp.errors import UserError

MODULES = {
    "unfinished": "def build(:\n",
    "broken": "import math\n\nSIZE = 1 / 0\n",
    "strict": (
        "from locexp.bbox.tight import Tight\n"
        "from locexp.losses.weighting.fixed import Fixed\n"
        "class Strategy:\n"
        "    def __init__(self, size=0, inner=None, **others):\n"
        "        if size < 0: raise ValueError('size is negative')\n"
        "        assert inner is None or isinstance(inner, Tight), type(inner)\n"
        "    def compose(self, images, *, split, scene_seed):\n"
        "        raise NotImplementedError\n"
        "class Method(Fixed):\n"
        "    def __init__(self, size=0):\n"
        "        super().__init__()\n"
        "        if size < 0: raise ValueError('size is negative')\n"
    ),
}


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what composes and checks overrides, with the modules above to import."""
    for name, source in MODULES.items():
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)

    def compose(*overrides: str) -> None:
        with composing() as composer:
            composer.compose(overrides)

    return compose


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["model._target_=unfinished.build"],
            r"cannot import unfinished \(SyntaxError: .*; /.*/unfinished.py, line 1\)",
        ),
        (
            ["loss.bbox_loss=broken.loss"],
            r"cannot import broken \(ZeroDivisionError: division by zero; /.*/broken.py, line 3\)",
        ),
        (
            ["bbox._target_=strict.Strategy", "+bbox.size=-1"],
            r"bbox: Strategy refuses its arguments \(size is negative\)",
        ),
        (["model._target_=builtins.dict"], r"model._target_=builtins.dict: does not say which arguments it takes"),
        (["loss.bbox_loss=builtins.max"], r"loss.bbox_loss=builtins.max: does not say which arguments it takes"),
        (
            ["loss.weighting._target_=strict.Method", "+loss.weighting.size=-1"],
            r"loss.weighting: Method refuses its arguments \(size is negative\)",
        ),
    ],
)
def test_errors_of_own_code_are_one_line(check: Callable[..., None], overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        check(*overrides)


def test_a_strategy_is_checked_with_the_objects_that_it_is_made_of(check: Callable[..., None]) -> None:
    check("bbox._target_=strict.Strategy", "+bbox.inner={_target_: locexp.bbox.tight.Tight}")

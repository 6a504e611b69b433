"""The static figures of a comparison in odd cases: one seed, many settings, names that are long."""

from __future__ import annotations

import pytest

from locexp.analysis.curves import read_curves
from locexp.analysis.figures import LONGEST_NAME, MOST_ROWS, draw_figures
from tests.analysis.reports import compared, files_of, weight_sweep
from tests.analysis.test_methods import run
from tests.plots.test_curves import labels_of


@pytest.mark.parametrize(("seeds", "shown"), [(1, ["reached by the only seed"]), (3, ["25%", "50%", "75%"])])
def test_the_front_says_what_share_of_the_seeds_reach(seeds: int, shown: list[str]) -> None:
    legend = draw_figures(compared(weight_sweep(seeds=seeds)), {})["front"].axes[0].get_legend()
    assert legend is not None
    texts = [text.get_text() for text in legend.get_texts() if text.get_text().startswith("reached")]
    assert len(texts) == len(shown)
    assert all(part in text for part, text in zip(shown, texts, strict=True))


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("epochs", [1, 4])
@pytest.mark.slow
def test_no_two_ticks_overlap(count: int, epochs: int) -> None:
    runs = weight_sweep(("0.5", "2", "8", "32")[:count], seeds=1)
    found = compared(runs, "w0.5")
    curves, _ = read_curves(found, files_of(epochs=epochs))
    for figure in draw_figures(found, curves).values():
        for axes in figure.axes:
            labels_of(axes, "x")
            labels_of(axes, "y")


def test_of_many_settings_the_best_and_the_default_one_have_rows() -> None:
    runs = [run(f"s{job}", 0, job, 0.4 + job / 200, rate=f"{job}{'n' * 200}") for job in range(MOST_ROWS + 20)]
    figure = draw_figures(compared(runs, "s0"), {})["settings"]
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert len(names) == MOST_ROWS
    assert max(map(len, names)) <= LONGEST_NAME
    assert "learning_rate=0n" in names[0]  # the default, though it is the worst
    assert figure.get_suptitle() == f"The best {MOST_ROWS} of {MOST_ROWS + 20} settings on validation"

"""What the races of ``benchmarks/transfer.py`` say: where the good weights are, and what would have named them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from transfer_fit import Response, response, why_silent

METRIC = "loc_acc_75"
CONFIGURED = 0.5
PAGE = {"squared": 30.0, "absolute": 30.0, "overlap": 3.0}
"""What docs/which.md says to begin with."""
NEEDED = 0.8
"""The share of held-out cases that a probe would have to get right to be worth building in."""


@dataclass(frozen=True)
class Found:
    """A case as the report sees it.

    Attributes:
        record: its line in the file.
        fitted: its curve.
        silent: why it tells nothing, empty where it does.
    """

    record: Mapping[str, Any]
    fitted: Response
    silent: str

    @property
    def world(self) -> str:
        """What is left out together."""
        return str(self.record["group"])

    @property
    def data(self) -> str:
        """The data set."""
        return self.world.partition(",")[0]

    @property
    def family(self) -> str:
        """Of its loss."""
        return str(self.record["family"])

    @property
    def work(self) -> int:
        """How many images it has been shown."""
        return int(self.record["images"] * self.record["epochs"])

    def probed(self, when: str, *kinds: str) -> float:
        """Return log10 of the weight that makes both sides equal: of gradient norms (``norm``), losses (``loss``), or
        the geometric mean of both; over seeds, the geometric mean."""
        return float(
            np.mean(
                [
                    math.log10(seed[when][f"classification_{kind}"] / seed[when][f"bbox_{kind}"])
                    for seed in self.record["probes"]
                    for kind in kinds
                ]
            )
        )


def found(record: Mapping[str, Any]) -> Found:
    """Return a case with its curve."""
    fitted = response(record["curve"], tuple(record["axis"]), record["points"])
    return Found(record, fitted, why_silent(record["curve"], fitted))


def mean_of_worlds(values: Iterable[tuple[str, float]]) -> float | None:
    """Return the mean over worlds of the mean over their cases, so that a world with many counts once."""
    worlds: dict[str, list[float]] = {}
    for world, value in values:
        worlds.setdefault(world, []).append(value)
    return float(np.mean([np.mean(each) for each in worlds.values()])) if worlds else None


ENOUGH = 8
"""Races of a scale from which on a correlation is worth printing."""
RULE = "the best of the other worlds"
FITTED = ("one", "by loss")
"""What constants come from other worlds: one for all losses, or one for those of each scale."""
Predictor = Callable[[Found, Sequence[Found]], float | None]
"""From a case and those of all other worlds to log10 of a weight; ``None`` where they say nothing."""
PROBES: dict[str, tuple[str, ...]] = {
    "gradient norms, before training": ("init", "norm"),
    "gradient norms, after 100 steps": ("after", "norm"),
    "losses, before training": ("init", "loss"),
    "losses, after 100 steps": ("after", "loss"),
    "norms and losses, before training": ("init", "norm", "loss"),
    "norms and losses, after 100 steps": ("after", "norm", "loss"),
}


def of_loss(case: Found, others: Sequence[Found]) -> float | None:
    """The rule of thumb: the geometric mean of what was best elsewhere for losses of this scale."""
    return mean_of_worlds((one.world, one.fitted.best) for one in others if one.family == case.family)


def fitted_probe(kinds: Sequence[str], *, by_loss: bool) -> Predictor:
    """Return a probe times a constant that suits the other worlds, for all losses or for those of the same scale."""

    def predict(case: Found, others: Sequence[Found]) -> float | None:
        alike = [one for one in others if not by_loss or one.family == case.family]
        constant = mean_of_worlds((one.world, one.fitted.best - one.probed(*kinds)) for one in alike)
        return None if constant is None else case.probed(*kinds) + constant

    return predict


def raw_probe(kinds: Sequence[str]) -> Predictor:
    """Return a probe as it is."""
    return lambda case, others: case.probed(*kinds)


def predictors() -> dict[str, tuple[str, Predictor]]:
    """Return by name what constant each has, and what it says."""
    made: dict[str, tuple[str, Predictor]] = {
        "always .5": ("none", lambda case, others: math.log10(CONFIGURED)),
        "always 30, or 3 for IoU losses": ("none", lambda case, others: math.log10(PAGE[case.family])),
        RULE: ("by loss", of_loss),
    }
    for name, kinds in PROBES.items():
        made[name] = "none", raw_probe(kinds)
        made[f"{name} "] = "one", fitted_probe(kinds, by_loss=False)
        made[f"{name}  "] = "by loss", fitted_probe(kinds, by_loss=True)
    return made


@dataclass(frozen=True)
class Judged:
    """How a predictor did over the cases for which it says something.

    Attributes:
        cases: how many; where there is none, all else is not a number.
        hits, strict: the shares within the range, and within the margin whatever the noise.
        distance: the median of |log10| from the best.
        regrets: how much less than the best, of each case.
    """

    cases: int
    hits: float
    strict: float
    distance: float
    regrets: np.ndarray


def judge(
    cases: Sequence[Found],
    predict: Predictor,
    known: Sequence[Found],
    held: Callable[[Found], str] = lambda case: case.world,
) -> Judged:
    """Return how a predictor does.

    Args:
        cases: by which it is judged, where it says something.
        predict: what it says.
        known: from which it has its constants, but for those that are like the case.
        held: what makes two cases alike: by default, their world.
    """
    rows: list[tuple[float, ...]] = []
    for case in cases:
        where = predict(case, [other for other in known if held(other) != held(case)])
        if where is None:
            continue
        (low, high), (lower, upper) = (case.fitted.span(strict=strict) for strict in (False, True))
        hit, near = low <= where <= high, lower <= where <= upper
        rows.append((hit, near, distance(case.fitted, where), case.fitted.loss_at(where)))
    hits, strict, distances, regrets = np.array(rows or [(np.nan,) * 4]).T
    return Judged(len(rows), float(hits.mean()), float(strict.mean()), float(np.median(distances)), regrets)


def distance(fitted: Response, where: float) -> float:
    """Return how far a weight is from the best in decades: not at all beyond an end of the axis that is the best."""
    if (fitted.best == fitted.last and fitted.upper_end and where > fitted.last) or (
        fitted.best == fitted.first and fitted.lower_end and where < fitted.first
    ):
        return 0.0
    return abs(where - fitted.best)


def pairs(cases: Sequence[Found]) -> list[tuple[Found, Found]]:
    """Return the case with the least and that with the most training of each world and loss that has both."""
    alike: dict[tuple[str, str], list[Found]] = {}
    for case in cases:
        alike.setdefault((case.world, case.record["loss"]), []).append(case)
    both = [(min(some, key=lambda one: one.work), max(some, key=lambda one: one.work)) for some in alike.values()]
    return [(small, large) for small, large in both if small.work < large.work]


def weight(place: float) -> str:
    """Return a weight with two significant digits."""
    return f"{float(f'{10**place:.2g}'):,g}"


def span_text(fitted: Response) -> str:
    """Return a range in words."""
    low, high = fitted.span()
    ends = ["…" if math.isinf(one) else weight(one) for one in (low, high)]
    return f"{ends[0]} to {ends[1]}"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    head = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def report(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the tables of the study in Markdown."""
    cases = [found(record) for record in records]
    told = [case for case in cases if not case.silent]
    minutes = sum(record["seconds"] for record in records) / 60
    losses = sorted({case.record["loss"] for case in cases})
    worlds = len({case.world for case in cases})
    if not told:
        return "No race tells anything yet."
    parts = [
        f"{len(cases)} races, {worlds} worlds, {', '.join(losses)}, {minutes:.0f} minutes. "
        f"{len(told)} tell where a good weight is.",
        "## What predicts a good weight",
        _predictions(told),
        "## From small and short to large and long",
        _pairs(told),
        "## By loss",
        _losses(told),
        "## Every race",
        _races(cases),
    ]
    return "\n\n".join(parts)


def _predictions(told: Sequence[Found]) -> str:
    comparable = [case for case in told if any(one.family == case.family for one in told if one.world != case.world)]
    if not comparable:
        return "No two worlds have a loss of one scale yet."
    rows = [
        (
            name.strip(),
            constant,
            judge(comparable, predict, told),
            judge(comparable, predict, told, lambda case: case.data),
        )
        for name, (constant, predict) in predictors().items()
    ]
    chosen = judge(comparable, lambda case, others: math.log10(case.record["chosen"]), told)
    lines = [
        (
            name,
            constant,
            f"{round(judged.hits * judged.cases)} of {judged.cases} ({judged.hits:.0%})" if judged.cases else "",
            f"{round(further.hits * further.cases)} of {further.cases}" if constant in FITTED else "",
            f"{judged.strict:.0%}",
            f"{judged.distance:.2f}",
            f"{np.median(judged.regrets):.3f}",
            f"{judged.regrets.mean():.3f}",
        )
        for name, constant, judged, further in [*rows, ("what the race itself chose", "", chosen, chosen)]
    ]
    titles = (
        "weight",
        "constant",
        "in the range",
        "with the data set left out",
        "within .01",
        "decades off, median",
        "loses, median",
        "loses, mean",
    )
    rule = next(judged for name, _, judged, _ in rows if name == RULE)
    name, constant, best, _ = max(
        (row for row in rows if row[0] in PROBES), key=lambda row: (row[2].hits, -row[2].distance)
    )
    enough = best.hits >= NEEDED and (best.hits, -best.distance) > (rule.hits, -rule.distance)
    width = np.median([case.fitted.width for case in comparable])
    verdict = (
        f"The best probe is “{name}” (constant: {constant}): {best.hits:.0%} in the range, where the rule of thumb has "
        f"{rule.hits:.0%}. Asked for were {NEEDED:.0%} and more than the rule of thumb: {'yes' if enough else 'no'}. "
        f"The range is {width:.1f} decades wide (median). {len(told) - len(comparable)} races are left out here: no "
        "other world has a loss of that scale."
    )
    return f"{table(titles, lines)}\n\n{verdict}"


def _pairs(told: Sequence[Found]) -> str:
    rows, distances, inside, less = [], [], [], []
    for small, large in pairs(told):
        low, high = large.fitted.span()
        where = small.fitted.best
        distances.append(small.fitted.best - large.fitted.best)
        inside.append(low <= where <= high)
        less.append(large.fitted.loss_at(where))
        rows.append(
            (
                f"{small.world}, {small.record['loss']}",
                f"{small.record['images']:,} × {small.record['epochs']}",
                weight(where),
                f"{large.record['images']:,} × {large.record['epochs']}",
                weight(large.fitted.best),
                span_text(large.fitted),
                "yes" if inside[-1] else "no",
                f"{less[-1]:.3f}",
            )
        )
    if not rows:
        return "No pair yet."
    titles = ("world, loss", "small", "its best", "large", "its best", "its range", "in it", "loses")
    text = (
        f"The weight found small and short is in the range of the large and long one in {sum(inside)} of "
        f"{len(inside)}. It is {np.median(np.abs(distances)):.2f} decades from its best (median; signed mean "
        f"{np.mean(distances):+.2f}) and loses {np.mean(less):.3f} (mean)."
    )
    return f"{table(titles, rows)}\n\n{text}"


def _losses(told: Sequence[Found]) -> str:
    rows, texts = [], []
    for family in dict.fromkeys(case.family for case in told):
        some = [case for case in told if case.family == family]
        places = np.array([case.fitted.best for case in some])
        mean = mean_of_worlds((case.world, case.fitted.best) for case in some)
        assert mean is not None
        names = ", ".join(dict.fromkeys(f"`{case.record['loss']}`" for case in some))
        judged, script = judge(some, of_loss, told), judge(some, lambda case, others: math.log10(CONFIGURED), told)
        rows.append(
            (
                names,
                str(len(some)),
                str(len({case.world for case in some})),
                weight(mean),
                f"{weight(places.min())} to {weight(places.max())}",
                f"{places.std(ddof=1):.2f}" if len(places) > 1 else "",
                f"{round(judged.hits * judged.cases)} of {judged.cases}" if judged.cases else "",
                f"{judged.regrets.mean():.3f} ({judged.regrets.max():.3f})" if judged.cases else "",
                f"{script.regrets.mean():.3f} ({script.regrets.max():.3f})",
            )
        )
        if len(some) >= ENOUGH:
            seen = {name: np.corrcoef(places, [case.probed(*kinds) for case in some]) for name, kinds in PROBES.items()}
            figures = "; ".join(f"{name} {one[0, 1]:+.2f}" for name, one in seen.items())
            texts.append(f"{names}: correlation of the best weight with probes, both as logarithms: {figures}.")
    titles = (
        "losses",
        "races",
        "worlds",
        "best, geometric mean",
        "lowest to highest",
        "spread in decades",
        "the other worlds' best is in the range",
        "it loses, mean (worst)",
        ".5 loses, mean (worst)",
    )
    return "\n\n".join([table(titles, rows), *texts])


def _races(cases: Sequence[Found]) -> str:
    rows = []
    for case in sorted(cases, key=lambda one: (one.world, one.record["loss"], one.work)):
        kinds = (("init", "norm"), ("after", "norm"), ("init", "loss"), ("after", "loss"))
        rows.append(
            (
                case.record["name"].replace(" x ", " × "),
                weight(case.fitted.best) if not case.silent else "",
                span_text(case.fitted) if not case.silent else case.silent,
                f"{case.fitted.value:.3f}",
                weight(math.log10(case.record["chosen"])),
                *(weight(case.probed(*kind)) for kind in kinds),
            )
        )
    probes = ("norms before", "norms after", "losses before", "losses after")
    titles = ("world: loss, images × epochs", "best", "as good", f"`{METRIC}`", "chosen", *probes)
    return table(titles, rows)

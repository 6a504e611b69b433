"""The stages of a race: its rungs, the range around the chosen setting, and the confirmation."""

from __future__ import annotations

from locexp.evaluation.metrics import SELECTION_METRIC
from locexp.sweep.racing.choice import FEW, best_first
from locexp.sweep.racing.confirmation import confirmation
from locexp.sweep.racing.entrants import Entrants
from locexp.sweep.racing.layout import Layout
from locexp.sweep.racing.span import span
from locexp.sweep.racing.standing import Standing, standing
from locexp.sweep.setting import Dropped, Row, Setting, Stage, Stages


def stages(known: Entrants, layout: Layout, limit: int | None, margin: float | None) -> Stages:
    """Yield the stages of a race.

    Args:
        known: who races.
        layout: the race as it is planned.
        limit: the epochs that may be trained up to the end of the first confirmation; ``None`` for any number.
        margin: of the range whose edges are confirmed; ``None``: no range is.
    """
    notes = [f"the race: {layout.described()}", layout.power()]
    racing, done, spent = known.racing, 0, 0
    dropped: list[Dropped] = []
    later: list[Dropped] = []  # those that the search for a range may still train
    for position, (rung, keep) in enumerate(zip(layout.rungs, layout.keep, strict=True)):
        outcomes = yield Stage(racing, more=True, until=rung, dropped=dropped, notes=notes)
        spent += len(racing) * layout.seeds * (rung - done)
        done, after = rung, f"after {rung} of {layout.epochs} epochs"
        now = standing(outcomes, known.ratios(racing), range(len(racing)))
        if not now.order:
            return
        held = now.held(keep) if len(now.order) > keep else ""
        if held and limit is not None:
            cost = layout.race_from(len(now.order), position + 1) + layout.beside_race
            if spent + cost > limit:
                why = f"{after} {held}, and the budget does not let all go on: nothing is chosen"
                yield Stage([], dropped=[*later, *(Dropped(setting, why) for setting in racing)], notes=[why])
                return
        kept = now.order if held else now.kept(keep, layout.front)
        decision = f"{held}: nothing is dropped" if held else f"{len(kept)} of {len(racing)} settings go on"
        notes = [f"{after} {decision}"]
        judged = {one for axis in known.ratios(racing) if len(axis) > FEW for one in axis}
        lost = [
            Dropped(racing[one], _reason(now, one, keep, kept, after, beside="with its neighbours " * (one in judged)))
            for one in now.order
            if one not in kept
        ]
        dropped, later = (lost, []) if margin is None else ([], later + lost)
        racing = [racing[index] for index in sorted(kept)]
    # Where nothing was dropped, the best of all that are trained to the end get further seeds in a stage of their own.
    at_once = [_again(setting, layout.extra) for setting in racing] if layout.extra else []
    at_once = at_once if len(racing) <= layout.finalists else []
    more = layout.confirm > 0 or bool(layout.extra and not at_once)
    outcomes = yield Stage([*racing, *at_once, *known.alone], more=more, dropped=dropped, notes=notes)
    own, again = outcomes[: len(racing)], outcomes[len(racing) : len(racing) + len(at_once)]
    finalists = list(range(len(racing)))
    if layout.extra and not at_once:
        finalists = best_first(own, finalists, known.ratios(racing))[: layout.finalists]
        settings = [_again(racing[index], layout.extra) for index in finalists]
        found = yield Stage(settings, more=layout.confirm > 0)
        none: Row = [None] * layout.extra
        again = [found[finalists.index(index)] if index in finalists else none for index in range(len(racing))]
    rows = [first + second for first, second in zip(own, again, strict=True)] if again else own
    order = best_first(rows, finalists, known.ratios(racing))
    if not order or not layout.confirm:
        if later:
            yield Stage([], dropped=later)
        return
    chosen, *others = (racing[index] for index in order)
    runner_up = next((one for one in others if one != known.configured), None)
    edges: list[Setting] = []
    if margin is not None:  # on the seeds that all have
        edges, trained = yield from span(known, chosen, dict(zip(map(id, racing), own, strict=True)), margin)
        later = [one for one in later if one.setting not in trained]
    yield from confirmation(
        chosen,
        known.configured,
        runner_up,
        beside=known.alone,
        edges=edges,
        seeds=layout.confirm,
        dropped=later,
    )


def _again(setting: Setting, seeds: int) -> Setting:
    """Return a setting on further seeds, the same for all settings."""
    return Setting(setting.values, fresh_seeds=seeds)


def _reason(now: Standing, index: int, keep: int, kept: list[int], after: str, *, beside: str) -> str:
    """Return when and why a setting is not pursued."""
    place, more = now.order.index(index) + 1, len(kept) - keep
    front = f" and {more} more on the front of accuracy and mean IoU" if more > 0 else ""
    return (
        f"{after}: {SELECTION_METRIC} {now.values[index]:.3f} on validation, {beside}number {place} of "
        f"{len(now.order)}; the best {keep}{front} were pursued"
    )

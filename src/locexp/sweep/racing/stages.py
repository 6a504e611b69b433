"""The stages of a race: its rungs, the range around the chosen setting, and the confirmation."""

from __future__ import annotations

from locexp.evaluation.metrics import SELECTION_METRIC
from locexp.sweep.racing.confirmation import confirmation
from locexp.sweep.racing.entrants import Entrants
from locexp.sweep.racing.layout import Layout
from locexp.sweep.racing.span import span
from locexp.sweep.racing.standing import Standing, standing
from locexp.sweep.setting import Dropped, Setting, Stage, Stages, best_of


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
        now = standing(outcomes, known.indices(racing), range(len(racing)))
        if not now.order:
            return
        held = now.held(keep) if len(now.order) > keep else ""
        if held and limit is not None:
            cost = layout.race_from(len(now.order), position + 1) + layout.beside_race
            if spent + cost > limit:
                why = f"{after} {held}, and the budget does not let all go on: nothing is chosen"
                yield Stage([], dropped=[Dropped(setting, why) for setting in racing], notes=[why])
                return
        kept = now.order if held else now.kept(keep, layout.front)
        decision = f"{held}: nothing is dropped" if held else f"{len(kept)} of {len(racing)} settings go on"
        notes = [f"{after} {decision}"]
        lost = [Dropped(racing[one], _reason(now, one, keep, kept, after)) for one in now.order if one not in kept]
        dropped, later = (lost, []) if margin is None else ([], later + lost)
        racing = [racing[index] for index in sorted(kept)]
    outcomes = yield Stage([*racing, *known.alone], more=layout.confirm > 0, dropped=dropped, notes=notes)
    best = best_of(outcomes, range(len(racing)))
    if best is None or not layout.confirm:
        return
    chosen = racing[best]
    others = [index for index, setting in enumerate(racing) if setting not in (chosen, known.configured)]
    second = best_of(outcomes, others)
    edges: list[Setting] = []
    if margin is not None:
        edges, trained = yield from span(known, chosen, dict(zip(map(id, racing), outcomes, strict=False)), margin)
        later = [one for one in later if one.setting not in trained]
    yield from confirmation(
        chosen,
        known.configured,
        racing[second] if second is not None else None,
        beside=known.alone,
        edges=edges,
        seeds=layout.confirm,
        dropped=later,
    )


def _reason(now: Standing, index: int, keep: int, kept: list[int], after: str) -> str:
    """Return when and why a setting is not pursued."""
    place, more = now.order.index(index) + 1, len(kept) - keep
    front = f" and {more} more on the front of accuracy and mean IoU" if more > 0 else ""
    return (
        f"{after}: {SELECTION_METRIC} {now.values[index]:.3f} on validation, number {place} of {len(now.order)}; the "
        f"best {keep}{front} were pursued"
    )

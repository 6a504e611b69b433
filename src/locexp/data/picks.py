"""Stratified picks of a part: every class keeps its share, and images that belong together stay together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from locexp.data.arrays import Split
from locexp.errors import UserError, counted, verb


def stratified_counts(class_sizes: np.ndarray, total: int) -> np.ndarray:
    """Share ``total`` picks among classes in proportion to their sizes (largest remainders).

    Returns:
        int64 (classes,), each at most its class size, with sum ``total``.
    """
    exact = class_sizes * (total / class_sizes.sum())
    counts = np.floor(exact).astype(np.int64)
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[: total - counts.sum()]] += 1
    return counts


def pick(labels: np.ndarray, total: int, rng: np.random.Generator) -> np.ndarray:
    """Return the sorted indices of a stratified random part of ``total`` examples."""
    classes, sizes = np.unique(labels, return_counts=True)
    counts = stratified_counts(sizes, total)
    chosen = [
        rng.permutation(np.flatnonzero(labels == label))[:count] for label, count in zip(classes, counts, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def pick_groups(
    labels: np.ndarray, groups: np.ndarray, total: int, rng: np.random.Generator, *, leave_some: bool = True
) -> np.ndarray:
    """Return the sorted indices of whole groups, about ``total`` examples, in which classes have about their shares.

    Groups in random order are taken as long as no class gets more than its share; then, class by class in the order of
    what is missing most (largest remainders), the group that fits best, as long as the size comes nearer to ``total``.

    Args:
        labels: int (n,).
        groups: (n,), equal where images belong together.
        total: examples to pick, from 1 to n.
        rng: decides between groups that fit equally well.
        leave_some: of each class, one group at least is not picked.

    Returns:
        At least one group, unless ``leave_some`` forbids each.
    """
    members, numbers = np.unique(groups, return_inverse=True)
    classes, labels = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(members), len(classes)), np.int32)
    np.add.at(counts, (numbers, labels), 1)
    sizes, present = counts.sum(axis=1), counts > 0
    share = counts.sum(axis=0) * (total / len(labels))
    missing, left = share.copy(), present.sum(axis=0)
    taken = np.zeros(len(members), bool)
    order = rng.permutation(len(members))

    def allowed(some: np.ndarray) -> np.ndarray:
        """Return which of some groups are not taken yet, and may be."""
        spared = (left > 1) | ~present[some] if leave_some else np.ones((len(some), 1), bool)
        return some[~taken[some] & spared.all(axis=1)]

    def take(group: int) -> None:
        nonlocal missing, left
        taken[group] = True
        missing, left = missing - counts[group], left - present[group]

    for group in order:
        if (counts[group] <= missing + 1e-9)[present[group]].all() and len(allowed(np.array([group]))):
            take(group)
    waiting = list(range(len(classes)))
    while waiting:
        wanted = max(waiting, key=lambda number: missing[number])
        fitting = allowed(order[present[order, wanted]])
        fitting = fitting[sizes[fitting] < 2 * (total - sizes[taken].sum())]
        if len(fitting):
            take(fitting[((missing - counts[fitting]) ** 2).sum(axis=1).argmin()])
        else:
            waiting.remove(wanted)
    if not taken.any() and len(fitting := allowed(order)):
        take(fitting[sizes[fitting].argmin()])
    return np.flatnonzero(taken[numbers])


def carve(
    whole: Split, rest: np.ndarray, total: int, what: str, rng: np.random.Generator, *, leave_some: bool = True
) -> tuple[np.ndarray, list[str]]:
    """Pick a stratified part of a part: exactly ``total`` images, or whole groups, where images have groups.

    Args:
        whole: a part.
        rest: sorted indices of the images to pick from.
        total: how many.
        what: the part is for, for messages.
        rng: decides.
        leave_some: see :func:`pick_groups`.

    Returns:
        The sorted indices of the picked images, and a note where whole groups are more or fewer than ``total``.

    Raises:
        UserError: no group can be picked.
    """
    groups = None if whole.annotations is None else whole.annotations.groups
    if groups is None or len(np.unique(groups[rest])) == len(rest):
        return rest[pick(whole.labels[rest], total, rng)], []
    chosen = rest[pick_groups(whole.labels[rest], groups[rest], total, rng, leave_some=leave_some)]
    if len(chosen) == 0:
        raise UserError(
            f"{what}: no group of images (data.group) can be set aside, since none of a class would be left to train "
            "on; give more groups, or a part of your own."
        )
    if len(chosen) == total:
        return chosen, []
    return chosen, [f"{what}: {counted(len(chosen), 'image')}, not {total}, since groups stay whole (data.group)."]


def shared_groups(parts: Mapping[str, Split]) -> list[str]:
    """Return a note for each two parts that share groups, as they may where the data have parts of their own."""
    notes = []
    held = [(name, part, part.annotations.groups) for name, part in parts.items() if part.annotations is not None]
    for number, (name, part, groups) in enumerate(held):
        for other_name, other, other_groups in held[number + 1 :]:
            if groups is None or other_groups is None or part is other:
                continue
            shared = np.intersect1d(groups, other_groups)
            if len(shared):
                images = int(np.isin(other_groups, shared).sum())
                are, belong = verb(len(shared), "is", "are"), verb(images, "belongs", "belong")
                notes.append(
                    f"{counted(len(shared), 'group')} {are} both in {name} and in {other_name}: "
                    f"{images} of {len(other)} {other_name} images {belong} together with images of {name}, so "
                    f"results on {other_name} are too good (data.group)."
                )
    return notes

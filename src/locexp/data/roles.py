"""What the name of an array, of a file or of a column says: whether it holds images or labels, and of which part."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "t10k"),
}
KINDS = {
    "images": ("x", "images", "image", "imgs", "img", "data", "dataset", "features", "pixels"),
    "labels": ("y", "labels", "label", "targets", "target", "classes", "class"),
    "boxes": ("boxes", "bboxes", "box", "bbox"),
    "groups": ("groups", "group"),
}
"""Where two names say the same, the one with the word that comes first here is read."""
BESIDE = ("boxes", "groups")
"""The kinds that there may be beside images and labels."""
_PART, _KIND = ("|".join(word for words in table.values() for word in words) for table in (PARTS, KINDS))
_NAME = re.compile(f"({_PART})?({_KIND})?({_PART})?")


@dataclass(frozen=True)
class Role:
    """What a name means.

    Attributes:
        part: ``train``, ``validation``, ``test``, or ``None`` where it does not say.
        kind: ``images``, ``labels``, ``boxes``, ``groups``, or ``None``.
        rank: of the word for the kind: the lowest is preferred.
        others: words of the name that say something else, e.g. the name of the data set.
    """

    part: str | None
    kind: str | None
    rank: int
    others: tuple[str, ...]


def role_of(name: str) -> Role | None:
    """Return what a name says, or ``None`` if nothing, or one thing and its opposite."""
    squeezed = re.sub(r"[\W_]+", "", name.lower())
    words = [squeezed] if _NAME.fullmatch(squeezed) else [word for word in re.split(r"[\W_]+", name.lower()) if word]
    parts, kinds, ranks, others = set(), set(), [0], []
    for word in words:
        match = _NAME.fullmatch(word)
        if match is None:
            others.append(word)
            continue
        parts |= {part for part, known in PARTS.items() for found in match.group(1, 3) if found in known}
        for kind, known in KINDS.items():
            if match[2] in known:
                kinds.add(kind)
                ranks.append(known.index(match[2]))
    if "boxes" in kinds:  # of labels, targets or images: y_boxes
        kinds = {"boxes"}
    if len(parts) > 1 or len(kinds) > 1 or not (parts or kinds):
        return None
    return Role(next(iter(parts), None), next(iter(kinds), None), max(ranks), tuple(others))


def by_role(roles: Iterable[tuple[str, Role]]) -> dict[str, dict[str, str]]:
    """Return part -> kind -> name; what does not say its part is to train on, where no other name is.

    Boxes and groups that do not say their part are those to train on where there is no other part.

    A table of images and labels, which does not say its kind, counts as images where there are no others.
    """
    found: dict[str | None, dict[str, str]] = {}
    for name, role in sorted(roles, key=lambda pair: (pair[1].kind is None, pair[1].rank)):
        found.setdefault(role.part, {}).setdefault(role.kind or "images", name)
    unplaced = found.pop(None, {})
    if unplaced and "train" not in found:
        found["train"] = unplaced
    elif set(found) == {"train"}:
        found["train"] = {kind: name for kind, name in unplaced.items() if kind in BESIDE} | found["train"]
    return {part: names for part, names in found.items() if part is not None}

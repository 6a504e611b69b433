"""What a reader finds while it goes through annotations, put together into a listing."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import replace

from locexp.data.arrays import PARTS
from locexp.data.files import named
from locexp.data.photos.folder import Folder, Match
from locexp.data.photos.listing import LEFT_OUT, ListedImage, Listing, MarkedObject, Problem
from locexp.data.photos.recognised import other_format
from locexp.data.photos.text import LARGEST, decoded, read_bytes
from locexp.errors import UserError, counted, listed

LATIN = "not in UTF-8, read as Latin-1"
NOT_USED = "not used"
"""The action for images that nothing is said about."""
MOST_EXAMPLES = 3
"""Of what a note counts, how many it names."""


class Spoilt(Exception):
    """What is wrong with an annotation, as a clause."""


class Gathering:
    """Images, problems and notes, in the order in which they are found.

    Args:
        folder: of the data.
        asked: the word for the format that is read, ``"coco"``.
    """

    def __init__(self, folder: Folder, asked: str) -> None:
        self.folder, self._asked = folder, asked
        self.problems: list[Problem] = []
        self._images: dict[str, list[ListedImage]] = {}
        self._left_out: set[str] = set()
        self._ignored: set[str] = set()
        self._notes: dict[tuple[str, str], list[str]] = {}
        for name in folder.unnamable:
            self.leave_out(name, "the name of the file is not text in UTF-8", image=None)

    def text(self, file: str, largest: int = LARGEST) -> str:
        """Return an annotation file of at most some bytes as text; raises :class:`UserError`."""
        text, is_latin = decoded(read_bytes(self.folder.root / file, largest))
        if is_latin:
            self.note(LATIN, file)
        return text

    def note(self, text: str, one: str | None = None, noun: str = "file") -> None:
        """Keep something for the run to say, once.

        Args:
            text: a clause; where things are counted, of them: "not in UTF-8, read as Latin-1".
            one: of the things that it says something about, which are counted; the first are named.
            noun: what one of them is.
        """
        self._notes.setdefault((text, noun), []).extend([] if one is None else [one])

    def leave_out(self, file: str, problem: str, image: str | None) -> None:
        """Keep a problem with a file, because of which an image is not used, if one is known."""
        self.problems.append(Problem(file, problem, LEFT_OUT))
        if image is not None:
            self._left_out.add(image)

    def refuse(self, file: str, reason: str, *, is_only: bool, image: str | None = None) -> None:
        """Keep that an annotation file cannot be read; raises :class:`UserError` where there is no other."""
        where = f"data.path={self.folder.root / file}: "
        reason = reason.removeprefix(where).rstrip(".")
        if is_only:
            raise UserError(f"{where}{reason}.{other_format(self.folder, self._asked)}")
        self.leave_out(file, reason, image)

    def ignore(self, image: str) -> None:
        """Keep that an image is not to be used, for a reason that is said elsewhere."""
        self._ignored.add(image)

    def add(
        self,
        match: Match,
        objects: Iterable[MarkedObject],
        *,
        where: str,
        part: str | None = None,
        size: tuple[int, int] | None = None,
        group: str | None = None,
    ) -> None:
        """Keep an image and its objects; see :class:`ListedImage`."""
        if match.is_elsewhere:
            self.note("in other folders than the annotations say, found by name", match.path, "image")
        given = tuple(objects)
        different = tuple(dict.fromkeys(given))
        if len(different) < len(given):
            self.problems.append(Problem(match.path, f"{where}: an object is marked twice", "marked once"))
        one = ListedImage(self.folder.root / match.path, different, part, where, size, group)
        self._images.setdefault(match.path, []).append(one)

    def listing(self, class_names: Sequence[str] = ()) -> Listing:
        """Return all that was found.

        Raises:
            UserError: no image was; the message has the first of the problems.
        """
        images = {path: one for path, found in self._images.items() if (one := self._one(path, found)) is not None}
        if not images:
            first = next((f"; the first: {one.file}: {one.problem}" for one in self.problems), "")
            remedy = "" if self._left_out else " Expected the images in this folder or below it."  # none was found
            raise UserError(
                f"data.path={self.folder.root}: no image of {len(self.folder.images)} in it has an annotation that can "
                f"be used{first.rstrip('.')}.{remedy}"
            )
        parts = {image.part for image in images.values()}
        if len(parts) == 1 and not parts & {None, "train"}:  # a part alone, such as COCO's val2017
            self.note(f"all images are in the part {parts.pop()}, so they are split anew")
            images = {path: replace(image, part=None) for path, image in images.items()}
        places = {posixpath.dirname(path) for path in images}
        for image in sorted(self.folder.images - set(self._images) - self._left_out - self._ignored):
            if posixpath.dirname(image) in places:
                self.problems.append(Problem(image, "has no annotation", NOT_USED))
        labels = {one.label for image in images.values() for one in image.objects}
        if not class_names and all(label.isdecimal() for label in labels):
            class_names = sorted(labels, key=int)
        notes = [
            f"{counted(len(found), noun)} {text}: {_first(found)}" if found else text
            for (text, noun), found in self._notes.items()
        ]
        return Listing(
            name=self.folder.root.name,
            images=tuple(images[path] for path in sorted(images)),
            class_names=tuple(class_names),
            problems=tuple(self.problems),
            notes=tuple(f"{self.folder.root.name}: {note.rstrip('.')}." for note in notes),
        )

    def _one(self, path: str, found: Sequence[ListedImage]) -> ListedImage | None:
        """Return one image for all annotations of a file; ``None`` where one was spoilt, or they contradict."""
        if path in self._left_out:
            return None
        first = found[0]
        if any(set(other.objects) != set(first.objects) for other in found[1:]):
            self.leave_out(path, f"is annotated differently in {named([one.where for one in found])}", path)
            return None
        labels: dict[tuple[float, ...], str] = {}
        for one in first.objects:
            if labels.setdefault(one.box, one.label) != one.label:
                self.leave_out(path, f"{first.where}: one box is both {labels[one.box]} and {one.label}", path)
                return None
        parts = sorted({one.part for one in found if one.part is not None}, key=PARTS.index)
        if len(parts) > 1:  # what is held out stays so
            self.problems.append(Problem(path, f"is in the parts {named(parts)}", f"used in {parts[-1]} alone"))
        group = next((one.group for one in found if one.group is not None), None)
        return replace(first, part=parts[-1] if parts else None, group=group)


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_EXAMPLES} more" if len(names) > MOST_EXAMPLES else ""
    return listed(names[:MOST_EXAMPLES]) + more

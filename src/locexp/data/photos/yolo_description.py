"""What a YOLO data set says of itself: the names of its classes, and where its parts are."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import yaml

from locexp.data.photos.folder import Unmatched
from locexp.data.photos.gathering import Gathering
from locexp.data.photos.part_names import part_of_word
from locexp.data.photos.recognised import is_yolo
from locexp.errors import UserError, first_line

LARGEST = 2**18
"""Bytes of a YAML file."""
DEEPEST = 50
"""Brackets in brackets: the time that YAML takes grows with their square."""
PREFERRED = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
NAME_FILES = ("classes.txt", ".names", "_darknet.labels")


@dataclass(frozen=True)
class Description:
    """What a data set says of itself.

    Attributes:
        file: that says it, relative; empty where there is none.
        names: of the classes by their numbers.
        parts: by part, the folders and lists of images it is in, as they are written.
        root: ``path`` as it is written, which the parts are relative to.
        has_keypoints: of poses, so that a label's fifth number and later ones are no outline.
    """

    file: str = ""
    names: Mapping[int, str] = field(default_factory=dict)
    parts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    root: str = ""
    has_keypoints: bool = False


def described(gathering: Gathering, given: str | None) -> Description:
    """Return what a YAML file with ``names`` says, else a file with a name in each line, else nothing.

    Args:
        gathering: of the folder.
        given: the YAML file that the user gave.

    Raises:
        UserError: the only YAML file is spoilt, or its names are.
    """
    folder = gathering.folder
    if given and not is_described_by(given) and is_yolo(folder.root / given):
        raise UserError(
            f"data.path={folder.root / given}: holds the objects of one image; expected the folder of the data, or its "
            "YAML file."
        )
    files = [given] if given and _is_yaml(given) else [*filter(_is_yaml, folder.files)]
    files.sort(key=lambda file: (posixpath.basename(file) not in PREFERRED, file.count("/"), file))
    found = [one for file in files if (one := _yaml(gathering, file, is_only=len(files) == 1)) is not None]
    if given and _is_yaml(given) and not found:
        raise UserError(f"data.path={folder.root / given}: has no names, train or val; expected some of these.")
    for other in found[1:]:
        gathering.note(f"beside {found[0].file}, not used", other.file)
    listed_names = [file for file in folder.files if file.lower().endswith(NAME_FILES)]
    if found and (found[0].names or not listed_names):
        return found[0]
    if not listed_names:
        return Description()
    file = min(listed_names, key=lambda file: (file.count("/"), file))
    lines = [line.strip() for line in gathering.text(file).splitlines() if line.strip()]
    return Description(file, dict(enumerate(lines)), found[0].parts if found else {}, found[0].root if found else "")


def is_described_by(file: str) -> bool:
    """Whether a file is called as those that name classes."""
    return file.lower().endswith(NAME_FILES) or _is_yaml(file)


def parts_of(gathering: Gathering, description: Description) -> dict[str, str]:
    """Return the part of each image that a description's folders and lists hold; what is not found is noted."""
    parts: dict[str, str] = {}
    for part, places in description.parts.items():
        for place in places:
            images, is_elsewhere = _images(gathering, description, place)
            if is_elsewhere:
                gathering.note(f"of {description.file} that lead elsewhere, read as folders here", place, "path")
            if not images:
                gathering.note(f"of {description.file} without an image here, so folders say the part", place, "path")
            for image in images:
                if parts.setdefault(image, part) != part:
                    gathering.note(f"of two parts in {description.file}, used in the first", image, "image")
    return parts


def _images(gathering: Gathering, description: Description, place: str) -> tuple[list[str], bool]:
    """Return the images in a folder or a list that a description names, and whether its path is of another machine."""
    folder, beside = gathering.folder, posixpath.dirname(description.file)
    written = place.replace("\\", "/").removeprefix(f"{folder.root.as_posix()}/")
    exact = posixpath.normpath(posixpath.join(beside, description.root.replace("\\", "/"), written))
    words = [word for word in written.split("/") if word not in ("", ".", "..")]
    ends = ["/".join(words[start:]) for start in range(len(words) - 1)]
    ends += [word for word in words[-1:] if part_of_word(word)]
    near = [posixpath.normpath(posixpath.join(beside, end)) for end in (written, *ends)]
    for candidate in (exact, *near, *ends):
        is_elsewhere = candidate != exact
        if written.endswith(".txt"):
            if candidate in folder.files:
                return _listed(gathering, candidate), is_elsewhere
            continue
        start = "" if candidate == "." else f"{candidate}/"
        if images := [image for image in sorted(folder.images) if image.startswith(start)]:
            return images, is_elsewhere
    return [], False


def _listed(gathering: Gathering, file: str) -> list[str]:
    """Return the images that a list names, a path in each line."""
    found = []
    for number, line in enumerate(gathering.text(file).splitlines(), 1):
        if line.strip():
            try:
                found.append(gathering.folder.find(line, posixpath.dirname(file)).path)
            except Unmatched as reason:
                gathering.leave_out(file, f"line {number}: {reason}", image=None)
    return found


def _is_yaml(file: str) -> bool:
    return file.lower().endswith((".yaml", ".yml"))


def _yaml(gathering: Gathering, file: str, *, is_only: bool) -> Description | None:
    """Return what a YAML file says; ``None`` where it is about something else, or spoilt and one of several."""
    try:
        # As text, so that `no` and `on` are names, too; nothing is made of tags.
        text = gathering.text(file, LARGEST)
        if max(accumulate((one in "[{") - (one in "]}") for one in text), default=0) > DEEPEST:
            raise RecursionError
        content = yaml.load(text, yaml.BaseLoader)
        if not isinstance(content, dict) or not {"names", "train", "val"} & set(content):
            if is_only:
                gathering.note("of YAML without names, train or val, not used", file)
            return None
        names = _names(content.get("names") or {}, content.get("nc"))
    except (UserError, ValueError, RecursionError) as error:
        reason = "is nested too deeply" if isinstance(error, RecursionError) else str(error)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        reason = f"is not YAML ({first_line(getattr(error, 'problem', None) or error)}{line})"
    else:
        return Description(file, names, *_parts(content), "kpt_shape" in content)
    gathering.refuse(file, reason, is_only=is_only)
    return None


def _parts(content: Mapping[object, object]) -> tuple[dict[str, list[str]], str]:
    """Return the folders and lists of each part, and the path that they are relative to."""
    parts: dict[str, list[str]] = {}
    for key, value in content.items():
        part = part_of_word(key) if isinstance(key, str) else None
        places = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        if part and (texts := [place for place in places if isinstance(place, str) and place.strip()]):
            parts.setdefault(part, []).extend(texts)
    root = content.get("path")
    return parts, root if isinstance(root, str) else ""


def _names(names: object, count: object) -> dict[int, str]:
    """Return names by number; raises ``ValueError`` with a clause that says what is wrong."""
    if isinstance(names, list):
        pairs: list[tuple[object, object]] = list(enumerate(names))
    elif isinstance(names, dict):
        pairs = list(names.items())
    else:
        raise ValueError(f"names is {str(names)[:40]!r}; expected a list of names, or a mapping of numbers to names")
    found: dict[int, str] = {}
    for key, name in pairs:
        if not str(key).isdecimal() or not isinstance(name, str) or not name.strip():
            raise ValueError(f"names[{str(key)[:20]}] is a {type(name).__name__}; expected a name for each number")
        found[int(str(key))] = name.strip()
    if found and isinstance(count, str) and count.isdecimal() and int(count) != len(found):
        raise ValueError(f"nc is {count}, but names has {len(found)} entries; expected as many")
    return found

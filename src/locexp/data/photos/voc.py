"""``data=voc``: photos with an XML file each, as Pascal VOC and LabelImg have them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from locexp.bounds import checked
from locexp.data.arrays import PARTS, RawData
from locexp.data.photos.folder import Match, Unmatched, stem_of, walked
from locexp.data.photos.gathering import LATIN, Gathering, Spoilt
from locexp.data.photos.keys import PhotoKeys
from locexp.data.photos.listing import Listing, MarkedObject
from locexp.data.photos.part_names import part_of_word
from locexp.data.photos.pipeline import photos
from locexp.data.photos.recognised import nothing_found
from locexp.data.photos.text import decoded, read_bytes
from locexp.errors import UserError, counted, first_line

LARGEST = 2**23
"""Bytes of one XML file."""
EDGES = ("xmin", "ymin", "xmax", "ymax")
SpoiltXML = (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError)


@checked("data")
def load(**keys: Unpack[PhotoKeys]) -> RawData:
    """Read photos that are annotated with XML files; see :func:`read` and :class:`PhotoKeys`.

    Raises:
        UserError: there are none, or they cannot be used.
    """
    return photos(read(Path(keys["path"]), keys["origin"]), keys)


def read(folder: Path, origin: str | int = "auto") -> Listing:
    """List the images of a folder that has an XML file for each, beside it or in a folder of their own.

    The image is the one that is called as the XML file, else the one that its ``filename`` names. Folders called train,
    valid or test are parts, as are the lists in ``ImageSets/Main``.

    Args:
        folder: of the data.
        origin: 1 for boxes from 1 with inclusive edges, 0 for edges as they are written, ``auto`` for 1 where
            ``database`` names VOC.

    Raises:
        UserError: there is no such folder, no annotation, or none that can be used.
    """
    walk = walked(folder)
    gathering = Gathering(walk, "voc")
    files = walk.ending(".xml")
    roots = {file: root for file in files if (root := _parsed(gathering, file, is_only=len(files) == 1)) is not None}
    annotations = {file: root for file, root in roots.items() if root.tag == "annotation"}
    if not annotations and not gathering.problems:
        raise nothing_found(walk, "voc")
    if len(annotations) < len(roots):
        gathering.note(f"{counted(len(roots) - len(annotations), 'XML file')} of another kind: not used")
    parts = _image_sets(gathering, [*annotations])
    one_based = as_written = 0
    for file, root in annotations.items():
        try:
            match = _image(gathering, file, root)
        except Unmatched as reason:
            gathering.leave_out(file, str(reason), image=None)
            continue
        is_voc = "voc" in (root.findtext("source/database") or "").lower()
        is_one_based = is_voc if origin == "auto" else origin == 1
        try:
            objects = [_object(one, is_one_based) for one in root.iterfind("object")]
        except Spoilt as reason:
            gathering.leave_out(file, str(reason), match.path)
            continue
        part = parts.get(file, "") if parts else walk.part_of(file) or walk.part_of(match.path)
        if part == "":
            gathering.note("in no list of ImageSets, not used", file, "annotation")
            gathering.ignore(match.path)
            continue
        one_based += is_one_based
        as_written += not is_one_based
        gathering.add(match, objects, where=file, part=part, size=_size(root))
    if one_based:
        why = "as their database is VOC" if origin == "auto" else "data.origin=1"
        gathering.note(
            f"the boxes of {one_based} of {counted(one_based + as_written, 'annotation')} count from 1, with inclusive "
            f"edges ({why}), and are read as xmin-1, ymin-1, xmax, ymax"
        )
    if as_written:
        gathering.note(f"the boxes of {counted(as_written, 'annotation')} are read as edges from 0, as written")
    return gathering.listing()


def _parsed(gathering: Gathering, file: str, *, is_only: bool) -> Element | None:
    """Return the root of an XML file; ``None`` where it is spoilt: that is a problem, and an error of the only one."""
    try:
        content = read_bytes(gathering.folder.root / file, LARGEST)
        try:
            root: Element = fromstring(content)
        except ParseError:
            text, is_latin = decoded(content)
            if not is_latin:
                raise
            root = fromstring(re.sub(r"^\s*<\?xml.*?\?>", "", text, count=1))
            gathering.note(LATIN, file)
        return root
    except UserError as error:
        gathering.refuse(file, str(error), is_only=is_only)
    except SpoiltXML as error:
        bomb = isinstance(error, DefusedXmlException)
        reason = "declares entities, which are not read" if bomb else f"is not XML ({first_line(error)})"
        gathering.refuse(file, reason, is_only=is_only, image=next(iter(gathering.folder.partners(file)), None))
    return None


def _image(gathering: Gathering, file: str, root: Element) -> Match:
    """Return the image of an annotation; raises :class:`Unmatched`."""
    name = (root.findtext("filename") or "").strip()
    base = posixpath.basename(name.replace("\\", "/"))
    partners = gathering.folder.partners(file)
    named = [image for image in partners if posixpath.basename(image) == base]
    if not partners:
        return gathering.folder.find(
            name or posixpath.basename(file), posixpath.dirname(file), gathering.folder.part_of(file)
        )
    if len(named or partners) > 1:
        raise Unmatched(f"several images are called so: {', '.join(named or partners)}")
    if base and not named:
        gathering.note("with another filename inside than that of the image called like them, which is used", file)
    return Match((named or partners)[0], is_elsewhere=False)


def _object(node: Element, is_one_based: bool) -> MarkedObject:
    label = (node.findtext("name") or "").strip()
    if not label:
        raise Spoilt("an object has no name")
    edges = []
    for edge in EDGES:
        text = node.findtext(f"bndbox/{edge}")
        try:
            edges.append(float(text or ""))
        except ValueError:
            found = "is missing" if text is None else f"is {text.strip()[:20]!r}; expected a number"
            raise Spoilt(f"object {label}: bndbox/{edge} {found}") from None
    x1, y1, x2, y2 = edges
    return MarkedObject(label, (x1 - 1, y1 - 1, x2, y2) if is_one_based else (x1, y1, x2, y2))


def _size(root: Element) -> tuple[int, int] | None:
    try:
        width, height = (int(root.findtext(f"size/{side}") or "") for side in ("width", "height"))
    except ValueError:
        return None
    return (width, height) if min(width, height) > 0 else None


def _image_sets(gathering: Gathering, files: Sequence[str]) -> dict[str, str]:
    """Return the part of each annotation that a list of ``ImageSets`` names; empty where there are no lists."""
    folder = gathering.folder
    lists: dict[tuple[str, str], str] = {}
    for file in folder.files:
        place, name = posixpath.split(file)
        stem, ending = posixpath.splitext(name)
        found = re.fullmatch(r"(|.*/)ImageSets(/Main)?", place)
        if found and ending == ".txt" and part_of_word(stem):
            lists[(found[1], stem.lower())] = file
    named: dict[tuple[str, str], str] = {}
    for base in {base for base, _ in lists}:
        named |= {(base, stem_of(file)): file for file in files if file.startswith(base)}
    parts: dict[str, str] = {}
    for (base, name), file in lists.items():
        if name == "trainval" and (base, "train") in lists:
            continue  # which is the two others
        part = part_of_word(name) or "train"
        for number, line in enumerate(gathering.text(file).splitlines(), 1):
            if not (words := line.split()):
                continue
            one = named.get((base, words[0])) or named.get((base, stem_of(words[0])))
            if one is None:
                gathering.note("of a list without an annotation, not used", f"{file}, line {number}", "name")
            elif parts.setdefault(one, part) != part:
                gathering.note("in two lists, held out as one says", one, "annotation")
                parts[one] = max(parts[one], part, key=PARTS.index)
    return parts

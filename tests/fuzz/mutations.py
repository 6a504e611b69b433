"""Spoiling valid files: bits, lengths, numbers in headers, values in JSON. Small changes reach further than noise."""

from __future__ import annotations

import copy
import json
import struct
from typing import Any

from hypothesis import strategies as st

HUGE = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
ODD: tuple[Any, ...] = (
    None,
    True,
    "",
    "x",
    "../../etc/passwd",
    "\x00",
    "\ud800",
    "<script>alert(1)</script>",
    "9" * 400,
    "x" * 3000,
    -1,
    0,
    1.5,
    10**400,
    float("nan"),
    float("inf"),
    [],
    [[]],
    {},
    {"": None},
)
"""What may stand in the place of any value of a JSON file."""


@st.composite
def spoilt(draw: st.DrawFn, valid: st.SearchStrategy[bytes]) -> bytes:
    """Return a valid file with one to four changes."""
    content = bytearray(draw(valid))
    for _ in range(draw(st.integers(1, 4))):
        if not content:
            break
        place = draw(st.one_of(st.integers(0, min(len(content) - 1, 96)), st.integers(0, len(content) - 1)))
        match draw(st.integers(0, 6)):
            case 0:
                content[place] ^= 1 << draw(st.integers(0, 7))
            case 1:
                del content[place:]
            case 2:
                form = draw(st.sampled_from((">I", "<I", "<H", "<Q")))
                number = draw(st.sampled_from(HUGE)) % (1 << 8 * struct.calcsize(form))
                content[place : place + struct.calcsize(form)] = struct.pack(form, number)
            case 3:
                del content[place : place + draw(st.integers(1, 16))]
            case 4:
                content[place:place] = draw(st.binary(min_size=1, max_size=16))
            case 5:
                content[place:place] = content[draw(st.integers(0, place)) : place]
            case _:
                content[place] = draw(st.integers(0, 255))
    return bytes(content)


@st.composite
def spoilt_json(draw: st.DrawFn, value: Any) -> bytes:
    """Return a JSON value with one to three of its parts replaced, taken out or repeated; now and then as odd bytes."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(value))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        match draw(st.integers(0, 5)):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, list):
                holder.append(holder[key])
            case 1:
                holder[draw(st.text(max_size=5))] = holder[key]
            case 2:
                other, name = draw(st.sampled_from(places))
                holder[key] = copy.deepcopy(other.get(name) if isinstance(other, dict) else holder[key])
            case _:
                holder[key] = copy.deepcopy(draw(st.sampled_from(ODD)))  # which the next change may be made in
    content = json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 40)) == 0:
        content = content.replace(b": ", b": " + b"[" * 100_000, 1)  # deeper than Python's own stack
    return draw(st.one_of(st.just(content), st.just(content), spoilt(st.just(content))))


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in list(items):
        yield value, key
        yield from _places(one)


@st.composite
def spoilt_text(draw: st.DrawFn, texts: list[str], tokens: tuple[str, ...]) -> str:
    """Return one of these texts with lines or pieces taken out, moved, or replaced by tokens."""
    lines = draw(st.sampled_from(texts)).splitlines()
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(lines) - 1, 0)))
        line = lines[place] if lines else ""
        token = draw(st.sampled_from(tokens))
        match draw(st.integers(0, 5)):
            case 0:
                lines[place : place + 1] = []
            case 1:
                lines[place:place] = [line]
            case 2:
                lines[place : place + 1] = [f"{line.partition(':')[0]}: {token}"]
            case 3:
                lines[place:place] = [token]
            case 4:
                at = draw(st.integers(0, len(line)))
                lines[place : place + 1] = [line[:at] + token + line[at:]]
            case _:
                lines[place : place + 1] = [f"{draw(st.sampled_from(('  ', chr(9), '- ', '? ')))}{line}"]
    return "\n".join(lines) + "\n"

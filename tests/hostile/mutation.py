"""Files as a failing disk, a kill or somebody with a purpose leaves them: mutations of real ones, by a seed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

__all__ = ["HOSTILE_VALUES", "mutated"]

HOSTILE_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**31, 2**63, 10**400, 1e308, -0.5, "", "a", "../../x", "/etc/passwd", "\x1b[2J\n",
    "\x00", "\udcff", "9" * 5000, [], {}, [[]], [None], {"a": 1}, "e" * 64, "nan",
    "<script>presage</script>",
)  # fmt: skip
"""What stands in place of values of a JSON file."""

_TOKENS = (
    b"", b"\x00", b"\n", b"\r\n", b"\xff\xfe", b"[" * 3000, b"{", b"}", b'"', b"NaN", b"1e999", b"-1", b"9" * 400,
    b",,", b"\x80\x04c", b"PK\x03\x04", b"../../", b"DUCK", b"PAR1",
)  # fmt: skip


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """The content with one to three things changed: in its structure where it is JSON, else in its bytes."""
    for _ in range(int(rng.integers(1, 4))):
        as_json = rng.random() < 0.6 and content[:1] in (b"{", b"[")
        content = (_in_structure(content, rng) if as_json else None) or _in_bytes(content, rng)
    return content


def _in_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    n = len(content)
    at, end = sorted(int(one) for one in rng.integers(0, n + 1, 2))
    end = min(end, at + int(rng.choice([1, 16, 4096])))
    match int(rng.integers(0, 7)):
        case 0:
            return content[:at]
        case 1:
            return content[:at] + bytes(rng.integers(0, 256, end - at, dtype=np.uint8)) + content[end:]
        case 2:
            return content[:at] + content[end:]
        case 3:
            return content[:at] + bytes(end - at) + content[end:]
        case 4:
            return content[:end] + content[at:]
        case 5:
            return content[:at] + _TOKENS[int(rng.integers(len(_TOKENS)))] + content[at:]
        case _:
            flipped = bytearray(content)
            for where in rng.integers(0, max(n, 1), min(8, n)):
                flipped[where] ^= 1 << int(rng.integers(8))
            return bytes(flipped)


def _in_structure(content: bytes, rng: np.random.Generator) -> bytes | None:
    """JSON, or a line of JSON lines, with a value replaced, left out, doubled or renamed; None where it is none."""
    lines = content.splitlines(keepends=True)
    whole = len(lines) < 2 or content.lstrip()[1:2] in (b"\n", b"")
    at = 0 if whole else int(rng.integers(len(lines)))
    try:
        value = json.loads(content if whole else lines[at])
    except (ValueError, RecursionError):
        return None
    places = list(_places(value))
    if not places:
        return None
    holder, key = places[int(rng.integers(len(places)))]
    match int(rng.integers(0, 4)):
        case 0 if isinstance(holder, dict):
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[f"{key}x"] = holder.pop(key)
        case 2 if isinstance(holder, list):
            holder.append(holder[key])
        case _:
            holder[key] = HOSTILE_VALUES[int(rng.integers(len(HOSTILE_VALUES)))]
    changed = json.dumps(value).encode() + b"\n"
    return changed if whole else b"".join([*lines[:at], changed, *lines[at + 1 :]])


def _places(value: Any) -> Any:
    """(holder, key) of every value within, some thousands at most."""
    waiting, found = [value], 0
    while waiting and found < 5000:
        holder = waiting.pop()
        keys = holder.keys() if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for key in keys:
            found += 1
            yield holder, key
            waiting.append(holder[key])

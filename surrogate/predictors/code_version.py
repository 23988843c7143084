"""Which code learns and encodes: what other code fitted is never read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

__all__ = ["code_version", "counts", "without_words"]

APART = (
    "architecture/compiled/",
    "architecture/morphing/",
    "architecture/recurrent/",
    "architecture/shrinking/",
    "architecture/spaces/",
    "architecture/torch_bridge/",
    "architecture/vetting/canonical.py",
    "architecture/vetting/costs.py",
    "architecture/testing.py",
    "surrogate/cells/",
    "surrogate/curves/",
    "surrogate/evaluation/",
    "surrogate/proxies/",
    "surrogate/testing.py",
    "surrogate/predictors/cache.py",
    "surrogate/predictors/code_version.py",
    "surrogate/predictors/sealing.py",
    "surrogate/predictors/storage.py",
    "surrogate/predictors/tree_kernel.py",
    "surrogate/predictors/tree_splits.py",
)
"""Folders and modules of architecture and surrogate in which nothing is learned or encoded."""

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""'
    r"|'''(?:\\.|[^\\])*?'''"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'(?:\\.|[^'\\\n])*'"
    r"|#[^\n]*|[\[({]|[\])}]",
    re.DOTALL,
)
_EMPTY = re.compile(r"[ \t]+(?=\n)|\n(?=[ \t]*\n)")


@cache
def code_version(*also: str) -> str:
    """SHA-256 of the source of everything that learns or encodes, but for its comments and docstrings.

    Made of text alone, so that it is the same for every Python and on every platform.

    Args:
        also: those of `APART` that count all the same.
    """
    sha = hashlib.sha256()
    for package in ("architecture", "surrogate"):
        for name, file in sorted(_sources(resources.files(f"presage.{package}"))):
            if counts(f"{package}/{name}", *also):
                source = file.read_bytes().decode().replace("\r\n", "\n")
                sha.update(f"{package}/{name}\n{without_words(source)}\n".encode())
    return sha.hexdigest()


def counts(name: str, *also: str) -> bool:
    """Whether the module in a file, such as ``surrogate/data/task.py``, has a part in what is learned."""
    return not name.startswith(APART) or name.startswith(also)


def without_words(source: str) -> str:
    """Python's code without its comments, docstrings and empty lines."""
    parts, code, end, depth = [], "", 0, 0
    for token in _TOKEN.finditer(source):
        start, first = token.start(), source[token.start()]
        if first in "[({":
            depth += 1
        elif first in "])}":
            depth -= 1
        else:
            code, end = code + source[end:start], token.end()
            if first != "#" and (depth or not _is_statement(source, start, end)):
                parts += [_EMPTY.sub("", code), source[start:end]]
                code = ""
    parts.append(_EMPTY.sub("", code + source[end:]))
    return "".join(parts).lstrip("\n").rstrip()


def _is_statement(source: str, start: int, end: int) -> bool:
    """Whether the string there has its lines to itself, and no line before is continued."""
    line = source.rfind("\n", 0, start)
    after = source[end : end + 200].partition("\n")[0].strip()
    return not source[line + 1 : start].strip() and source[line - 1 : line] != "\\" and after[:1] in ("", "#")


def _sources(folder: Traversable, within: str = "") -> Iterator[tuple[str, Traversable]]:
    """Every Python file under a folder, by its path there."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _sources(entry, f"{within}{entry.name}/")
        elif entry.name.endswith(".py"):
            yield within + entry.name, entry

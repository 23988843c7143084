"""Terminals: the one place where text that others wrote is printed, escaped, on whatever streams there are.

A name of a file, a class or a dataset may hold any character: an escape sequence that rewrites the screen, a line break
that forges a line of output, signs that turn the reading direction. `one_line` writes them out, as Python does; within
`terminal` the streams themselves let no control character through but those of text. What an encoding lacks (τ in
cp1252, ± in ASCII) is said in letters it has.
"""

from __future__ import annotations

import io
import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, TextIO, cast

__all__ = ["NotShown", "one_line", "terminal"]


class NotShown(Exception):
    """A result that could not be printed; says why."""


_IN_LETTERS = {
    "Δ": "d", "δ": "d", "τ": "tau", "ε": "eps", "±": "+/-", "×": "x", "−": "-", "–": "-", "—": "-", "…": "...",
    "≤": "<=", "≥": ">=", "→": "->", "²": "2", "³": "3", "⁶": "6", "█": "#", "’": "'", "“": '"', "”": '"', "·": "*",
}  # fmt: skip
_STREAMS = 3  # stdin, stdout, stderr


def one_line(text: object) -> str:
    """Text on one line, every character in it that is not printed as itself written out."""
    plain = str(text)
    return plain if plain.isprintable() else "".join(one if one.isprintable() else _escape(one) for one in plain)


def _escape(sign: str) -> str:
    return sign.encode("unicode_escape").decode() if sign.isascii() or ord(sign) > 0xFF else f"\\x{ord(sign):02x}"


_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""All but tabs, line feeds and carriage returns, which bars are drawn with."""


@contextmanager
def terminal() -> Iterator[None]:
    """Within the block `sys.stdout` and `sys.stderr` escape what they are given, and stderr never ends the work.

    A stream that was closed from the start is one that leads nowhere, so that no file that is opened later takes its
    number; what was to be seen on stdout is then lost, which is said at the end.

    Raises:
        NotShown: stdout takes no more; its cause is a `BrokenPipeError` where who reads has gone.
    """
    closed = _fill_closed()
    before = sys.stdout, sys.stderr
    sys.stdout = cast(TextIO, _Escaped(before[0]))
    sys.stderr = cast(TextIO, _Escaped(before[1], vital=False))
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout, sys.stderr = before
    if 1 in closed:
        raise NotShown("What was to be printed is lost: stdout is closed.")


def _fill_closed() -> set[int]:
    """Open, as streams that lead nowhere, those of the first three that are closed; which they were."""
    closed = set()
    for number in range(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            closed.add(number)
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    return closed


class _Escaped(io.TextIOBase):
    """A text stream over another.

    Args:
        stream: None for nowhere.
        vital: whether an error of writing is one of the work; else it is passed over.
    """

    def __init__(self, stream: IO[str] | None, *, vital: bool = True) -> None:
        self._stream, self._vital = stream, vital

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of the stream below."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def buffer(self) -> IO[bytes]:
        """For bytes, below all escaping."""
        return cast(IO[bytes], getattr(self._stream, "buffer"))  # noqa: B009 - not every text stream has one

    def write(self, text: str) -> int:
        """Escape and hand on."""
        plain = _CONTROL.sub(lambda found: _escape(found[0]), text)
        with self._careful():
            if self._stream is not None:
                self._stream.write(_encodable(plain, self.encoding))
        return len(text)

    def flush(self) -> None:
        """Of the stream below."""
        with self._careful():
            if self._stream is not None:
                self._stream.flush()

    def isatty(self) -> bool:
        """Whether somebody looks."""
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        """Of the stream below."""
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def writable(self) -> bool:
        """Always."""
        return True

    @contextmanager
    def _careful(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # nobody reads it any more, a full disk, or closed
            if self._vital:
                raise NotShown(f"What was to be printed is lost: {getattr(error, 'strerror', error)}.") from error


def _encodable(text: str, encoding: str) -> str:
    """The text in signs that the encoding has."""
    try:
        text.encode(encoding)
        return text
    except (UnicodeError, LookupError):
        return "".join(one if one.isascii() else _in(one, encoding) for one in text)


def _in(sign: str, encoding: str) -> str:
    with suppress(UnicodeError, LookupError):
        sign.encode(encoding)
        return sign
    if sign in _IN_LETTERS:
        return _IN_LETTERS[sign]
    base = unicodedata.normalize("NFKD", sign)[:1]  # é → e
    return base if base.isascii() and base.isprintable() else _escape(sign)

"""`TextData`: a text as numbers, divided in its own order into training, validation and test."""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from presage.errors import InvalidArgument, InvalidDataset
from presage.reading import check_plain
from presage.training.datasets.refusing import refusal
from presage.training.text.metrics import BITS_PER_CHARACTER, PERPLEXITY

__all__ = ["NEWLINE", "PREFIX", "UNKNOWN", "TextData", "load_text", "pieces", "text_data"]

PREFIX = "text:"
"""What a text's name may begin with, as in `text:tale.txt`."""

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""The symbol, number 0, that stands for all that the training text does not hold (or, of words, seldom)."""

NEWLINE = "\n"
MOST_BYTES = 1 << 30
VALIDATION, TEST = 0.1, 0.1
"""Shares of the text's symbols, at its end."""

_FORMAT = "presage-text-1"  # part of the fingerprint
_WORD = re.compile(r"\n|[^\W_]+(?:['’][^\W_]+)*|[^\w\s]|_")
_BINARY = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
_LEAST = 64


@dataclass(frozen=True, eq=False)
class TextData:
    """A text whose symbols are characters or words.

    The last tenth is the test text, the tenth before it the validation text. Which symbols there are is told by the
    training text alone; whatever else comes later is `UNKNOWN`.

    Attributes:
        name: what it is called.
        words: size of the vocabulary, of words; 0: its symbols are characters.
        symbols: (k,) the vocabulary, `UNKNOWN` first, then by frequency in the training text.
        codes: (n,) int32, the text as positions in `symbols`.
        fingerprint: SHA-256 (64 hex digits) of the text and of how it was made into symbols.
    """

    name: str
    words: int
    symbols: tuple[str, ...]
    codes: NDArray[np.int32]
    fingerprint: str

    @property
    def metric(self) -> str:
        """What tells how well it is predicted."""
        return PERPLEXITY if self.words else BITS_PER_CHARACTER

    @cached_property
    def parts(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """Training, validation and test text."""
        first, second = _ends(len(self.codes))
        return self.codes[:first], self.codes[first:second], self.codes[second:]

    def __repr__(self) -> str:
        kind = "words" if self.words else "characters"
        return f"TextData({self.name}: {len(self.codes):,} {kind}, {len(self.symbols):,} symbols)"


def load_text(source: str | Path, words: int = 0) -> TextData:
    """The text of a UTF-8 file, named as it is or as `text:FILE`.

    Args:
        words: size of the vocabulary, where the symbols are to be words.

    Raises:
        InvalidDataset: it cannot be read, is no text, is in another encoding, or is too short; one line.
    """
    path = Path(str(source).removeprefix(PREFIX))
    try:
        check_plain(path, MOST_BYTES, InvalidDataset)
        content = path.read_bytes()
    except OSError as error:
        raise refusal("text", path, "be a file that can be read", str(error.strerror)) from None
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        hint = f"Type: iconv -f utf-16 -t utf-8 {path.name} > utf8-{path.name}"
        raise refusal(
            "text", path, "be UTF-8", f"the mark of UTF-16, 0x{content[0]:02x}{content[1]:02x}, at offset 0", hint
        )
    found = _BINARY.search(content)
    if found is not None:
        byte, at = found.group()[0], found.start()
        raise refusal("text", path, "be text, not binary", f"byte 0x{byte:02x} at offset {at:,}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        got = f"byte 0x{content[error.start]:02x} at offset {error.start:,}"
        hint = f"Type: iconv -f latin1 -t utf-8 {path.name} > utf8-{path.name}"
        raise refusal("text", path, "be UTF-8", got, hint) from None
    return text_data(text, path.name, words)


def text_data(text: str, name: str, words: int = 0) -> TextData:
    """A text in memory as data.

    Raises:
        InvalidDataset: it is too short, or has one symbol alone.
        InvalidArgument: a vocabulary that is none.
    """
    if words and not 2 <= words <= 1_000_000:
        raise InvalidArgument("words", "text_data", "be 0 (characters), or within 2 and 1000000", words)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    found = pieces(text, words)
    kind = "words" if words else "characters"
    if len(found) < _LEAST:
        raise refusal("text", name, f"have at least {_LEAST} {kind}", len(found))
    training = found[: _ends(len(found))[0]]
    ranked = sorted(Counter(training).items(), key=lambda item: (-item[1], item[0]))
    if len(ranked) < 2:
        raise refusal("text", name, f"have at least two different {kind}", repr(ranked[0][0]))
    known = [symbol for symbol, _ in ranked if symbol != UNKNOWN][: words or None]
    symbols = (UNKNOWN, *known)
    place = {symbol: at for at, symbol in enumerate(symbols)}
    codes = np.fromiter((place.get(piece, 0) for piece in found), np.int32, len(found))
    made = json.dumps([_FORMAT, words, VALIDATION, TEST])
    digest = hashlib.sha256(made.encode() + b"\n" + text.encode("utf-8", "surrogatepass"))
    return TextData(name, words, symbols, codes, digest.hexdigest())


def pieces(text: str, words: int) -> list[str]:
    """The symbols of a text: its characters, or its words, marks of punctuation and ends of lines."""
    return _WORD.findall(text) if words else list(text)


def _ends(count: int) -> tuple[int, int]:
    """Where the training and the validation text end."""
    return round(count * (1 - VALIDATION - TEST)), round(count * (1 - TEST))

"""`TextRecord`: a text that networks learned to predict, as its content's fingerprint and its sizes."""

from __future__ import annotations

from dataclasses import dataclass

from presage.records import rules as rule
from presage.records.record import Record

__all__ = ["TextRecord"]


@dataclass(frozen=True)
class TextRecord(Record):
    """A text, known by the `fingerprint` of its content and of how it was made into symbols.

    Attributes:
        words: size of the vocabulary, of words; 0 where the symbols are characters.
        symbols: different symbols, with that for unknown ones.
        length: symbols of the whole text.
        unigram_entropy: of the symbols of the training text, bits.
        bigram_entropy: of a symbol after the one before it, in the training text, bits.
    """

    row, table = "text", "texts"
    identified_by = ("fingerprint",)
    results = ("words", "symbols", "length")
    fingerprint: str
    name: str
    words: int
    symbols: int
    length: int
    unigram_entropy: float
    bigram_entropy: float

    def __post_init__(self) -> None:
        rule.digest("fingerprint", self.row, self.fingerprint)
        rule.text("name", self.row, self.name)
        for name, least in (("words", 0), ("symbols", 2), ("length", 1)):
            self._set(**{name: rule.count(name, self.row, getattr(self, name), least)})
        for name in ("unigram_entropy", "bigram_entropy"):
            self._set(**{name: rule.number(name, self.row, getattr(self, name), least=0.0)})

"""What an inspection finds: issues of images and of classes, and how they are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from presage.display import facts, html_table, paragraphs
from presage.errors import InvalidArgument
from presage.reading import record
from presage.terminal import one_line

__all__ = ["KINDS", "Inspection", "Issue"]

KINDS: Mapping[str, str] = {
    "leaked": "test images that are in the training images too, the same or nearly so",
    "duplicate": "images of which there are several, pixel by pixel",
    "near duplicate": "images of which there are several, nearly the same",
    "doubted label": "images that look like another class than theirs",
    "one colour": "images of nearly one colour",
    "blurred": "images that are far less sharp than the others",
    "tiny": "images of less than half the side that all are brought to",
    "odd size": "images of far more or fewer pixels than the others",
    "odd aspect": "images of far other proportions than the others",
    "few images": "classes with few images to train on",
}
"""Kind of issue → what it says."""

_MOST_NAMED = 3


@dataclass(frozen=True)
class Issue:
    """One thing that may be wrong.

    Attributes:
        kind: one of `KINDS`.
        part: `train` or `test`; empty for a class.
        row: of the image in `x_train` or `x_test`; -1 for a class.
        image: its file, below the dataset's folder, or ``x_train[row]``; empty for a class.
        label: name of its class.
        detail: what was found, in words.
        like: of duplicates, the file or place of the image it is like; empty elsewhere.
        group: number that duplicates share; -1 elsewhere.
        score: how far it goes: of duplicates the number in the group, of a doubted label the probability of the class
            that it looks like, else what `detail` says.
    """

    kind: str
    part: str
    row: int
    image: str
    label: str
    detail: str
    like: str = ""
    group: int = -1
    score: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidArgument("kind", "Issue", f"be one of {', '.join(KINDS)}", self.kind)


@dataclass(frozen=True)
class Inspection:
    """Everything that was found in one dataset.

    Attributes:
        name, fingerprint: of the dataset.
        train_images, test_images: how many were looked at.
        issues: by kind, in the order of `KINDS`; of each kind the worst first.
        notes: of the dataset as a whole, such as classes that are not equally frequent.
    """

    name: str
    fingerprint: str
    train_images: int
    test_images: int
    issues: tuple[Issue, ...]
    notes: tuple[str, ...] = ()

    def of(self, kind: str) -> tuple[Issue, ...]:
        """The issues of one kind."""
        return tuple(issue for issue in self.issues if issue.kind == kind)

    @property
    def counts(self) -> dict[str, int]:
        """Kind → number of issues, for all kinds."""
        found = dict.fromkeys(KINDS, 0)
        for issue in self.issues:
            found[issue.kind] += 1
        return found

    @property
    def number(self) -> str:
        """*1 issue*, *1,200 issues*."""
        return f"{len(self.issues):,} issue{'' if len(self.issues) == 1 else 's'}"

    def text(self) -> str:
        """A few lines for a terminal, the section of the difficulty card."""
        looked_at = f"{self.train_images:,} training and {self.test_images:,} test images"
        found = self.number if self.issues else "nothing wrong found"
        lines = [f"  inspected      {looked_at}: {found}"]
        for kind, number in self.counts.items():
            if number:
                lines.append(f"  {kind:<15}{number:,}: {self._shown(kind)}")
        return "\n".join(map(one_line, [*lines, *(f"  note           {note}" for note in self.notes)]))

    def __repr__(self) -> str:
        found = ", ".join(f"{number:,} {kind}" for kind, number in self.counts.items() if number)
        return one_line(f"Inspection({self.name}: {found or 'nothing wrong found'})")

    def _repr_html_(self) -> str:
        looked_at = f"{self.train_images:,} training and {self.test_images:,} test images"
        title = f"{self.name}: {self.number} in {looked_at}"
        rows = [(kind, f"{number:,}", KINDS[kind], self._shown(kind)) for kind, number in self.counts.items() if number]
        table = html_table(("kind", "number", "what it says", "the worst"), rows) if rows else ""
        return facts(title, []) + table + paragraphs(self.notes)

    def _shown(self, kind: str) -> str:
        """The worst of a kind, in words."""
        found = self.of(kind)
        shown = "; ".join(f"{one.image or one.label} ({one.detail})" for one in found[:_MOST_NAMED])
        return f"{shown}; …" if len(found) > _MOST_NAMED else shown

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {**asdict(self), "counts": self.counts}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Inspection:
        """What `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: anything else.
        """
        known = {key: value[key] for key in ("name", "fingerprint", "train_images", "test_images", "notes")}
        return record(cls, known, issues=tuple(record(Issue, issue) for issue in value["issues"]))

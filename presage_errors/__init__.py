"""The exception tree of presage, on a floor below every package so that each of them can raise from it.

::

    PresageError
    ├── WrongInput (ValueError)      the caller gave something unusable: one line, exit code 2
    │   ├── InvalidArgument          an argument breaks a rule
    │   ├── UnknownName              no space, strategy, dataset … of that name; names the nearest
    │   ├── InvalidArchitecture      an architecture that is no network
    │   ├── InvalidDataset           images or labels that cannot be learned from
    │   ├── InvalidExperience        rows that must not enter a database
    │   ├── InvalidDatabase          a file that is no presage database, damaged, or newer than this version
    │   ├── DatabaseBusy             another process holds the database
    │   ├── NothingFeasible          limits that no candidate satisfies
    │   └── StorageFull              the disk is full
    └── TrainingFailure              a training that ended early: recorded, never fatal to a study
        ├── Diverged                 the loss became NaN or infinite
        └── OutOfMemory              the device's memory was exhausted
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "DatabaseBusy",
    "Diverged",
    "InvalidArchitecture",
    "InvalidArgument",
    "InvalidDatabase",
    "InvalidDataset",
    "InvalidExperience",
    "NothingFeasible",
    "OutOfMemory",
    "PresageError",
    "StorageFull",
    "TrainingFailure",
    "UnknownName",
    "WrongInput",
]


class PresageError(Exception):
    """Root of every error that presage raises on purpose."""


class WrongInput(PresageError, ValueError):
    """Something the caller gave cannot be used. Its text is one line and says what would be right."""


class InvalidArgument(WrongInput):
    """*The `epochs` of `Recipe` must be at least 1. Got 0.*

    Args:
        argument: the name as the caller wrote it.
        owner: the class, function or command it was given to.
        rule: what it must be; completes "must …".
        got: the value received.
        hint: a sentence that says what to type instead, if anything helps.
    """

    def __init__(self, argument: str, owner: str, rule: str, got: object, hint: str = "") -> None:
        super().__init__(f"The `{argument}` of `{owner}` must {rule}. Got {_shown(got)}.{' ' + hint if hint else ''}")
        self.argument, self.owner, self.rule, self.got, self.hint = argument, owner, rule, got, hint


class UnknownName(WrongInput):
    """*No space is named `chian`. Did you mean `chain`? Known: chain, nb201.*"""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
        guess = f" Did you mean `{near[0]}`?" if near else ""
        super().__init__(f"No {kind} is named `{name}`.{guess} Known: {', '.join(names)}.")
        self.kind, self.name, self.known = kind, name, names


class InvalidArchitecture(WrongInput):
    """The text, file or module describes no network that presage can represent."""


class InvalidDataset(WrongInput):
    """The images or labels cannot be learned from; names the file, the rule and the value."""


class InvalidExperience(WrongInput):
    """An experience row that must not enter a database; names the row and the rule it breaks."""


class InvalidDatabase(WrongInput):
    """The file is not a presage database, is damaged, or was written by a newer presage."""


class DatabaseBusy(WrongInput):
    """Another process holds the database file; says which."""


class NothingFeasible(WrongInput):
    """No candidate satisfies the limits; says how near the nearest came."""


class StorageFull(WrongInput):
    """The disk filled up while writing; says what was being written and that nothing stored was lost."""


class TrainingFailure(PresageError):
    """A training ended early. Recorded with the experiment; never ends a study or a campaign."""


class Diverged(TrainingFailure):
    """The loss became NaN or infinite."""


class OutOfMemory(TrainingFailure):
    """The device's memory was exhausted."""


def _shown(value: object, limit: int = 120) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"

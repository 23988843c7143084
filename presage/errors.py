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
    │   ├── InvalidModel             a folder that is no trained model, damaged, or newer than this version
    │   ├── DatabaseBusy             another process holds the database
    │   ├── NothingFeasible          limits that no candidate satisfies
    │   ├── StorageFull              the disk is full
    │   └── StorageFailed            the disk fails, or has become read-only
    ├── PlaceUnreachable             a shared folder or object store that does not answer, or refuses
    ├── ClusterUnreachable           a cluster that does not answer, or is lost
    └── TrainingFailure              a training that ended early: recorded, never fatal to a study
        ├── Diverged                 the loss became NaN or infinite
        └── OutOfMemory              the device's memory was exhausted
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from itertools import islice
from typing import Any

__all__ = [
    "ClusterUnreachable",
    "DatabaseBusy",
    "DatasetWarning",
    "Diverged",
    "InvalidArchitecture",
    "InvalidArgument",
    "InvalidDatabase",
    "InvalidDataset",
    "InvalidExperience",
    "InvalidModel",
    "NetworkWarning",
    "NothingFeasible",
    "OutOfMemory",
    "PlaceUnreachable",
    "PresageError",
    "StorageFailed",
    "StorageFull",
    "TrackerWarning",
    "TrainingFailure",
    "UnknownName",
    "WorkerWarning",
    "WrongInput",
    "shown",
]


class DatasetWarning(UserWarning):
    """What was left out, skipped or guessed while a dataset was read, or is odd about it; commands print it."""


class NetworkWarning(UserWarning):
    """A network among several that cannot be asked about, and why; commands print it."""


class WorkerWarning(UserWarning):
    """A worker process that was stopped from outside, so that the work waits; commands print it."""


class TrackerWarning(UserWarning):
    """An experiment tracker that failed and is told no more, while the work goes on; commands print it."""


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
        super().__init__(f"The `{argument}` of `{owner}` must {rule}. Got {shown(got)}.{' ' + hint if hint else ''}")
        self.argument, self.owner, self.rule, self.got, self.hint = argument, owner, rule, got, hint


_MOST_KNOWN = 40
"""Names that an error lists; of more, only those that are most alike."""


class UnknownName(WrongInput):
    """*No space is named `chian`. Did you mean `chain`? Known: chain, nb201.* Of many names, those most alike."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=5, cutoff=0.4)
        guess = f" Did you mean `{near[0]}`?" if near else ""
        if len(names) <= _MOST_KNOWN:
            listed = f" Known: {', '.join(names)}."
        else:
            alike = f"{len(names):,} are known"
            listed = f" {alike}, {', '.join(near[1:])} among them." if near[1:] else f" {alike}."
        super().__init__(f"No {kind} is named `{name}`.{guess}{listed}")
        self.kind, self.name, self.known = kind, name, names


class InvalidArchitecture(WrongInput):
    """The text, file or module describes no network that presage can represent."""


class InvalidDataset(WrongInput):
    """The images or labels cannot be learned from; names the file, the rule and the value."""


class InvalidExperience(WrongInput):
    """An experience row that must not enter a database; names the row and the rule it breaks."""


class InvalidDatabase(WrongInput):
    """The file is not a presage database, is damaged, or was written by a newer presage."""


class InvalidModel(WrongInput):
    """The folder holds no trained model, a damaged one, or one that a newer presage wrote."""


class DatabaseBusy(WrongInput):
    """Another process holds the database file; says which."""


class NothingFeasible(WrongInput):
    """No candidate satisfies the limits; says how near the nearest came."""


class StorageFull(WrongInput):
    """The disk filled up while writing; says what was being written and that nothing stored was lost."""


class StorageFailed(WrongInput):
    """The disk failed, or became read-only, under a database; says which."""


class PlaceUnreachable(PresageError):
    """A shared folder or an object store does not answer, or refuses; what was done before stands."""


class ClusterUnreachable(PresageError):
    """The machines that networks are trained on do not answer, or are lost; what was done before stands."""


class TrainingFailure(PresageError):
    """A training ended early. Recorded with the experiment; never ends a study or a campaign."""


class Diverged(TrainingFailure):
    """The loss became NaN or infinite."""


class OutOfMemory(TrainingFailure):
    """The device's memory was exhausted."""


class _Short(reprlib.Repr):
    """`repr` that looks no further into a value than a line can show."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.maxlevel = 6
        self.maxtuple = self.maxlist = self.maxarray = self.maxdict = limit
        self.maxset = self.maxfrozenset = self.maxdeque = self.maxstring = limit
        self.maxlong = self.maxother = 4 * limit  # cut by `shown`, at the end

    def repr_str(self, x: str, level: int) -> str:
        return repr(x[: self.maxstring])

    def repr_bytes(self, x: bytes, level: int) -> str:
        return repr(x[: self.maxstring])

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        if level <= 0:
            return "{…}"
        shown = (f"{self.repr1(key, level - 1)}: {self.repr1(x[key], level - 1)}" for key in islice(x, self.maxdict))
        return f"{{{', '.join(shown)}}}"  # in the order given


def shown(value: object, limit: int = 120) -> str:
    """A value as an error shows it: its `repr` on one line, at most `limit` characters, whatever its size or kind."""
    try:
        text = " ".join(_Short(limit).repr(value).split("\n"))
    except Exception:  # an integer of more digits than Python prints, or somebody's own `__repr__`
        text = f"a value of type {type(value).__name__} that cannot be shown"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"

"""The three kinds of trial: a part of each, by seeds, in children, and what came of it."""

from __future__ import annotations

import json
import random
import resource
import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import ClassVar

from presage.errors import PresageError
from presage.files import is_of_surroundings
from presage.interruption import Interrupted, interruptible
from tests.hostile import faults
from tests.hostile.campaign import Campaign
from tests.hostile.children import Child, Say, loaded, warm
from tests.hostile.tally import Finding, Part
from tests.hostile.victims import VICTIMS

__all__ = ["Kills", "Mutations", "Starved", "Trial"]

_SILENT = 60.0  # seconds of its own, or of the clock while it rests, in which a child says nothing: it hangs
_LATE = 2.0  # seconds of processor time, or a minute, after which one that was asked to end has not
_LATE_BY_CLOCK = 60.0
_MOST_MEMORY = 2 << 30
_DONE, _REFUSED, _FOREIGN = 90, 2, 1
_LOADED = "loaded"
_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_ENDINGS = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}


class Trial(ABC):
    """Something to be tried for one seed after the other.

    Attributes:
        kind, name: see `tests.hostile.tally.Part`.
        unit: what is counted against what was asked for.
        chunk: seeds of a part.
    """

    kind: ClassVar[str]
    unit: ClassVar[str]
    chunk: ClassVar[int]

    def __init__(self, name: str, home: Path) -> None:
        self.name, self.home = name, home

    @abstractmethod
    def part(self, first: int, count: int) -> Part:
        """Try so many seeds."""


class Mutations(Trial):
    """A reader and mutated files."""

    kind, unit, chunk = "inputs", "inputs", 60
    _warm: bool = False

    def part(self, first: int, count: int) -> Part:
        """See `Trial.part`."""
        seed, last = first, first + count
        counts: Counter[str] = Counter()
        bad: list[Finding] = []
        most = 0
        while seed < last:
            child = Child.running(lambda say, begin=seed: self._read(say, begin, last))  # type: ignore[misc]
            for came, told, memory in child.said(_SILENT):
                if came == _LOADED:
                    warm(told)
                    self._warm = True
                    continue
                sort, what = ("memory", f"{memory:,} bytes") if memory > _MOST_MEMORY else (came, told)
                counts += Counter({"inputs": 1, sort: 1})
                most = max(most, memory)
                if sort not in ("read", "refused"):
                    bad.append(Finding(sort, seed, what))
                seed += 1
            if child.wait():
                sort = "slow" if child.code == -signal.SIGKILL else "crash"
                counts += Counter({"inputs": 1, sort: 1})
                bad.append(Finding(sort, seed, f"the process ended with {child.code}"))
                seed += 1
        return Part(self.kind, self.name, first, last, dict(counts), tuple(bad), memory=most)

    def _read(self, say: Say, first: int, last: int) -> int:
        campaign = Campaign(self.name, self.home)
        for seed in range(first, last):
            found = campaign.outcome(seed)
            say([found.sort, found.what[:300] if found.bad else "", _memory()])
        if not self._warm:
            say([_LOADED, loaded(), 0])
        return 0


def _memory() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class _Work(Trial):
    """A trial of work that leaves what it came to in ``outcome.json``."""

    _whole: str = ""
    _seconds: float = 1.0

    def part(self, first: int, count: int) -> Part:
        """See `Trial.part`: a seed is one piece of work, disturbed until it comes to its end."""
        counts: Counter[str] = Counter()
        bad: list[Finding] = []
        for seed in range(first, first + count):
            if self._undisturbed(bad):
                self._one(seed, counts, bad)
        counts += Counter(one.sort for one in bad)
        return Part(self.kind, self.name, first, first + count, dict(counts), tuple(bad))

    @abstractmethod
    def _one(self, seed: int, counts: Counter[str], bad: list[Finding]) -> None:
        """Disturb the work of a seed, count what was done, and add what was found."""

    def _begun(self, folder: Path, disk: Callable[[], AbstractContextManager[None]] = nullcontext) -> Child:
        return Child.running(lambda say: _worked(say, self._victim, folder, disk, not self._whole))

    @property
    def _victim(self) -> str:
        return self.name

    def _undisturbed(self, bad: list[Finding], disk: Callable[[], AbstractContextManager[None]] = nullcontext) -> bool:
        """Find out what the work comes to by itself, and in how long; whether it comes to its end."""
        if self._whole:
            return True
        folder = self._fresh()
        began = time.monotonic()
        child = self._begun(folder, disk)
        said = list(child.said(_SILENT))
        self._seconds = time.monotonic() - began
        if child.wait() != _DONE:
            bad.append(Finding("crash", 0, f"undisturbed, it ends with {child.code}: {said}"))
            return False
        warm(said[-1][-1])
        self._whole = (folder / "outcome.json").read_text(encoding="utf-8")
        return True

    def _fresh(self) -> Path:
        shutil.rmtree(self.home, ignore_errors=True)
        folder = self.home / "work"
        folder.mkdir(parents=True)
        return folder

    def _once_more(self, folder: Path, seed: int) -> list[Finding]:
        """Whether the work, now undisturbed, comes to its end, and leaves what it does where it never was disturbed."""
        child = self._begun(folder)
        said = list(child.said(_SILENT))
        if child.wait() != _DONE:
            return [Finding("lost", seed, f"undisturbed again, it ends with {child.code}: {said}")]
        found = (folder / "outcome.json").read_text(encoding="utf-8")
        if found == self._whole:
            return []
        sort = "lost" if len(found) < len(self._whole) else "doubled" if len(found) > len(self._whole) else "damaged"
        return [Finding(sort, seed, f"{found[:200]} for {self._whole[:200]}")]


def _worked(
    say: Say, name: str, folder: Path, disk: Callable[[], AbstractContextManager[None]], first: bool = False
) -> int:
    """A code; says what failed, how many calls did and might have, and, of the `first`, what it imported."""
    try:
        with interruptible(lambda before: None), disk():
            outcome = VICTIMS[name](folder)
    except Interrupted as interruption:
        return interruption.code
    except (PresageError, OSError) as error:
        if isinstance(error, OSError) and not is_of_surroundings(error):  # which the command line shows as a mistake
            say([f"{type(error).__name__}: {error}", faults.hits() if faults.available() else 0])
            return _FOREIGN
        say([f"{type(error).__name__}: {error}", faults.hits() if faults.available() else 0])
        return _REFUSED
    except BaseException as error:
        say([f"{type(error).__name__}: {error}", faults.hits() if faults.available() else 0])
        return _FOREIGN
    (folder / "outcome.json").write_text(json.dumps(outcome, sort_keys=True), encoding="utf-8")
    say(["", *((faults.hits(), faults.seen()) if faults.available() else (0, 0)), loaded() if first else []])
    return _DONE


class Kills(_Work):
    """Work that is killed at random moments, each a share of what it takes and later and later, until it is done."""

    kind, unit, chunk = "kills", "kills", 1

    def _one(self, seed: int, counts: Counter[str], bad: list[Finding]) -> None:
        chance, folder = random.Random(f"{self.name} {seed}"), self._fresh()
        for attempt in range(40):
            child = self._begun(folder)
            if child.waited(chance.expovariate(2 / (1 + attempt / 8)) * self._seconds + 0.005) is None:
                sign = chance.choice(_SIGNALS)
                asked, before = time.monotonic(), child.seconds()
                child.signal(sign)
                while child.waited(0.5) is None:
                    clock, taken = time.monotonic() - asked, child.seconds() - before
                    if taken > _LATE or clock > _LATE_BY_CLOCK:
                        bad.append(Finding("late", seed, f"{clock:.1f} s ({taken:.1f} its own) after {sign.name}"))
                        child.end()
                        break
                if child.code in (_ENDINGS[sign], -sign):  # the latter before it had said what it does with signals
                    counts += Counter({"kills": 1, sign.name: 1})
                    continue
            if child.code != _DONE:
                bad.append(Finding("foreign" if child.code in (1, 2) else "crash", seed, f"it ended with {child.code}"))
            break
        bad += self._once_more(folder, seed)
        counts["runs"] += 1


class Starved(_Work):
    """Work on a disk that fails from some call on, and once more when that has passed."""

    kind, unit, chunk = "faults", "runs", 2

    def __init__(self, victim: str, fault: str, home: Path) -> None:
        super().__init__(f"{victim}: {fault}", home)
        self._of, self._fault = victim, fault
        self._calls = 0

    @property
    def _victim(self) -> str:
        return self._of

    def _one(self, seed: int, counts: Counter[str], bad: list[Finding]) -> None:
        chance, folder = random.Random(f"{self.name} {seed}"), self._fresh()
        if self._fault == faults.ROOM:
            size = chance.choice([0, 4096, 50_000, 300_000, 1_000_000])
            child = self._begun(folder, lambda: faults.limited(size))
        else:
            skipped = int(chance.expovariate(1 / 30))
            child = self._begun(folder, lambda: faults.armed(faults.FAULTS[self._fault], folder, skipped))
        said = list(child.said(_SILENT))
        code = child.wait()
        counts += Counter({"runs": 1, "hit": int(bool(said and said[0][1])), "refused": int(code == _REFUSED)})
        if code == -signal.SIGKILL:
            bad.append(Finding("slow", seed, f"nothing for {_SILENT:.0f} s"))
        elif code not in (_DONE, _REFUSED):
            bad.append(Finding("foreign" if code == _FOREIGN else "crash", seed, f"{code}: {said}"))
        (folder / "outcome.json").unlink(missing_ok=True)
        bad += self._once_more(folder, seed)

"""The long trial: ``python -m tests.hostile.torture`` (`make torture`) mutates, kills and starves, and counts.

Readers read mutations of real files in children, so that a crash, a hang and memory are seen; work is killed at random
moments, by SIGKILL, SIGTERM and SIGINT, and begun again, until it comes to what it would have come to; and it runs on
disks that are full, failing or read-only. What was done is kept in ``.torture``: cut off at any time, the same command
takes it up, and tries again first what went wrong before. Prints tables of counts; the exit code is 1 where a fault
stands that must not be.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Lock

from tests.hostile import faults
from tests.hostile.children import end_all, over
from tests.hostile.tally import Part, Tally, commit_of, tables
from tests.hostile.trials import Kills, Mutations, Starved, Trial

__all__ = ["main"]

_HERE = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000, help="mutated files, over all readers")
    parser.add_argument("--kills", type=int, default=1_000, help="over all work")
    parser.add_argument("--faults", type=int, default=300, help="runs on disks that fail, over all work")
    parser.add_argument("--minutes", type=float, default=120.0, help="end after so long; the same command goes on")
    parser.add_argument("--jobs", type=int, choices=(1, 2), default=2, help="children at a time")
    parser.add_argument("--counts", type=Path, default=_HERE / ".torture", help="folder of what was counted")
    parser.add_argument("--only", default="", help="trials whose kind or name has this in it")
    given = parser.parse_args()
    given.counts.mkdir(parents=True, exist_ok=True)
    for sign in (signal.SIGINT, signal.SIGTERM):  # both take its folder away and print the tables
        signal.signal(sign, signal.default_int_handler)
    _preloaded(given.counts)
    tally = Tally(given.counts)
    try:
        with tempfile.TemporaryDirectory(prefix="presage-torture-", dir=_memory()) as home:
            os.environ |= {"XDG_DATA_HOME": f"{home}/data", "TMPDIR": home}
            _run(tally, _trials(Path(home), given), given.minutes, given.jobs)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
    print(tables(tally))
    if not faults.available():
        print("\nFailing disks were not tried: no C compiler, or no LD_PRELOAD, is at hand.")
    return 1 if tally.standing() else 0


def _preloaded(folder: Path) -> None:
    """Begin anew with the shim of failing disks, where it can be had."""
    if faults.available():
        return
    shim = faults.compiled(folder)
    if shim is not None:
        os.environ |= {"LD_PRELOAD": str(shim), "OMP_NUM_THREADS": "1"}
        os.execv(sys.executable, [sys.executable, "-m", "tests.hostile.torture", *sys.argv[1:]])


def _memory() -> str | None:
    """A file system in memory, where there is one: thousands of small files are made and removed."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _trials(home: Path, given: argparse.Namespace) -> list[tuple[Trial, int]]:
    """Each with how much of it is asked for."""
    from tests.hostile.readers import READERS
    from tests.hostile.victims import VICTIMS

    shares = sum(reader.share for reader in READERS.values())
    found: list[tuple[Trial, int]] = [
        (Mutations(name, home / f"read-{at}"), -(-given.inputs * reader.share // shares))
        for at, (name, reader) in enumerate(READERS.items())
    ]
    found += [(Kills(name, home / f"kill-{at}"), -(-given.kills // len(VICTIMS))) for at, name in enumerate(VICTIMS)]
    kinds = [faults.ROOM, *(faults.FAULTS if faults.available() else ())]
    each = -(-given.faults // (len(kinds) * len(VICTIMS)))
    found += [(Starved(name, kind, home / f"fault-{at}"), each) for kind in kinds for at, name in enumerate(VICTIMS)]
    return [(trial, asked) for trial, asked in found if asked and given.only in f"{trial.kind} {trial.name}"]


def _run(tally: Tally, trials: list[tuple[Trial, int]], minutes: float, jobs: int) -> None:
    """The trial that lags most goes on first, until all are done or the time is up."""
    until, commit = time.monotonic() + 60 * minutes, commit_of(_HERE)
    busy: set[int] = set()
    choosing = Lock()

    def again() -> Iterator[Callable[[], Part]]:
        for part, fault in tally.standing():
            for trial, _ in trials:
                if (trial.kind, trial.name) == (part.kind, part.name):
                    yield lambda trial=trial, seed=fault.seed: trial.part(seed, 1)  # type: ignore[misc]

    def begun() -> int | None:
        """The one that lags most of those that nobody is at."""

        def done(at: int) -> float:
            trial, asked = trials[at]
            return tally.count(trial.kind, trial.name, trial.unit) / asked

        with choosing:
            left = [at for at in range(len(trials)) if at not in busy and done(at) < 1]
            found = min(left, key=done, default=None)
            busy.update(() if found is None else (found,))
        return found

    def work() -> None:
        while time.monotonic() < until and (at := begun()) is not None:
            trial = trials[at][0]
            part = trial.part(tally.next_seed(trial.kind, trial.name), trial.chunk)
            if over():
                return
            _kept(tally, part, commit)
            busy.discard(at)

    for once in again():
        if time.monotonic() < until:
            _kept(tally, once(), commit)
    if jobs == 1:
        work()
        return
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for one in [pool.submit(work) for _ in range(jobs)]:
                one.result()
        except BaseException:
            end_all()
            raise


def _kept(tally: Tally, part: Part, commit: str) -> None:
    tally.add(replace(part, commit=commit))
    said = ", ".join(f"{count} {what}" for what, count in part.counts.items() if count)
    bad = "".join(f"\n  {one.sort}, seed {one.seed}: {one.what}" for one in part.bad)
    print(f"{part.kind}, {part.name}: {said}{bad}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""The long trial: ``python -m tests.hostile.torture`` (`make torture`) mutates, kills and starves, and counts.

Each reader reads mutations of a real file in processes of its own, so that a crash, a hang and memory are seen; work is
killed at random moments, by SIGKILL, SIGTERM and SIGINT, and begun again, until it comes to what it would have come to;
and it runs where files may grow no larger than some random size, as on a full disk. Prints a Markdown table of counts;
the exit code is 1 where any that must be 0 is not.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["main"]

_CHUNK = 50  # inputs of one process
_MEMORY = 2 << 30
_HANG = 120.0  # seconds of a loaded machine for a whole chunk that tells nothing
_DONE = 90  # exit code of a victim that ended well; 2 is an error of presage's own


@dataclass
class Counts:
    """What became of everything; what stands in `bad` must be empty."""

    lines: list[tuple[str, ...]] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    memory: int = 0


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000, help="mutated files, over all readers")
    parser.add_argument("--kills", type=int, default=1_000, help="over all work")
    parser.add_argument("--faults", type=int, default=200, help="runs with little room, over all work")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.reader:
        name, first, last = given.reader
        return _read(name, range(int(first), int(last)))
    counts, began = Counts(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="presage-torture-") as home:
        os.environ |= {"XDG_DATA_HOME": home, "OMP_NUM_THREADS": "1"}
        _mutate(counts, given.inputs, given.seed)
        _kill(counts, Path(home), given.kills, random.Random(given.seed))
        _starve(counts, Path(home), given.faults, random.Random(given.seed))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print("\n| what | inputs | read | refused | foreign errors | crashes | over 5 s |", "|---|" + 6 * "---:|", sep="\n")
    print("\n".join(f"| {' | '.join(line)} |" for line in counts.lines if len(line) == 7))
    print("\n| work | begun | killed or refused | lost, doubled or damaged |\n|---|---:|---:|---:|")
    print("\n".join(f"| {' | '.join(line)} |" for line in counts.lines if len(line) == 4))
    print(
        f"\nMost memory of a process that reads: {counts.memory / 2**20:,.0f} MiB. "
        f"{used.ru_utime + used.ru_stime:,.0f} s of processor time, {time.monotonic() - began:,.0f} s in all."
    )
    print("\n".join(counts.bad), file=sys.stderr)
    return 1 if counts.bad or counts.memory > _MEMORY else 0


def _read(name: str, seeds: range) -> int:
    """What one process reads; its outcomes on the last line of stdout."""
    from tests.hostile.campaign import attack

    with tempfile.TemporaryDirectory() as home:
        found = attack(name, seeds, Path(home), lambda seed: print(seed, flush=True))
    memory = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = [found.read, found.refused, list(found.foreign.items()), list(found.slow.items()), memory]
    print(json.dumps(told), flush=True)
    return 0


def _mutate(counts: Counts, inputs: int, seed: int) -> None:
    from tests.hostile.readers import READERS

    each = -(-inputs // len(READERS))
    for name in READERS:
        read = refused = foreign = crashes = slow = 0
        at, end = seed, seed + each
        while at < end:
            words = [
                sys.executable,
                "-m",
                "tests.hostile.torture",
                "--reader",
                name,
                str(at),
                str(min(at + _CHUNK, end)),
            ]
            try:
                done = subprocess.run(words, capture_output=True, text=True, timeout=_HANG + 5 * _CHUNK, check=False)
                out, code = done.stdout, done.returncode
            except subprocess.TimeoutExpired as hang:
                out, code = (hang.stdout or b"").decode(), -signal.SIGKILL
            last = out.strip().split("\n")[-1]
            if code or not last.startswith("["):
                crashes += 1
                counts.bad.append(f"{name}: the process ended with {code} at seed {last}")
                at = int(last) + 1 if last.isdigit() else min(at + _CHUNK, end)
                continue
            more = json.loads(last)
            read, refused = read + more[0], refused + more[1]
            foreign, slow = foreign + len(more[2]), slow + len(more[3])
            counts.memory = max(counts.memory, more[4])
            counts.bad += [f"{name}: seed {where}: {what}" for where, what in [*more[2], *more[3]]]
            at = min(at + _CHUNK, end)
        cells = (each, read, refused, foreign, crashes, slow)
        counts.lines.append((name, *(f"{one:,}" for one in cells)))
        print(" ".join(counts.lines[-1]), file=sys.stderr, flush=True)


def _begun(name: str, folder: Path, limit: int | None = None) -> int:
    """A child that works in the folder; what it came to is left there as ``outcome.json``."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - the child's own stderr
            os.dup2(nowhere.fileno(), 2)
        code = _work(name, folder, limit)
    finally:
        os._exit(code)


def _work(name: str, folder: Path, limit: int | None) -> int:
    from presage.errors import PresageError
    from presage.interruption import Interrupted, interruptible
    from tests.hostile.victims import VICTIMS

    try:
        with interruptible(lambda before: None):
            if limit is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            outcome = VICTIMS[name](folder)
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except Interrupted as interruption:
        return interruption.code
    except (PresageError, OSError) as error:
        (folder / "refusal").write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
        return 2
    except Exception as error:
        with (folder.parent / "foreign").open("a", encoding="utf-8") as file:
            file.write(f"{name}: {type(error).__name__}: {error}\n")
        return 1
    (folder / "outcome.json").write_text(json.dumps(outcome, sort_keys=True), encoding="utf-8")
    return _DONE


def _ended(child: int) -> int:
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _whole(name: str, home: Path, counts: Counts) -> tuple[str, float]:
    """What the work comes to when nothing disturbs it, and how long that takes."""
    folder = home / "whole"
    folder.mkdir()
    began = time.monotonic()
    if _ended(_begun(name, folder)) != _DONE:
        counts.bad.append(f"{name}: does not end undisturbed")
        return "", 1.0
    return (folder / "outcome.json").read_text(encoding="utf-8"), time.monotonic() - began


def _kill(counts: Counts, home: Path, kills: int, chance: random.Random) -> None:
    from tests.hostile import victims

    each = -(-kills // len(victims.VICTIMS))
    for number, name in enumerate(victims.VICTIMS):
        place = home / f"kill-{number}"
        place.mkdir()
        whole, seconds = _whole(name, place, counts)
        begun = killed = wrong = 0
        while killed < each:
            folder = place / "killed"
            folder.mkdir()
            for _ in range(min(5, each - killed)):
                begun += 1
                child = _begun(name, folder)
                time.sleep(chance.uniform(0.02, 1.0) * seconds)
                os.kill(child, chance.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
                code = _ended(child)
                killed += 1
                if code not in (-signal.SIGKILL, 128 + signal.SIGINT, 128 + signal.SIGTERM, _DONE):
                    wrong += 1
                    counts.bad.append(f"{name}: ended with {code} when it was killed")
            begun += 1
            code = _ended(_begun(name, folder))
            if code != _DONE or (folder / "outcome.json").read_text(encoding="utf-8") != whole:
                wrong += 1
                counts.bad.append(f"{name}: after {killed} kills it ended with {code}, or in something else")
            shutil.rmtree(folder)
        _note(counts, f"{name}, killed", place, begun, killed, wrong)


def _starve(counts: Counts, home: Path, faults: int, chance: random.Random) -> None:
    from tests.hostile import victims

    each = -(-faults // len(victims.VICTIMS))
    for number, name in enumerate(victims.VICTIMS):
        place = home / f"room-{number}"
        place.mkdir()
        whole, _ = _whole(name, place, counts)
        refused = wrong = 0
        for _ in range(each):
            folder = place / "starved"
            folder.mkdir()
            code = _ended(_begun(name, folder, chance.choice([0, 4096, 50_000, 300_000, 1_000_000])))
            refused += code == 2
            again = _ended(_begun(name, folder))
            if code not in (2, _DONE) or again != _DONE or (folder / "outcome.json").read_text("utf-8") != whole:
                wrong += 1
                counts.bad.append(f"{name}: with little room {code}, and then {again}, or in something else")
            shutil.rmtree(folder)
        _note(counts, f"{name}, no room", place, each, refused, wrong)


def _note(counts: Counts, what: str, place: Path, begun: int, ended: int, wrong: int) -> None:
    foreign = place / "foreign"
    if foreign.exists():
        counts.bad += sorted(set(foreign.read_text(encoding="utf-8").splitlines()))
    counts.lines.append((what, f"{begun:,}", f"{ended:,}", f"{wrong:,}"))
    print(" ".join(counts.lines[-1]), file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""The counts of the long trial: a line for each part that was done, so that it is taken up where it was."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from presage.files import append

__all__ = ["Finding", "Part", "Tally", "commit_of", "tables"]


@dataclass(frozen=True)
class Finding:
    """A fault: for which seed, and what was seen.

    Attributes:
        sort: `foreign` (an error of another type than presage's own), `crash`, `slow` (over five seconds, or it hangs),
            `wrong` (taken for sound) or `memory` (over 2 GB); of disturbed work, `lost`, `doubled` or `damaged`
            (what it came to is shorter, longer or other than undisturbed), or `late` (to end after a signal).
    """

    sort: str
    seed: int
    what: str


@dataclass(frozen=True)
class Part:
    """What came of seeds `first` to `last` (without it) of a kind of trial.

    Attributes:
        kind: `inputs`, `kills` or `faults`.
        name: a reader; or work, and what was done to it.
        counts: how often what happened, by its name.
        bad: each fault that was found.
        commit: of presage as it was.
        memory: most of a process, in bytes.
    """

    kind: str
    name: str
    first: int
    last: int
    counts: dict[str, int]
    bad: tuple[Finding, ...] = ()
    commit: str = ""
    memory: int = 0


class Tally:
    """Parts in a file of lines; a kill loses the one that was under way."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "counts.jsonl"
        self.parts: list[Part] = []
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                value = json.loads(line)
                self.parts.append(Part(**{**value, "bad": tuple(Finding(**one) for one in value["bad"])}))

    def add(self, part: Part) -> None:
        """Keep a part."""
        self.parts.append(part)
        append(self.path, json.dumps(asdict(part)).encode() + b"\n")

    def next_seed(self, kind: str, name: str) -> int:
        """The first that has not been tried."""
        return max((one.last for one in self.parts if (one.kind, one.name) == (kind, name)), default=0)

    def count(self, kind: str, name: str, what: str) -> int:
        """How often something happened."""
        return sum(one.counts.get(what, 0) for one in self.parts if (one.kind, one.name) == (kind, name))

    def standing(self) -> list[tuple[Part, Finding]]:
        """Faults whose seed has not come out well since, each once."""
        last: dict[tuple[str, str, int], tuple[Part, Finding | None]] = {}
        for part in self.parts:
            bad = {one.seed: one for one in part.bad}
            known = [seed for kind, name, seed in last if (kind, name) == (part.kind, part.name)]
            for seed in {*bad, *(one for one in known if part.first <= one < part.last)}:
                last[part.kind, part.name, seed] = (part, bad.get(seed))
        return [(part, found) for part, found in last.values() if found is not None]


def commit_of(folder: Path) -> str:
    """The commit that is checked out, with a plus where files differ from it."""

    def told(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False).stdout.strip()

    return told("rev-parse", "--short", "HEAD") + ("+" if told("status", "--porcelain", "--untracked-files=no") else "")


_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "inputs": ("inputs", "read", "refused", "foreign", "crash", "slow", "wrong", "memory"),
    "kills": ("runs", "SIGKILL", "SIGTERM", "SIGINT", "foreign", "crash", "lost", "doubled", "damaged", "late"),
    "faults": ("runs", "hit", "refused", "foreign", "crash", "slow", "lost", "doubled", "damaged"),
}
_TITLES = {
    "inputs": ("mutated files", "slow", "over 5 s", "wrong", "wrong accepted", "memory", "over 2 GB"),
    "kills": ("kills", "runs", "brought to their end", "late", "hangs"),
    "faults": ("faults", "slow", "hangs"),
}


def tables(tally: Tally) -> str:
    """Markdown: a table of each kind, with what was found on the way and has been mended since, and what stands."""
    blocks = []
    for kind, columns in _COLUMNS.items():
        head, *pairs = _TITLES[kind]
        titles = dict(zip(pairs[::2], pairs[1::2], strict=True))
        names = list(dict.fromkeys(one.name for one in tally.parts if one.kind == kind))
        rows = [(name, [tally.count(kind, name, what) for what in columns]) for name in names]
        sums = [sum(column) for column in zip(*(counts for _, counts in rows), strict=True)]
        if rows:
            rows.append(("**all**", sums))
            lines = [
                f"| {head} | {' | '.join(titles.get(one, one) for one in columns)} |",
                f"|---|{'---:|' * len(columns)}",
                *(f"| {name} | {' | '.join(f'{one:,}' for one in counts)} |" for name, counts in rows),
            ]
            blocks.append("\n".join(lines))
    standing = tally.standing()
    found = sum(len(part.bad) for part in tally.parts)
    memory = max((part.memory for part in tally.parts), default=0)
    commits = _in_order(part.commit for part in tally.parts)
    blocks.append(
        f"Found on the way: {found}; still so: {len(standing)}. Most memory of a process: {memory / 2**20:,.0f} MiB. "
        f"Of the commits {', '.join(commits)}."
    )
    blocks += [f"- {part.kind}, {part.name}, seed {one.seed}: {one.sort}: {one.what}" for part, one in standing]
    return "\n\n".join(blocks)


def _in_order(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))

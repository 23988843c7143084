"""Probe datasets with nothing but torch and numpy: ``python -m presage.probe DATASET... [--out DIR]``.

With ``--out`` each probe is appended to a shard in that folder as soon as it is done; probes that are there already are
not run again, so the command can be killed at any moment and repeated. With ``--ladder`` the rungs of the probe ladder
follow, one run each.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from presage.errors import InvalidArgument, TrainingFailure
from presage.files import held
from presage.places import path_argument
from presage.probe.card import difficulty_card
from presage.probe.ladder import climb
from presage.probe.protocol import PROBE_VERSION
from presage.probe.recording import known_datasets, probe_entry, recorded_probes, rung_entry
from presage.probe.run import ProbeRun, run_probe
from presage.records.entries import ProbeEntry
from presage.records.shards import append_entry
from presage.terminal import one_line
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.datasets.kinds import listed
from presage.training.datasets.loading import load_dataset
from presage.training.lone_command import run_alone

__all__ = ["main"]

SHARD = f"probes-{PROBE_VERSION}.jsonl"


def main(arguments: Sequence[str] | None = None) -> int:
    """Give the exit code: 0 done, 1 a probe failed, 2 wrong input, 130 or 143 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m presage.probe", description="How hard are these image datasets?")
    parser.add_argument("datasets", nargs="+", metavar="DATASET", help=listed())
    parser.add_argument(
        "--out", type=path_argument, help="folder whose shards hold the probes; known datasets are read from it"
    )
    parser.add_argument("--seeds", type=int, default=3, help="probes for each dataset (default: %(default)s)")
    parser.add_argument("--ladder", action="store_true", help="then the probe ladder: other images, sides and epochs")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="a JSON object a line instead of text")
    given = parser.parse_args(arguments)
    return run_alone("probe", lambda: _run(given))


def _run(given: argparse.Namespace) -> int:
    if given.seeds < 1:
        raise InvalidArgument("seeds", "python -m presage.probe", "be at least 1", given.seeds)
    with _writer(given.out):
        return max([_measure(spec, given) for spec in given.datasets])


def _measure(spec: str, given: argparse.Namespace) -> int:
    dataset = load_dataset(spec)
    for line in dataset.warnings:
        print(one_line(line), file=sys.stderr)
    recorded = recorded_probes(given.out) if given.out else []
    failed = _probe(dataset, recorded, given.seeds, given.device, given.out, given.json)
    return _climb(dataset, recorded, given.device, given.out) if given.ladder and not failed else failed


def _probe(
    dataset: ImageDataset, recorded: list[ProbeEntry], seeds: int, device: str, out: Path | None, as_json: bool
) -> int:
    wanted = (dataset.fingerprint, PROBE_VERSION)
    done = {entry.probe.seed for entry in recorded if (entry.probe.dataset, entry.probe.version) == wanted}
    runs: list[ProbeRun] = []
    for seed in range(seeds):
        if seed in done:
            continue
        try:
            run = run_probe(dataset, seed=seed, device=device, description=runs[0].description if runs else None)
        except TrainingFailure as failure:
            print(one_line(f"{dataset.name}, seed {seed}: {failure}"), file=sys.stderr)
            return 1
        runs.append(run)
        said = f"{dataset.name}, seed {seed}: DCN {run.dcn:.3f} in {run.seconds:.1f} s"
        print(one_line(said), file=sys.stderr, flush=True)
        if out:
            append_entry(out / SHARD, probe_entry(run, dataset))
    if runs:
        card = difficulty_card(runs, known_datasets(recorded, PROBE_VERSION))
        print(json.dumps(card.to_json()) if as_json else card.text(), flush=True)
    else:
        print(one_line(f"{dataset.name}: all {seeds} probes are recorded already"), file=sys.stderr, flush=True)
    return 0


def _climb(dataset: ImageDataset, recorded: list[ProbeEntry], device: str, out: Path | None) -> int:
    done = {entry.probe.rung for entry in recorded if entry.probe.dataset == dataset.fingerprint}
    try:
        for run in climb(dataset, device=device, done=done):
            said = f"{dataset.name}, {run.rung.name}: {run.accuracy:.3f} in {run.seconds:.1f} s"
            print(one_line(said), file=sys.stderr, flush=True)
            if out:
                append_entry(out / SHARD, rung_entry(run, dataset))
    except TrainingFailure as failure:
        print(one_line(f"{dataset.name}, probe ladder: {failure}"), file=sys.stderr)
        return 1
    return 0


@contextmanager
def _writer(out: Path | None) -> Iterator[None]:
    """Be the only process that probes into `out`, if any."""
    if out is None:
        yield
        return
    rule = "be a folder that no other probe writes to"
    with held(out / "probe.lock", InvalidArgument("out", "python -m presage.probe", rule, str(out))):
        yield


if __name__ == "__main__":
    sys.exit(main())

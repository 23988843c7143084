"""A campaign of experiments over many datasets: resumable, killable, and adding only what is missing.

``python -m presage.training.campaign DATASET... --out DIR --count N --workers W`` needs torch and numpy only.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from presage.architecture.costs import costs
from presage.architecture.serial import to_json
from presage.errors import InvalidArgument
from presage.files import held
from presage.places import path_argument
from presage.reading import read_text
from presage.records.dataset import DatasetRecord
from presage.records.entries import ExperimentEntry
from presage.records.experiment import OUT_OF_MEMORY, ExperimentRecord
from presage.records.shards import append_entry, read_entries, shard_paths
from presage.terminal import one_line
from presage.training.assignments import Answer, Assignment, answers
from presage.training.datasets.loading import load_dataset
from presage.training.design import Planned, sequence
from presage.training.design_limits import affordable
from presage.training.executors import worker_pool, worker_processes
from presage.training.experiment_job import run_experiment
from presage.training.fitting import TrainingResult
from presage.training.hardware import choose_device, device_name, versions
from presage.training.lone_command import run_alone
from presage.training.memory import training_bytes
from presage.training.precision import choose_precision
from presage.training.recipe import AUTO, Recipe
from presage.training.recipe_design import recipe_sequence
from presage.training.recording import dataset_record, experiment_entry, experiment_record
from presage.training.saved_images import save_images
from presage.training.staged_design import staged_sequence
from presage.training.training_images import training_images
from presage.training.worker_sites import FORMS, workers_argument

__all__ = ["Campaign", "CampaignProgress", "Summary", "distinct_datasets", "main", "shard_name"]

_IMAGES = ".images"

Identity = tuple[str, str, str, int]
"""Dataset fingerprint, architecture hash, recipe hash, seed."""

Design = Callable[[DatasetRecord], Iterator[Planned]]
"""A dataset to its experiments, in order, without end."""


@dataclass(frozen=True)
class CampaignProgress:
    """Where a campaign stands after an experiment.

    Attributes:
        done, total: experiments of the campaign, those of earlier runs included.
        failed: of this run: recorded as diverged or out of memory.
        seconds_left: estimated; None before the first experiment of this run.
        latest: one line about the experiment just recorded; empty at the start.
    """

    done: int
    total: int
    failed: int
    seconds_left: float | None
    latest: str = ""


@dataclass(frozen=True)
class Summary:
    """What a run of a campaign did. `refused` are one-line reasons of experiments that could not even be recorded."""

    total: int
    already: int
    added: int
    failed: int
    refused: tuple[str, ...]


@dataclass(frozen=True)
class Campaign:
    """The first `count` experiments of a design on each dataset, written as shards into the folder `out`.

    Datasets take turns, so that a campaign that is cut off is balanced. Running it again, or with a larger count, adds
    what is missing; several campaigns may follow one another in one folder, not run in it at once.

    Args:
        datasets: as `load_dataset` takes them.
        workers: experiments at once, each by one thread of a CPU; they share a GPU, and take turns with several.
        device: `auto`, `cpu` or `cuda`.
        known: experiments that are recorded elsewhere, such as in a database: not run again.
        design: gives the endless sequence of a dataset; None is `presage.training.design.sequence`. An
            experiment without a recipe of its own is trained by `recipe`.
        deadline: time of `time.monotonic` by which the last experiment should have ended: none is begun that would
            take longer, by the mean of those before.
        cache: a folder where decoded images are kept, so that workers need not decode them again.
        executor: trains on this in place of processes of presage's own, with the same results, and is not ended. It
            must share this machine's disk, unless it says that it does not (`shares_disk`): then images go with it.
    """

    datasets: Sequence[str]
    out: Path
    count: int
    recipe: Recipe = field(default_factory=Recipe)
    workers: int = 1
    device: str = "auto"
    known: frozenset[Identity] = frozenset()
    design: Design | None = None
    deadline: float = math.inf
    cache: Path | None = None
    executor: Executor | None = None

    def __post_init__(self) -> None:
        for name in ("count", "workers"):
            if getattr(self, name) < 1:
                raise InvalidArgument(name, "Campaign", "be at least 1", getattr(self, name))
        for name in ("batch", "image_side"):
            if getattr(self.recipe, name) == AUTO:
                raise InvalidArgument(name, "Campaign", "be a number: a campaign is by one recipe", "auto")
        if not self.datasets:
            raise InvalidArgument("datasets", "Campaign", "name at least one dataset", list(self.datasets))
        choose_device(self.device)

    def run(self, on_progress: Callable[[CampaignProgress], None] | None = None) -> Summary:
        """Run what is missing.

        Raises:
            InvalidArgument: another campaign is writing to the folder.
            InvalidDataset, UnknownName: a dataset that cannot be read; nothing has been run then.
            StorageFull: the disk is full; every line written before stands.
        """
        rule = "be a folder that no other running campaign writes to"
        with held(self.out / "campaign.lock", InvalidArgument("out", "campaign", rule, str(self.out))):
            datasets = distinct_datasets(self.datasets, self.cache)
            here = self._recorded() | self.known
            plan = list(self._plan(datasets))
            missing = [
                index
                for index, (spec, planned) in enumerate(plan)
                if self._identity(datasets[spec].fingerprint, planned) not in here
            ]
            try:
                return self._run(datasets, plan, missing, on_progress or (lambda progress: None))
            finally:
                shutil.rmtree(self.out / _IMAGES, ignore_errors=True)

    def _run(
        self,
        datasets: dict[str, DatasetRecord],
        plan: list[tuple[str, Planned]],
        missing: list[int],
        on_progress: Callable[[CampaignProgress], None],
    ) -> Summary:
        already, failed, added = len(plan) - len(missing), 0, 0
        refused: list[str] = []
        work = (Assignment(at, self._message(*plan[at], datasets[plan[at][0]])) for at in missing)
        on_progress(CampaignProgress(already, len(plan), 0, None))
        began = time.monotonic()

        def in_time(_: Assignment) -> bool:
            now, ended = time.monotonic(), added + len(refused)
            return now + ((now - began) * self.workers / ended if ended else 0.0) <= self.deadline

        work_in_time = takewhile(in_time, work)
        with self._executor() as executor:
            for answer in answers(executor, run_experiment, work_in_time, self.workers):
                spec, planned = plan[answer.key]
                dataset, candidate = datasets[spec], planned.candidate
                experiment = self._experiment(answer, dataset, planned)
                if experiment is None:
                    refused.append(f"{dataset.name}, position {planned.position}: {answer.error}")
                else:
                    trained_by, origin = self._recipe(planned), (candidate.space, candidate.params)
                    entry = experiment_entry(experiment, dataset, candidate.architecture, trained_by, *origin)
                    append_entry(self.out / shard_name(dataset), entry)
                    added += 1
                    failed += experiment.failed
                finished = added + len(refused)
                left = (time.monotonic() - began) / finished * (len(missing) - finished)
                latest = refused[-1] if experiment is None else _described(dataset.name, planned, experiment)
                on_progress(CampaignProgress(already + added, len(plan), failed, left, latest))
        return Summary(len(plan), already, added, failed, tuple(refused))

    def _plan(self, datasets: dict[str, DatasetRecord]) -> Iterator[tuple[str, Planned]]:
        design = self.design or (lambda dataset: sequence(dataset.fingerprint))
        sequences = [(spec, design(dataset)) for spec, dataset in datasets.items()]
        for _ in range(self.count):
            for spec, planned in sequences:
                yield spec, next(planned)

    def _identity(self, fingerprint: str, planned: Planned) -> Identity:
        return fingerprint, planned.candidate.architecture.hash, self._recipe(planned).hash, planned.seed

    def _recipe(self, planned: Planned) -> Recipe:
        return planned.recipe or self.recipe

    def _message(self, spec: str, planned: Planned, dataset: DatasetRecord) -> dict[str, Any]:
        return {
            "dataset": spec,
            "fingerprint": dataset.fingerprint,
            "images": self._images(spec, dataset),
            "memory": self._memory(planned, dataset),
            "architecture": to_json(planned.candidate.architecture.canonical),
            "recipe": self._recipe(planned).to_json(),
            "seed": planned.seed,
            "device": self.device,
            "cache": None if self.cache is None else str(self.cache.absolute()),
        }

    def _memory(self, planned: Planned, dataset: DatasetRecord) -> int:
        recipe, network = self._recipe(planned), planned.candidate.architecture
        shape = (dataset.channels, recipe.image_side, recipe.image_side)
        return training_bytes(network, shape, dataset.classes, min(recipe.batch, training_images(dataset, recipe)))

    def _images(self, spec: str, dataset: DatasetRecord) -> str | None:
        """A folder of the images, for machines that cannot read the dataset itself."""
        if getattr(self.executor, "shares_disk", True):
            return None
        folder = self.out / _IMAGES / dataset.fingerprint
        if not folder.exists():
            save_images(load_dataset(spec, cache=self.cache), folder)
        return str(folder)

    def _executor(self) -> AbstractContextManager[Executor]:
        return worker_processes(self.workers, self.device) if self.executor is None else nullcontext(self.executor)

    def _recorded(self) -> set[Identity]:
        found: set[Identity] = set()
        for path in shard_paths(self.out):
            for entry in read_entries(path):
                if isinstance(entry, ExperimentEntry):
                    one = entry.experiment
                    found.add((one.dataset, one.architecture, one.recipe, one.seed))
        return found

    def _experiment(self, answer: Answer, dataset: DatasetRecord, planned: Planned) -> ExperimentRecord | None:
        if answer.message is not None:
            return ExperimentRecord.from_json(answer.message)
        if not answer.died:
            return None
        device = choose_device(self.device)
        architecture = planned.candidate.architecture
        recipe = self._recipe(planned)
        shape = (dataset.channels, recipe.image_side, recipe.image_side)
        batch = min(recipe.batch, training_images(dataset, recipe))
        result = TrainingResult(
            status=OUT_OF_MEMORY,
            accuracy=None,
            test_accuracy=None,
            records=(),
            depth_nodes=(),
            costs=costs(architecture.canonical, shape, dataset.classes),
            seconds=0.0,
            device=device_name(device),
            precision=choose_precision(recipe.precision, device, architecture.canonical, shape, dataset.classes, batch),
            versions=versions(),
            failure=answer.error,
            module=None,
        )
        return experiment_record(dataset.fingerprint, architecture, recipe, planned.seed, result)


def shard_name(dataset: DatasetRecord) -> str:
    """One file for each dataset: its name, made safe, and the beginning of its fingerprint."""
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '-', dataset.name)[:60]}-{dataset.fingerprint[:8]}.jsonl"


def distinct_datasets(specs: Sequence[str], cache: Path | None = None) -> dict[str, DatasetRecord]:
    """Records of the datasets by spec; a dataset with the content of an earlier one is left out."""
    found: dict[str, DatasetRecord] = {}
    for spec in specs:
        record = dataset_record(load_dataset(spec, cache=cache))
        if all(record.fingerprint != other.fingerprint for other in found.values()):
            found[spec] = record
    return found


def _described(name: str, planned: Planned, experiment: ExperimentRecord) -> str:
    outcome = experiment.status if experiment.accuracy is None else f"{experiment.accuracy:.3f}"
    size, seconds = experiment.multiply_adds / 1e6, experiment.seconds
    return f"{name} {planned.candidate.space} {size:.2f}M seed {planned.seed}: {outcome} in {seconds:.1f} s"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; gives the exit code: 0 done, 1 some experiments could not be run, 2 wrong input, 130, 143."""
    parser = argparse.ArgumentParser(
        prog="python -m presage.training.campaign", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("datasets", nargs="+", metavar="DATASET")
    parser.add_argument("--out", type=path_argument, required=True, help="folder for the shards")
    parser.add_argument("--count", type=int, default=56, help="experiments for each dataset (default: %(default)s)")
    parser.add_argument(
        "--workers",
        type=workers_argument,
        default=1,
        help=f"experiments at once (default: %(default)s), auto, or {FORMS}",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--recipe", type=path_argument, help="JSON file of recipe fields that differ from the default")
    parser.add_argument(
        "--many-recipes",
        action="store_true",
        help="the design of `presage.training.recipe_design`, each by a recipe of its own",
    )
    parser.add_argument(
        "--staged",
        action="store_true",
        help="the design of `presage.training.staged_design`: networks as people ship them, trained longer",
    )
    parser.add_argument(
        "--most-seconds",
        type=float,
        metavar="S",
        help="with --many-recipes or --staged: pass over experiments estimated to take a core longer; a later campaign "
        "runs them",
    )
    parser.add_argument(
        "--known",
        type=path_argument,
        metavar="FILE",
        help="JSON list of [dataset, architecture, recipe, seed] not to run again",
    )
    given = parser.parse_args(arguments)
    return run_alone("campaign", lambda: _run(given))


def _run(given: argparse.Namespace) -> int:
    if given.many_recipes and given.staged:
        raise InvalidArgument(
            "--staged", "campaign", "be left out beside --many-recipes: a campaign has one design", "both"
        )
    recipe = Recipe.from_json(json.loads(read_text(given.recipe))) if given.recipe else Recipe()
    known = _identities(given.known) if given.known else frozenset()
    design = None
    if given.many_recipes or given.staged:
        design = _design(staged_sequence if given.staged else recipe_sequence, given.most_seconds)
    with worker_pool(given.workers, given.device, given.out / ".calls", owner="campaign") as at_once:
        if at_once.words:
            print(f"campaign: {at_once.words}", file=sys.stderr, flush=True)
        of = (at_once.slots, given.device, known, design)
        campaign = Campaign(given.datasets, given.out, given.count, recipe, *of, executor=at_once.executor)
        summary = campaign.run(_report)
    for reason in summary.refused:
        print(one_line(f"refused: {reason}"), file=sys.stderr)
    print(f"{summary.added} added, {summary.already} already there, {summary.failed} failed.", file=sys.stderr)
    return 1 if summary.refused else 0


def _design(of: Design, most_seconds: float | None) -> Design:
    if most_seconds is None:
        return of
    return lambda dataset: affordable(of(dataset), dataset, most_seconds)


def _identities(path: Path) -> frozenset[Identity]:
    try:
        return frozenset((str(d), str(a), str(r), int(seed)) for d, a, r, seed in json.loads(read_text(path)))
    except (OSError, ValueError, TypeError, RecursionError):
        rule = "be a file with a JSON list of [dataset, architecture, recipe, seed]"
        raise InvalidArgument("known", "campaign", rule, str(path)) from None


def _report(progress: CampaignProgress) -> None:
    left = "" if progress.seconds_left is None else f", {progress.seconds_left / 60:.0f} min left"
    print(f"{progress.done}/{progress.total}{left}  {one_line(progress.latest)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

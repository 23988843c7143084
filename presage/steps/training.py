"""Full training of the networks that a user names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from presage.display import accuracies
from presage.progress import OnStage
from presage.steps.brief_store import BriefStore
from presage.terminal import one_line
from presage.trackers.searches import curve_values, flat
from presage.trackers.telling import Telling
from presage.trackers.tracker import Tracked

if TYPE_CHECKING:
    from presage.architecture.graph import Architecture
    from presage.architectures import NamedArchitecture
    from presage.records import ExperimentRecord
    from presage.search.early_stopped import EarlyStopped
    from presage.search.run.early_stop import EarlyStop
    from presage.steps.at_once import AtOnce
    from presage.surrogate.curves.extrapolator import CurveExtrapolator
    from presage.trackers.tracker import Tracker, Value
    from presage.training import EpochRecord, ImageDataset, Recipe
    from presage.training.data import DeviceData

__all__ = ["Trained", "check_onnx", "model_name", "train"]


@dataclass(frozen=True)
class Trained:
    """One architecture's *trained* accuracy: validation after the last epoch, and test, computed once.

    Attributes:
        name: what the user called the architecture.
        hash: of its canonical form.
        status: `finished`, `diverged`, `out_of_memory` or `pruned` (see `stopped`).
        accuracy: on the validation images, in [0, 1]; None unless finished.
        test_accuracy: on the test images; None unless finished.
        parameters, multiply_adds: of the network for one image of the recipe's size.
        seconds: of training.
        failure: one line; None when finished.
        model: folder with the trained network, for `presage.load`; None where none was asked for.
        reused: the same training (dataset, network, recipe, seed) was in the database and was not repeated.
        recipe_words: the recipe that it was trained by, in words.
        balanced_accuracy, test_balanced_accuracy: means over the classes of the same; None where classes are about
            equally frequent.
        stopped: why it was ended before its last epoch, by its extrapolated curve; None where it was not.
    """

    name: str
    hash: str
    status: str
    accuracy: float | None
    test_accuracy: float | None
    parameters: int
    multiply_adds: int
    seconds: float
    failure: str | None
    model: str | None = None
    reused: bool = False
    recipe_words: str = ""
    notes: tuple[str, ...] = ()
    balanced_accuracy: float | None = None
    test_balanced_accuracy: float | None = None
    stopped: EarlyStopped | None = None

    def __repr__(self) -> str:
        return f"Trained({one_line(self.name)}: {accuracies(self.accuracy, self.balanced_accuracy, none=self.status)})"


def train(
    store: BriefStore,
    dataset: ImageDataset,
    architectures: Sequence[NamedArchitecture],
    recipe: Recipe,
    *,
    seed: int,
    device: str,
    out: Path | None,
    onnx: bool,
    progress: OnStage,
    at_once: AtOnce,
    scratch: Path,
    trackers: Sequence[Tracker] = (),
    curves: Callable[[], CurveExtrapolator] | None = None,
) -> list[Trained]:
    """As `Session.train`; each result enters the store as soon as it is there.

    Args:
        curves: fits what extrapolates learning curves: trainings without a chance to be the best are then ended.
    """
    from presage.architectures import costs_of
    from presage.training import prepare
    from presage.training.failures import StopTraining
    from presage.training.hardware import choose_device
    from presage.training.model.folder import save_model
    from presage.training.model.trained import trained_model
    from presage.training.recipe_words import words_on
    from presage.training.recording import dataset_record, experiment_entry, experiment_record

    data = prepare(dataset, recipe, choose_device(device))
    for named in architectures:
        costs_of(named, data.input_shape, data.classes)
    judge, done = _judge(curves, recipe, data), list[Trained]()
    stopped: dict[int, EarlyStopped] = {}
    total, recalled = len(architectures) * recipe.epochs, dict[str, "ExperimentRecord | None"]()

    def place(named: NamedArchitecture) -> tuple[str, Path | None]:
        name = model_name(dataset, named.architecture, recipe, seed)
        return name, None if out is None else out / name

    def is_done(named: NamedArchitecture) -> bool:
        name, folder = place(named)
        if name not in recalled:
            recalled[name] = _finished(store, dataset, named, recipe, seed)
        return recalled[name] is not None and (folder is None or _is_complete(folder, onnx))

    asked = {"dataset": dataset.name, "networks": len(architectures), "seed": seed, "recipe": recipe.to_json()}
    tracked = Tracked(f"train {dataset.name}", out or scratch, flat(asked))
    with Telling(trackers, tracked) as telling, at_once.trainer(len(architectures), device, scratch) as trainer:
        for number, named in enumerate(architectures):
            epochs: list[EpochRecord] = []

            def tell(record: EpochRecord, at: int = number, seen: list[EpochRecord] = epochs) -> None:
                progress("train", at * recipe.epochs + record.epoch + 1, total)
                telling.epoch(architectures[at].name, record.epoch + 1, curve_values(record))
                seen.append(record)
                verdict = None if judge is None else judge.verdict(architectures[at].architecture, seen)
                if verdict is not None:
                    stopped[at] = verdict
                    raise StopTraining(verdict.words)

            (name, folder), finished = place(named), is_done(named)
            known = recalled[name]
            if known is not None and finished:
                for epoch, accuracy in enumerate(known.curve, 1):
                    telling.epoch(named.name, epoch, {"validation_accuracy": accuracy})
                done.append(_trained(named, known, folder, reused=True))
                if judge is not None:
                    judge.learn(known.to_json())
                progress("train", (number + 1) * recipe.epochs, total)
                continue
            waiting = ((place(one)[0], one.architecture) for one in architectures[number:] if not is_done(one))
            result = trainer(waiting, data, recipe, seed, tell)
            record = experiment_record(dataset.fingerprint, named.architecture, recipe, seed, result)
            if known is None:  # trained again for its weights alone, the database keeps what it has
                store.add_experiments([experiment_entry(record, dataset_record(dataset), named.architecture, recipe)])
                recalled[name] = None if record.failed else record
            if folder is not None and result.module is not None and record.accuracy is not None:
                save_model(trained_model(named.architecture, dataset, data, recipe, result), folder, onnx=onnx)
                done.append(_trained(named, record, folder))
            else:
                done.append(replace(_trained(named, record, None), stopped=stopped.get(number)))
            if judge is not None:
                judge.learn(record.to_json())
        for one in done:
            telling.network(one.name, _told(one))
        accuracies_of = [one.accuracy for one in done if one.accuracy is not None]
        telling.ending(
            {"best_accuracy": max(accuracies_of, default=None)}, [Path(one.model) for one in done if one.model]
        )
    words = words_on(recipe, dataset_record(dataset))
    return [replace(one, recipe_words=words) for one in done]


def _judge(curves: Callable[[], CurveExtrapolator] | None, recipe: Recipe, data: DeviceData) -> EarlyStop | None:
    from presage.search.run.early_stop import Curves, EarlyStop

    return None if curves is None else EarlyStop(Curves(curves(), recipe, data.input_shape, data.classes))


def _told(one: Trained) -> dict[str, Value | None]:
    names = (
        "status", "accuracy", "balanced_accuracy", "test_accuracy", "test_balanced_accuracy", "parameters",
        "multiply_adds", "seconds", "reused",
    )  # fmt: skip
    return {name: getattr(one, name) for name in names}


def check_onnx() -> None:
    """Refuse a training whose model could not be written as ONNX in the end."""
    from presage.training.model import program

    program.check_onnx()


def model_name(dataset: ImageDataset, architecture: Architecture, recipe: Recipe, seed: int) -> str:
    """Name of a model's folder: equal for trainings that are the same, and for no others."""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", dataset.name).strip("-")[:40] or "dataset"
    identity = f"{dataset.fingerprint}/{architecture.hash}/{recipe.hash}/{seed}"
    return f"{readable}-{architecture.hash[:8]}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"


def _is_complete(folder: Path, onnx: bool) -> bool:
    from presage.training.model.folder import ARCHITECTURE, ONNX, PROGRAM

    return all((folder / name).is_file() for name in (ARCHITECTURE, PROGRAM, *((ONNX,) if onnx else ())))


def _finished(
    store: BriefStore, dataset: ImageDataset, named: NamedArchitecture, recipe: Recipe, seed: int
) -> ExperimentRecord | None:
    """The very training that is about to begin, where it was finished before."""
    records = store.experiment_records(
        dataset=dataset.fingerprint, architecture=named.architecture.hash, recipe=recipe.hash, status="finished"
    )
    return next((record for record in records if record.seed == seed), None)


def _trained(
    named: NamedArchitecture, record: ExperimentRecord, model: Path | None, *, reused: bool = False
) -> Trained:
    return Trained(
        name=named.name,
        hash=named.architecture.hash,
        status=record.status,
        accuracy=record.accuracy,
        test_accuracy=record.test_accuracy,
        parameters=record.parameters,
        multiply_adds=record.multiply_adds,
        seconds=record.seconds,
        failure=record.failure,
        model=None if model is None else str(model),
        reused=reused,
        balanced_accuracy=record.balanced_accuracy,
        test_balanced_accuracy=record.test_balanced_accuracy,
        notes=named.notes,
    )

"""What trackers are told of a search: its parameters, the curves of its networks, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.errors import WrongInput
from presage.speakable import named
from presage.trackers.telling import Telling
from presage.trackers.tracker import Value

if TYPE_CHECKING:
    from presage.search import SearchProgress, SearchResult
    from presage.search.final_result import FinalResult
    from presage.search.progress import OnProgress
    from presage.search.verified import Verified
    from presage.training.loop import EpochRecord

__all__ = ["curve_values", "flat", "tell_result", "tell_trained_before", "telling_progress"]

FINAL = ", final recipe"
"""After the name of a network, of its final training."""

_FILES = ("report.html", "options.toml", "result.json", "card.json", "best")


def flat(values: Mapping[str, Any], before: str = "") -> dict[str, Value]:
    """Settings as plain values: those within others by a dot, lists as text, what is None left out."""
    found: dict[str, Value] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{name}.")
        elif isinstance(value, list | tuple):
            found[f"{before}{name}"] = ", ".join(map(str, value))
        elif value is not None:
            found[f"{before}{name}"] = value if isinstance(value, Value) else str(value)
    return found


def curve_values(record: EpochRecord) -> dict[str, float]:
    """What is told of an epoch."""
    names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "balanced_accuracy")
    return {name: value for name in names if (value := getattr(record, name)) is not None}


def telling_progress(telling: Telling, progress: OnProgress) -> OnProgress:
    """Tells `progress`, and the trackers each epoch that a network was trained for."""

    def tell(at: SearchProgress) -> None:
        progress(at)
        if at.network and at.record is not None:
            name = named(at.network) + (FINAL if at.stage == "final" else "")
            telling.epoch(name, at.record.epoch + 1, curve_values(at.record))

    return tell


def tell_trained_before(telling: Telling, run_folder: Path) -> None:
    """Of a search that goes on: the validation accuracies of networks that were trained before."""
    from presage.search.run.status import run_status

    if not telling or not (run_folder / "run.json").exists():
        return
    try:
        networks = run_status(run_folder).networks
    except WrongInput:  # the search says so itself
        return
    for one in networks:
        for epoch, accuracy in enumerate(one.curve, 1):
            telling.epoch(named(one.chosen.hash), epoch, {"validation_accuracy": accuracy})


def tell_result(telling: Telling, result: SearchResult) -> None:
    """What became of the networks and of the whole."""
    for one in (*result.verified, *result.baseline):
        telling.network(named(one.chosen.hash), _values(one))
    for last in () if result.final is None else result.final.trainings:
        values = {name: getattr(last, name) for name in ("status", "accuracy", "test_accuracy", "seconds")}
        telling.network(named(last.hash) + FINAL, values)
    trained = [one.accuracy for one in result.baseline if one.accuracy is not None]
    telling.ending(
        {
            "candidates": sum(one.candidates for one in result.rounds),
            "best_accuracy": None if result.best is None else result.best.accuracy,
            "best_random_accuracy": max(trained, default=None),
            **_final_values(result.final),
            "seconds": result.seconds,
        },
        files_of(result.folder),
    )


def files_of(run_folder: Path) -> Sequence[Path]:
    """What a run leaves for people."""
    return [run_folder / name for name in _FILES]


def _final_values(final: FinalResult | None) -> dict[str, float | None]:
    best = None if final is None else final.shipped
    if best is None:
        return {}
    return {"final_accuracy": best.accuracy, "final_test_accuracy": best.test_accuracy}


def _values(one: Verified) -> dict[str, Value | None]:
    chosen = one.chosen
    of_chosen = ("role", "round_number", "predicted", "lower", "upper", "score", "extrapolation", "distance")
    costs = ("parameters", "multiply_adds", "activation_bytes", "latency_seconds", "measured_latency_seconds")
    trained = ("status", "accuracy", "balanced_accuracy", "test_accuracy", "test_balanced_accuracy", "seconds")
    return {
        **{name: getattr(chosen, name) for name in of_chosen},
        **{name: getattr(one, name) for name in trained},
        **{name: getattr(chosen, name) for name in costs},
    }

"""One training attempted: what goes wrong over one network is told in a line, and ends no study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from presage.errors import ClusterUnreachable, InvalidArchitecture, WrongInput
from presage.files import is_of_surroundings, write_json
from presage.reading import read_as
from presage.training.failures import TrainingCrashed, crash_line
from presage.training.fitting import TrainingResult
from presage.training.job import forget
from presage.training.loop import EpochRecord

__all__ = ["attempt", "attempt_by_epochs", "settled"]

OnEpoch = Callable[[EpochRecord], None]

_MOST_STARTS = 12  # a training whose process died this often without finishing an epoch is given up
_STARTS, _CURVE = "starts.json", "curve.json"


def attempt(folder: Path, epochs: int, train: Callable[[], TrainingResult]) -> TrainingResult | str:
    """The result of a training, or why there is none, in one line.

    Args:
        folder: of the training; how often it was begun is kept there.
        epochs: finished so far.

    Raises:
        WrongInput, OSError: for what is no fault of the network, such as a full or a failing disk.
        ClusterUnreachable: the machines that train are lost.
    """
    if _starts(folder, epochs) > _MOST_STARTS:
        return f"the process died {_MOST_STARTS} times while it was trained"
    try:
        return train()
    except (InvalidArchitecture, TrainingCrashed) as error:
        return str(error)
    except WrongInput:  # a full disk, say: nothing the network did
        raise
    except OSError as error:
        if is_of_surroundings(error):  # the same, as the system tells it
            raise
        return crash_line(error)
    except (KeyboardInterrupt, ClusterUnreachable):  # a person, or a lost connection: no sign against the network
        (folder / _STARTS).unlink(missing_ok=True)
        raise
    except Exception as error:  # whatever a library raises over one network must not end the study
        return crash_line(error)


def attempt_by_epochs(
    folder: Path, train: Callable[[OnEpoch], TrainingResult], on_epoch: OnEpoch
) -> TrainingResult | str:
    """`attempt`, where the folder tells by a curve how many epochs are finished: `train` gets what keeps it."""
    curve: list[float] = []

    def tell(record: EpochRecord) -> None:
        curve.append(round(record.validation_accuracy, 6))
        write_json(folder / _CURVE, curve)
        on_epoch(record)

    return attempt(folder, read_as(folder / _CURVE, len) or 0, lambda: train(tell))


def settled(folder: Path) -> None:
    """Forget what only a training under way needs."""
    for name in ("checkpoint.pt", _STARTS, _CURVE):
        (folder / name).unlink(missing_ok=True)
    forget(folder / "checkpoint.pt")


def _starts(folder: Path, epochs: int) -> int:
    """How often this training was begun, this time included, since it last finished an epoch."""
    before = read_as(folder / _STARTS, lambda kept: (int(kept["epochs"]), int(kept["starts"]))) or (epochs, 0)
    starts = before[1] + 1 if before[0] == epochs else 1
    write_json(folder / _STARTS, {"epochs": epochs, "starts": starts})
    return starts

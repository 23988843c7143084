"""The trackers by name. None of their libraries is imported until one is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec

from presage.errors import InvalidArgument, WrongInput
from presage.registry import Registered, Registry
from presage.trackers.tracker import Tracker

__all__ = ["TRACKERS", "trackers_of"]


_HERE = "presage.trackers"


@dataclass(frozen=True)
class _Library(Registered):
    """A tracker that needs a library: `needs` is what it is imported as, and the name of the extra."""

    needs: str = ""


TRACKERS: Registry[_Library] = Registry(
    "tracker",
    {
        name: _Library(f"{_HERE}.to_{name}:{target}", summary, name)
        for name, target, summary in (
            ("tensorboard", "ToTensorBoard", "event files in the folder `tensorboard` of the run"),
            ("mlflow", "ToMlflow", "MLflow, at its tracking URI: a run, and one within it for each network"),
            ("wandb", "ToWandb", "Weights & Biases, in its project `presage` (or WANDB_PROJECT)"),
            ("trackio", "ToTrackio", "Trackio, in its project `presage` (or TRACKIO_PROJECT)"),
        )
    },
)
"""Each is told of as `presage.trackers.tracker.Tracker` says."""


def trackers_of(asked: str | Tracker | Iterable[str | Tracker] | None, argument: str, owner: str) -> list[Tracker]:
    """The trackers that were asked for, by name or one's own.

    Raises:
        InvalidArgument: what is neither.
        UnknownName: no tracker of that name.
        WrongInput: the library is not installed; says what to type.
    """
    items = [] if asked is None else [asked] if isinstance(asked, str) or not isinstance(asked, Iterable) else [*asked]
    found: list[Tracker] = []
    for at, item in enumerate(items):
        if isinstance(item, str):
            if item in items[:at]:
                continue
            needed = TRACKERS[item].needs
            if find_spec(needed) is None:
                lacking = f"The `{argument} {item}` of `{owner}` needs {needed}, which is not installed."
                raise WrongInput(f"{lacking} Type: pip install 'presage[{item}]'")
            found.append(TRACKERS.load(item)())
        elif isinstance(item, Tracker):
            found.append(item)
        else:
            raise InvalidArgument(argument, owner, f"be a `Tracker`, or the name of one: {TRACKERS.listed()}", item)
    return found

"""TensorBoard: event files in the folder `tensorboard` of the run, one sub-folder for each network."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from presage.trackers.tracker import Tracked, Value

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

__all__ = ["ToTensorBoard"]

_SELF = "presage"


class ToTensorBoard:
    """Curves of all networks lie in one chart for each value, and what became of them in the table of HPARAMS.

    The folder is written anew each time, for a search that goes on tells what was trained before.
    """

    def __init__(self) -> None:
        self._writers: dict[str, SummaryWriter] = {}

    def begin(self, tracked: Tracked) -> None:
        self._folder = tracked.folder / "tensorboard"
        shutil.rmtree(self._folder, ignore_errors=True)
        rows = "\n".join(f"| {name} | {value} |" for name, value in tracked.parameters.items())
        self._writer(_SELF).add_text(tracked.name, f"| option | value |\n|---|---|\n{rows}")

    def epoch(self, network: str, epoch: int, values: Mapping[str, float]) -> None:
        writer = self._writer(network)
        for name, value in values.items():
            writer.add_scalar(name, value, epoch)
        writer.flush()

    def network(self, network: str, values: Mapping[str, Value]) -> None:
        numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
        told = {name: value for name, value in values.items() if name not in numbers}
        trained = {f"trained/{name}": numbers.pop(name) for name in ("accuracy", "test_accuracy") if name in numbers}
        self._writer(network).add_hparams({**told, **numbers}, trained, run_name=".")

    def end(self, state: str, values: Mapping[str, float], files: Sequence[Path]) -> None:
        rows = [f"| {name} | {value:.6g} |" for name, value in values.items()]
        rows += [f"| {path.name} | {path.resolve()} |" for path in files]
        self._writer(_SELF).add_text(state, "\n".join(["| | |", "|---|---|", *rows]))
        for writer in self._writers.values():
            writer.close()

    def _writer(self, name: str) -> SummaryWriter:
        from torch.utils.tensorboard import SummaryWriter

        if name not in self._writers:
            self._writers[name] = SummaryWriter(str(self._folder / _plain(name)))
        return self._writers[name]


def _plain(name: str) -> str:
    """A name as that of a folder."""
    return "".join(one if one.isalnum() or one in "-_." else "-" for one in name).strip(".-") or "network"

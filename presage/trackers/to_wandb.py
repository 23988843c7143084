"""Weights & Biases: one run; each network has a section of charts of its own, and a row of a table."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from presage.trackers.tracker import FINISHED, Tracked, Value, as_table

__all__ = ["ToWandb"]


class ToWandb:
    """In the project of WANDB_PROJECT, else `presage`; WANDB_MODE=offline writes to the folder `wandb` of the run and
    sends nothing. It is silent, and leaves what the command prints alone."""

    def __init__(self) -> None:
        self._rows: dict[str, Mapping[str, Value]] = {}
        self._seen: set[str] = set()

    def begin(self, tracked: Tracked) -> None:
        import wandb

        tracked.folder.mkdir(parents=True, exist_ok=True)
        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "presage",
            name=tracked.name,
            config=dict(tracked.parameters),
            dir=str(tracked.folder),
            settings=wandb.Settings(silent=True, console="off"),
        )

    def epoch(self, network: str, epoch: int, values: Mapping[str, float]) -> None:
        name = _plain(network)
        if name not in self._seen:  # networks have epochs of their own
            self._seen.add(name)
            self._run.define_metric(f"{name}/epoch", hidden=True)
            self._run.define_metric(f"{name}/*", step_metric=f"{name}/epoch")
        self._run.log({f"{name}/epoch": epoch, **{f"{name}/{one}": value for one, value in values.items()}})

    def network(self, network: str, values: Mapping[str, Value]) -> None:
        self._rows[network] = values

    def end(self, state: str, values: Mapping[str, float], files: Sequence[Path]) -> None:
        import wandb

        if self._rows:
            columns, rows = as_table(self._rows)
            self._run.log({"networks": wandb.Table(columns=columns, data=rows)})
        self._run.summary.update(dict(values))
        for path in files:
            artifact = wandb.Artifact(f"{_plain(path.stem)}-{self._run.id}", type="model" if path.is_dir() else "file")
            (artifact.add_dir if path.is_dir() else artifact.add_file)(str(path))
            self._run.log_artifact(artifact)
        self._run.finish(exit_code=0 if state == FINISHED else 1)


def _plain(name: str) -> str:
    """A name of the characters that metrics and artifacts may have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-")

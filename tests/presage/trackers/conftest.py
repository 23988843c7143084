"""A search that is made up: two networks, one of which was trained before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from presage.trackers.telling import Telling
from presage.trackers.tracker import Tracked, Tracker


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., Path]:
    """Tells a tracker of a whole search; gives its run folder."""

    def tell(*trackers: Tracker, fail: type[BaseException] | None = None) -> Path:
        folder = tmp_path / "run"
        (folder / "best").mkdir(parents=True)
        (folder / "best" / "weights.bin").write_bytes(b"weights")
        (folder / "report.html").write_text("<p>report</p>")
        parameters = {"dataset": "flowers", "candidates": 9, "recipe.epochs": 2, "prune": False, "limits (ms)": 2.5}
        tracked = Tracked("search flowers", folder, parameters)
        with Telling(trackers, tracked, patience=300) as telling:  # machines that test may be busy
            for network, before in (("calm-otter 1a2b3c4d", 0.1), ("keen-heron 5e6f7a8b, final recipe", 0.2)):
                for epoch in (1, 2):
                    values = {"validation_accuracy": before + 0.3 * epoch, "train_loss": 2.0 / epoch}
                    telling.epoch(network, epoch, values)
                    telling.epoch(network, epoch, values)  # is not told twice
            if fail is not None:
                raise fail("of the search")
            for network in ("calm-otter 1a2b3c4d", "keen-heron 5e6f7a8b, final recipe", "lost-mole 9c0d1e2f"):
                lost = network.startswith("lost")
                told = {"status": "diverged" if lost else "finished", "accuracy": None if lost else 0.7}
                telling.network(network, {**told, "parameters": 1234})
            telling.ending({"best_accuracy": 0.8, "final_accuracy": None}, [folder / "report.html", folder / "best"])
        return folder

    return tell

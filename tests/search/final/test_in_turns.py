"""Final trainings several at once: when each begins, and for how long. On a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from presage.architecture.graph import Architecture
from presage.search.final.settings import FinalSettings
from presage.search.run.pace import Unhurried
from presage.training.fitting import TrainingResult
from presage.training.loop import EpochRecord
from presage.training.recipe import Recipe
from tests.search.final.conftest import FINAL, RatesTrainer, Search


def test_side_by_side_all_are_begun_before_the_first_is_waited_for(search: Search) -> None:
    class Ahead(RatesTrainer):
        """Notes what it is asked, in order."""

        asked: ClassVar[list[str]] = []

        def begin(self, architecture: Architecture, recipe: Recipe, *, seed: int, checkpoint: Path) -> bool:
            self.asked.append(f"begin {architecture.hash[:8]}")
            return True

        def train(self, architecture: Architecture, recipe: Recipe, **more: Any) -> TrainingResult:
            self.asked.append(f"train {architecture.hash[:8]}")
            return super().train(architecture, recipe, **more)

        def room(self) -> bool:
            return False

    for beside in (True, False):
        Ahead.asked = []
        result = search(Ahead(), FinalSettings(replace(FINAL, epochs=7 + beside), 2, trials=0, side_by_side=beside))
        assert result.final is not None
        first, second = (one.hash[:8] for one in result.final.trainings)
        begun = [f"begin {first}", f"begin {second}"] if beside else []
        assert Ahead.asked == [*begun, f"train {first}", f"train {second}"]


def test_the_next_begins_when_any_is_over_not_only_the_one_that_is_waited_for(search: Search) -> None:
    class Ahead(RatesTrainer):
        """Two at once; the second is over after three epochs of the first."""

        asked: ClassVar[list[str]] = []
        epoch = (0, 0)  # of which training

        def begin(self, architecture: Architecture, recipe: Recipe, *, seed: int, checkpoint: Path) -> bool:
            self.asked.append(f"begin {architecture.hash[:8]}")
            return True

        def train(
            self, architecture: Architecture, recipe: Recipe, *, on_epoch: Callable[[EpochRecord], None], **more: Any
        ) -> TrainingResult:
            def told(record: EpochRecord) -> None:
                self.epoch = len(self.trained), record.epoch + 1
                self.asked.append(f"{architecture.hash[:8]} {record.epoch + 1}")
                on_epoch(record)

            return super().train(architecture, recipe, on_epoch=told, **more)

        def room(self) -> bool:
            under_way = sum(what.startswith("begin") for what in self.asked) - (self.epoch >= (1, 3))
            return len(self.trained) == 1 and under_way < 2

    trainer = Ahead()
    result = search(trainer, FinalSettings(FINAL, networks=3, trials=0, side_by_side=True), beside=_Slots())
    assert result.final is not None
    first, second, third = (one.hash[:8] for one in result.final.trainings)
    assert trainer.asked[:2] == [f"begin {first}", f"begin {second}"]
    assert trainer.asked.index(f"{first} 3") + 1 == trainer.asked.index(f"begin {third}")
    assert [digest[:8] for digest, _ in trainer.trained] == [first, second, third]  # told in order all the same
    assert trainer.asked.count(f"begin {third}") == 1


def test_while_one_waits_for_memory_no_other_is_begun_before_its_turn(search: Search) -> None:
    class Crowded(RatesTrainer):
        """There is a free place all the time, and memory for one training."""

        asked: ClassVar[list[str]] = []

        def begin(self, architecture: Architecture, recipe: Recipe, *, seed: int, checkpoint: Path) -> bool:
            self.asked.append(f"begin {architecture.hash[:8]}")
            return len(self.asked) == 1

        def train(self, architecture: Architecture, recipe: Recipe, **more: Any) -> TrainingResult:
            self.asked.append(f"train {architecture.hash[:8]}")
            return super().train(architecture, recipe, **more)

        def room(self) -> bool:
            return True

    trainer = Crowded()
    result = search(trainer, FinalSettings(FINAL, networks=3, trials=0, side_by_side=True), beside=_Slots())
    assert result.final is not None
    first, second, third = (one.hash[:8] for one in result.final.trainings)
    begun = [f"begin {first}", f"begin {second}"]
    assert trainer.asked == [*begun, f"train {first}", f"begin {third}", f"train {second}", f"train {third}"]


class _Slots:
    """Of two places, as those of a run."""

    slots = 2


class _Late(Unhurried):
    """From the third network on there is time for so many epochs."""

    def __init__(self, trainer: RatesTrainer, epochs: int) -> None:
        self.trainer, self.epochs = trainer, epochs

    def fitted(self, architecture: Architecture, recipe: Recipe) -> Recipe:
        return recipe if len(self.trainer.trained) < 2 else replace(recipe, epochs=self.epochs)


LONG = FinalSettings(replace(FINAL, epochs=16), networks=3, trials=0, side_by_side=True)


def test_a_network_that_comes_late_is_trained_for_fewer_epochs_and_they_are_told(
    search: Search, tmp_path: Path
) -> None:
    trainer = RatesTrainer()
    result = search(trainer, LONG, pace=_Late(trainer, 5))
    assert result.final is not None
    assert [recipe.epochs for _, recipe in trainer.trained] == [16, 16, 5]
    assert [(one.recipe["epochs"], len(one.curve)) for one in result.final.trainings] == [(16, 16), (16, 16), (5, 5)]
    assert "5 epochs" in result.final.trainings[2].recipe_words
    assert not [note for note in result.final.notes if "no time" in note]
    written = json.loads((tmp_path / "run" / "result.json").read_text())["final"]
    assert [one["recipe"]["epochs"] for one in written["trainings"]] == [16, 16, 5]


@pytest.mark.parametrize(("epochs", "left"), [(16, 4), (9, 3)])
def test_networks_for_which_no_more_than_a_quarter_fits_are_left_out(search: Search, epochs: int, left: int) -> None:
    trainer = RatesTrainer()
    settings = replace(LONG, recipe=replace(FINAL, epochs=epochs))
    result = search(trainer, settings, pace=_Late(trainer, left))
    assert result.final is not None
    assert len(trainer.trained) == len(result.final.trainings) == 2
    assert result.final.best is not None
    left_out = sorted(result.verified, key=lambda one: -(one.accuracy or 0.0))[2]
    assert [note for note in result.final.notes if "no time" in note and left_out.chosen.hash[:8] in note]

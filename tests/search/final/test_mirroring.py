"""A final training that finds out whether images may be mirrored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from presage.search.final.settings import FinalSettings
from presage.training.mirroring import Mirroring
from presage.training.recipe import Recipe
from presage.training.recipes import for_photos
from tests.search.final.conftest import FINAL, RatesTrainer, Search

HARMLESS = Mirroring(accuracy=0.8, mirrored=0.79, chance=0.5)
HARMFUL = Mirroring(accuracy=0.8, mirrored=0.6, chance=0.5)
OTHERS = Mirroring(accuracy=0.8, mirrored=0.79, chance=0.1, worst_class=0.5)


@pytest.mark.parametrize("told", [HARMLESS, HARMFUL, OTHERS])
def test_the_final_training_mirrors_where_it_does_no_harm_and_says_so(search: Search, told: Mirroring) -> None:
    trainer = RatesTrainer()
    trainer.mirrored = told
    final = search(trainer, FinalSettings(FINAL, trials=0, mirror=True)).final
    assert final is not None
    assert Recipe.from_json(final.trainings[0].recipe) == (for_photos(FINAL) if told.safe else FINAL)
    assert str(told) in final.notes
    trainer.mirrored = replace(told, mirrored=0.0)  # what was told once stays: the run is taken up again
    again = search(trainer, FinalSettings(FINAL, trials=0, mirror=True)).final
    assert again is not None
    assert again.trainings[0].recipe == final.trainings[0].recipe


def test_nobody_is_asked_unless_that_is_wished(search: Search) -> None:
    trainer = RatesTrainer()
    trainer.mirrored = HARMLESS
    trainer.best_rate = FINAL.learning_rate
    final = search(trainer, FinalSettings(FINAL, trials=0)).final
    assert final is not None
    assert Recipe.from_json(final.trainings[0].recipe) == FINAL
    assert not final.notes

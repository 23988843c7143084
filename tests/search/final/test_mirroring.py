"""A final training that finds out whether images may be mirrored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from presage.search.final.settings import FinalSettings
from presage.training.mirroring import Mirroring
from presage.training.recipe import Recipe
from presage.training.recipes import for_photos
from tests.search.final.conftest import FINAL, RatesTrainer, Search

HARMLESS = Mirroring(accuracy=0.8, mirrored=0.79, chance=0.5, in_test=True)
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


def test_a_run_that_was_begun_before_test_images_were_mirrored_goes_on_without(search: Search, tmp_path: Path) -> None:
    trainer = RatesTrainer()
    trainer.mirrored = HARMLESS
    settings = FinalSettings(FINAL, trials=0, mirror=True)
    assert search(trainer, settings).final is not None
    kept = tmp_path / "run" / "mirroring.json"
    before = {name: value for name, value in json.loads(kept.read_text()).items() if name != "in_test"}
    kept.write_text(json.dumps(before))
    final = search(trainer, settings).final
    assert final is not None
    assert Recipe.from_json(final.trainings[0].recipe) == replace(for_photos(FINAL), test_mirroring=False)


def test_nobody_is_asked_unless_that_is_wished(search: Search) -> None:
    trainer = RatesTrainer()
    trainer.mirrored = HARMLESS
    trainer.best_rate = FINAL.learning_rate
    final = search(trainer, FinalSettings(FINAL, trials=0)).final
    assert final is not None
    assert Recipe.from_json(final.trainings[0].recipe) == FINAL
    assert not final.notes

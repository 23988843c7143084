"""A search that keeps to its budget, on a clock that the test moves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from presage.architecture.graph import Architecture
from presage.errors import WrongInput
from presage.search.final.settings import FinalSettings
from presage.search.planning.keeping import BudgetClock, BudgetPace, KeptPace
from presage.search.planning.plan import SAFE, Plan
from presage.search.planning.workload import Workload
from presage.search.settings import SearchSettings
from presage.search.testing import TinySpace
from presage.training.recipe import Recipe
from presage.training.timing import Images, Speed

SEARCH = Recipe(epochs=10, train_images=None, least_epoch_images=1, batch=10, image_side=8)
FINAL = Recipe(epochs=20, train_images=None, least_epoch_images=1, batch=10, image_side=16)
SPACE = TinySpace(layers=1)
NETWORK: Architecture = SPACE.decode({"width0": 4, "kernel0": 3, "then0": "relu"})
SPEED = Speed(image=0.01, each=0.0, scored=0.0, start=0.0)  # a second for each epoch of 100 images
WORKLOAD = Workload(Images(100, 0), Images(100, 0), 0.0, 0.001, SPEED, SPEED, (1,), 4.0, at_once=2)


class Time:
    """A clock that is moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def at() -> Time:
    return Time()


def _never(architecture: Architecture, recipe: Recipe) -> float | None:
    return None


def _pace(
    at: Time, folder: Path, budget: float = 200.0, networks: int = 1, trials: int = 0,
    timer: Callable[[Architecture, Recipe], float | None] = _never, side_by_side: bool = False,
    search: Recipe = SEARCH,
) -> BudgetPace:  # fmt: skip
    final = FinalSettings(FINAL, networks, trials, side_by_side=side_by_side)
    told = Plan(budget, SearchSettings(), final, (), reserved=0.6 * budget)
    clock = BudgetClock(folder / "spent.json", budget, at)
    return BudgetPace(clock, told, WORKLOAD, folder / "epochs.json", 1, 2, search, timer)


def _slow_pace(
    at: Time, folder: Path, slower: float, budget: float = 200.0, *, side_by_side: bool = True
) -> BudgetPace:
    """After a short-list of four, of the final trainings' side, whose epochs took so many seconds."""
    folder.mkdir(exist_ok=True)
    wanted = FinalSettings(replace(FINAL, image_side=SEARCH.image_side), 4, side_by_side=side_by_side)
    told = Plan(budget, SearchSettings(), wanted, (), reserved=100.0)
    clock = BudgetClock(folder / "spent.json", budget, at)
    found = BudgetPace(clock, told, WORKLOAD, folder / "epochs.json", 1, 2, SEARCH)
    for network in _networks(4):
        found.trained(network, SEARCH, SEARCH.epochs * slower)
    return found


def _networks(count: int) -> list[Architecture]:
    """So many, all different from `NETWORK`."""
    others = SPACE.decode_batch(SPACE.sample(40, np.random.default_rng(0))).architectures()
    return list({one.hash: one for one in others if one.hash != NETWORK.hash}.values())[:count]


def test_a_short_list_ends_where_the_final_training_s_time_begins(at: Time, tmp_path: Path) -> None:
    pace = _pace(at, tmp_path)
    at.now += 59  # of 200 · 0.95 - 120 = 70
    assert pace.begins(NETWORK, SEARCH, "train")  # takes 10
    at.now += 2
    assert not pace.begins(NETWORK, SEARCH, "train")
    assert pace.begins(NETWORK, SEARCH, "tune")  # two thirds of the final time are for tuning


def test_what_trainings_took_corrects_what_is_expected(at: Time, tmp_path: Path) -> None:
    pace = _pace(at, tmp_path)
    for seconds in (30.0, 31.0, 300.0):  # three times slower than measured, once disturbed
        pace.trained(NETWORK, SEARCH, seconds)
    at.now += 38
    assert pace.begins(NETWORK, SEARCH, "train")  # 38 + 31 < 70
    at.now += 2
    assert not pace.begins(NETWORK, SEARCH, "train")
    assert pace.fitted(NETWORK, FINAL).epochs == 48  # 150 seconds at 3.1 an epoch
    at.now += 100
    assert _pace(at, tmp_path / "other").fitted(NETWORK, FINAL).epochs == 80


def test_a_final_training_is_timed_before_its_epochs_are_fixed(at: Time, tmp_path: Path) -> None:
    asked: list[tuple[Architecture, Recipe]] = []

    def timer(architecture: Architecture, recipe: Recipe) -> float:
        asked.append((architecture, recipe))
        return 5.0

    pace = _pace(at, tmp_path, timer=timer)
    pace.trained(NETWORK, SEARCH, 300.0)  # side by side with others: thirty times slower than expected
    at.now += 90
    assert pace.fitted(NETWORK, FINAL).epochs == 20  # 190 - 90 at 5 seconds each
    assert pace.fitted(NETWORK, FINAL).epochs == 20
    assert asked == [(NETWORK, FINAL)]


def test_final_trainings_side_by_side_have_all_the_time_and_what_that_costs(at: Time, tmp_path: Path) -> None:
    pace = _pace(at, tmp_path, networks=2, timer=lambda architecture, recipe: 5.0, side_by_side=True)
    at.now += 90
    assert pace.fitted(NETWORK, FINAL).epochs == 20  # 200 - 90 at 5 seconds each, and a tenth
    slowed = _pace(at, tmp_path / "slowed", networks=2, timer=lambda architecture, recipe: 5.0, side_by_side=True)
    for seconds in (12.0, 12.5, 90.0):  # a quarter more than the 10 expected of one alone, once disturbed
        slowed.trained(NETWORK, SEARCH, seconds)
    at.now += 90
    assert slowed.fitted(NETWORK, FINAL).epochs == 17


def test_side_by_side_a_network_takes_as_long_as_it_took_in_the_short_list(at: Time, tmp_path: Path) -> None:
    """A machine that others use, too, disturbs what is timed by a few steps, and a whole training less."""
    search = replace(SEARCH, image_side=FINAL.image_side)
    pace = _pace(at, tmp_path, networks=4, timer=lambda architecture, recipe: 0.1, side_by_side=True, search=search)
    first, second, third, fourth = _networks(4)
    for network, seconds in ((first, 20.0), (second, 40.0), (third, 20.0)):  # ten epochs of 100 images
        pace.trained(network, search, seconds)
    at.now += 80
    assert pace.fitted(first, FINAL).epochs == 30  # 200 - 80, two after one another, at 2 seconds
    assert pace.fitted(second, FINAL).epochs == 21  # at √(4 · 2): its own time, and what its work tells by the others'
    at.now += 75
    pace.trained(first, replace(FINAL, epochs=30), 75.0)  # a quarter longer
    assert pace.fitted(third, FINAL).epochs == 18  # 200 - 155 at 2.5
    assert pace.fitted(fourth, FINAL).epochs == 80  # not short-listed: timed, four times those planned at most


def test_a_network_that_was_short_listed_on_smaller_images_is_timed(at: Time, tmp_path: Path) -> None:
    pace = _pace(at, tmp_path, networks=2, timer=lambda architecture, recipe: 5.0, side_by_side=True)
    pace.trained(NETWORK, SEARCH, 10.0)  # on images of 8 pixels
    at.now += 90
    assert pace.fitted(NETWORK, FINAL).epochs == 20  # on 16: 200 - 90 at 5 seconds each, and a tenth


def test_a_short_list_comes_to_as_many_networks_as_are_trained_finally(at: Time, tmp_path: Path) -> None:
    pace = _pace(at, tmp_path, networks=3, side_by_side=True)
    late = _pace(at, tmp_path / "late", networks=3, side_by_side=True)
    in_turn = _pace(at, tmp_path / "turns", networks=3)
    at.now += 65  # of 200 · 0.95 - 120 = 70: one that takes 10 does not fit
    assert pace.begins(NETWORK, SEARCH, "train")  # the second of three: 190 - 0.7 · 120 = 106
    assert pace.begins(NETWORK, SEARCH, "train")
    assert not pace.begins(NETWORK, SEARCH, "train")  # the fourth
    assert not in_turn.begins(NETWORK, SEARCH, "train")
    at.now += 35
    assert not late.begins(NETWORK, SEARCH, "train")


def test_more_final_trainings_than_there_is_room_for_share_the_time(at: Time, tmp_path: Path) -> None:
    pace = _pace(at, tmp_path, networks=4, timer=lambda architecture, recipe: 5.0, side_by_side=True)
    first, second, third = _networks(3)
    at.now += 80
    assert pace.fitted(NETWORK, FINAL).epochs == 10  # 200 - 80, two after one another, at 5 seconds each, and a tenth
    assert pace.fitted(first, FINAL).epochs == 10
    at.now += 80  # they took longer
    assert pace.fitted(second, FINAL).epochs == 7  # 200 - 160: how long the others are is fixed when they begin
    assert pace.fitted(third, FINAL).epochs == 7
    assert pace.fitted(first, FINAL).epochs == 10


def test_a_short_list_of_fewer_networks_than_planned_leaves_them_all_the_time(at: Time, tmp_path: Path) -> None:
    pace = _pace(at, tmp_path, networks=4, timer=lambda architecture, recipe: 5.0, side_by_side=True)
    at.now += 80
    assert pace.finishes(2) == 2
    assert pace.fitted(NETWORK, FINAL).epochs == 21  # 200 - 80 at 5 seconds each, and a tenth: none comes after them


def test_none_is_trained_alone_after_others_side_by_side(at: Time, tmp_path: Path) -> None:
    pace = _pace(at, tmp_path, networks=4, timer=lambda architecture, recipe: 5.0, side_by_side=True)
    at.now += 80
    assert pace.finishes(3) == 2  # two at once: the third would have one core for as long as these have two
    assert pace.fitted(NETWORK, FINAL).epochs == 21
    assert _pace(at, tmp_path / "one", networks=4, side_by_side=True).finishes(1) == 1
    assert _pace(at, tmp_path / "four", networks=4, side_by_side=True).finishes(9) == 4
    assert _pace(at, tmp_path / "turns", networks=3).finishes(3) == 3  # one after the other, by all threads


def test_where_the_machine_has_become_slow_fewer_networks_are_trained_for_longer(at: Time, tmp_path: Path) -> None:
    for slower, networks in ((1.0, 4), (8.0, 4), (9.0, 2), (100.0, 2)):  # 200 s: two turns of 20 epochs or 12.5, 11.1
        assert _slow_pace(at, tmp_path / str(slower), slower).finishes(4) == networks
    slow = _slow_pace(at, tmp_path / "9.0", 1.0)  # taken up on a machine that is free again
    assert slow.finishes(4) == 2
    assert slow.fitted(NETWORK, replace(FINAL, image_side=SEARCH.image_side)).epochs > 20
    assert _slow_pace(at, tmp_path / "9.0", 1.0).finishes(4) == 2
    assert KeptPace(tmp_path / "9.0" / "epochs.json").finishes(4) == 2
    assert KeptPace(tmp_path / "1.0" / "epochs.json").finishes(4) == 4


def test_no_final_network_is_given_up_that_was_asked_for_begun_or_may_be_short_listed_yet(
    at: Time, tmp_path: Path
) -> None:
    def pace(folder: str, *, side_by_side: bool, budget: float = 200.0) -> BudgetPace:
        return _slow_pace(at, tmp_path / folder, 9.0, budget, side_by_side=side_by_side)

    assert pace("asked", side_by_side=False).finishes(4) == 4  # by all threads: the short-list tells nothing of these
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "epochs.json").write_text('{"one": 11}')  # by a version that kept nothing else
    assert pace("begun", side_by_side=True).finishes(4) == 4
    assert pace("short", side_by_side=True).finishes(2) == 2
    assert pace("short", side_by_side=True, budget=2000.0).finishes(4) == 4  # taken up with more time
    assert pace("none", side_by_side=True).finishes(0) == 0
    assert KeptPace(tmp_path / "none" / "epochs.json").finishes(4) == 4
    (tmp_path / "none" / "epochs.json").write_text('{"finals": -1}')
    with pytest.raises(WrongInput, match="is damaged"):
        KeptPace(tmp_path / "none" / "epochs.json").finishes(4)


def test_the_final_epochs_are_what_fits_and_stay_fixed(at: Time, tmp_path: Path) -> None:
    pace = _pace(at, tmp_path)
    at.now += 180
    assert pace.fitted(NETWORK, FINAL).epochs == 10  # 190 - 180
    at.now += 8
    assert pace.fitted(NETWORK, FINAL).epochs == 10
    assert _pace(at, tmp_path).fitted(NETWORK, FINAL).epochs == 10  # by another process, too
    at.now += 500
    assert _pace(at, tmp_path / "late").fitted(NETWORK, FINAL).epochs == 80  # four times those planned
    late = _pace(at, tmp_path / "later")
    at.now += 500
    assert late.fitted(NETWORK, FINAL).epochs == 3  # never fewer


def test_time_is_shared_among_the_final_networks(at: Time, tmp_path: Path) -> None:
    pace = _pace(at, tmp_path, budget=40, networks=2)
    assert pace.fitted(NETWORK, FINAL).epochs == 19  # half of 38
    at.now += 19
    other = SPACE.decode({"width0": 8, "kernel0": 3, "then0": "relu"})
    assert pace.fitted(other, FINAL).epochs == 19


def test_a_training_under_way_is_cut_only_a_tenth_over(at: Time, tmp_path: Path) -> None:
    pace = _pace(at, tmp_path)
    at.now += 219
    assert not pace.is_over()
    at.now += 2
    assert pace.is_over()


def test_the_clock_goes_on_after_a_kill_and_leaves_a_fifth(at: Time, tmp_path: Path) -> None:
    clock = BudgetClock(tmp_path / "spent.json", 100, at)
    at.now += 30
    clock.note()
    at.now += 1
    clock.note()  # not yet again
    assert json.loads((tmp_path / "spent.json").read_text()) == {"budget": 100, "spent": 30.0}
    at.now += 500
    assert BudgetClock(tmp_path / "spent.json", 100, at).spent == pytest.approx(30.0)
    clock.note()
    assert BudgetClock(tmp_path / "spent.json", 100, at).spent == pytest.approx(80.0)
    assert SAFE * 100 - 80 > 0

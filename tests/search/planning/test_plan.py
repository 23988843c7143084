"""Plans for made-up machines: what fits, what gives way first, and what is said when nothing fits."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from presage.errors import InvalidArgument
from presage.search.final.settings import LEAST_EPOCHS, FinalSettings
from presage.search.limits import Limits
from presage.search.planning.final_part import whole_epochs
from presage.search.planning.plan import SAFE, Plan, best_plan, estimate, plan
from presage.search.planning.workload import Offer, Offered, Workload
from presage.search.settings import SearchSettings
from presage.training.recipe import Recipe
from presage.training.timing import Images, Speed

RECIPE = Recipe()
FINAL = FinalSettings(Recipe(image_side=32, train_images=None, epochs=20))
WORK = tuple(int(1e5 * 1.6**at) for at in range(12))  # 0.1M to 17.6M


def workload(slower: float = 1.0, train: int = 4000, spent: float = 20.0) -> Workload:
    speed = Speed(image=slower * 2e-4, each=slower * 2e-10)
    images = Images(train, 1000, 1000)
    return Workload(images, images, spent, slower * 0.003, speed, speed, WORK, growth=4.0)


def _by_name(found: Plan) -> dict[str, float]:
    return {part.name: part.seconds for part in found.parts}


@pytest.mark.parametrize("budget", [120, 600, 1800, 7200])
@pytest.mark.parametrize("slower", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("train", [500, 4000, 40_000])
def test_what_is_planned_fits_the_budget(budget: float, slower: float, train: int) -> None:
    asked = workload(slower, train)
    try:
        found = plan(budget, asked, RECIPE, SearchSettings(), FINAL)
    except InvalidArgument:
        least = plan(1e7, asked, RECIPE, SearchSettings(), FINAL)
        assert least.final is not None
        return
    assert found.seconds <= SAFE * budget + 1e-6
    assert found.final is not None
    assert found.final.recipe.epochs >= LEAST_EPOCHS
    assert 1 <= found.settings.shortlist <= 10
    assert 100 <= found.settings.candidates <= 2000
    parts = _by_name(found)
    assert found.reserved == pytest.approx(parts["final"] + parts.get("tune", 0))


def test_more_time_is_never_used_for_less() -> None:
    found = [plan(budget, workload(), RECIPE, SearchSettings(), FINAL) for budget in (200, 400, 800, 1600, 6400)]
    sizes = [one.settings.limits.training_work or math.inf for one in found]
    assert sizes == sorted(sizes)
    assert sizes[0] < math.inf
    assert {one.final and one.final.limits for one in found} == {FINAL.limits}  # a plan's limit is the search's alone
    assert found[-1].settings.limits.training_work is None  # every network of the space may be trained
    assert found[-1].final is not None
    assert found[-1].final.trials == 9
    assert found[-1].final.recipe.epochs > FINAL.recipe.epochs


def test_untuned_final_trainings_stand_side_by_side_where_a_short_list_does() -> None:
    alone = replace(workload(), works=(1_000_000,))
    beside = replace(alone, at_once=2, beside=Speed(image=3e-4, each=3e-10))  # of one thread
    found = plan(150, beside, RECIPE, SearchSettings(), FINAL)
    assert found.final is not None
    assert (found.final.trials, found.final.networks, found.final.side_by_side) == (0, 2, True)
    assert found.seconds <= SAFE * 150
    (last,) = (part for part in found.parts if part.name == "final")
    assert last.what.startswith("2 networks, 2 at once, ")
    speed = Speed(image=3e-4, each=3e-10)
    untested = replace(beside.final_images, test=0)
    assert last.seconds == pytest.approx(speed.seconds(found.final.recipe, untested, 4_000_000))
    assert Plan(150, SearchSettings(), FINAL, (), 0.0).again(found.to_json()).final == found.final
    for asked, final in ((alone, FINAL), (beside, replace(FINAL, networks=2))):  # as many as were asked for stay so
        one = plan(300, asked, RECIPE, SearchSettings(), final).final
        assert one is not None
        assert not one.side_by_side
        assert one.networks == final.networks
    tuned = plan(3000, beside, RECIPE, SearchSettings(), FINAL).final
    assert tuned is not None
    assert (tuned.trials, tuned.networks, tuned.side_by_side) == (9, 1, False)
    before = {
        name: value for name, value in found.to_json().items() if name not in ("final_networks", "finals_side_by_side")
    }
    assert Plan(150, SearchSettings(), FINAL, (), 0.0).again(before).final == replace(
        found.final, networks=1, side_by_side=False
    )


def test_several_networks_are_trained_finally_rather_than_two_for_longer() -> None:
    few = replace(workload(), works=(1_000_000,), at_once=2, beside=Speed(image=3e-4, each=3e-10))
    few = replace(few, final_images=Images(4000, 200, 1000))
    seen = []
    for budget in (120, 200, 300, 450, 700, 1000, 3000):
        found = plan(budget, few, RECIPE, SearchSettings(), FINAL)
        assert found.seconds <= SAFE * budget
        assert found.final is not None
        assert found.final.networks <= found.settings.shortlist
        if found.final.networks > 2:  # what would be left out of the final trainings is not short-listed
            assert found.settings.shortlist == found.final.networks
        seen.append((found.final.networks, found.final.recipe.epochs))
    assert [networks for networks, _ in seen] == sorted(networks for networks, _ in seen)
    assert all(networks % 2 == 0 and epochs >= 0.45 * FINAL.recipe.epochs for networks, epochs in seen if networks > 2)
    assert all(epochs >= FINAL.recipe.epochs for networks, epochs in seen if networks > 4)
    assert any(networks == 4 and epochs < FINAL.recipe.epochs for networks, epochs in seen)
    assert seen[-1][1] > FINAL.recipe.epochs
    many = replace(few, final_images=Images(40_000, 1000, 1000))
    for asked, final in ((many, FINAL), (few, replace(FINAL, average=False))):  # each is trained to its recipe's end
        one = plan(1500, asked, RECIPE, SearchSettings(), replace(final, trials=0), fixed=frozenset({"trials"})).final
        assert one is not None
        assert one.recipe.epochs >= FINAL.recipe.epochs


@pytest.mark.parametrize(("cores", "listed"), [(2, 4), (8, 8)])
def test_no_more_are_short_listed_than_final_places_need_and_some_to_choose_from(cores: int, listed: int) -> None:
    speed = Speed(image=3e-4, each=3e-10)
    some, many = Images(2000, 1000, 1000), Images(60_000, 1000, 1000)
    asked = replace(workload(), images=some, final_images=many, searching=speed, finishing=speed, beside=speed)
    found = plan(300, replace(asked, at_once=cores), RECIPE, SearchSettings(), FINAL)
    assert found.final is not None
    assert (found.settings.shortlist, found.final.networks) == (listed, cores)
    fixed = plan(
        300, replace(asked, at_once=cores), RECIPE, SearchSettings(shortlist=10), FINAL, fixed=frozenset({"shortlist"})
    )
    assert fixed.settings.shortlist == 10


def test_of_few_images_networks_are_larger_only_where_each_of_several_has_a_whole_training() -> None:
    few = replace(workload(), at_once=2, beside=Speed(image=2e-4, each=2e-10), final_images=Images(4000, 200, 1000))
    seen = []
    for budget in (150, 300, 600, 1200, 2400):
        found = plan(budget, few, RECIPE, SearchSettings(), FINAL)
        assert found.final is not None
        seen.append((4 * (found.settings.limits.training_work or WORK[-1]), found.final.recipe.epochs))
    assert [work for work, _ in seen] == sorted(work for work, _ in seen)
    assert any(work > 16e6 for work, _ in seen)
    assert all(epochs >= FINAL.recipe.epochs for work, epochs in seen if work > 16e6)
    many = replace(few, final_images=Images(12_000, 390, 1000))
    for asked, final in ((many, FINAL), (few, replace(FINAL, average=False))):  # one network is what counts
        larger = [plan(budget, asked, RECIPE, SearchSettings(), final).final for budget in (600, 1200)]
        assert all(one is not None and one.networks == 2 for one in larger)
    for cores in (4, 8):  # one turn of as many is enough: two of eight would be more than are ever short-listed
        wide = plan(600, replace(few, at_once=cores), RECIPE, SearchSettings(), FINAL)
        assert 4 * (wide.settings.limits.training_work or WORK[-1]) > 16e6
        assert wide.final is not None
        assert (wide.final.networks, wide.final.recipe.epochs >= FINAL.recipe.epochs) == (cores, True)
    large = replace(few, works=tuple(work for work in WORK if 4 * work > 16e6))  # the least that the space has
    assert plan(300, large, RECIPE, SearchSettings(), FINAL).settings.limits.training_work == large.works[0]


def test_of_many_images_fewer_epochs_are_a_whole_final_training() -> None:
    thorough = Recipe(image_side=32, train_images=None, epochs=40)  # 2,000 steps of 64 images
    found = {n: whole_epochs(thorough, Images(n, 100), 10e6) for n in (704, 1850, 3800, 9500, 49_000, 10**6)}
    assert found == {704: 40, 1850: 40, 3800: 34, 9500: 14, 49_000: 3, 10**6: 3}
    assert whole_epochs(replace(thorough, epochs=20), Images(3800, 100), 10e6) == 17
    assert whole_epochs(thorough, Images(3800, 100), 64e6) == 34
    assert whole_epochs(thorough, Images(49_000, 100), 64e6) == 10  # four times as many images for such a network
    assert whole_epochs(thorough, Images(12_000, 100), 640e6) == 40  # never more than the recipe's


def test_of_many_images_networks_are_as_large_as_fewer_epochs_allow_for() -> None:
    long = replace(FINAL, recipe=replace(FINAL.recipe, epochs=40), trials=0)
    sizes, epochs = {}, {}
    for train in (1000, 20_000):
        asked = replace(workload(), images=Images(2000, 400), final_images=Images(train, 100, 100))
        for by_images in (False, True):
            offer = Offer(RECIPE, long, by_images=by_images)
            found = best_plan(800, [Offered(offer, asked)], SearchSettings(), fixed=frozenset({"trials"}))
            assert found.seconds <= SAFE * 800
            assert found.final is not None
            sizes[train, by_images] = found.settings.limits.training_work or 2 * WORK[-1]
            epochs[train, by_images] = found.final.recipe.epochs
    assert (sizes[1000, True], epochs[1000, True]) == (sizes[1000, False], epochs[1000, False])
    assert sizes[20_000, True] > sizes[20_000, False]
    assert 3 <= epochs[20_000, True] < 40


def test_a_training_that_is_tuned_is_as_long_as_its_recipe() -> None:
    asked = replace(workload(0.3), final_images=Images(20_000, 1000, 1000))
    for budget in (200, 800, 3200, 12_800):
        found = best_plan(budget, [Offered(Offer(RECIPE, FINAL, by_images=True), asked)], SearchSettings())
        assert found.final is not None
        assert found.final.trials == 0 or found.final.recipe.epochs >= FINAL.recipe.epochs
    assert found.final is not None
    assert found.final.trials == 9


def test_rates_are_tuned_only_where_validation_images_tell_them_apart() -> None:
    asked = workload(0.3)
    assert plan(7200, asked, RECIPE, SearchSettings(), FINAL).to_json()["trials"] == 9
    few = replace(asked, final_images=Images(4000, 200, 1000))
    found = plan(7200, few, RECIPE, SearchSettings(), FINAL)
    assert found.to_json()["trials"] == 0
    assert found.final is not None
    assert found.final.recipe.epochs > FINAL.recipe.epochs
    asked_for = plan(7200, few, RECIPE, SearchSettings(), FINAL, fixed=frozenset({"trials"}))
    assert asked_for.to_json()["trials"] == 9


def test_tuning_gives_way_before_the_length_of_the_final_training() -> None:
    asked = replace(workload(), works=(1_000_000,))
    seen = []
    for budget in range(60, 1200, 10):
        try:
            found = plan(budget, asked, RECIPE, SearchSettings(), FINAL)
        except InvalidArgument:
            assert not seen  # once it fits, it fits with more
            continue
        assert found.final is not None
        seen.append((found.final.trials > 1, found.final.recipe.epochs))
    first_tuned = next(at for at, (tuned, _) in enumerate(seen) if tuned)
    assert first_tuned > 0
    assert all(tuned for tuned, _ in seen[first_tuned:])
    assert all(epochs >= FINAL.recipe.epochs for _, epochs in seen[first_tuned:])
    assert seen[0][1] < FINAL.recipe.epochs


def test_too_small_a_budget_is_refused_with_the_least_that_does() -> None:
    with pytest.raises(
        InvalidArgument, match=r"The `budget` of `presage search` must be at least \d+s .* Got '5s'"
    ) as it:
        plan(5, workload(), RECIPE, SearchSettings(), FINAL)
    least = float(re.search(r"at least (\d+)s", str(it.value))[1])  # type: ignore[index]
    plan(least, workload(), RECIPE, SearchSettings(), FINAL)
    with pytest.raises(InvalidArgument):
        plan(0.9 * least, workload(), RECIPE, SearchSettings(), FINAL)


def test_what_the_user_fixed_stays() -> None:
    settings = SearchSettings(candidates=700, shortlist=2, limits=Limits(multiply_adds=500_000))
    found = plan(
        3600, workload(), RECIPE, settings, replace(FINAL, trials=0),
        fixed=frozenset({"candidates", "shortlist", "trials"}),
    )  # fmt: skip
    assert (found.settings.candidates, found.settings.shortlist) == (700, 2)
    assert found.settings.limits.multiply_adds == 500_000
    assert found.final is not None
    assert found.final.trials == 0


def test_without_a_final_training_all_time_is_the_short_list_s() -> None:
    found = plan(120, workload(), RECIPE, SearchSettings(), None)
    assert found.final is None
    assert found.reserved == 0
    assert {part.name for part in found.parts} == {"before", "search", "short-list"}


def test_without_a_budget_what_is_asked_for_is_told_and_nothing_changed() -> None:
    settings = SearchSettings(candidates=500, shortlist=4, compare_random=2)
    found = estimate(workload(), RECIPE, settings, FINAL)
    assert found.budget is None
    assert (found.settings, found.final) == (settings, FINAL)
    parts = _by_name(found)
    assert parts["search"] == pytest.approx(500 * 0.003)
    each = workload().searching.seconds(RECIPE, workload().images, WORK[9])
    assert parts["short-list"] == pytest.approx(4 * each)
    assert parts["baseline"] == pytest.approx(2 * each)
    assert parts["tune"] == pytest.approx(2 * parts["final"], rel=0.2)


def test_a_run_taken_up_again_keeps_what_was_chosen_when_it_began() -> None:
    first = plan(900, workload(), RECIPE, SearchSettings(), FINAL)
    later = plan(900, workload(slower=3.0), RECIPE, SearchSettings(), FINAL).again(first.to_json())
    assert (later.settings, later.final) == (first.settings, first.final)


def test_networks_side_by_side_take_their_turns_together() -> None:
    settings = SearchSettings(candidates=500, shortlist=5, compare_random=2)
    together = replace(workload(), at_once=2)
    parts = _by_name(estimate(together, RECIPE, settings, FINAL))
    each = together.searching.seconds(RECIPE, together.images, WORK[9])
    assert parts["short-list"] == pytest.approx(3 * each)  # two, two and one
    assert parts["baseline"] == pytest.approx(each)
    assert parts["final"] == _by_name(estimate(workload(), RECIPE, settings, FINAL))["final"]


@pytest.mark.parametrize("budget", [600, 1800])
def test_side_by_side_a_budget_is_kept_and_buys_no_less(budget: float) -> None:
    alone, together = (
        plan(budget, replace(workload(), at_once=at_once), RECIPE, SearchSettings(), FINAL) for at_once in (1, 4)
    )
    assert together.seconds <= SAFE * budget + 1e-6
    assert together.settings.shortlist >= alone.settings.shortlist
    assert (together.settings.limits.training_work or WORK[-1]) >= (alone.settings.limits.training_work or WORK[-1])

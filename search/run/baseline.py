"""The baseline of a search: random networks of the space within the limits, to be trained as the short-list is."""

from __future__ import annotations

from math import nan
from typing import Any

from presage.errors import WrongInput
from presage.files import write_json
from presage.reading import read_as
from presage.search.result import BASELINE, Chosen
from presage.search.run.chosen import chosen_network
from presage.search.run.context import RunContext
from presage.search.samplers.history import History
from presage.search.samplers.random import RandomSampler
from presage.search.studies.scorer import AnyScorer, prediction_of

__all__ = ["note_baseline", "read_baseline"]

_SEED = 0x62617365  # the baseline's draws are apart from every round's


def note_baseline(run: RunContext, scorer: AnyScorer) -> None:
    """Write down the baseline with what the first scorer says of it, before anything is trained; once."""
    if run.settings.compare_random and not run.folder.baseline.exists():
        write_json(run.folder.baseline, [one.to_json() for one in _drawn(run, scorer)])


def read_baseline(run: RunContext) -> list[Chosen]:
    """What `note_baseline` wrote; nothing where no comparison was asked for."""
    if not run.settings.compare_random:
        return []
    found = read_as(run.folder.baseline, _networks)
    if found is None:
        raise WrongInput(f"{run.folder.baseline} is missing: the run folder is damaged.")
    return found


def _networks(told: Any) -> list[Chosen]:
    if not isinstance(told, list):
        raise TypeError("the baseline must be a list")
    return [Chosen.from_json(one) for one in told]


def _drawn(run: RunContext, scorer: AnyScorer) -> list[Chosen]:
    """As many different networks as are to be compared with; fewer where no more are found."""
    seed, count = run.settings.seed, run.settings.compare_random
    found = run.draws(RandomSampler(seed)).draw(History(len(run.space.parameters)), 4 * count, (seed, _SEED))
    predicted = prediction_of(scorer, found.codes, found.graphs)
    said = zip(*(ends.tolist() for ends in (predicted.value, predicted.lower, predicted.upper)), strict=True)
    told = [nan] * len(found.codes) if predicted.distance is None else predicted.distance.tolist()
    chosen: dict[str, Chosen] = {}
    columns = (found.codes, found.costs.tolist(), said, told, found.latency.tolist())
    for code, costs, ends, distance, latency in zip(*columns, strict=True):
        if len(chosen) == count:
            break
        digest = run.networks.at(code).hash
        if digest not in chosen:
            chosen[digest] = chosen_network(
                digest, run.space.params(code), role=BASELINE, round_number=0,
                score=run.score, said=ends, level=predicted.level,
                costs=costs, latency=latency, predictor=scorer.name, distance=distance,
            )  # fmt: skip
    return list(chosen.values())

"""What a search may be asked for."""

from __future__ import annotations

from typing import Any

import pytest

from presage.errors import InvalidArgument, UnknownName
from presage.search.settings import SearchSettings


def test_what_is_short_listed_is_trained_fully_unless_asked() -> None:
    assert not SearchSettings().prune
    assert not SearchSettings(compare_random=2).prune


def test_pruning_beside_a_comparison_is_refused_with_what_to_change() -> None:
    with pytest.raises(InvalidArgument, match=r"`prune` of `run_search` .* Got True\. To prune, take 0 for"):
        SearchSettings(compare_random=2, prune=True)


@pytest.mark.parametrize(
    "name", ["candidates", "shortlist", "rounds", "compare_random", "seed", "latency_batch", "batch"]
)
def test_a_wrong_number_is_refused(name: str) -> None:
    for value in (-1, True) if name in ("compare_random", "seed") else (0, -1, True):
        with pytest.raises(InvalidArgument, match=f"`{name}` of `run_search` must be"):
            SearchSettings(**{name: value})  # type: ignore[arg-type]  # wrong on purpose


def test_more_cannot_be_short_listed_than_are_scored() -> None:
    with pytest.raises(InvalidArgument, match=r"`shortlist` .* at most `candidates` \(4\)\. Got 5"):
        SearchSettings(candidates=4, shortlist=5)


@pytest.mark.parametrize(("candidates", "batch"), [(10, 100), (2000, 100), (10_000, 500), (10**6, 1000)])
def test_a_batch_is_a_twentieth_of_the_candidates_within_bounds(candidates: int, batch: int) -> None:
    assert SearchSettings(candidates=candidates).batch_size == batch
    assert SearchSettings(candidates=candidates, batch=7).batch_size == 7


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"diversity": 2.0}, InvalidArgument),
        ({"strategy": "evolutoin"}, UnknownName),
        ({"objectives": ("accuracy", "parameters")}, InvalidArgument),  # evolution serves one
        ({"acquisition": "best"}, UnknownName),
    ],
)
def test_what_names_nothing_or_does_not_go_together_is_refused(wrong: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        SearchSettings(**wrong)

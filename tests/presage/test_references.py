"""A search says which of its networks a person would have built without it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from presage.architecture.spaces import Stages
from presage.search.result import SHORT_LIST, Chosen, RoundResult, SearchResult, Verified
from presage.speakable import named
from presage.steps.references import told_of_references

SPACE = Stages()
FIRST, SECOND = (SPACE.decode(SPACE.params(SPACE.references[kind][2])).hash for kind in (0, 1))
FOUND = SPACE.decode(SPACE.params(SPACE.sample(1, np.random.default_rng(0))[0])).hash


def verified(digest: str, accuracy: float) -> Verified:
    chosen = Chosen(digest, {}, SHORT_LIST, 1, 10, 100, 1000, "2026-11-29T00:00:00+00:00")
    return Verified(chosen, "finished", accuracy, None, (accuracy,), 1.0, None)


def result(*networks: Verified) -> SearchResult:
    rounds = (RoundResult(1, "predicted-1", 9, 9, 0.9, networks, (), 0.9),)
    best = max(networks, key=lambda one: one.accuracy or 0.0, default=None)
    return SearchResult(Path("run"), "d", "f", SPACE.name, "random", {}, rounds, best=best)


def test_references_are_named_and_whether_the_best_is_one() -> None:
    (one,) = told_of_references(SPACE, result(verified(FIRST, 0.5), verified(FOUND, 0.6)))
    assert one == (
        f"Of the short-list {named(FIRST)} is a network that people build without a search; "
        "the best is not one of them."
    )
    (two,) = told_of_references(SPACE, result(verified(FIRST, 0.5), verified(FOUND, 0.6), verified(SECOND, 0.7)))
    assert two == (
        f"Of the short-list {named(FIRST)}, {named(SECOND)} are networks that people build without a search; "
        "the best is one of them."
    )


def test_nothing_is_said_where_none_was_trained() -> None:
    assert told_of_references(SPACE, result(verified(FOUND, 0.6))) == []
    failed = result(replace(verified(FIRST, 0.5), accuracy=None, status="diverged"))
    assert told_of_references(SPACE, replace(failed, best=None)) == []

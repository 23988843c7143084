"""A zero-cost proxy in place of a predicted accuracy."""

from __future__ import annotations

import pytest
import torch

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Classifier,
    Convolution,
    Flatten,
    Input,
    Linear,
    Zero,
)
from presage.errors import UnknownName
from presage.surrogate.proxies import WORST, Minibatch, ProxyScorer, proxies


def chain(*operations: object) -> Architecture:
    nodes = [Node(Input()), *(Node(operation, (at,)) for at, operation in enumerate(operations))]  # type: ignore[arg-type]
    return Architecture(tuple(nodes))


CONVOLUTIONAL = chain(
    Convolution(4, (3, 3), padding=(1, 1)), Activation("relu"), AdaptiveAveragePool(), Flatten(), Classifier()
)
DATA = Minibatch(torch.randn(8, 1, 4, 4, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 2, 2)


def test_a_scorer_gives_the_proxy_of_each_candidate_and_notes_those_without() -> None:
    dead = chain(Zero(), Flatten(), Classifier())
    scorer = ProxyScorer(DATA, "naswot", seed=3, device="cpu")
    found = scorer.score(GraphBatch.of([CONVOLUTIONAL, dead]))
    assert scorer.name == "proxy:naswot"
    assert found.value.tolist() == [
        proxies(CONVOLUTIONAL, DATA, names=["naswot"], seed=3, device="cpu")["naswot"],
        WORST,
    ]
    assert found.lower.tolist() == found.upper.tolist() == found.value.tolist()
    assert [(one.hash, one.why) for one in scorer.failures] == [(dead.hash, "it has no activations")]
    with pytest.raises(UnknownName):
        ProxyScorer(DATA, "nazwot")


def test_a_candidate_too_large_to_be_built_scores_worst() -> None:
    huge = chain(Flatten(), Linear(10**9, True), Classifier())
    scorer = ProxyScorer(DATA, "snip", device="cpu")
    assert scorer.score(GraphBatch.of([huge])).value.tolist() == [WORST]
    assert "at most" in scorer.failures[0].why

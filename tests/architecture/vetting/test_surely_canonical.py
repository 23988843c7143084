"""Thousands of texts judged at once: what is vouched for is canonical, and what is canonical mostly is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.graph import Architecture
from presage.architecture.serial import dumps, loads
from presage.architecture.spaces import SPACES, get_space
from presage.architecture.vetting.canonical import surely_canonical
from presage.architecture.vetting.texts import batch_of_texts, read_texts
from presage.errors import InvalidArchitecture

Nodes = list[dict[str, Any]]


def written(nodes: Nodes) -> str:
    return json.dumps({"format": "presage-architecture", "version": 1, "nodes": nodes}, separators=(",", ":"))


def drawn(space: str, n: int) -> list[Architecture]:
    found = get_space(space)
    return found.decode_batch(found.sample(n, np.random.default_rng(7))).architectures()


def sure(texts: list[str]) -> list[bool]:
    read, found = read_texts(texts), np.zeros(len(texts), bool)
    found[read.rows[surely_canonical(read)]] = True
    return [bool(one) for one in found]


def is_canonical(text: str) -> bool:
    try:
        return dumps(loads(text).canonical) == text
    except InvalidArchitecture:
        return False


@pytest.mark.parametrize("space", SPACES)
def test_canonical_networks_are_read_as_they_are_and_nearly_all_are_sure(space: str) -> None:
    networks = [one.canonical for one in drawn(space, 40)]
    texts = [dumps(one) for one in networks]
    read = read_texts(texts)
    assert read.rows.tolist() == list(range(len(texts)))
    for name in ("node_start", "kind", "attributes", "edge_start", "edge_source"):
        assert np.array_equal(getattr(read.batch, name), getattr(GraphBatch.of(networks), name))
    assert sum(sure(texts)) >= 0.75 * len(texts)


@pytest.mark.parametrize("space", SPACES)
def test_what_is_not_canonical_is_never_sure(space: str) -> None:
    texts = [dumps(one) for one in drawn(space, 30)]  # as decoded: some canonical, most not
    for text, found in zip(texts, sure(texts), strict=True):
        assert is_canonical(text) or not found


def damaged(nodes: Nodes, rng: np.random.Generator) -> Iterator[Nodes]:
    """The same nodes with something moved, added, repeated or exchanged."""
    n = len(nodes)
    at = int(rng.integers(1, n - 1))
    moved = [dict(node) for node in nodes]
    moved[at], moved[at + 1] = moved[at + 1], moved[at]
    exchanged = {at: at + 1, at + 1: at}
    for node in moved:
        node["inputs"] = [exchanged.get(source, source) for source in node["inputs"]]
    yield moved
    swapped = [dict(node) for node in nodes]
    swapped[at]["inputs"] = list(reversed(swapped[at]["inputs"]))
    yield swapped
    rewired = [dict(node) for node in nodes]
    rewired[at]["inputs"] = [int(rng.integers(0, at)) for _ in rewired[at]["inputs"]]
    yield rewired

    def later(node: dict[str, Any], through: int | None) -> dict[str, Any]:
        def source(one: int) -> int:
            return through if through is not None and one == at else one + (one > at)

        return {**node, "inputs": [source(one) for one in node["inputs"]]}

    for fresh, through in (
        ({"op": "identity", "inputs": [at]}, at + 1),
        ({"op": "activation", "inputs": [at], "function": "relu"}, at + 1),
        ({"op": "flatten", "inputs": [at]}, at + 1),
        ({"op": "add", "inputs": [at]}, at + 1),
        ({"op": "add", "inputs": [at, at]}, at + 1),
        ({"op": "add", "inputs": [0, at]}, at + 1),
        ({"op": "zero", "inputs": [at]}, at + 1),
        ({"op": "activation", "inputs": [at], "function": "relu"}, None),  # read by none
        ({**nodes[at]}, at + 1),  # twice, one of them read by none
    ):
        yield [*nodes[: at + 1], fresh, *(later(node, through) for node in nodes[at + 1 :])]
    doubled = [*nodes[: at + 1], {**nodes[at]}, *(later(node, None) for node in nodes[at + 1 :])]
    for node in doubled[at + 2 :]:
        if at in node["inputs"]:
            node["inputs"] = [at + 1 if one == at and rng.random() < 0.5 else one for one in node["inputs"]]
    yield doubled


@pytest.mark.parametrize("space", SPACES)
def test_damaged_networks_are_judged_as_their_canonical_forms_say(space: str) -> None:
    rng = np.random.default_rng(3)
    texts = [
        written(one)
        for network in drawn(space, 12)
        for one in damaged(json.loads(dumps(network.canonical))["nodes"], rng)
    ]
    canonical = [is_canonical(text) for text in texts]
    assert not any(found and not true for found, true in zip(sure(texts), canonical, strict=True))
    assert sum(canonical) < len(texts) / 2


def test_sums_within_sums_are_judged_one_by_one() -> None:
    convolution = json.loads(dumps(drawn("chain", 1)[0].canonical))["nodes"][1]

    def network(*inputs: list[int]) -> str:
        nodes: Nodes = [{"op": "input", "inputs": []}, *({**convolution, "inputs": [0]} for _ in range(4))]
        nodes += [{"op": "add", "inputs": one} for one in inputs]
        last = len(nodes) - 1
        tail = [{"op": "concat", "inputs": list(range(5, len(nodes)))}, {"op": "flatten", "inputs": [last + 1]}]
        return written([*nodes, *tail, {"op": "classifier", "inputs": [last + 2], "bias": True}])

    for inputs in (
        [[1, 2], [3, 5]],
        [[1, 2], [1, 2, 3]],
        [[1, 2], [2, 3], [1, 2, 3]],
        [[1, 2], [1, 2]],
        [[1, 1], [1, 5]],
    ):
        text = network(*inputs)
        assert is_canonical(text) or not sure([text])[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"version":1', '"version":2'),
        ('"version":1,', '"version":1,"more":1,'),
        ('"nodes":[', '"nodes": ['),
        ('"inputs":[0]', '"inputs":[00]'),
        ('"inputs":[0]', '"inputs":[ 0]'),
        ('"inputs":[0]', '"inputs":[9]'),
        ('"inputs":[0]', '"inputs":[99999999]'),
        ('"inputs":[0]', '"inputs":[-1]'),
        ('"inputs":[0]', '"inputs":[0,0]'),
        ('"inputs":[0]', '"inputs":[]'),
        ('"inputs":[0]', '"in":[0]'),
        ('"bias":false', '"bias":0'),
        ('"bias":false', '"bias":false,"bias":false'),
        ('"stride":[1,1]', '"stride":[1,1.0]'),
        ('"op":"convolution"', '"op":"convolutions"'),
        ('"op":"classifier"', '"op":"linear","features":3'),
        ('{"op":"input","inputs":[]}', '{"op":"input","inputs":[]},{"op":"input","inputs":[]}'),
        ("]}", "]} "),
    ],
)
def test_a_text_that_presage_would_not_write_is_not_read(old: str, new: str) -> None:
    texts = [dumps(one.canonical) for one in drawn("chain", 40)]
    text = next(one for one in texts if old in one)
    changed = text.replace(old, new, 1)
    assert not is_canonical(changed)
    assert sure([text, changed, text])[1] is False


def test_no_texts_and_empty_ones() -> None:
    assert sure([]) == []
    assert sure(["", "{}", "null", written([])]) == [False] * 4


def test_texts_become_the_batch_that_their_networks_are_whoever_wrote_them() -> None:
    networks = [one.canonical for space in ("chain", "nb201") for one in drawn(space, 6)]
    texts = [dumps(one) for one in networks]
    texts[3] = json.dumps(json.loads(texts[3]), indent=1)
    texts[8] = json.dumps(json.loads(texts[8]))
    found, expected = batch_of_texts(texts), GraphBatch.of(networks)
    for name in ("node_start", "kind", "attributes", "edge_start", "edge_source"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))
    with pytest.raises(InvalidArchitecture, match="no JSON"):
        batch_of_texts([*texts, "{"])

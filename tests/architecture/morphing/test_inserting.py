"""Nodes more, in graphs small enough to say it by hand."""

from __future__ import annotations

import pytest

from presage.architecture.graph import Architecture, Node
from presage.architecture.morphing.inserting import BRANCHES, add_branch, add_skip, deepen
from presage.architecture.morphing.morphism import FRESH, Start
from presage.architecture.operations import (
    Activation,
    Add,
    AveragePool,
    BatchNorm,
    Classifier,
    Convolution,
    Flatten,
    Input,
    Linear,
    MaxPool,
    Scale,
)
from presage.errors import InvalidArchitecture, InvalidArgument, UnknownName

SHAPE, CLASSES = (3, 9, 9), 5
OWN = Architecture(
    (
        Node(Input()),
        Node(Convolution(4), (0,)),
        Node(Activation("relu6"), (1,)),
        Node(MaxPool(), (2,)),
        Node(Flatten(), (3,)),
        Node(Linear(6), (4,)),
        Node(Classifier(), (5,)),
    )
)


def test_a_layer_more_and_who_read_the_node_reads_it() -> None:
    found = deepen(OWN, SHAPE, CLASSES, 2)
    assert [node.operation for node in found.architecture.nodes[3:6]] == [
        Convolution(4), BatchNorm(), Activation("relu6"),
    ]  # fmt: skip
    assert [node.inputs for node in found.architecture.nodes[3:7]] == [(2,), (3,), (4,), (5,)]
    assert found.origins == (0, 1, 2, FRESH, FRESH, FRESH, 3, 4, 5, 6)
    assert found.starts == {3: Start.IDENTITY, 4: Start.IDENTITY}
    assert deepen(OWN, SHAPE, CLASSES, 3, 5).architecture.nodes[4].operation == Convolution(4, (5, 5), padding=(2, 2))
    flat = deepen(OWN, SHAPE, CLASSES, 4).architecture  # of a max-pooling of what is not negative
    assert flat.nodes[5].operation == Linear(64, bias=False)
    assert flat.nodes[7].operation == Activation()


def test_a_skip_connection_is_a_sum_with_nothing_at_first() -> None:
    found = add_skip(OWN, SHAPE, CLASSES, 1, 2)
    assert found.architecture.nodes[3] == Node(Scale(), (1,))
    assert found.architecture.nodes[4] == Node(Add(), (2, 3))
    assert found.architecture.nodes[5] == Node(MaxPool(), (4,))
    assert found.starts == {3: Start.ZERO}
    projected = add_skip(OWN, SHAPE, CLASSES, 0, 2).architecture
    assert projected.nodes[3].operation == Convolution(4, (1, 1), padding=(0, 0))


@pytest.mark.parametrize("kind", BRANCHES)
def test_branches_bring_one_shape_to_another(kind: str) -> None:
    own = Architecture((*OWN.nodes[:3], Node(AveragePool((3, 3), (2, 2), (1, 1)), (2,)), *OWN.nodes[4:]))
    found = add_branch(own, SHAPE, CLASSES, 1, 3, kind)
    shapes = found.architecture.shapes(SHAPE, CLASSES)
    added = next(at for at, node in enumerate(found.architecture.nodes) if isinstance(node.operation, Add))
    assert shapes[added] == (4, 5, 5)
    assert Start.ZERO in found.starts.values()


def test_what_cannot_be_is_refused_by_name() -> None:
    with pytest.raises(InvalidArchitecture, match=r"Node 1 \(`convolution`\) may be negative"):
        deepen(OWN, SHAPE, CLASSES, 1)
    with pytest.raises(InvalidArchitecture, match=r"Node 6 \(`classifier`\) ends the network"):
        add_skip(OWN, SHAPE, CLASSES, 1, 6)
    with pytest.raises(InvalidArchitecture, match=r"Node 2 \(`activation`\) has 9×9 pixels, of which no"):
        add_branch(OWN, SHAPE, CLASSES, 2, 3)
    with pytest.raises(InvalidArchitecture, match=r"Node 2 \(`activation`\) is a map, and what it would be added to"):
        add_branch(OWN, SHAPE, CLASSES, 2, 5)
    with pytest.raises(InvalidArchitecture, match=r"Node 0 \(`input`\) has 3 channels, and a pooling makes no 4"):
        add_branch(OWN, SHAPE, CLASSES, 0, 1, "max_pool")
    for call, said in (
        (lambda: deepen(OWN, SHAPE, CLASSES, 2, 2), "be odd"),
        (lambda: deepen(OWN, SHAPE, CLASSES, 9), "be a node from 0 to 6"),
        (lambda: add_skip(OWN, SHAPE, CLASSES, 2, 2), "be a later node than 2"),
    ):
        with pytest.raises(InvalidArgument, match=said):
            call()
    with pytest.raises(UnknownName, match="kind of branch"):
        add_branch(OWN, SHAPE, CLASSES, 1, 2, "convolutions")

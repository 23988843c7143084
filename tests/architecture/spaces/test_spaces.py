"""The spaces keep the contract, and decode to the networks that their papers describe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.graph import Architecture
from presage.architecture.operations import Activation, Add, BatchNorm, Classifier, Convolution, Linear, Shape, Zero
from presage.architecture.spaces import NB201, SPACES, Chain, Choice, Space, get_space
from presage.architecture.testing import SpaceContract
from presage.errors import InvalidArchitecture, InvalidArgument, UnknownName


class TestChain(SpaceContract):
    space = Chain()


class TestShortChain(SpaceContract):
    space = Chain(layers=2)


class TestNB201(SpaceContract):
    space = NB201()


class TestWideNB201(SpaceContract):
    space = NB201(cells=2, width=4)


def parameters(architecture: Architecture, shape: tuple[int, int, int], classes: int) -> int:
    shapes = architecture.shapes(shape, classes)
    body = sum(cost[0] for cost in body_costs(architecture, shapes))
    return body + classes * (shapes[architecture.nodes[-1].inputs[0]][0] + 1)


def body_costs(architecture: Architecture, shapes: tuple[Shape, ...]) -> list[tuple[int, int]]:
    """Parameters and multiply-adds of every node but the image and the classifier."""
    return [
        node.operation.cost(node.operation, shapes[node.inputs[0]], made)
        for node, made in list(zip(architecture.nodes, shapes, strict=True))[1:-1]
    ]


PLAIN: dict[str, Choice] = {
    "depth": 2,
    "width": 8,
    "kernel": 3,
    "norm": "batch",
    "activation": "tanh",
    "skips": "none",
    "dropout": 0,
    "end.pool": "average",
    "end.hidden": 32,
    "end.dropout": 0,
    "layer1.operation": "convolution",
    "layer1.kernel": 1,
    "layer1.widen": 1,
    "layer1.stride": 2,
    "layer2.operation": "residual",
    "layer2.kernel": 1,
    "layer2.widen": 2,
    "layer2.stride": 1,
    "layer2.skip": 0,
}


def test_a_chain_is_the_network_its_parameters_say() -> None:
    nodes = Chain(layers=2).decode(PLAIN).nodes
    names = [node.operation.name for node in nodes]
    assert names == [
        *("input", "convolution", "batch_norm", "activation"),
        *("convolution", "batch_norm", "activation", "convolution", "batch_norm"),
        *("convolution", "batch_norm", "add", "activation"),
        *("adaptive_average_pool", "flatten", "linear", "activation", "classifier"),
    ]
    assert nodes[1].operation == Convolution(8, stride=(2, 2))
    assert nodes[4].operation == Convolution(16)
    assert nodes[9].operation == Convolution(16, kernel=(1, 1), padding=(0, 0))  # the block widens: a projection
    assert nodes[9].inputs == (3,)
    assert nodes[11].inputs == (10, 8)
    assert nodes[12].operation == Activation("tanh")
    assert nodes[15].operation == Linear(32)


def test_a_chain_of_equal_width_needs_no_projection() -> None:
    nodes = Chain(layers=2).decode({**PLAIN, "layer2.widen": 1}).nodes
    assert sum(isinstance(node.operation, Convolution) for node in nodes) == 3


@pytest.mark.parametrize(("join", "channels"), [("add", 16), ("concatenate", 24)])
def test_a_skip_is_pooled_and_projected_until_it_fits(join: str, channels: int) -> None:
    params = {**PLAIN, "skips": join, "layer2.skip": 1, "layer2.stride": 2}
    architecture = Chain(layers=2).decode(params)
    shapes = architecture.shapes((3, 16, 16), 10)
    joined = next(i for i, node in enumerate(architecture.nodes) if node.operation.name == "adaptive_average_pool") - 1
    assert architecture.nodes[joined].operation.name == join
    assert shapes[joined] == (channels, 4, 4)
    assert shapes[3] == (8, 8, 8)


def test_a_separable_layer_is_pointwise_then_depthwise() -> None:
    nodes = Chain(layers=2).decode({**PLAIN, "depth": 1, "layer1.operation": "separable"}).nodes
    assert nodes[1].operation == Convolution(8, kernel=(1, 1), padding=(0, 0))
    assert nodes[2].operation == Convolution(8, stride=(2, 2), groups=8)


def test_chains_fit_a_cpu_and_spread_over_decades() -> None:
    def multiply_adds(architecture: Architecture) -> int:
        return sum(cost[1] for cost in body_costs(architecture, architecture.shapes((3, 16, 16), 10)))

    space = Chain()
    batch = space.decode_batch(space.sample(300, np.random.default_rng(0)))
    found = np.array([multiply_adds(architecture) for architecture in batch.architectures()])
    assert ((found > 20_000) & (found < 10_000_000)).mean() > 0.8
    assert np.log10(np.percentile(found, 90) / np.percentile(found, 10)) > 1.5


CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|"


def test_nb201_strings_are_read_and_written() -> None:
    space = NB201()
    params = space.from_string(CELL)
    assert params == {
        "edge0to1": "nor_conv_3x3",
        "edge0to2": "none",
        "edge1to2": "skip_connect",
        "edge0to3": "avg_pool_3x3",
        "edge1to3": "nor_conv_1x1",
        "edge2to3": "skip_connect",
    }
    assert space.to_string(params) == CELL


@pytest.mark.parametrize("text", ["", "|none~0|", CELL.replace("none", "nun"), CELL.replace("~2", "~1"), CELL + "x"])
def test_a_text_that_is_no_nb201_string_is_refused(text: str) -> None:
    with pytest.raises(InvalidArchitecture, match="NAS-Bench-201 string"):
        NB201().from_string(text)


def test_an_nb201_cell_is_wired_as_its_string_says() -> None:
    space = NB201()
    nodes = space.decode(space.from_string(CELL)).nodes
    # input, stem (conv, bn), then the first cell; node 2 of the cell is node 1 (none + skip), so the sum reads it
    assert [node.operation.name for node in nodes[3:11]] == [
        *("activation", "convolution", "batch_norm"),
        *("activation", "average_pool", "convolution", "batch_norm", "add"),
    ]
    assert nodes[6].inputs == (5,)
    assert nodes[7].inputs == (2,)
    assert nodes[10].operation == Add()
    assert nodes[10].inputs == (7, 9, 5)


def test_a_cell_without_edges_is_zeros() -> None:
    space = NB201()
    nodes = space.decode(dict.fromkeys(space.columns, "none")).nodes
    assert sum(isinstance(node.operation, Zero) for node in nodes) == 9


def test_the_smallest_nb201_network_has_the_parameters_counted_by_hand() -> None:
    space = NB201(cells=1, width=16)
    architecture = space.decode(dict.fromkeys(space.columns, "skip_connect"))
    stem = 3 * 16 * 9 + 2 * 16
    first = 16 * 32 * 9 + 64 + 32 * 32 * 9 + 64 + 16 * 32
    second = 32 * 64 * 9 + 128 + 64 * 64 * 9 + 128 + 32 * 64
    assert parameters(architecture, (3, 32, 32), 10) == stem + first + second + 128 + 65 * 10
    assert sum(isinstance(node.operation, BatchNorm) for node in architecture.nodes) == 6


def test_nb201_parameters_equal_the_benchmarks(shared: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(
        shared / "tables" / "nb201.parquet", columns=["arch_str", "params_M_c10", "params_M_in16"]
    )
    space = NB201(cells=5, width=16)
    for row in np.random.default_rng(0).choice(len(table), 60, replace=False):
        text, cifar, imagenet = (table.column(i)[int(row)].as_py() for i in range(3))
        architecture = space.decode(space.from_string(text))
        assert parameters(architecture, (3, 32, 32), 10) == round(cifar * 1e6)
        assert parameters(architecture, (3, 16, 16), 120) == round(imagenet * 1e6)


def test_spaces_are_found_by_name_with_arguments() -> None:
    assert get_space("chain") == Chain()
    space = get_space("nb201:cells=5,width=16")
    assert space == NB201(cells=5, width=16)
    assert space.name == "nb201:cells=5,width=16"
    assert get_space("nb201:cells=1").name == "nb201"


def test_every_space_is_listed_under_its_family() -> None:
    assert {name: SPACES.load(name).family for name in SPACES} == {name: name for name in SPACES}


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("chian", UnknownName, "Did you mean `chain`"),
        ("nb201:cell=2", UnknownName, "Did you mean `cells`"),
        ("nb201:cells=two", InvalidArgument, "as an integer"),
        ("nb201:cells=1,cells=2", InvalidArgument, "be given once"),
        ("nb201:cells=0", InvalidArgument, "between 1 and 1000"),
        ("chain:layers=0", InvalidArgument, "between 1 and 100"),
    ],
)
def test_a_wrong_name_is_answered_in_one_line(name: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        get_space(name)
    assert "\n" not in str(caught.value)


def test_wrong_parameters_are_named() -> None:
    space = NB201()
    params = space.from_string(CELL)
    with pytest.raises(UnknownName, match="edge0to4"):
        space.decode({**params, "edge0to4": "none"})
    with pytest.raises(InvalidArgument, match="edge2to3"):
        space.decode({name: value for name, value in params.items() if name != "edge2to3"})
    with pytest.raises(InvalidArgument, match="one of 'none', 'skip_connect'"):
        space.decode({**params, "edge2to3": "conv"})
    with pytest.raises(InvalidArgument, match=r"layer1\.stride"):
        Chain(layers=2).decode({**PLAIN, "layer1.stride": True})


class TestASpaceOfOnesOwn(SpaceContract):
    """The smallest space: one parameter, `decode` only."""

    class Tiny(Space):
        family = "tiny"

        @property
        def parameters(self):  # type: ignore[no-untyped-def]  # as a user would write it
            from presage.architecture.spaces import Categorical

            return (Categorical("channels", (4, 8, 16)),)

        def decode(self, params):  # type: ignore[no-untyped-def]  # as a user would write it
            from presage.architecture.graph import Node
            from presage.architecture.operations import AdaptiveAveragePool, Flatten, Input

            operations = (Convolution(params["channels"]), AdaptiveAveragePool(), Flatten(), Classifier())
            return Architecture((Node(Input()), *(Node(op, (i,)) for i, op in enumerate(operations))))

    space = Tiny()

    def test_its_batch_holds_what_decode_gives(self) -> None:
        batch: GraphBatch = self.space.decode_batch(np.array([[2], [0]]))
        assert batch.column("channels")[batch.kind == 1].tolist() == [16, 4]

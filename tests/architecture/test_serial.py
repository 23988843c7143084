"""Architectures as JSON: what is written comes back, and every kind of wrong text is refused with one clear line."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presage.architecture import Architecture, Node, digest, dumps, from_json, loads, read_jsonl, to_json, write_jsonl
from presage.architecture.costs import costs
from presage.architecture.decimals import decimal, value_of
from presage.architecture.operations import (
    OPERATIONS,
    Activation,
    AdaptiveAveragePool,
    Add,
    AveragePool,
    BatchNorm,
    Classifier,
    Convolution,
    Flatten,
    Input,
    Linear,
    MaxPool,
    Pad,
)
from presage.architecture.torch_bridge.build import build
from presage.errors import InvalidArchitecture


def small() -> Architecture:
    return Architecture(
        (
            Node(Input()),
            Node(Convolution(8), (0,)),
            Node(Activation(), (1,)),
            Node(Add(), (1, 2)),
            Node(AdaptiveAveragePool(), (3,)),
            Node(Flatten(), (4,)),
            Node(Classifier(), (5,)),
        )
    )


def test_what_is_written_comes_back() -> None:
    assert loads(dumps(small())) == small()
    assert from_json(to_json(small())) == small()


def test_text_is_one_line_with_every_field() -> None:
    assert "\n" not in dumps(small())
    assert to_json(small())["nodes"][1] == {
        "op": "convolution",
        "inputs": [0],
        "channels": 8,
        "kernel": [3, 3],
        "stride": [1, 1],
        "padding": [1, 1],
        "dilation": [1, 1],
        "groups": 1,
        "bias": False,
    }


def test_digest_is_sha256_of_the_text_on_every_machine() -> None:
    tiny = Architecture((Node(Input()), Node(Flatten(), (0,)), Node(Classifier(), (1,))))
    assert dumps(tiny) == (
        '{"format":"presage-architecture","version":1,"nodes":[{"op":"input","inputs":[]},'
        '{"op":"flatten","inputs":[0]},{"op":"classifier","inputs":[1],"bias":true}]}'
    )
    # printf '%s' '…' | sha256sum
    assert digest(tiny) == "24f85ae7aa99018c31761eee3e845da430c71698fff5737aefbe565e0dfd6e02"


def test_names_and_kinds_of_operations_are_unique() -> None:
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)


def change(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    written = copy.deepcopy(to_json(small()))
    place: Any = written
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return written


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("format",), "onnx", "The `format` of an architecture must be \"presage-architecture\". Got 'onnx'."),
        (("version",), 2, "format version 2; this presage reads up to 1"),
        (("version",), "1", "The `version` of an architecture must be an integer from 1. Got '1'."),
        (("version",), True, "Got True."),
        (("version",), ..., "Got None."),
        (("nodes",), ..., "lacks `nodes`"),
        (("nodes",), {}, "must be a list of at most"),
        (("nodes",), [], "must begin with `input`"),
        (("colour",), 1, "No key is named `colour`"),
        (("nodes", 1), 7, "Node 1 must be an object. Got 7."),
        (("nodes", 1, "op"), "convolutoin", "Node 1: No operation is named `convolutoin`. Did you mean `convolution`?"),
        (("nodes", 1, "op"), 3, "Node 1: its `op` must be the name of an operation. Got 3."),
        (("nodes", 1, "channels"), ..., "Node 1 (`convolution`) lacks `channels`."),
        (("nodes", 1, "chanels"), 8, "Did you mean `channels`?"),
        (("nodes", 1, "channels"), 0, "Node 1: The `channels` of `convolution` must be an integer from 1 to"),
        (("nodes", 1, "channels"), 8.0, "Got 8.0."),
        (("nodes", 1, "channels"), True, "Got True."),
        (("nodes", 1, "channels"), "8", "Got '8'."),
        (("nodes", 1, "channels"), None, "Got None."),
        (("nodes", 1, "channels"), 2**31, "must be an integer from 1 to 2147483647"),
        (("nodes", 1, "channels"), [[[1]]], "must be an integer from 1"),
        (("nodes", 1, "kernel"), 3, "The `kernel` of `convolution` must be a pair of integers from 1"),
        (("nodes", 1, "kernel"), [3], "must be a pair"),
        (("nodes", 1, "kernel"), [3, 0], "must be a pair"),
        (("nodes", 1, "padding"), [-1, 0], "The `padding` of `convolution` must be a pair of integers from 0"),
        (("nodes", 1, "bias"), 1, "The `bias` of `convolution` must be true or false. Got 1."),
        (("nodes", 2, "function"), "relo", "The `function` of `activation` must be one of relu, relu6"),
        (("nodes", 1, "inputs"), [2], "Node 1 (`convolution`) reads node 2: a node reads only earlier nodes"),
        (("nodes", 1, "inputs"), [1], "else there is a cycle"),
        (("nodes", 1, "inputs"), [99], "Node 1 (`convolution`) reads node 99, which is missing."),
        (("nodes", 1, "inputs"), [-1], "reads node -1, which is missing"),
        (("nodes", 1, "inputs"), [], "Node 1 (`convolution`) has 0 inputs."),
        (("nodes", 1, "inputs"), [0, 0], "Node 1 (`convolution`) has 2 inputs."),
        (("nodes", 1, "inputs"), "0", "`inputs` must be a list of positions. Got '0'."),
        (("nodes", 1, "inputs"), [0.0], "`inputs` must be a list of positions"),
        (("nodes", 1, "inputs"), [False], "`inputs` must be a list of positions"),
        (("nodes", 3), {"op": "input", "inputs": []}, "Node 3 must not be `input`"),
        (("nodes", 6), {"op": "flatten", "inputs": [5]}, "must end with `classifier`"),
    ],
)
def test_wrong_object_is_refused_with_one_line(path: tuple[str | int, ...], value: Any, message: str) -> None:
    with pytest.raises(InvalidArchitecture) as caught:
        from_json(change(path, value))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("null", "must be a JSON object"),
        ("[1, 2]", "must be a JSON object"),
        (dumps(small()).replace('"channels":8', '"channels":NaN'), "holds no NaN"),
        (dumps(small()).replace('"channels":8', '"channels":1e999'), "must be an integer from 1"),
        (dumps(small()).replace('"channels":8', '"channels":-Infinity'), "holds no -Infinity"),
        (dumps(small()).replace('"channels":8', '"channels":' + "9" * 4000), "must be an integer from 1"),
        (dumps(small()).replace('"channels":8', '"channels":' + "9" * 5000), "no JSON"),
        (dumps(small()).replace('"channels":8', '"channels":8,"channels":9'), "twice"),
        ("[" * 200_000 + "]" * 200_000, "nested too deeply"),
        ('{"a":' * 200_000, "nested too deeply"),
    ],
)
def test_wrong_text_is_refused_with_one_line(text: str, message: str) -> None:
    with pytest.raises(InvalidArchitecture) as caught:
        loads(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_deep_value_that_no_parser_refuses_is_refused_too() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(InvalidArchitecture, match="must be an integer"):
        from_json(change(("nodes", 1, "channels"), value))


def test_shapes_that_shrink_to_nothing_name_the_node() -> None:
    pools = [Node(MaxPool(), (index,)) for index in range(3)]
    shrinking = Architecture((Node(Input()), *pools, Node(Flatten(), (3,)), Node(Classifier(), (4,))))
    assert shrinking.shapes((3, 8, 8), 10)[3] == (3, 1, 1)
    with pytest.raises(InvalidArchitecture, match=r"Node 3: The operation `max_pool` leaves no pixels. Got input 3×1"):
        shrinking.shapes((3, 4, 4), 10)


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (Linear(4), "needs a flat input"),
        (Convolution(6, groups=2), "divisible by its groups"),
        (Convolution(4, kernel=(9, 9), padding=(0, 0)), "leaves no pixels"),
        (AveragePool(kernel=(2, 2), padding=(2, 2)), "padding of at most half its kernel"),
    ],
)
def test_operations_that_do_not_fit_say_why(operation: Any, message: str) -> None:
    network = Architecture((Node(Input()), Node(operation, (0,)), Node(Flatten(), (1,)), Node(Classifier(), (2,))))
    with pytest.raises(InvalidArchitecture, match=message):
        network.shapes((3, 8, 8), 10)


def test_a_million_million_parameters_are_counted_but_not_built() -> None:
    million = 10**6
    huge = Architecture(
        (
            Node(Input()),
            Node(Flatten(), (0,)),
            Node(Linear(million), (1,)),
            Node(Linear(million), (2,)),
            Node(BatchNorm(), (3,)),
            Node(Classifier(), (4,)),
        )
    )
    read = loads(dumps(huge))
    assert costs(read, (3, 8, 8), 10).parameters > 10**12
    with pytest.raises(InvalidArchitecture, match=r"at most 2,000,000,000 parameters to be built. Got 1,000,2"):
        build(read, (3, 8, 8), 10)


def test_lines_of_a_file_are_read_and_wrong_ones_named(tmp_path: Path) -> None:
    path = tmp_path / "networks.jsonl"
    write_jsonl(path, [small(), small()])
    assert read_jsonl(path) == [small(), small()]
    path.write_text(dumps(small()) + "\n\n" + json.dumps({"format": "x"}) + "\n")
    with pytest.raises(InvalidArchitecture, match=r"networks.jsonl, line 3: The `format`"):
        read_jsonl(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidArchitecture, match="not a text file"):
        read_jsonl(path)
    path.write_text("\n")
    with pytest.raises(InvalidArchitecture, match="holds no architecture"):
        read_jsonl(path)
    with pytest.raises(InvalidArchitecture, match=r"Cannot read architectures from .*missing.jsonl: No such file"):
        read_jsonl(tmp_path / "missing.jsonl")


def test_fields_that_came_later_are_written_where_they_are_not_at_their_default() -> None:
    nodes = (Node(Input()), Node(Activation("leaky_relu"), (0,)), Node(Flatten(), (1,)), Node(Classifier(), (2,)))
    plain = Architecture(nodes)
    assert "parameter" not in dumps(plain)
    assert loads(dumps(plain).replace('"function":', '"parameter":[0,0],"function":')) == plain
    own = Architecture((nodes[0], Node(Activation("leaky_relu", (1, -1)), (0,)), *nodes[2:]))
    assert '"parameter":[1,-1]' in dumps(own)
    assert loads(dumps(own)) == own
    assert own.hash != plain.hash
    with pytest.raises(InvalidArchitecture, match="The `border` of `pad` must be one of zeros, reflect"):
        Pad((0, 0), (1, 1), "mirror")


@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, 1e-5, 1e-12, 1 / 3, 123456789.0, 1.702, -2e30])
def test_real_numbers_are_held_to_the_last_digit_of_float32(value: float) -> None:
    pair = decimal(value)
    assert np.float32(value_of(pair)) == np.float32(value)
    assert pair[0] == 0 or pair[0] % 10 != 0

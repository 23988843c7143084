"""Drawings of networks."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Add,
    BatchNorm,
    Classifier,
    Convolution,
    Flatten,
    Input,
)
from presage.architecture.spaces import SPACES, get_space
from presage.report.drawing import draw

RESIDUAL = Architecture(
    (
        Node(Input()),
        Node(Convolution(8), (0,)),
        Node(BatchNorm(), (1,)),
        Node(Activation(), (2,)),
        Node(Convolution(8), (3,)),
        Node(Add(), (3, 4)),
        Node(AdaptiveAveragePool(), (5,)),
        Node(Flatten(), (6,)),
        Node(Classifier(), (7,)),
    )
)


def test_normalisation_and_activation_are_folded_into_their_layer() -> None:
    texts = re.findall(r"<text[^>]*>([^<]*)<", draw(RESIDUAL, (3, 16, 16), 10))
    assert texts == ["input", "conv 3×3, 8 ᴮᴺ", "conv 3×3, 8", "+", "global mean", "classifier"]


def test_every_reading_is_an_edge() -> None:
    assert draw(RESIDUAL, (3, 16, 16), 10).count("<path") == 6  # five in a row, and the skip connection


def test_boxes_of_one_picture_do_not_overlap_and_lie_inside() -> None:
    for name in SPACES:
        space = get_space(name)
        for code in space.sample(20, np.random.default_rng(3)):
            root = ET.fromstring(draw(space.decode(space.params(code)), (3, 16, 16), 10))
            _, _, width, height = map(float, root.attrib["viewBox"].split())
            boxes = [
                tuple(float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
                for rect in root.iter("{http://www.w3.org/2000/svg}rect")
            ]
            for x, y, w, h in boxes:
                assert x >= 0
                assert x + w <= width
                assert y >= 0
                assert y + h <= height
            for first, (x1, y1, w, h) in enumerate(boxes):
                for x2, y2, _, _ in boxes[first + 1 :]:
                    assert abs(x1 - x2) >= w or abs(y1 - y2) >= h


@pytest.mark.parametrize("name", sorted(SPACES))
def test_the_output_shape_is_in_the_tooltip(name: str) -> None:
    space = get_space(name)
    code = space.sample(1, np.random.default_rng(0))[0]
    assert "→ 10</title>" in draw(space.decode(space.params(code)), (3, 16, 16), 10)

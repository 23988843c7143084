from __future__ import annotations

import pytest
import torch

from presage.errors import InvalidArgument
from presage.probe import ProbeNet


def test_paper_widths_at_its_size_give_the_paper_net() -> None:
    """ProbeNet_s_nr_deep of the authors: convolutions 3-32-64-128-256-512 without bias, batch norms, 512 features."""
    convolutions = 9 * (3 * 32 + 32 * 64 + 64 * 128 + 128 * 256 + 256 * 512)
    norms = 2 * (32 + 64 + 128 + 256 + 512)
    classifier = 512 * 10 + 10
    net = ProbeNet(3, 10, 32, width=32)
    assert sum(weight.numel() for weight in net.parameters()) == convolutions + norms + classifier
    assert sum(isinstance(layer, torch.nn.MaxPool2d) for layer in net.body) == 5


@pytest.mark.parametrize(("side", "pools", "features"), [(16, 4, 128), (32, 5, 128), (64, 5, 512), (4, 2, 128)])
def test_a_map_of_one_pixel_is_not_pooled(side: int, pools: int, features: int) -> None:
    net = ProbeNet(1, 7, side)
    assert sum(isinstance(layer, torch.nn.MaxPool2d) for layer in net.body) == pools
    assert net.classifier.in_features == features
    assert net(torch.zeros(2, 1, side, side)).shape == (2, 7)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [((0, 2, 16), "channels"), ((1, 1, 16), "classes"), ((1, 2, 12), "side"), ((1, 2, 2), "side")],
)
def test_sizes_without_meaning_are_refused(arguments: tuple[int, int, int], name: str) -> None:
    with pytest.raises(InvalidArgument, match=f"`{name}` of `ProbeNet`"):
        ProbeNet(*arguments)

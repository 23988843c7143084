"""How traced networks end: which output is taken, what stands for the classifier, and what comes after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from presage.architecture.operations import Classifier
from presage.architecture.torch_bridge.trace import trace, trace_module
from presage.errors import InvalidArchitecture
from tests.architecture.torch_bridge.built import assert_same_function
from tests.architecture.torch_bridge.idioms import Calling


class Heads(nn.Module):
    """Two outputs, of which the second is none of logits alone."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.first, self.second = nn.Conv2d(3, 8, 3), nn.Linear(8, 4), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.stem(x)
        return {"maps": x, "logits": self.first(x.mean((2, 3))), "other": self.second(x.mean((2, 3)))}


def test_of_several_outputs_the_first_of_logits_is_taken_and_said() -> None:
    traced = trace_module(Heads(), (3, 8, 8))
    assert traced.classes == 4
    assert traced.notes == (
        "of its 3 outputs, `logits` is taken",
        "45 parameters of `second` without part in its logits left out",
    )


class Named(nn.Module):
    """A linear layer for each name, of one class more than the one before; the first has 4."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.stem, self.names = nn.Conv2d(3, 8, 3), names
        self.ends = nn.ModuleList(nn.Linear(8, 4 + place) for place in range(len(names)))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.stem(x).mean((2, 3))
        return {name: end(x) for name, end in zip(self.names, self.ends, strict=True)}


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (("aux", "logits"), "logits"),
        (("features", "out"), "out"),
        (("embedding", "main"), "main"),
        (("boxes", "cls_logits"), "cls_logits"),
        (("probs", "logits", "out"), "logits"),
        (("aux_logits", "pred"), "pred"),
        (("aux", "first"), "first"),
        (("aux1", "aux2"), "aux1"),
        (("colour", "shape"), "colour"),
    ],
)
def test_of_several_outputs_the_one_that_is_called_so_is_taken(names: tuple[str, ...], taken: str) -> None:
    traced = trace_module(Named(*names), (3, 8, 8))
    assert traced.classes == 4 + names.index(taken)
    assert traced.notes[0] == f"of its {len(names)} outputs, `{taken}` is taken"


class Lowered(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm, self.end = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            x = self.norm(self.stem(x)).relu().mean((2, 3))
        return self.end(x.float())


class Plain(Lowered):
    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.norm(self.stem(x)).relu().mean((2, 3)))


def test_autocast_of_a_networks_own_is_the_recipes_business() -> None:
    traced = trace_module(Lowered(), (3, 8, 8))
    assert traced.notes == ("it asks for autocast, which it is traced without: precision is the recipe's",)
    assert traced.architecture == trace(Plain(), (3, 8, 8))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert trace(Plain(), (3, 8, 8)) == traced.architecture
        assert torch.is_autocast_enabled("cpu")  # the caller's own is left as it was


def test_convolutions_end_a_network_too() -> None:
    rectified = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 5, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    traced = trace_module(rectified, (3, 8, 8))
    assert traced.architecture.nodes[-1].operation == Classifier(pooled=True, rectified=True)
    assert_same_function(rectified, traced, (3, 8, 8))
    pooled = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 5, 1, bias=False), nn.Flatten())
    traced = trace_module(pooled, (3, 8, 8))
    assert traced.architecture.nodes[-1].operation == Classifier(bias=False)
    assert_same_function(pooled, traced, (3, 8, 8))


def ending(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), *layers)


ENDS = {
    "normalised": (
        lambda: ending(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5), nn.BatchNorm1d(5, 1e-3)),
        Classifier(normalised=True, affine=True, epsilon=(1, -3)),
    ),
    "normalised maps": (
        lambda: ending(
            nn.Conv2d(8, 5, 1), nn.BatchNorm2d(5, affine=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        ),
        Classifier(pooled=True, rectified=True, normalised=True),
    ),
    "weight norm": (
        lambda: ending(nn.Flatten(), torch.nn.utils.parametrizations.weight_norm(nn.Linear(512, 5))),
        Classifier(gain=True),
    ),
    "a convolution of the whole map": (
        lambda: ending(nn.AdaptiveMaxPool2d((2, 3)), nn.Conv2d(8, 5, (2, 3), bias=False), nn.Flatten()),
        Classifier(bias=False),
    ),
    "dropout": (lambda: ending(nn.Flatten(), nn.Linear(512, 5), nn.Dropout(0.1)), Classifier()),
}


class Scaled(Calling):
    def forward(self, x: Tensor) -> Tensor:
        return 10 * super().forward(x)


ENDS["times a number"] = (lambda: Scaled(lambda m, x: x), Classifier())


class Distilled(Calling):
    """The mean of two heads, each with a normalisation of its own (as RepViT's)."""

    def __init__(self) -> None:
        super().__init__(lambda m, x: x, nn.BatchNorm1d(8), nn.BatchNorm1d(8), nn.Linear(8, 5))
        self.last = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        pooled = self.stem(x).mean((2, 3))
        first, second, other = self.layers
        return (self.last(first(pooled)) + other(second(pooled))) / 2


ENDS["two heads"] = (Distilled, Classifier(heads=2))


@pytest.mark.parametrize("kind", ENDS)
def test_what_follows_the_last_layer_is_part_of_the_classifier(kind: str) -> None:
    make, end = ENDS[kind]
    torch.manual_seed(0)
    module = make()
    module(torch.randn(4, 3, 8, 8))
    traced = trace_module(module, (3, 8, 8))
    assert traced.architecture.nodes[-1].operation == end
    assert_same_function(module, traced, (3, 8, 8))
    assert ("dropout behind its logits left out" in traced.notes) == (kind == "dropout")


def test_a_sigmoid_behind_the_logits_is_not_kept() -> None:
    plain = nn.Sequential(nn.Flatten(), nn.Linear(192, 5))
    assert trace(nn.Sequential(*plain, nn.Sigmoid()), (3, 8, 8)) == trace(plain, (3, 8, 8))


@dataclass
class Answer:
    hidden: list[Tensor]
    logits: Tensor


class Answering(Calling):
    def forward(self, x: Tensor) -> Answer:  # type: ignore[override]
        return Answer([x, self.stem(x)], super().forward(x))


def test_outputs_are_looked_for_in_objects_and_lists() -> None:
    traced = trace_module(Answering(lambda m, x: x), (3, 8, 8))
    assert traced.notes == ("of its 3 outputs, `logits` is taken",)


class Multiplying(nn.Module):
    """A head of a matrix, and of a bias that is added by itself; logits are divided by a temperature."""

    def __init__(self, biases: int = 5) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.matrix, self.bias = nn.Parameter(torch.randn(8, 5)), nn.Parameter(torch.randn(biases))

    def forward(self, x: Tensor) -> Tensor:
        return (torch.einsum("bc,ck->bk", self.stem(x).mean((2, 3)), self.matrix) + self.bias) / 4


def test_a_bias_that_is_added_by_itself_is_the_classifiers() -> None:
    module = Multiplying()
    traced = trace_module(module, (3, 8, 8))
    assert traced.architecture.nodes[-1].operation == Classifier()
    assert_same_function(module, traced, (3, 8, 8))
    with pytest.raises(InvalidArchitecture, match="must end with a linear layer, one output per class"):
        trace(Multiplying(biases=1), (3, 8, 8))


class Voting(nn.Module):
    """Three heads, whose mean is given."""

    def __init__(self, mean: Callable[[list[Tensor]], Tensor]) -> None:
        super().__init__()
        self.stem, self.mean = nn.Conv2d(3, 8, 3), mean
        self.ends = nn.ModuleList(nn.Linear(8, 5) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).mean((2, 3))
        return self.mean([end(x) for end in self.ends])


@pytest.mark.parametrize("mean", [lambda ys: torch.stack(ys).mean(0), lambda ys: sum(ys) / 3], ids=["stack", "sum"])
def test_a_mean_of_several_heads_is_a_classifier_of_several(mean: Callable[[list[Tensor]], Tensor]) -> None:
    module = Voting(mean)
    traced = trace_module(module, (3, 8, 8))
    assert traced.architecture.nodes[-1].operation == Classifier(heads=3)
    assert_same_function(module, traced, (3, 8, 8))

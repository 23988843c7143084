"""Each operation, built, computes what torch's own layer or function of it computes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from presage.architecture import Architecture, Node, dumps, loads
from presage.architecture.operations import (
    ACTIVATIONS,
    Activation,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    AveragePool,
    BatchNorm,
    ChannelNorm,
    ChannelPool,
    ChannelShuffle,
    Classifier,
    ConstantProduct,
    ConstantSum,
    Convolution,
    Dropout,
    DropPath,
    Flatten,
    GroupedSoftmax,
    GroupNorm,
    Identity,
    Input,
    LocalResponseNorm,
    MaxPool,
    Operation,
    Pad,
    PadLowest,
    ParametricRelu,
    PixelNorm,
    PixelShuffle,
    Resize,
    RmsNorm,
    Scale,
    Shift,
    Slice,
    TransposedConvolution,
    Upsample,
    Zero,
)
from presage.architecture.torch_bridge.build import build
from presage.errors import InvalidArchitecture
from tests.architecture.torch_bridge.built import assert_costs_match, with_head

CASES: list[tuple[Operation, Callable[[Tensor], Tensor]]] = [
    (Convolution(6, (3, 5), (2, 1), (1, 2), (1, 2), 2, True), nn.Conv2d(4, 6, (3, 5), (2, 1), (1, 2), (1, 2), 2)),
    (BatchNorm(), nn.BatchNorm2d(4)),
    (GroupNorm(2), nn.GroupNorm(2, 4)),
    (MaxPool((3, 3), (2, 2), (1, 1), True), nn.MaxPool2d(3, 2, 1, ceil_mode=True)),
    (AveragePool((3, 3), (2, 2), (1, 1)), nn.AvgPool2d(3, 2, 1)),
    (AveragePool((3, 3), (1, 1), (1, 1), True, False), nn.AvgPool2d(3, 1, 1, True, count_include_pad=False)),
    (AdaptiveAveragePool((2, 3)), nn.AdaptiveAvgPool2d((2, 3))),
    (AdaptiveAveragePool(), nn.AdaptiveAvgPool2d(1)),
    (AdaptiveMaxPool((2, 3)), nn.AdaptiveMaxPool2d((2, 3))),
    (ChannelShuffle(2), nn.ChannelShuffle(2)),
    (Identity(), nn.Identity()),
    (Zero(), torch.zeros_like),
    (Slice(1, 3), lambda x: x[:, 1:3]),
    (Dropout(300), nn.Identity()),  # in evaluation
    (DropPath(300), nn.Identity()),
    (BatchNorm(epsilon=(1, -3)), nn.BatchNorm2d(4, 1e-3)),
    (BatchNorm(affine=False, tracked=False), nn.BatchNorm2d(4, affine=False, track_running_stats=False)),
    (GroupNorm(4, affine=False, epsilon=(2, -2)), nn.InstanceNorm2d(4, 2e-2)),
    (ChannelNorm(epsilon=(1, -3)), lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (4,), eps=1e-3).permute(0, 3, 1, 2)),
    (RmsNorm(epsilon=(1, -3)), lambda x: F.rms_norm(x.permute(0, 2, 3, 1), (4,), eps=1e-3).permute(0, 3, 1, 2)),
    (Scale(), lambda x: x),
    (Shift(), lambda x: x),
    (ParametricRelu(), nn.PReLU(4)),
    (ParametricRelu(channelwise=False), nn.PReLU()),
    (ConstantProduct((-15, -1)), lambda x: -1.5 * x),
    (ConstantSum((2, 0)), lambda x: x + 2),
    (GroupedSoftmax(2), lambda x: x.view(2, 2, 2, 9, 8).softmax(1).view(2, 4, 9, 8)),
    (Pad((1, 2), (3, 0)), nn.ZeroPad2d((2, 0, 1, 3))),
    (Pad((-1, 2), (0, -3), "replicate"), nn.ReplicationPad2d((2, -3, -1, 0))),
    (Pad((1, 2), (3, 0), "reflect"), nn.ReflectionPad2d((2, 0, 1, 3))),
    (Pad((1, 2), (3, 0), "circular"), nn.CircularPad2d((2, 0, 1, 3))),
    (PadLowest((1, 0), (0, 1)), lambda x: F.pad(x, (0, 1, 1, 0), value=-torch.inf)),
    (PixelShuffle(2), nn.PixelShuffle(2)),
    (Upsample((2, 3)), nn.Upsample(scale_factor=(2, 3))),
    (Upsample((2, 2), smooth=True), lambda x: F.interpolate(x, scale_factor=2, mode="bilinear")),
    (Upsample((2, 2), smooth=True, aligned=True), nn.UpsamplingBilinear2d(scale_factor=2)),
    (ChannelPool(), lambda x: x.mean(1, keepdim=True)),
    (ChannelPool(largest=True), lambda x: x.amax(1, keepdim=True)),
    (PixelNorm(), lambda x: x.square().sum((2, 3), keepdim=True).sqrt()),
    (Activation("leaky_relu", (1, -1)), nn.LeakyReLU(0.1)),
    (Activation("elu", (5, -1)), nn.ELU(0.5)),
    (Activation("power", (25, -1)), lambda x: x**2.5),
    (
        TransposedConvolution(6, (3, 2), (2, 1), (1, 0), (1, 2), (1, 0), 2, True),
        nn.ConvTranspose2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 0), 2, dilation=(1, 2)),
    ),
    (MaxPool((3, 2), (1, 2), (1, 0), True, (2, 3)), nn.MaxPool2d((3, 2), (1, 2), (1, 0), (2, 3), ceil_mode=True)),
    (Resize((5, 12)), lambda x: F.interpolate(x, (5, 12), mode="bilinear")),
    (Resize((5, 12), "nearest-exact"), lambda x: F.interpolate(x, (5, 12), mode="nearest-exact")),
    (Resize((4, 3), "bicubic", smoothed=True), lambda x: F.interpolate(x, (4, 3), mode="bicubic", antialias=True)),
    (Resize((4, 3), aligned=True), lambda x: F.interpolate(x, (4, 3), mode="bilinear", align_corners=True)),
    (LocalResponseNorm(3, (5, -1), (5, -1), (2, 0)), nn.LocalResponseNorm(3, 0.5, 0.5, 2)),
    (Scale(fixed=True), lambda x: x),
    (Shift(fixed=True), lambda x: x),
]
CLASSES: dict[str, nn.Module] = {
    "relu": nn.ReLU(),
    "relu6": nn.ReLU6(),
    "silu": nn.SiLU(),
    "gelu": nn.GELU(),
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "hardswish": nn.Hardswish(),
    "hardsigmoid": nn.Hardsigmoid(),
    "leaky_relu": nn.LeakyReLU(),
    "elu": nn.ELU(),
    "softmax": nn.Softmax(1),
    "gelu_tanh": nn.GELU("tanh"),
    "mish": nn.Mish(),
    "softplus": nn.Softplus(),
    "selu": nn.SELU(),
    "hardtanh": nn.Hardtanh(),
}
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "square": torch.square,
    "root": torch.sqrt,
    "exponential": torch.exp,
    "absolute": torch.abs,
    "reciprocal": torch.reciprocal,
    "power": lambda x: x**3,
    "error_function": torch.erf,
    "logarithm": torch.log,
    "sine": torch.sin,
}
CASES += [(Activation(name), {**CLASSES, **FUNCTIONS}[name]) for name in ACTIVATIONS]


@pytest.mark.parametrize(("operation", "reference"), CASES, ids=lambda case: getattr(case, "name", ""))
def test_each_operation_computes_what_torch_computes(
    operation: Operation, reference: Callable[[Tensor], Tensor]
) -> None:
    torch.manual_seed(0)
    network = build(with_head(Node(operation, (0,))), (4, 9, 8), 2).eval()
    if isinstance(reference, nn.Module):
        reference.eval()
        own = getattr(network, "n1", None)
        if own is not None:
            reference.load_state_dict(own.state_dict())
    images = torch.randn(2, 4, 9, 8) * 3
    _, [found] = network.forward_with_taps(images, [1])
    torch.testing.assert_close(found, reference(images), equal_nan=True)
    assert found.shape[1:] == torch.Size(network.shapes[1])


def test_a_classifier_of_pixels_gives_their_mean() -> None:
    graph = Architecture((Node(Input()), Node(Classifier(pooled=True, rectified=True), (0,))))
    assert_costs_match(graph, (4, 9, 8), 3)
    assert loads(dumps(graph)) == graph
    with pytest.raises(InvalidArchitecture, match="needs a feature map"):
        Architecture((Node(Input()), Node(Flatten(), (0,)), Node(Classifier(pooled=True), (1,)))).shapes((4, 9, 8), 3)
    network = build(graph, (4, 9, 8), 3)
    module, images = network.get_submodule("n1"), torch.randn(2, 4, 9, 8)
    expected = F.conv2d(images, module.weight, module.bias).relu().mean((2, 3))  # type: ignore[arg-type]
    torch.testing.assert_close(network(images), expected)


@pytest.mark.parametrize(
    "classifier",
    [
        Classifier(pooled=True, rectified=True, normalised=True, affine=True),
        Classifier(normalised=True, bias=False),
        Classifier(gain=True),
        Classifier(spectral=True),
        Classifier(heads=2),
    ],
)
def test_classifiers_may_be_normalised_or_their_weights_made(classifier: Classifier) -> None:
    before = () if classifier.pooled else (Node(Flatten(), (0,)),)
    graph = Architecture((Node(Input()), *before, Node(classifier, (len(before),))))
    assert_costs_match(graph, (4, 3, 2), 3)
    assert loads(dumps(graph)) == graph
    assert graph.hash != Architecture((*graph.nodes[:-1], Node(Classifier(), graph.nodes[-1].inputs))).hash
    network, images = build(graph, (4, 3, 2), 3).train(), torch.randn(20, 4, 3, 2)
    if classifier.normalised and not classifier.pooled:
        torch.testing.assert_close(network(images).mean(0), torch.zeros(3), atol=1e-5, rtol=0)


def test_what_is_fixed_is_not_learned_and_kept_with_the_weights() -> None:
    nodes = (Node(Convolution(6, fixed=True), (0,)), Node(Scale(fixed=True), (1,)), Node(Shift(fixed=True), (2,)))
    network = build(with_head(*nodes), (4, 9, 8), 2)
    assert_costs_match(with_head(*nodes), (4, 9, 8), 2)
    assert {name for name, _ in network.named_parameters()} == {"n6.weight", "n6.bias"}
    assert {"n1.weight", "n2.weight", "n3.bias"} <= set(network.state_dict())

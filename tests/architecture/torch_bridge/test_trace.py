"""Networks of torchvision, and modules written by hand, become architectures of the same costs and function."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from presage.architecture import costs
from presage.architecture.operations import Add, Classifier, Dropout, DropPath
from presage.architecture.torch_bridge.build import build
from presage.architecture.torch_bridge.trace import Traced, trace, trace_module
from presage.errors import InvalidArchitecture

# Parameters as torchvision's own documentation gives them (`num_params` of each model's weights).
DOCUMENTED = {
    "resnet18": 11_689_512,
    "vgg11_bn": 132_868_840,
    "mobilenet_v2": 3_504_872,
    "densenet121": 7_978_856,
    "shufflenet_v2_x1_0": 2_278_604,
    "efficientnet_b0": 5_288_548,
}


def assert_same_function(module: nn.Module, traced: Traced, shape: tuple[int, int, int]) -> None:
    module.eval()
    network = build(traced.architecture, shape, traced.classes).eval()
    for index, name in enumerate(traced.modules):
        if name is not None:
            network.get_submodule(f"n{index}").load_state_dict(module.get_submodule(name).state_dict())
    images = torch.randn(2, *shape)
    with torch.no_grad():
        expected = module(images)
        torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


def randomise_statistics(module: nn.Module) -> None:
    """So that signals keep their size, and a wrong copy of a normalisation shows."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias)
            part.train()


@pytest.mark.parametrize("name", DOCUMENTED)
def test_torchvision_networks_have_their_documented_parameters(name: str) -> None:
    with torch.device("meta"):
        module = getattr(torchvision.models, name)(weights=None)
    module.train()
    traced = trace_module(module)
    assert module.training  # left as it was
    assert traced.classes == 1000
    assert costs(traced.architecture, (3, 224, 224), 1000).parameters == DOCUMENTED[name]
    assert isinstance(traced.architecture.nodes[-1].operation, Classifier)


def test_multiply_adds_of_resnet18_are_the_documented_ones() -> None:
    with torch.device("meta"):
        module = torchvision.models.resnet18(weights=None)
    found = costs(trace(module), (3, 224, 224), 1000)
    assert found.multiply_adds == 1_814_073_344  # torchvision: 1.81 G
    assert found.depth == 18


@pytest.mark.parametrize("name", ["resnet18", "shufflenet_v2_x1_0", "efficientnet_b0"])
def test_a_traced_network_built_with_the_same_weights_gives_the_same_logits(name: str) -> None:
    torch.manual_seed(0)
    module = getattr(torchvision.models, name)(weights=None, num_classes=7)
    traced = trace_module(module, (3, 32, 32))
    module.eval()
    randomise_statistics(module)
    with torch.no_grad():
        module(torch.randn(2, 3, 32, 32))  # running statistics of real activations
    assert_same_function(module, traced, (3, 32, 32))


def test_stochastic_depth_and_dropout_are_kept() -> None:
    with torch.device("meta"):
        module = torchvision.models.efficientnet_b0(weights=None)
    operations = [node.operation for node in trace(module).nodes]
    assert operations.count(Dropout(200)) == 1
    assert sum(isinstance(operation, DropPath) for operation in operations) == 9


class Functional(nn.Module):
    """Calls torch's functions and tensor methods in every spelling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding="same")
        self.norm = nn.GroupNorm(2, 8)
        self.body = nn.Conv2d(8, 8, 3, 1, 1, bias=False)
        self.gate = nn.Conv2d(8, 8, 1)
        self.hidden = nn.Linear(2 * 8 * 9, 16)
        self.flat_norm = nn.BatchNorm1d(16)
        self.last = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.stem(x)), inplace=True)
        y = self.body(x).relu_()
        y += x
        gate = torch.sigmoid(self.gate(y.mean((2, 3), keepdim=True)))
        y = y * gate
        left, right = y.split([2, 6], dim=1)
        left = F.avg_pool2d(left, 3, 1, 1, count_include_pad=False)
        y = torch.cat((left, F.silu(right)), dim=1)
        b, c, h, w = y.shape
        y = y.view(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w)
        y = F.adaptive_avg_pool2d(y, (h // 2, None))
        pooled = F.adaptive_max_pool2d(F.max_pool2d(y, 2, ceil_mode=True), 3)
        both = torch.cat([pooled, F.adaptive_avg_pool2d(y[:, 0:8], 3)], 1)
        z = F.dropout(self.hidden(both.view(both.size(0), -1)), 0.25, self.training)
        return F.log_softmax(self.last(F.hardswish(self.flat_norm(z))), dim=1)


def test_functions_and_methods_are_followed_like_layers() -> None:
    torch.manual_seed(1)
    module = Functional()
    traced = trace_module(module, (3, 12, 12))
    assert traced.classes == 5
    assert Dropout(250) in [node.operation for node in traced.architecture.nodes]
    found = costs(traced.architecture, (3, 12, 12), 5)
    assert found.parameters == sum(parameter.numel() for parameter in module.parameters())
    network = nn.Sequential(module.eval())
    logits = build(traced.architecture, (3, 12, 12), 5).eval()
    for index, name in enumerate(traced.modules):
        if name is not None:
            logits.get_submodule(f"n{index}").load_state_dict(module.get_submodule(name).state_dict())
    images = torch.randn(3, 3, 12, 12)
    torch.testing.assert_close(F.log_softmax(logits(images), 1), network(images))


class Overwrites(nn.Module):
    """The shortcut reads what the ReLU, working in place, has written over it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.relu = nn.ReLU(inplace=True)
        self.last = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        y = self.second(self.relu(x))
        return self.last((x + y).mean([2, 3]))


def test_what_works_in_place_is_seen_by_later_readers() -> None:
    module = Overwrites()
    traced = trace_module(module, (3, 4, 4))
    assert_same_function(module, traced, (3, 4, 4))
    add = next(node for node in traced.architecture.nodes if isinstance(node.operation, Add))
    assert add.inputs == (2, 3)  # the ReLU, and the second convolution


class Calling(nn.Module):
    """A network whose middle is what the test gives."""

    def __init__(self, middle: object, *layers: nn.Module) -> None:
        super().__init__()
        self.middle = middle
        self.layers = nn.ModuleList(layers)
        self.scale = nn.Parameter(torch.ones(()))
        self.last = nn.LazyLinear(2) if middle is None else nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.middle(self, x).mean((2, 3)))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Calling(lambda m, x: x * m.scale), "its tensor `scale` is used outside a layer"),
        (Calling(lambda m, x: x + 1), "a sum must be of two tensors of one shape"),
        (Calling(lambda m, x: torch.fft.fft(x).real), "its call of `fft_fft`: no operation of an"),
        (Calling(lambda m, x: m.layers[0](x), nn.PReLU()), r"its module `layers.0` \(PReLU\): no operation"),
        (Calling(lambda m, x: m.layers[0](m.layers[0](x)), nn.Conv2d(3, 3, 1)), "used twice, sharing its weights"),
        (Calling(lambda m, x: x if x.sum() > 0 else -x), "its forward cannot be followed"),
        (Calling(lambda m, x: x.transpose(2, 3)), "no operation swaps axes"),
        (Calling(lambda m, x: m.layers[0](x), nn.Conv2d(4, 3, 1)), "it fails on an image 3×8×8"),
        (
            Calling(lambda m, x: m.layers[0](x), nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect")),
            "a convolution must pad with zeros",
        ),
        (Calling(lambda m, x: F.max_pool2d(x, 3, 1, 1, 2)), "no dilation and give no indices"),
        (nn.Sequential(nn.Conv2d(3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()), "must end with a linear layer"),
    ],
)
def test_what_no_architecture_can_represent_is_named(module: nn.Module, message: str) -> None:
    with pytest.raises(InvalidArchitecture, match=message) as caught:
        trace(module, (3, 8, 8))
    assert str(caught.value).startswith("Cannot trace ")
    assert "\n" not in str(caught.value)


def test_only_modules_are_traced() -> None:
    with pytest.raises(InvalidArchitecture, match=r"Only a torch.nn.Module can be traced. Got int"):
        trace(3)  # type: ignore[arg-type]

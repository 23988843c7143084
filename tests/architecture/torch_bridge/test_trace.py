"""Networks of torchvision, and modules written by hand, become architectures of the same costs and function."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from presage.architecture import costs
from presage.architecture.operations import AdaptiveAveragePool, Add, Classifier, Dropout, DropPath
from presage.architecture.torch_bridge.build import build
from presage.architecture.torch_bridge.torch_operations import OPERATORS
from presage.architecture.torch_bridge.trace import trace, trace_module
from presage.errors import InvalidArchitecture
from tests.architecture.torch_bridge.built import assert_same_function
from tests.architecture.torch_bridge.idioms import REPRESENTED, Calling, Squeezing, SqueezingMaps, of_layers

# Parameters as torchvision's own documentation gives them (`num_params` of each model's weights).
DOCUMENTED = {
    "resnet18": 11_689_512,
    "vgg11_bn": 132_868_840,
    "mobilenet_v2": 3_504_872,
    "densenet121": 7_978_856,
    "shufflenet_v2_x1_0": 2_278_604,
    "efficientnet_b0": 5_288_548,
}


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


@pytest.mark.parametrize("kind", REPRESENTED)
def test_what_is_computed_is_traced_however_it_is_spelled(kind: str) -> None:
    torch.manual_seed(0)
    module = REPRESENTED[kind]()
    module(torch.randn(2, 3, 12, 12))  # spectral norms and statistics have seen something
    assert_same_function(module, trace_module(module, (3, 12, 12)), (3, 12, 12))


def test_gates_are_one_network_however_they_are_spelled() -> None:
    linear, maps = (trace(of_layers(kind()), (3, 12, 12)) for kind in (Squeezing, SqueezingMaps))
    assert linear.hash == maps.hash


@pytest.mark.parametrize("side", [12, 160])
def test_a_pool_of_the_whole_map_is_global_at_every_size(side: int) -> None:
    traced = trace_module(REPRESENTED["pooling by size"](), (3, side, side))
    assert AdaptiveAveragePool() in [node.operation for node in traced.architecture.nodes]
    assert traced.notes == ()
    assert (
        costs(traced.architecture, (3, 40, 40), 2).parameters == costs(traced.architecture, (3, 12, 12), 2).parameters
    )


def test_a_network_that_is_another_at_another_size_says_so() -> None:
    module = Calling(lambda m, x: F.max_pool2d(x, 2) if x.shape[-1] > 12 else x)
    assert trace_module(module, (3, 8, 8)).notes == (
        "its graph is that for images of 3×8×8: at another size it is another",
    )
    assert_same_function(module, trace_module(module, (3, 16, 16)), (3, 16, 16))


class Optional(Calling):
    """An option of forward, and lazy layers."""

    def __init__(self) -> None:
        super().__init__(None)
        self.stem, self.last = nn.LazyConv2d(8, 3), nn.LazyLinear(2)

    def forward(self, x: Tensor, features: bool = False) -> Tensor:
        x = self.stem(x)
        return x if features else self.last(x.mean((2, 3)))


def test_options_of_forward_and_lazy_layers_are_followed() -> None:
    traced = trace_module(Optional(), (3, 8, 8))
    assert costs(traced.architecture, (3, 8, 8), 2).parameters == 8 * 27 + 8 + 2 * 8 + 2


def test_wrappers_are_taken_off() -> None:
    plain = of_layers(nn.BatchNorm2d(8))
    expected = trace(plain, (3, 8, 8))
    assert trace(nn.DataParallel(plain), (3, 8, 8)) == expected
    assert trace(torch.compile(plain), (3, 8, 8)) == expected  # type: ignore[arg-type]
    assert trace(plain.half(), (3, 8, 8)) == expected
    with pytest.raises(InvalidArchitecture, match="A TorchScript program cannot be traced"):
        trace(torch.jit.script(nn.Sequential(nn.Flatten(), nn.Linear(192, 2))), (3, 8, 8))


def test_what_begins_at_zero_is_seen_all_the_same() -> None:
    """A branch whose last scale is 0 leaves no trace in the logits: the proof runs with other weights."""

    class Halved(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(8)
            nn.init.zeros_(self.norm.weight)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.norm(x)

    assert_same_function(module := of_layers(Halved()), trace_module(module, (3, 8, 8)), (3, 8, 8))
    assert not module.layers[0].norm.weight.any()  # type: ignore[union-attr] # left as it was


SPELLED = {
    "silu": lambda x: x * torch.sigmoid(x),
    "mish": lambda x: torch.tanh(F.softplus(x)) * x,
    "hardsigmoid": lambda x: F.relu6(x + 3) / 6,
    "hardswish": lambda x: x * F.relu6(x + 3.0) / 6.0,
    "gelu": lambda x: 0.5 * x * (1 + torch.erf(x / 2**0.5)),
}


@pytest.mark.parametrize("function", SPELLED)
def test_an_activation_is_one_however_it_is_spelled(function: str) -> None:
    own = trace(Calling(lambda m, x: SPELLED[function](x)), (3, 8, 8))
    assert own.hash == trace(Calling(lambda m, x: getattr(F, function)(x)), (3, 8, 8)).hash


def _overwritten(x: Tensor) -> Tensor:
    x = x.clone()
    x[x < 0] = 0
    return x


RECTIFIED = [
    lambda x: x * (x > 0),
    lambda x: (x >= 0).float() * x,
    lambda x: torch.where(x > 0, x, 0.0),
    lambda x: torch.where(x < 0, torch.zeros_like(x), x),
    lambda x: x.masked_fill(x < 0, 0),
    lambda x: x.masked_fill(~(x > 0), 0),
    _overwritten,
]
LEAKY = [
    lambda x: torch.where(x > 0, x, 0.2 * x),
    lambda x: torch.where(x <= 0, x * 0.2, x),
    lambda x: torch.max(x, 0.2 * x),
    lambda x: torch.maximum(x * 0.2, x),
]


@pytest.mark.parametrize(
    ("spelled", "function"),
    [*((one, torch.relu) for one in RECTIFIED), *((one, lambda x: F.leaky_relu(x, 0.2)) for one in LEAKY)],
)
def test_a_choice_by_sign_is_the_activation_that_it_is(spelled: object, function: object) -> None:
    plain = trace(Calling(lambda m, x: function(x)), (3, 8, 8))  # type: ignore[operator]
    assert trace(Calling(lambda m, x: spelled(x)), (3, 8, 8)).hash == plain.hash  # type: ignore[operator]


def test_a_usual_slope_is_the_usual_activation() -> None:
    spelled = trace(Calling(lambda m, x: torch.where(x > 0, x, 0.01 * x)), (3, 8, 8))
    assert spelled.hash == trace(Calling(lambda m, x: F.leaky_relu(x)), (3, 8, 8)).hash


def test_a_stack_summed_is_a_sum() -> None:
    layers = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)
    plain = trace(Calling(lambda m, x: m.layers[0](x) + m.layers[1](x), *layers), (3, 8, 8))
    for dim in (0, 1, 2, -1):
        stacked = Calling(lambda m, x, dim=dim: torch.stack([m.layers[0](x), m.layers[1](x)], dim).sum(dim), *layers)
        assert trace(stacked, (3, 8, 8)).hash == plain.hash


def test_fixed_numbers_are_no_part_of_a_graph_and_that_is_said() -> None:
    traced = trace_module(REPRESENTED["fixed numbers and kernels"](), (3, 8, 8))
    assert traced.notes == ("the fixed numbers of 3 layers are no part of its graph: trained anew, it has others",)
    few = trace_module(REPRESENTED["normalised in forward"](), (3, 8, 8))
    assert few.notes == ()  # three numbers are


class Attends(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        return self.attention(tokens, tokens, tokens)[0].transpose(1, 2).view(x.shape)  # type: ignore[no-any-return]


class OwnNorm(Calling):
    """A batch normalisation of one's own: its running mean, 0 so far, is no constant."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__(lambda m, x: x - m.mean[:, None, None])
        self.register_buffer("mean", torch.zeros(8))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.mean.lerp_(self.stem(x).mean((0, 2, 3)).detach(), 0.1)
        return super().forward(x)


TIED = nn.Conv2d(8, 8, 1)


def tied() -> Calling:
    module = of_layers(nn.Conv2d(8, 8, 1, bias=False), nn.Conv2d(8, 8, 1, bias=False))
    module.layers[1].weight = module.layers[0].weight
    return module


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Calling(lambda m, x: torch.fft.fft(x).real), "its call of `_fft_r2c`: no operation of an"),
        (of_layers(TIED, nn.ReLU(), TIED), "its weights `layers.0.weight` are used twice"),
        (tied(), "its weights `layers.0.weight` are used twice"),
        (Calling(lambda m, x: x if x.sum() > 0 else -x), "its call of `sum`"),
        (Calling(lambda m, x: x if x[0, 0, 0, 0] > 0 else -x), "Cannot trace Calling: its call of"),
        (of_layers(nn.Conv2d(4, 3, 1)), "it fails on an image 3×8×8"),
        (Calling(lambda m, x: x * torch.arange(8.0)), "fixed numbers must be one for each channel, or one for all"),
        (Calling(lambda m, x: torch.where(x > 0, x, x.exp() - 1)), "what it chooses by a condition is neither"),
        (Calling(lambda m, x: x * (x > 0.5)), "comparisons of tensors with each other, or with other numbers than 0"),
        (Calling(lambda m, x: x + (x > 0)), "its call of `add`: it reckons with where a tensor is positive"),
        (Calling(lambda m, x: x.repeat(1, 1, 2, 1)), "only channels can be repeated, and axes of length 1"),
        (Calling(lambda m, x: x - x.mean(0)), "it reckons over the images of a batch together"),
        (Calling(lambda m, x: x * (torch.rand_like(x) < 0.5)), "it draws at random, in evaluation too"),
        (OwnNorm(), "it reckons with `mean`, which training changes, in a way that no operation has"),
        (
            Calling(lambda m, x: F.conv2d(x, m.layers[0].weight.exp()), nn.Conv2d(8, 8, 1)),
            "are computed from `layers.0",
        ),
        (
            nn.Sequential(nn.Conv2d(3, 2, 1), nn.Flatten()),
            "must end with a linear layer, one output per class. Got `fl",
        ),
        (nn.Sequential(nn.Flatten(), nn.Linear(192, 1)), "at least 2 classes"),
        (
            of_layers(Attends()),
            "its part `layers.0.attention` multiplies feature maps by each other, as attention does",
        ),
        (
            Calling(lambda m, x: (x.flatten(2).softmax(-1) @ x.flatten(2).mT).mean(-1)),
            "it multiplies feature maps by each other, as attention does: presage knows convolutional networks only",
        ),
    ],
)
def test_what_no_architecture_can_represent_is_named(module: nn.Module, message: str) -> None:
    with pytest.raises(InvalidArchitecture, match=message) as caught:
        trace(module, (3, 8, 8))
    assert str(caught.value).startswith("Cannot trace ")
    assert "\n" not in str(caught.value)


def test_a_graph_that_computes_something_else_is_refused_with_where_it_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPERATORS, "silu", OPERATORS["mish"])
    module = of_layers(nn.Conv2d(8, 8, 1), nn.SiLU(), nn.Conv2d(8, 8, 1))
    message = "its graph gives other logits than it does, by up to .*, first at `activation` of its module `layers.1`"
    with pytest.raises(InvalidArchitecture, match=message):
        trace(module, (3, 8, 8))


def test_only_modules_are_traced() -> None:
    with pytest.raises(InvalidArchitecture, match=r"Only a torch.nn.Module can be traced. Got int"):
        trace(3)  # type: ignore[arg-type]

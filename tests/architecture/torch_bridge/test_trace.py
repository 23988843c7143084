"""Networks of torchvision, and modules written by hand, become architectures of the same costs and function."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from presage.architecture import costs
from presage.architecture.operations import AdaptiveAveragePool, Add, Classifier, Dropout, DropPath
from presage.architecture.torch_bridge.build import build
from presage.architecture.torch_bridge.proof import load_weights
from presage.architecture.torch_bridge.torch_operations import OPERATORS
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
    """As many parameters and multiply-adds, and the same logits with the same weights."""
    module.eval()
    found = costs(traced.architecture, shape, traced.classes)
    assert found.parameters == sum(parameter.numel() for parameter in module.parameters())
    network = build(traced.architecture, shape, traced.classes).eval()
    load_weights(network, traced.sources, {**dict(module.named_parameters()), **dict(module.named_buffers())})
    images = torch.randn(2, *shape)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        expected = module(images)
    assert counter.get_total_flops() == 2 * 2 * found.multiply_adds
    with torch.no_grad():
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
        self.stem, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.middle(self, self.stem(x))  # type: ignore[operator]
        return self.last(y.mean((2, 3)) if y.dim() == 4 else y)


class LayerScaled(nn.Module):
    """A ConvNeXt block (arXiv 2201.03545): channels last, layer normalisation, layer scale."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(width, width, 7, padding=3, groups=width), nn.LayerNorm(width, eps=1e-6)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(1e-6 * torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.gamma * self.narrow(F.gelu(self.wide(y)))
        return x + y.permute(0, 3, 1, 2)


class HandNormed(nn.Module):
    """Layer normalisation over channels, spelled out as ConvNeXt's authors do."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(8)), nn.Parameter(torch.zeros(8))

    def forward(self, x: Tensor) -> Tensor:
        u = x.mean(1, keepdim=True)
        s = (x - u).pow(2).mean(1, keepdim=True)
        x = (x - u) / torch.sqrt(s + 1e-6)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class Squeezing(nn.Module):
    """Squeeze-and-excitation (arXiv 1709.01507) with linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.less, self.more = nn.Linear(8, 2), nn.Linear(2, 8)

    def forward(self, x: Tensor) -> Tensor:
        b, c, _, _ = x.shape
        gate = F.relu(self.less(F.adaptive_avg_pool2d(x, 1).view(b, c)))
        return x * torch.sigmoid(self.more(gate)).view(b, c, 1, 1).expand_as(x)


class SqueezingMaps(nn.Module):
    """The same with convolutions of one pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.less, self.more = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.more(self.less(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


class Standardised(nn.Conv2d):
    """Weight standardisation (arXiv 1903.10520) as its authors spell it, but for the place of ε."""

    def forward(self, input: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        scale = weight.square().mean((1, 2, 3), keepdim=True).add(1e-5).sqrt()
        return F.conv2d(input, weight / scale, self.bias, self.stride, self.padding)


class Blurred(nn.Module):
    """Blur pooling (arXiv 1904.11486)."""

    kernels: Tensor

    def __init__(self) -> None:
        super().__init__()
        row = torch.tensor([1.0, 3.0, 3.0, 1.0])
        self.register_buffer("kernels", (row.outer(row) / 64).expand(8, 1, 4, 4).clone())

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (1, 2, 1, 2), mode="reflect"), self.kernels, stride=2, groups=8)


class Selecting(nn.Module):
    """Selective kernels (arXiv 1903.06586): two branches, weighed by a softmax across them."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 5, padding=2)
        self.weigh = nn.Conv2d(8, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        both = torch.stack([self.one(x), self.other(x)], dim=1)
        weights = self.weigh(both.sum(1).mean((2, 3), keepdim=True)).view(-1, 2, 8, 1, 1).softmax(1)
        return (both * weights).sum(1)


class ChannelAttending(nn.Module):
    """Efficient channel attention (arXiv 1910.03151)."""

    def __init__(self) -> None:
        super().__init__()
        self.across = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.across(x.mean((2, 3)).view(x.shape[0], 1, -1)).sigmoid()
        return x * gate.view(x.shape[0], -1, 1, 1)


class Convolutional(nn.Module):
    """Everything by functions, weights as parameters of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel, self.matrix = nn.Parameter(torch.randn(8, 2, 3, 3)), nn.Parameter(torch.randn(8, 8))

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.kernel, padding="same", groups=4)
        return (x.permute(0, 2, 3, 1) @ self.matrix).permute(0, 3, 1, 2)


def norm_then_activation(width: int = 8) -> nn.Module:
    class NormAct(nn.BatchNorm2d):
        def __init__(self) -> None:
            super().__init__(width, eps=1e-3)
            self.act = nn.LeakyReLU(0.1, inplace=True)

        def forward(self, input: Tensor) -> Tensor:
            return self.act(super().forward(input))  # type: ignore[no-any-return]

    return NormAct()


def of_layers(*layers: nn.Module) -> Calling:
    def middle(self: Calling, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x

    return Calling(middle, *layers)


NORM = torch.nn.utils.parametrizations
REPRESENTED: dict[str, Callable[[], nn.Module]] = {
    "a subclass of a known layer": lambda: of_layers(norm_then_activation()),
    "Python's sum": lambda: Calling(lambda m, x: sum([x, m.layers[0](x), x]), nn.Conv2d(8, 8, 1)),
    "keywords of activations": lambda: Calling(lambda m, x: F.leaky_relu(input=x, negative_slope=0.3)),
    "squeeze": lambda: Calling(lambda m, x: F.adaptive_avg_pool2d(x, 1).squeeze()),
    "pooling by size": lambda: Calling(lambda m, x: F.avg_pool2d(x, x.size()[2:])),
    "constants": lambda: Calling(lambda m, x: 1 - (0.1 * x - x / 3)),
    "learned constants": lambda: Calling(
        lambda m, x: x * m.layers[0].weight.view(1, 8, 1, 1) + m.layers[0].bias[:, None, None], nn.GroupNorm(1, 8)
    ),
    "layer scale": lambda: of_layers(LayerScaled(), LayerScaled()),
    "a norm by hand": lambda: of_layers(HandNormed()),
    "squeeze-and-excitation": lambda: of_layers(Squeezing()),
    "channel attention": lambda: of_layers(ChannelAttending()),
    "selective kernels": lambda: of_layers(Selecting()),
    "weight standardisation": lambda: of_layers(Standardised(8, 6, 3, bias=False), nn.Conv2d(6, 8, 1)),
    "weight normalisation": lambda: of_layers(NORM.weight_norm(nn.Conv2d(8, 8, 3))),
    "spectral normalisation": lambda: of_layers(NORM.spectral_norm(nn.Conv2d(8, 8, 3))),
    "weight normalisation by a hook": lambda: of_layers(torch.nn.utils.weight_norm(nn.Conv2d(8, 8, 3))),
    "spectral normalisation by a hook": lambda: of_layers(torch.nn.utils.spectral_norm(nn.Conv2d(8, 8, 3))),
    "normalised linear layers": lambda: Calling(
        lambda m, x: m.layers[1](m.layers[0](x.mean((2, 3)))),
        NORM.weight_norm(nn.Linear(8, 6)),
        NORM.spectral_norm(nn.Linear(6, 8)),
    ),
    "blur pooling": lambda: of_layers(Blurred()),
    "weights of its own": lambda: of_layers(Convolutional()),
    "padding layers": lambda: of_layers(nn.ZeroPad2d((0, 1, 2, 0)), nn.ReflectionPad2d(2), nn.CircularPad2d(1)),
    "reflecting convolutions": lambda: of_layers(nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect")),
    "same padding of even kernels": lambda: of_layers(nn.Conv2d(8, 8, 4, padding="same")),
    "pixel shuffles": lambda: of_layers(
        nn.PixelUnshuffle(2), nn.Conv2d(32, 16, 1), nn.PixelShuffle(2), nn.Conv2d(4, 8, 1)
    ),
    "space to depth by slices": lambda: Calling(
        lambda m, x: m.layers[0](torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2]], 1)), nn.Conv2d(16, 8, 1)
    ),
    "upsampling": lambda: Calling(lambda m, x: x + F.interpolate(F.avg_pool2d(x, 2), scale_factor=2)),
    "instance normalisation": lambda: of_layers(nn.InstanceNorm2d(8)),
    "root mean squares": lambda: Calling(
        lambda m, x: m.layers[0](x.movedim(1, -1)).movedim(-1, 1), nn.RMSNorm(8, 1e-4)
    ),
    "variances": lambda: Calling(lambda m, x: x * torch.rsqrt(x.var(1, keepdim=True) + 1e-3)),
    "spatial attention": lambda: Calling(
        lambda m, x: x * m.layers[0](torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)).sigmoid(),
        nn.Conv2d(2, 1, 7, padding=3),
    ),
    "activations": lambda: of_layers(nn.Mish(), nn.GELU("tanh"), nn.SELU(), nn.ELU(0.7), nn.Hardtanh(), nn.PReLU(8)),
    "transposed maps": lambda: Calling(lambda m, x: x.transpose(2, 3)),
}  # fmt: skip


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


def test_convolutions_end_a_network_too() -> None:
    rectified = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 5, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    traced = trace_module(rectified, (3, 8, 8))
    assert traced.architecture.nodes[-1].operation == Classifier(pooled=True, rectified=True)
    assert_same_function(rectified, traced, (3, 8, 8))
    pooled = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 5, 1, bias=False), nn.Flatten())
    traced = trace_module(pooled, (3, 8, 8))
    assert traced.architecture.nodes[-1].operation == Classifier(bias=False)
    assert_same_function(pooled, traced, (3, 8, 8))


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


class Attends(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        return self.attention(tokens, tokens, tokens)[0].transpose(1, 2).view(x.shape)  # type: ignore[no-any-return]


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
        (Calling(lambda m, x: F.max_pool2d(x, 3, 1, 1, 2)), "a max-pool must have no dilation"),
        (Calling(lambda m, x: x * torch.arange(8.0).view(8, 1, 1)), "fixed numbers that differ from place to place"),
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

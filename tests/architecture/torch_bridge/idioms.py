"""Ways in which people write one and the same network."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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


EVEN = torch.tensor([0, 2, 4, 6])


def of_layers(*layers: nn.Module) -> Calling:
    def middle(self: Calling, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x

    return Calling(middle, *layers)


class Filtered(nn.Module):
    """Fixed kernels (Sobel's), and fixed numbers that differ from channel to channel."""

    kernels: Tensor
    factors: Tensor
    offsets: Tensor

    def __init__(self) -> None:
        super().__init__()
        row = torch.tensor([1.0, 0.0, -1.0])
        self.register_buffer("kernels", torch.outer(torch.tensor([1.0, 2.0, 1.0]), row).repeat(16, 1, 1, 1))
        self.register_buffer("factors", torch.linspace(0.5, 2, 16)[:, None, None])
        self.register_buffer("offsets", torch.linspace(-1, 1, 16)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(torch.cat([x, x], 1), self.kernels, padding=1, groups=16) * self.factors - self.offsets


class Normalising(nn.Module):
    """Images are normalised in forward, before a plain network."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.inner = of_layers(nn.Conv2d(8, 8, 1))

    def forward(self, x: Tensor) -> Tensor:
        deviation = x.new_tensor([0.229, 0.224, 0.225])[:, None, None]
        return self.inner((x[:, [2, 1, 0]] - self.mean) / deviation)  # type: ignore[no-any-return]


class Shortcut(nn.Module):
    """The shortcut of ResNets on CIFAR-10 without weights (option A of arXiv 1512.03385)."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Conv2d(8, 16, 3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 4, 4))  # type: ignore[no-any-return]


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
    "transposed convolutions": lambda: of_layers(
        nn.ConvTranspose2d(8, 4, 4, 2, 1), nn.ConvTranspose2d(4, 8, 3, 2, 1, 1, groups=2, bias=False, dilation=2)
    ),
    "dilated pools": lambda: of_layers(nn.MaxPool2d((3, 2), 1, 1, dilation=(2, 3), ceil_mode=True)),
    "channels by index": lambda: Calling(lambda m, x: x[:, [5, 6, 7, 0, 1, 1, 3, 4]] + x.flip(1) * x.roll(3, 1)),
    "channels by a mask": lambda: Calling(lambda m, x: torch.cat([x[:, torch.arange(8) % 3 > 0], x[:, 1::3]], 1)),
    "every other channel": lambda: Calling(lambda m, x: torch.cat([x[:, 1::2], x.index_select(1, EVEN)], 1)),
    "fixed numbers and kernels": lambda: of_layers(Filtered(), nn.Conv2d(16, 8, 1)),
    "normalised in forward": Normalising,
    "channels of zeros": lambda: of_layers(Shortcut(), nn.Conv2d(16, 8, 1)),
    "joined constants": lambda: Calling(
        lambda m, x: m.layers[0](torch.cat([x, x.new_zeros(2, 3, *x.shape[2:]), torch.ones_like(x[:, :1])], 1)),
        nn.Conv2d(12, 8, 1),
    ),
    "stretched maps": lambda: Calling(
        lambda m, x: m.layers[0](torch.cat([x.mean((2, 3), True).expand_as(x), x[:, :1].repeat(1, 2, 1, 1)], 1)),
        nn.Conv2d(10, 8, 1),
    ),
    "grey images": lambda: Calling(
        lambda m, x: m.layers[0](x.mean(1, keepdim=True).expand(-1, 8, -1, -1)), nn.Conv2d(8, 8, 3)
    ),
    "repeated channels and rows": lambda: Calling(
        lambda m, x: m.layers[0](x.repeat_interleave(2, 1).repeat_interleave(2, 2)), nn.Conv2d(16, 8, 1)
    ),
    "maxima and minima": lambda: Calling(
        lambda m, x: torch.maximum(x, x.mean((2, 3), keepdim=True)) + torch.minimum(x, torch.full_like(x, 0.2))
    ),
    "clipping": lambda: Calling(lambda m, x: x.clamp(-0.3, 0.4) + x.clamp(min=1e-6) * F.hardtanh(x, -2, 0.5)),
    "gated linear units": lambda: Calling(lambda m, x: F.glu(torch.cat([x, -x], 1), 1)),
    "local response normalisation": lambda: of_layers(nn.LocalResponseNorm(5), nn.LocalResponseNorm(2, 0.5, 0.6, 2)),
    "resizing": lambda: Calling(
        lambda m, x: F.interpolate(F.interpolate(x, (9, 7), mode="bicubic"), (3, 5), mode="bilinear", antialias=True)
    ),
    "halved maps": lambda: Calling(
        lambda m, x: F.interpolate(x, scale_factor=0.5) + F.interpolate(x, scale_factor=0.5, mode="bilinear")
    ),
    "patches": lambda: Calling(
        lambda m, x: m.layers[0](F.unfold(x, 2, stride=2).view(2, 32, 6, 6))
        + m.layers[0](x.unfold(2, 2, 2).unfold(3, 2, 2).permute(0, 1, 4, 5, 2, 3).reshape(2, 32, 6, 6)),
        nn.PixelShuffle(2),
    ),
    "patches as a library of axes writes them": lambda: Calling(
        lambda m, x: m.layers[0](
            x.reshape(2, 8, 6, 2, 6, 2).permute(0, 2, 4, 3, 5, 1).reshape(2, 6, 6, 32)
        ).permute(0, 3, 1, 2),
        nn.Linear(32, 8),
    ),
    "Einstein's sums": lambda: Calling(
        lambda m, x: torch.einsum("bchw,oc->bohw", x, m.layers[0].weight), nn.Linear(8, 8, bias=False)
    ),
    "one-dimensional convolutions of pixels": lambda: Calling(
        lambda m, x: m.layers[0](x.flatten(2)).view(x.shape), nn.Conv1d(8, 8, 1)
    ),
    "equalised learning rates": lambda: Calling(
        lambda m, x: F.conv2d(x, m.layers[0].weight * 0.2, -m.layers[0].bias), nn.Conv2d(8, 8, 3)
    ),
    "statistics": lambda: Calling(
        lambda m, x: x * torch.rsqrt(torch.var_mean(x, 1, keepdim=True)[0] + 1e-3) + x.std((2, 3), keepdim=True)
    ),
    "images standardised": lambda: Calling(lambda m, x: (x - x.mean((1, 2, 3), keepdim=True)) / 2),
    "channels of norm one": lambda: Calling(lambda m, x: F.normalize(x, dim=1)),
    "powers": lambda: Calling(lambda m, x: x**3 + (x.abs() + 0.1) ** (1 / 3) + (x.abs() + 1) ** -1.5),
    "more activations": lambda: Calling(
        lambda m, x: F.celu(x, 2.0) + F.logsigmoid(x) + F.softshrink(x, 0.1) + F.softplus(x, 3) + torch.sin(x)
    ),
    "halves as ShuffleNet's authors take them": lambda: Calling(
        lambda m, x: torch.cat(
            [
                *x.reshape(x.shape[0] * 4, 2, -1)
                .permute(1, 0, 2)
                .reshape(2, -1, 4, *x.shape[2:])
            ][::-1],
            1,
        )
    ),
    "a factor of the channels": lambda: Calling(
        lambda m, x: m.layers[0](x.unflatten(1, (2, 2, 2))[:, :, 1].flatten(1, 2)), nn.Conv2d(4, 8, 1)
    ),
    "pools by views": lambda: Calling(
        lambda m, x: x.view(*x.shape[:2], 6, 2, 4, 3).mean((3, 5))
        + x.unfold(2, 2, 2).unfold(3, 3, 3).amax((-1, -2))
    ),
    "stacks over branches": lambda: Calling(
        lambda m, x: torch.stack([m.layers[0](x), x, m.layers[1](x)]).sum(0) * torch.stack([x, -x], -1).amax(-1),
        nn.Conv2d(8, 8, 1),
        nn.Conv2d(8, 8, 3, padding=1),
    ),
    "branches weighed over a first axis": lambda: Calling(
        lambda m, x: (
            torch.stack([x, m.layers[0](x)])
            * m.layers[1](x.mean((2, 3))).view(-1, 2, 8, 1, 1).softmax(1).transpose(0, 1)
        ).sum(0),
        nn.Conv2d(8, 8, 1),
        nn.Linear(8, 16),
    ),
    "branches joined one by one": lambda: Calling(
        lambda m, x: torch.cat([torch.cat([x[:, None], -x[:, None]], 1), m.layers[0](x).unsqueeze(1)], 1).mean(1),
        nn.Conv2d(8, 8, 1),
    ),
    "repeated pixels": lambda: Calling(
        lambda m, x: x * x.mean((2, 3))[..., None, None].repeat(1, 1, *x.shape[2:]) + m.layers[0](x).tile(1, 8, 1, 1),
        nn.Conv2d(8, 1, 1),
    ),
    "a learned slope by a condition": lambda: Calling(
        lambda m, x: torch.where(x > 0, x, x * m.layers[0].weight.view(1, 8, 1, 1)), nn.PReLU(8)
    ),
    "lazy normalisation": lambda: of_layers(nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d()),
}  # fmt: skip

"""Zero-cost proxies against numbers worked out by hand, and what they leave untouched."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    BatchNorm,
    Classifier,
    Convolution,
    Dropout,
    Flatten,
    Input,
    Linear,
    Zero,
)
from presage.architecture.spaces import SPACES, get_space
from presage.errors import InvalidArgument, UnknownName
from presage.surrogate.proxies import PROXIES, WORST, Minibatch, measure, proxies


@pytest.fixture(autouse=True)
def same_weights() -> None:
    """Weights that a test does not set are drawn alike each time: some draws leave a tiny network dead."""
    torch.manual_seed(0)


def minibatch(images: Tensor, classes: int = 2) -> Minibatch:
    return Minibatch(images, torch.arange(len(images)) % classes, classes)


def noise(b: int = 8, c: int = 1, side: int = 4, classes: int = 2) -> Minibatch:
    return minibatch(torch.randn(b, c, side, side, generator=torch.Generator().manual_seed(0)), classes)


def linear(weights: list[list[float]], bias: list[float] | None = None) -> nn.Linear:
    layer = nn.Linear(len(weights[0]), len(weights), bias is not None)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weights))
        if bias is not None:
            layer.bias.copy_(torch.tensor(bias))
    return layer


def value(name: str, module: nn.Module | Architecture, data: Minibatch, seed: int = 0) -> float:
    found = measure(module, data, names=[name], seed=seed, device="cpu")[name]
    assert found.failure is None
    return found.value


def chain(*operations: object) -> Architecture:
    nodes = [Node(Input()), *(Node(operation, (at,)) for at, operation in enumerate(operations))]  # type: ignore[arg-type]
    return Architecture(tuple(nodes))


CONVOLUTIONAL = chain(
    Convolution(4, (3, 3), padding=(1, 1), bias=False),
    BatchNorm(),
    Activation("relu"),
    AdaptiveAveragePool(),
    Flatten(),
    Classifier(),
)


# SynFlow


def test_synflow_of_two_linear_layers_is_twice_what_flows_through_both() -> None:
    """R = 1ᵀ |W₂| |W₁| 1, and each layer's Σ |w| ∂R/∂|w| is R: here |W₁| 1 = (3, 4), R = 5·3 + 7·4 = 43."""
    module = nn.Sequential(
        nn.Flatten(), linear([[1.0, -2.0], [-3.0, 1.0]], [9.0, -9.0]), linear([[2.0, -3.0], [3.0, 4.0]])
    )
    assert value("synflow", module, minibatch(torch.zeros(2, 1, 1, 2))) == pytest.approx(math.log(2 * 43), abs=1e-12)


def test_synflow_passes_through_normalisation_and_every_activation() -> None:
    plain = nn.Sequential(nn.Flatten(), linear([[1.0, -2.0], [-3.0, 1.0]]), linear([[2.0, -3.0]]))
    for activation in (nn.ReLU(), nn.ReLU(inplace=True), nn.SiLU(), nn.Tanh(), nn.LeakyReLU(), nn.GELU(), nn.ReLU6()):
        dressed = nn.Sequential(plain[0], plain[1], nn.BatchNorm1d(2), activation, nn.Dropout(0.5), plain[2])
        data = minibatch(torch.zeros(2, 1, 1, 2))
        assert value("synflow", dressed, data) == pytest.approx(value("synflow", plain, data), abs=1e-12)


def test_synflow_uses_no_images_and_grows_by_the_logarithm_of_a_factor_on_weights() -> None:
    module = nn.Sequential(nn.Flatten(), linear([[1.0, -2.0], [-3.0, 1.0]]), linear([[2.0, -3.0]]))
    before = value("synflow", module, minibatch(torch.zeros(2, 1, 1, 2)))
    with torch.no_grad():
        module[1].weight.mul_(-10.0)
    assert value("synflow", module, minibatch(torch.ones(4, 1, 1, 2))) == pytest.approx(before + math.log(10), abs=1e-9)


@pytest.mark.parametrize("factor", [1e30, 1e-30])
def test_synflow_of_a_network_whose_flow_float64_cannot_hold_is_exact(factor: float) -> None:
    """18 layers of one weight w: R = wⁿ, the sum n·wⁿ = 18 · 10^±540; its logarithm is known."""
    n = 18
    module = nn.Sequential(nn.Flatten(), *[linear([[factor]]) for _ in range(n)])
    data = minibatch(torch.zeros(2, 1, 1, 1), classes=2)
    assert value("synflow", module, data) == pytest.approx(math.log(n) + n * math.log(factor), rel=1e-9)


# Gradients


def test_gradient_norm_snip_and_fisher_of_a_linear_classifier_by_hand() -> None:
    """One linear layer, no bias, two images x = (1, 0), (0, 2) of classes 0, 1, weights 0: every probability is ½.

    ∂L/∂z = (p − y) / b: (−¼, ¼), (¼, −¼); ∂L/∂W = Σ δ xᵀ = [[−¼, ½], [¼, −½]], its norm √(2 (1/16 + 1/4)) = √0.625.
    """
    images = torch.tensor([[1.0, 0.0], [0.0, 2.0]]).reshape(2, 1, 1, 2)
    module = nn.Sequential(nn.Flatten(), linear([[0.0, 0.0], [0.0, 0.0]]))
    assert value("gradient-norm", module, minibatch(images)) == pytest.approx(0.5 * math.log(0.625), abs=1e-6)
    assert measure(module, minibatch(images), device="cpu")["snip"].value == WORST  # w = 0: nothing to cut

    # Weights [[2, 1], [2, 1]]: logits (2, 2) and (2, 2), probabilities ½ again, the same gradient.
    module = nn.Sequential(nn.Flatten(), linear([[2.0, 1.0], [2.0, 1.0]]))
    assert value("snip", module, minibatch(images)) == pytest.approx(math.log(0.5 + 0.5 + 0.5 + 0.5), abs=1e-6)
    # Fisher: a = (2, 2) twice, a·δ = ±½ for both images and both outputs: 2 · ½ · ¼.
    assert value("fisher", module, minibatch(images)) == pytest.approx(math.log(0.25), abs=1e-6)


def test_gradient_norms_are_summed_over_layers() -> None:
    """Two layers of one unit, x = 1 and −1, W₁ = 1, W₂ = (1, 0)ᵀ: against torch's own gradients."""
    module = nn.Sequential(nn.Flatten(), linear([[1.0]]), linear([[1.0], [0.0]]))
    data = minibatch(torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1))
    nn.functional.cross_entropy(module(data.images), data.labels).backward()
    expected = sum(float(layer.weight.grad.norm()) for layer in list(module)[1:])  # type: ignore[union-attr,operator]
    assert value("gradient-norm", module, data) == pytest.approx(math.log(expected), abs=1e-6)


def test_fisher_sums_a_channel_over_its_pixels_before_squaring_and_is_not_fooled_by_what_works_in_place() -> None:
    """Against autograd on a network written out; the rectifier overwrites the convolution's output."""
    data = noise()
    convolution = nn.Conv2d(1, 3, 3, bias=False)
    module = nn.Sequential(convolution, nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(12, 2, bias=False))
    first = convolution(data.images)
    second = module[3](first.relu().flatten(1))
    loss = nn.functional.cross_entropy(second, data.labels)
    one, two = torch.autograd.grad(loss, [first, second])
    expected = 0.5 * ((first * one).sum((2, 3)) ** 2).mean(0).sum() + 0.5 * ((second * two) ** 2).mean(0).sum()
    assert value("fisher", module, data) == pytest.approx(math.log(expected.item()), abs=1e-5)


# NASWOT, Jacobian covariance


def test_naswot_of_two_rectifiers_by_hand() -> None:
    """Codes (1, 1), (1, 0), (0, 0): K = [[2, 1, 0], [1, 2, 1], [0, 1, 2]], its determinant 4."""
    images = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]]).reshape(3, 1, 1, 2)
    module = nn.Sequential(nn.Flatten(), linear([[1.0, 0.0], [0.0, 1.0]]), nn.ReLU(), nn.Linear(2, 2))
    assert value("naswot", module, minibatch(images)) == pytest.approx(math.log(4), abs=1e-9)


def test_naswot_orders_kernels_with_equal_rows_by_their_rank() -> None:
    images = torch.tensor([[1.0, 1.0], [1.0, 2.0], [-1.0, -1.0], [1.0, 3.0]]).reshape(4, 1, 1, 2)
    module = nn.Sequential(nn.Flatten(), linear([[1.0, 0.0], [0.0, 1.0]]), nn.ReLU(), nn.Linear(2, 2))
    same = minibatch(images[[0, 1, 3, 3]])
    # codes (1, 1) three times and (0, 0): eigenvalues 6, 2, 0, 0; all alike: 8, 0, 0, 0
    assert value("naswot", module, minibatch(images)) == pytest.approx(math.log(6 * 2 * 1e-6), abs=1e-6)
    assert value("naswot", module, same) == pytest.approx(math.log(8 * 1e-9), abs=1e-6)


def test_naswot_of_a_presage_network_is_that_of_the_same_layers() -> None:
    architecture = chain(Flatten(), Linear(6, True), Activation("relu"), Classifier())
    from presage.architecture.torch_bridge.build import build

    data = noise()
    network = build(architecture, data.input_shape, 2)
    layers = nn.Sequential(nn.Flatten(), network.n2, nn.ReLU(), network.n4)  # type: ignore[arg-type]
    for name in PROXIES:
        assert value(name, network, data) == pytest.approx(value(name, layers, data), rel=1e-6)


def test_jacobian_covariance_by_hand() -> None:
    """Jacobians that rectifiers choose: (1, −1) for x₁ > 0, else (−1, 1): correlations ±1, eigenvalues 2 and 0."""
    module = nn.Sequential(
        nn.Flatten(),
        linear([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]], [0.0, 0.0, 0.0]),
        nn.ReLU(),
        linear([[1.0, 1.0, 0.0]]),
    )

    class Slanted(nn.Module):
        """y = x₁ − x₂ where x₁ > 0, else x₂ − x₁."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = linear([[1.0, -1.0]])

        def forward(self, x: Tensor) -> Tensor:
            flat = x.flatten(1)
            return self.layer(flat) * torch.where(flat[:, :1] > 0, 1.0, -1.0)

    images = torch.tensor([[3.0, 1.0], [-3.0, 1.0]]).reshape(2, 1, 1, 2)
    k = 1e-5
    terms = [math.log(v + k) + 1 / (v + k) for v in (2.0, 0.0)]
    found = value("jacobian-covariance", Slanted(), minibatch(images))
    assert found == pytest.approx(-math.log(sum(terms) / 2), rel=1e-4)
    assert value("jacobian-covariance", module, minibatch(images)) == pytest.approx(found, rel=1e-4)


# Zen


def test_zen_of_a_convolution_by_hand() -> None:
    """A 1x1 convolution is linear: the map moves by α·w·ε, whose norm is α·|w|·‖ε‖."""
    from presage.training.loop import fixed_randomness

    data = noise(b=16)
    module = nn.Sequential(nn.Conv2d(1, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2))
    with fixed_randomness(5, torch.device("cpu"), 12):
        weight = torch.empty_like(module[0].weight).normal_()  # type: ignore[arg-type]
        torch.empty_like(module[3].weight).normal_()  # type: ignore[arg-type]
        torch.randn_like(data.images)
        step = torch.randn_like(data.images)
    expected = math.log(0.01 * abs(float(weight)) * float(step.flatten(1).norm(dim=1).mean()))
    assert value("zen", module, data, seed=5) == pytest.approx(expected, abs=1e-3)


def test_zen_gives_back_the_scale_that_batch_normalisation_takes_away() -> None:
    """Batch normalisation divides the map by its deviation, and the score adds the deviation's logarithm."""
    data = noise(b=64)
    bare = nn.Sequential(nn.Conv2d(1, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2))
    dressed = nn.Sequential(bare[0], nn.BatchNorm2d(1), *list(bare)[1:])
    assert value("zen", dressed, data) == pytest.approx(value("zen", bare, data), abs=0.05)


def test_zen_of_a_deep_network_without_normalisation_is_finite() -> None:
    layers = [nn.Sequential(nn.Conv2d(16 if at else 1, 16, 3, padding=1), nn.ReLU()) for at in range(60)]
    module = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2))
    assert value("zen", module, noise(b=2)) > math.log(1e38)  # beyond float32


# What every proxy does


def test_nothing_of_the_module_or_of_anybodys_random_numbers_is_changed() -> None:
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(), nn.Flatten(), nn.Linear(16, 2)
    ).train()
    module[0].weight.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    random = torch.get_rng_state()
    data = noise()
    images = data.images.clone()
    proxies(module, data, device="cpu")
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())
    assert torch.equal(images, data.images)
    assert all(part.training for part in module.modules())
    assert not module[0].weight.requires_grad
    assert all(parameter.grad is None for parameter in module.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_values_repeat_by_seed_and_do_not_depend_on_what_else_is_asked_for() -> None:
    data = noise()
    together = proxies(CONVOLUTIONAL, data, seed=3, device="cpu")
    for name in PROXIES:
        assert proxies(CONVOLUTIONAL, data, names=[name], seed=3, device="cpu") == {name: together[name]}
    assert proxies(CONVOLUTIONAL, data, seed=4, device="cpu") != together
    with torch.no_grad():
        assert proxies(CONVOLUTIONAL, data, seed=3, device="cpu") == together
    with torch.inference_mode():
        assert proxies(CONVOLUTIONAL, data, seed=3, device="cpu") == together


@pytest.mark.parametrize("name", SPACES)
def test_every_network_of_a_space_has_finite_values(name: str) -> None:
    space = get_space(name)
    data = noise(b=4, c=3, side=8, classes=3)
    for code in space.sample(2, np.random.default_rng(0)):
        found = proxies(space.decode(space.params(code)), data, device="cpu")
        assert list(found) == list(PROXIES)
        assert all(math.isfinite(one) for one in found.values())


def test_dropout_is_off() -> None:
    data = noise()
    bare = chain(Flatten(), Linear(8, True), Activation("relu"), Classifier())
    from presage.architecture.torch_bridge.build import build

    network = build(bare, data.input_shape, 2)
    module = nn.Sequential(nn.Flatten(), network.n2, nn.ReLU(), nn.Dropout(0.9), network.n4)  # type: ignore[arg-type]
    assert proxies(module, data, device="cpu") == pytest.approx(proxies(network, data, device="cpu"), rel=1e-6)
    dropped = build(chain(Flatten(), Linear(8, True), Dropout(900), Classifier()), data.input_shape, 2)
    once, again = (proxies(dropped, data, names=["snip"], seed=seed, device="cpu") for seed in (1, 2))
    assert once == again


def test_a_network_through_which_nothing_flows_is_worst_and_says_so() -> None:
    found = measure(chain(Zero(), Flatten(), Classifier()), noise(), device="cpu")
    assert found["synflow"].value == found["jacobian-covariance"].value == WORST
    assert found["synflow"].failure == "nothing flows through it"
    assert found["naswot"].failure == "it has no activations"


def test_not_a_number_is_worst_and_says_so() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        module[3].weight.fill_(math.nan)
    found = measure(module, noise(), names=["snip", "naswot"], device="cpu")
    assert (found["snip"].value, found["snip"].failure) == (WORST, "its value is nan")
    assert found["naswot"].failure is None


def test_exhausted_memory_is_worst_and_says_so() -> None:
    class Greedy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(1, 2)

        def forward(self, x: Tensor) -> Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")

    found = measure(Greedy(), noise(), names=["snip", "synflow"], device="cpu")
    assert {one.value for one in found.values()} == {WORST}
    assert "out of memory" in (found["snip"].failure or "")


def test_a_mistake_of_the_callers_is_no_failure_of_the_network() -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        proxies(nn.Sequential(nn.Flatten(), nn.Linear(3, 2)), noise(), device="cpu")
    with pytest.raises(UnknownName, match="Did you mean `synflow`"):
        proxies(CONVOLUTIONAL, noise(), names=["sinflow"])
    with pytest.raises(InvalidArgument, match="each once"):
        proxies(CONVOLUTIONAL, noise(), names=["zen", "zen"])


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, presage.surrogate.proxies as p; p.PROXIES; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)

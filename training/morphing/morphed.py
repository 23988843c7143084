"""`morphed`: a larger network with the weights of the one that it came from, computing the same."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from presage.architecture.morphing.morphism import FRESH, Ints, Morphism, Start
from presage.architecture.operation import Operation
from presage.architecture.operations import Classifier, Convolution, Linear, TransposedConvolution
from presage.architecture.torch_bridge.build import Network
from presage.training.loop import fixed_randomness

__all__ = ["morphed"]

_LEAST, _MOST = 0.5, 1.5
"""Of what a copied channel counts for, before they are brought to 1 in all: copies that count alike learn alike."""


def morphed(
    network: Network,
    morphism: Morphism,
    input_shape: Sequence[int],
    classes: int,
    *,
    seed: int,
    images: Tensor | None = None,
) -> Network:
    """The larger network; on the CPU, in evaluation mode, in which its logits are those of `network`.

    What reads copies of a channel divides the channel's weight among them, each time in other, drawn shares.

    Args:
        morphism: of the network's architecture.
        seed: of what is drawn.
        images: (b, c, h, w), normalised: fresh normalisations take the statistics of these, so that hardly anything
            changes in training either.
    """
    cpu = torch.device("cpu")
    with fixed_randomness(seed, cpu), torch.no_grad():
        large = Network(morphism.architecture, input_shape, classes)
        state, found = network.state_dict(), large.state_dict()
        for name in found:
            at, rest = name.split(".", 1)
            origin = morphism.origins[int(at.removeprefix("n"))]
            if origin != FRESH:
                found[name] = state[f"n{origin}.{rest}"].cpu()
        if morphism.sources is not None:
            _copy_channels(network, large, morphism.sources, found)
        large.load_state_dict(found)
        for index, start in sorted(morphism.starts.items()):
            _begin(large, index, start, images)
    return large.eval()


def _copy_channels(small: Network, large: Network, sources: Sequence[Ints], state: dict[str, Tensor]) -> None:
    """Bring what was taken from a network to the channels of one that has copies of some."""
    for index, (node, wide) in enumerate(zip(small.architecture.nodes, large.architecture.nodes, strict=True)):
        names = [name for name in state if name.startswith(f"n{index}.")]
        if not names or not node.inputs:
            continue
        made = torch.from_numpy(sources[index])
        read = torch.from_numpy(sources[node.inputs[0]])
        if len(made) == small.shapes[index][0] and len(read) == small.shapes[node.inputs[0]][0]:
            continue
        for name in sorted(names, key=lambda name: not name.endswith("weight")):
            before = state[name]
            rest = name.split(".", 1)[1]
            if _is_across(node.operation, rest):
                state[name] = _across(node.operation, wide.operation, rest, before, read, made)
            elif rest == "gain":
                weight = small.get_parameter(f"n{index}.weight").cpu()
                state[name] = before[made] * _norms(state[f"n{index}.weight"]) / _norms(weight)[made]
            elif before.dim() == 1 and len(before) == small.shapes[index][0]:
                state[name] = before[made]


def _is_across(operation: Operation, name: str) -> bool:
    """Whether a tensor holds weights from channels to channels."""
    weighted = isinstance(operation, Convolution | TransposedConvolution | Linear | Classifier)
    return weighted and name.endswith("weight") and not name.startswith("norm")


def _across(operation: Operation, wide: Operation, name: str, weight: Tensor, read: Tensor, made: Tensor) -> Tensor:
    """(o', c' / g', …) of (o, c / g, …)."""
    if isinstance(operation, Classifier):
        parts = read.reshape(operation.heads, -1)
        head = int(name.split(".")[1]) if operation.heads > 1 else 0
        return _shared(weight, parts[head] % weight.shape[1], torch.arange(len(weight)), (1, 1))
    groups = (getattr(operation, "groups", 1), getattr(wide, "groups", 1))
    if isinstance(operation, TransposedConvolution):  # (c, o / g, …), and back
        turned = _turned(weight, groups[0])
        found = _shared(turned, read, made, groups)
        return _turned(found, groups[1])
    return _shared(weight, read, made, groups)


def _turned(weight: Tensor, groups: int) -> Tensor:
    """(r, c / g, …) → (c, r / g, …)."""
    return weight.reshape(groups, -1, *weight.shape[1:]).transpose(1, 2).flatten(0, 1)


def _shared(weight: Tensor, read: Tensor, made: Tensor, groups: tuple[int, int]) -> Tensor:
    """Rows of (o, c / g, …) copied as `made` says, columns as `read` says, a column's weight shared by its copies."""
    size = weight.shape[1]
    columns = (read % size).reshape(groups[1], -1).repeat_interleave(len(made) // groups[1], dim=0)  # (o', c' / g')
    copied = weight[made[:, None], columns]
    shares = torch.empty_like(copied).uniform_(_LEAST, _MOST)
    at = columns.reshape(*columns.shape, *(1,) * (weight.dim() - 2)).expand_as(shares)
    total = torch.zeros(len(made), *weight.shape[1:]).scatter_add_(1, at, shares)
    return copied * (shares / total.gather(1, at))


def _norms(weight: Tensor) -> Tensor:
    """(o,) of each output's weights."""
    found: Tensor = torch.linalg.vector_norm(weight.flatten(1), dim=1)
    return found


def _begin(network: Network, index: int, start: Start, images: Tensor | None) -> None:
    """Set the weights of a fresh node; all before it have theirs."""
    module = getattr(network, f"n{index}")
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        _settle(network, index, module, images)
        if start is Start.IDENTITY:
            assert module.running_var is not None  # such nodes are tracked
            assert module.running_mean is not None
            module.weight.copy_((module.running_var + module.eps).sqrt())
            module.bias.copy_(module.running_mean)
    elif start is Start.IDENTITY:
        (nn.init.dirac_ if isinstance(module, nn.Conv2d) else nn.init.eye_)(module.weight)
    if start is Start.ZERO:
        module.weight.zero_()


def _settle(network: Network, index: int, module: nn.modules.batchnorm._BatchNorm, images: Tensor | None) -> None:
    """Give a normalisation the statistics of what it reads."""
    if images is None:
        return
    source = network.architecture.nodes[index].inputs[0]
    network.eval()
    tapped = network.forward_with_taps(images, (source,))[1][0]
    read = tapped.flatten(2) if tapped.dim() > 2 else tapped[..., None]  # (b, c, pixels)
    assert module.running_mean is not None  # such nodes are tracked
    assert module.running_var is not None
    module.running_mean.copy_(read.mean((0, 2)))
    module.running_var.copy_(read.var((0, 2), unbiased=False))

"""A traced graph held to its module: as many parameters, and the same logits on the same images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from presage.architecture.costs import costs
from presage.architecture.graph import Architecture
from presage.architecture.torch_bridge.build import Network
from presage.architecture.torch_bridge.heads import Pruned
from presage.architecture.torch_bridge.layers import binomial
from presage.architecture.torch_bridge.layouts import Refused
from presage.architecture.torch_bridge.operands import Source
from presage.architecture.torch_bridge.recording import Recording
from presage.architecture.torch_bridge.twin import BATCH, other_images_of

__all__ = ["check", "check_others", "load_weights"]

_ROUNDING = 1e-4
"""Part of the largest logit by which float32 may differ between two orders of one sum."""


def load_weights(network: Network, sources: Sequence[Sequence[Source]], tensors: Mapping[str, Tensor]) -> None:
    """Give a built network the weights of the module that it was traced from.

    Args:
        network: built from the traced architecture, for images of the same channels and as many classes.
        sources: of `Traced`.
        tensors: the module's parameters and buffers by name.
    """
    for index, held in enumerate(sources):
        for source in held:
            own, _, last = f"n{index}.{source.own}".rpartition(".")
            part = network.get_submodule(own)
            given = tensors[source.tensor].detach() if source.values is None else source.values
            if source.transposed:
                given = given.t()
            if source.factor != 1:
                given = given * source.factor
            old = getattr(part, last)
            made = given.reshape(old.shape)
            if isinstance(old, nn.Parameter):
                setattr(part, last, nn.Parameter(made))
            else:
                part.register_buffer(last, made, persistent=last in part.state_dict())


def check(found: Pruned, recording: Recording, twin: nn.Module, images: Tensor, expected: Tensor) -> Network:
    """Hold a graph to the module, and give it as it is built, with the module's weights.

    Args:
        found: the graph.
        recording: the run that it was written down from.
        twin: what ran.
        images: (b, c, h, w) it ran on.
        expected: (b, k) what it gave.

    Raises:
        Refused: where its parameters or its logits are not the module's; says where they first differ.
    """
    shape = tuple(images.shape[1:])
    architecture = Architecture(found.nodes)
    parameters = dict(twin.named_parameters())
    names = {source.tensor for sources in found.sources for source in sources if source.tensor in parameters}
    held = sum(parameters[name].numel() for name in names)
    counted = costs(architecture, shape, max(found.classes, 2)).parameters
    if found.classes < 2:
        raise Refused(f"it must tell at least 2 classes apart. Got {found.classes}")
    if held != counted:
        raise Refused(f"its graph has {counted:,} parameters where its logits are made of {held:,}")
    with torch.device("meta"):
        network = Network(architecture, shape, found.classes)
    _materialise(network)
    load_weights(network, found.sources, {**parameters, **dict(twin.named_buffers())})
    network.eval()
    if not bool(torch.isfinite(expected).all()):
        raise Refused("its logits are not finite on random images, so that its graph cannot be checked")
    agrees, error = _agrees(network, found.behind, images, expected)
    if not agrees:
        with torch.no_grad():
            where = _first(found, recording, network, images)
        raise Refused(f"its graph gives other logits than it does, by up to {error:.2g}{where}")
    return network


def check_others(network: Network, behind: str, run: Callable[[Tensor], Tensor]) -> str | None:
    """Hold the built graph to the module on images that it was not written down from, and on another number of them:
    one, or three where the module fails on one (a ``squeeze()`` takes one for none).

    Args:
        network: of `check`.
        behind: what follows the logits in the module.
        run: gives the module's own (b, k) of images (b, c, h, w).

    Returns:
        What is to be said of the network; None for nothing.

    Raises:
        Refused: the logits differ, so that numbers of the first images, or how many they were, are taken for constants.
    """
    shape = network.shapes[0]
    for batch in (1, 3, BATCH):
        images = other_images_of(shape, batch)
        try:
            expected = run(images)
        except Exception:  # the module's own code may raise anything
            continue
        if _holds(network, behind, images, expected):
            told = (
                f"it takes {BATCH} images at once, as it was traced, and neither 1 nor 3: their number is written in it"
            )
            return told if batch == BATCH else None
        same = other_images_of(shape, BATCH)
        first, again = run(same), run(same)
        if first.shape != again.shape or not torch.allclose(first, again, equal_nan=True):
            raise Refused("it gives other logits at each call: it draws at random, or changes as it is called")
        if batch != BATCH and _holds(network, behind, same, again):
            raise Refused(
                "its graph is another for another number of images: that of a batch is written into it, or it reckons "
                "over the images of a batch together"
            )
        raise Refused(
            "its graph is another on other images: it takes numbers out of its tensors (`.item()`, `.tolist()`, "
            "`.numpy()`), or goes by them"
        )
    raise Refused("it fails on other images than those it was traced with")


def _holds(network: Network, behind: str, images: Tensor, expected: Tensor) -> bool:
    if expected.dim() == 1 and len(images) == 1:
        expected = expected[None]  # squeezed
    return not bool(torch.isfinite(expected).all()) or _agrees(network, behind, images, expected)[0]


def _agrees(network: Network, behind: str, images: Tensor, expected: Tensor) -> tuple[bool, float]:
    """Whether a network gives these outputs, and by how much it errs."""
    with torch.no_grad():
        logits = network(images)
    by = {"softmax": [logits.softmax(1), logits.log_softmax(1)], "sigmoid": [logits.sigmoid()]}
    given = [one for one in by.get(behind, [logits]) if one.shape == expected.shape]
    error = min((float((one - expected).abs().max()) for one in given), default=float("inf"))
    return error <= _ROUNDING * max(float(expected.abs().max()), 1e-12), error


def _materialise(network: Network) -> None:
    """What has no values in a network built on the meta device, and gets none from the module."""
    for part in network.modules():
        for name, buffer in list(part.named_buffers(recurse=False)):
            if not buffer.is_meta:
                continue
            if isinstance(part, nn.Conv2d) and name in part._non_persistent_buffers_set:
                made = binomial(part.out_channels, (part.kernel_size[0], part.kernel_size[1])).to("cpu")
                part.register_buffer(name, made, persistent=False)
            else:
                part.register_buffer(name, torch.zeros(buffer.shape, dtype=buffer.dtype))


def _first(found: Pruned, recording: Recording, network: Network, images: Tensor) -> str:
    """Where the graph first differs."""
    _, tensors = network.forward_with_taps(images, range(len(found.nodes)))
    for index, (written, tensor) in enumerate(zip(found.written, tensors, strict=True)):
        mean = recording.means.get(written)
        if mean is not None and abs(float(tensor.abs().mean()) - mean) > 10 * _ROUNDING * max(abs(mean), 1e-12):
            owner = recording.writer.owners[written]
            where = f" of its module `{owner}`" if owner else ""
            return f", first at `{found.nodes[index].operation.name}`{where}"
    return ""

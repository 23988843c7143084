"""`ensemble_of`: several trained networks as one, whose logits are the mean of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import Classifier, Concatenate
from presage.architecture.torch_bridge.build import Network
from presage.training.model.trained import TrainedModel

__all__ = ["ensemble_of"]

_PLAIN = (Classifier(bias=True), Classifier(bias=False))


def ensemble_of(models: Sequence[TrainedModel]) -> TrainedModel | None:
    """An ensemble (deep ensembles, arXiv 1612.01474) as a network like any other: its logits (b, k) are the means of
    the members', to the last rounding. The members stand side by side, and one classifier reads the features of all,
    with their weights divided by the number of members.

    Accuracies are None, those of its own are to be measured; all else is told of the first member, the recipe too.

    Args:
        models: at least two.

    Returns:
        None where they cannot be joined so: they take images of other sides, normalised or mirrored in test
        otherwise, tell other classes apart, or end in more than a fully connected layer.
    """
    first = models[0]
    if any(_takes(one) != _takes(first) for one in models[1:]):
        return None
    if any(one.architecture.nodes[-1].operation not in _PLAIN for one in models):
        return None
    nodes: list[Node] = [first.architecture.nodes[0]]
    state: dict[str, Tensor] = {}
    features: list[int] = []
    weights: list[Tensor] = []
    biases: list[Tensor] = []
    for model in models:
        own, last = model.architecture.nodes, len(model.architecture.nodes) - 1
        places = {0: 0, **{at: len(nodes) + at - 1 for at in range(1, last)}}
        nodes += [Node(node.operation, tuple(places[source] for source in node.inputs)) for node in own[1:last]]
        features.append(places[own[last].inputs[0]])
        held = {name: value.detach().cpu() for name, value in model.module.state_dict().items()}
        weights.append(held.pop(f"n{last}.weight"))
        biases.append(held.pop(f"n{last}.bias", torch.zeros(len(first.classes))))
        for name, value in held.items():
            at, rest = name.split(".", 1)
            state[f"n{places[int(at.removeprefix('n'))]}.{rest}"] = value
    nodes.append(Node(Concatenate(), tuple(features)))
    nodes.append(Node(Classifier(), (len(nodes) - 1,)))
    state[f"n{len(nodes) - 1}.weight"] = torch.cat(weights, dim=1) / len(models)
    state[f"n{len(nodes) - 1}.bias"] = torch.stack(biases).mean(0)
    architecture = Architecture(tuple(nodes))
    module = Network(architecture, first.input_shape, len(first.classes))
    module.load_state_dict(state)
    members = tuple(one.architecture.hash for one in models)
    whole = replace(first, architecture=architecture, module=module.eval(), members=members)
    return replace(whole, accuracy=None, test_accuracy=None, balanced_accuracy=None, test_balanced_accuracy=None)


def _takes(model: TrainedModel) -> tuple[object, ...]:
    """What must be alike in members: one preprocessing serves all."""
    mirrored = model.recipe is not None and model.recipe.test_mirroring
    return (
        *(model.input_shape, model.classes, model.mean, model.deviation, mirrored),
        *(model.depth, model.stored_side, model.dataset),
    )

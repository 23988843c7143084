"""A network with few weights that are not zero, in three ways, ready to be trained (on)."""

from __future__ import annotations

from collections.abc import Callable

from presage.architecture.graph import Architecture
from presage.architecture.torch_bridge.build import Network
from presage.errors import InvalidArgument
from presage.search.run.trainer import RecipeTrainer
from presage.surrogate.proxies.minibatch import Minibatch
from presage.training.fitting import fresh
from presage.training.pruning.sparse import kept_by_magnitude, kept_by_snip, zeroed

__all__ = ["HOW", "LOTTERY", "MAGNITUDE", "SNIP", "begun"]

MAGNITUDE, LOTTERY, SNIP = "sparse-magnitude", "lottery-ticket", "snip"
HOW = {
    MAGNITUDE: "smallest weights of the trained network zeroed, trained on",
    LOTTERY: "the same weights zeroed at the start, trained from there",
    SNIP: "weights of least sensitivity zeroed before any training",
}
"""In words: pruning with retraining (arXiv 1506.02626), lottery-ticket rewinding (1803.03635), SNIP (1810.02340)."""


def begun(
    kind: str,
    architecture: Architecture,
    parameters: int,
    trainer: RecipeTrainer,
    seed: int,
    trained: Callable[[], Network],
) -> Network:
    """The network as its sparse training begins: what is zero stays zero.

    Args:
        kind: of `HOW`.
        architecture: in canonical form.
        parameters: that are not zero, and all that may not go.
        seed: of the fresh weights.
        trained: gives the network trained from these very weights.
    """
    data = trainer.data
    if kind not in HOW:
        raise InvalidArgument("kind", "begun", f"be one of {', '.join(HOW)}", kind)
    network = fresh(architecture, data, seed)
    if kind == SNIP:
        looked_at = fresh(architecture, data, seed).to(data.device)  # statistics of normalisations change
        images = Minibatch.of(data, seed=seed)
        kept = [mask.cpu() for mask in kept_by_snip(looked_at, images.images, images.labels, parameters)]
    else:
        whole = trained().cpu()
        kept = kept_by_magnitude(whole, parameters)
        network = whole if kind == MAGNITUDE else network
    zeroed(network, kept)
    return network

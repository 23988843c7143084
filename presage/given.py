"""What who calls the Python API gives: a dataset, networks, a recipe."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from presage import recipes
from presage.architectures import NamedArchitecture, NamedNetwork, networks_of
from presage.at_images import at_images
from presage.errors import DatasetWarning, InvalidArgument, NetworkWarning
from presage.session import Session

if TYPE_CHECKING:
    from presage.training import ImageDataset, Recipe

__all__ = ["networks_at", "read_dataset", "recipe_for", "the_only"]


def read_dataset(session: Session, dataset: str | ImageDataset) -> ImageDataset:
    """The dataset; what was left out or guessed while it was read, and imbalance, are a `DatasetWarning` each."""
    from presage.training.balance import imbalance

    images = session.dataset(dataset)
    for line in (*images.warnings, *imbalance(images)):
        warnings.warn(line, DatasetWarning, stacklevel=3)
    return images


def recipe_for(recipe: Recipe | str | None, dataset: ImageDataset, session: Session) -> Recipe:
    """The recipe for a dataset, nothing in it `auto`."""
    from presage.training.resolving import resolved

    return resolved(_stated(recipe, session), dataset)


def _stated(recipe: Recipe | str | None, session: Session) -> Recipe:
    """The recipe as it stands, what is `auto` in it still so."""
    if recipe is None or isinstance(recipe, str):
        return recipes.named_or_stored(recipe or "quick", session.stored_recipe)
    return recipe


def networks_at(
    session: Session, dataset: ImageDataset, given: Any, recipe: Recipe | str | None
) -> tuple[list[NamedArchitecture], Recipe]:
    """Networks and recipe at the dataset's images."""
    found = at_images(_named(given), dataset, _stated(recipe, session), session.progress)
    for one in found.refused:
        warnings.warn(f"{one.name} is left out: {one.reason}", NetworkWarning, stacklevel=3)
    return found.networks, found.recipe


def the_only(networks: Sequence[NamedArchitecture], owner: str) -> NamedArchitecture:
    """The network, where `owner` takes one."""
    if len(networks) != 1:
        raise InvalidArgument("network", owner, "be one network", len(networks))
    return networks[0]


def _named(given: Any) -> list[NamedNetwork]:
    from torch import nn

    from presage.architecture.graph import Architecture

    items: Iterable[Any] = [given] if isinstance(given, str | Architecture | nn.Module) else given
    found: list[NamedNetwork] = []
    for number, item in enumerate(items):
        if isinstance(item, str):
            found += networks_of(item)
        elif isinstance(item, Architecture):
            found.append(NamedNetwork(f"architecture {number}", item))
        elif isinstance(item, nn.Module):
            found.append(NamedNetwork(type(item).__name__, make=lambda module=item: module))  # type: ignore[misc]
        else:
            raise InvalidArgument("architectures", "presage", "be names, architectures or modules", item)
    if not found:
        raise InvalidArgument("architectures", "presage", "name at least one network", [])
    return found

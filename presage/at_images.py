"""Networks that users bring, at the images they are asked about: traced there, or refused with the side they need."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from presage.architectures import NamedArchitecture, NamedNetwork, costs_of
from presage.errors import InvalidArchitecture, WrongInput
from presage.progress import OnStage, no_progress

if TYPE_CHECKING:
    from torch import nn

    from presage.training import ImageDataset, Recipe

__all__ = ["AtImages", "RefusedNetwork", "at_images", "needed_side", "traced"]

SIDES = (
    *range(4, 64, 4), 64, 72, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 299, 320, 331, 384, 448,
    512,
)  # fmt: skip
"""Sides of images that networks are made for."""
SMALL = 64
"""Side of images up to which a network is traced by one thread: others would wait, turning, for most of the time."""


@dataclass(frozen=True)
class RefusedNetwork:
    """A network that cannot be asked about, and why, in one sentence.

    Attributes:
        name: what the user called it.
        reason: one line.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class AtImages:
    """Networks at one recipe's images.

    Attributes:
        recipe: with the side of the images; the one asked for, unless it was `auto` and some network needs another.
        networks: those that can be asked about, in the order given.
        refused: the others.
    """

    recipe: Recipe
    networks: list[NamedArchitecture]
    refused: list[RefusedNetwork]


def at_images(
    networks: Sequence[NamedNetwork],
    dataset: ImageDataset,
    recipe: Recipe,
    progress: OnStage = no_progress,
) -> AtImages:
    """The networks at a recipe's images.

    Args:
        networks: as they were named.
        dataset: gives channels, classes and, where a network needs images of another side, its own side.
        recipe: what is `auto` in it is told by the dataset; a side that is auto by the networks too: where some need
            another than the dataset tells, all take the one that the most take.
        progress: told how many have been looked at.

    Raises:
        InvalidArchitecture: none of them can be asked about; says why of the first.
    """
    from presage.training.recipe import AUTO
    from presage.training.resolving import resolved

    any_side, recipe = recipe.image_side == AUTO, resolved(recipe, dataset)
    found = _at_side(networks, dataset, recipe, progress, is_common=any_side)
    if any_side and found.refused:
        own = (recipe.image_side, max(dataset.shape[1:]))
        tried = {recipe.image_side}
        missing = [one for one in networks if one.name in {refusal.name for refusal in found.refused}]
        for network in missing:
            side = _needed(network, dataset.shape[0], own)
            if side is None or side in tried or not 4 <= side <= 1024:
                continue
            tried.add(side)
            other = _at_side(networks, dataset, replace(recipe, image_side=side), progress, is_common=True)
            if len(other.networks) > len(found.networks):
                note = f"images of {side} pixels, which it needs (`auto`)"
                named = {one.name for one in missing}
                found = replace(
                    other,
                    networks=[
                        replace(one, notes=(*one.notes, note)) if one.name in named else one for one in other.networks
                    ],
                )
    if not found.networks:
        raise networks[0].problem or InvalidArchitecture(found.refused[0].reason)
    return found


def _at_side(
    networks: Sequence[NamedNetwork],
    dataset: ImageDataset,
    recipe: Recipe,
    progress: OnStage,
    *,
    is_common: bool,
) -> AtImages:
    """All networks at the recipe's side; `is_common`: whether that side was found for them."""
    shape = (dataset.shape[0], recipe.image_side, recipe.image_side)
    classes = len(dataset.classes)
    named: list[NamedArchitecture] = []
    refused: list[RefusedNetwork] = []
    for number, network in enumerate(networks):
        try:
            made = _one(network, shape, classes, tuple(dataset.shape[1:]), is_common)
            costs_of(made, shape, classes)
            named.append(made)
        except WrongInput as error:
            if network.architecture is not None and len(networks) == 1:
                raise
            refused.append(RefusedNetwork(network.name, str(error)))
        progress("trace networks", number + 1, len(networks))
    return AtImages(recipe, named, refused)


def _one(
    network: NamedNetwork, shape: tuple[int, int, int], classes: int, own: tuple[int, ...], is_common: bool
) -> NamedArchitecture:
    if network.problem is not None:
        raise network.problem
    if network.architecture is not None:
        return NamedArchitecture(network.name, network.architecture)
    assert network.make is not None
    from presage.training.hardware import one_thread

    with one_thread() if max(shape[1:]) <= SMALL else nullcontext():
        return traced(network.make(), network.name, shape, classes, max(own), side_is_common=is_common)


def traced(
    module: nn.Module,
    name: str,
    shape: tuple[int, int, int],
    classes: int,
    own_side: int = 224,
    *,
    side_is_common: bool = False,
) -> NamedArchitecture:
    """A module's architecture at images (c, h, w), with what was changed to fit them.

    A stem of other channels is one for these; a head of other classes likewise.

    Args:
        own_side: the dataset's, looked at before others where the module cannot take this one.
        side_is_common: the side was found for all networks of a call: asking for `auto` again would not help.

    Raises:
        InvalidArchitecture: it cannot be traced there; says which side it needs, where it takes another.
    """
    from presage.architecture.torch_bridge.trace import attention_at, trace_module

    channels, *sides = shape
    errors: dict[int, WrongInput] = {}
    for given in dict.fromkeys((channels, 3, 1)):
        try:
            found = trace_module(module, (given, *sides), classes)
        except WrongInput as problem:
            errors[given] = problem
            continue
        notes = list(found.notes)
        if given != channels:
            notes.append(f"its stem takes {_counted(given, 'channel')}, here {channels}")
        if found.classes != classes:
            notes.append(f"its head tells {found.classes} classes apart, here {classes}")
        return NamedArchitecture(name, found.architecture, tuple(notes))
    error = errors[3]  # of colour images: most networks are made for these
    side = needed_side(module, channels, (sides[0], own_side))
    size = "×".join(map(str, shape))
    refused: WrongInput | None = None  # at the side that it takes
    if side is None:
        raise InvalidArchitecture(f"{name}: {error}")
    for given in dict.fromkeys((channels, 3, 1)):
        attends = attention_at(module, (given, side, side))
        if attends is not None:  # at no side will it do
            raise InvalidArchitecture(f"{name}: {attends}")
    for given in dict.fromkeys((3, channels, 1)):
        try:
            trace_module(module, (given, side, side))
            break
        except WrongInput as problem:
            refused = refused or problem
    else:
        raise InvalidArchitecture(f"{name}: {refused}")
    hint = f"Try --image-side {side}, or --image-side auto."
    if side_is_common:
        hint = f"Networks of one call share one side: ask about it in another, with --image-side {side}."
    raise InvalidArchitecture(f"{name} cannot take images of {size}; it takes {side}×{side}. {hint}")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _needed(network: NamedNetwork, channels: int, own: Sequence[int]) -> int | None:
    if network.make is None:
        return None
    try:
        return needed_side(network.make(), channels, own)
    except WrongInput:
        return None


def needed_side(module: nn.Module, channels: int, first: Sequence[int]) -> int | None:
    """The side of images that a module takes: of `first` in turn, then of `SIDES` the next larger than the very first,
    or the next smaller; None where it takes the very first, or none."""
    from presage.architecture.torch_bridge.twin import first_taken

    larger, smaller = ([side for side in SIDES if (side > first[0]) == above] for above in (True, False))
    sides = dict.fromkeys((*first, *larger, *reversed(smaller)))
    shapes = [(given, side, side) for given in dict.fromkeys((channels, 3, 1)) for side in sides]
    found = first_taken(module, shapes)
    return None if found is None or found[1] == first[0] else found[1]

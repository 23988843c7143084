"""Whether images may be mirrored: networks that never saw a mirror image are asked about some.

Where classes do not care about left and right (photos of flowers, say), a network trained on images as they are names
their mirror images about as well. Letters and digits become others, and of traffic signs some do. All networks that
there are are asked, and their mean counts: the best by these validation images owes a part of its lead to chance, which
mirror images do not repeat. Nothing is trained for this, and no test image is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from presage.training.data import DeviceData
from presage.training.loop import logits_of

__all__ = ["SAFE_SHARE", "Mirroring", "mirroring"]

SAFE_SHARE = 0.9
"""Of its accuracy beyond chance, what a network must keep on mirror images for them to be trained on."""

SAFE_CLASS = 0.75
"""Of the images that it names rightly, what it must keep in every class: one may be the mirror image of another."""

_IMAGES, _NAMED = 5, 0.5  # of a class that is asked about: validation images, and the share of them named rightly
_LEARNT = 0.05  # accuracy beyond chance under which a network has nothing to tell


@dataclass(frozen=True)
class Mirroring:
    """What networks that were trained without mirror images make of them; means over them.

    Attributes:
        accuracy, mirrored: on validation images as they are, and on their mirror images.
        chance: what naming always the commonest class of them comes to.
        worst_class: share that remains of the images named rightly in the class that loses most, of those that the
            networks know; 1 where they know none.
        error: standard error of `mirrored` - `accuracy`, by the images that more networks name rightly one way.
        in_test: whether a final training that mirrors averages over mirror images in test, too: those of runs that were
            begun earlier do not.
        networks: number of networks asked.
    """

    accuracy: float
    mirrored: float
    chance: float
    worst_class: float = 1.0
    error: float = 0.0
    in_test: bool = False
    networks: int = 1

    @property
    def kept(self) -> float:
        """Share of the accuracy beyond chance that remains; 0 where there is hardly any."""
        beyond = self.accuracy - self.chance
        return (self.mirrored - self.chance) / beyond if beyond >= _LEARNT else 0.0

    @property
    def safe(self) -> bool:
        """Whether mirror images are as good as images, as far as so many images can tell (one standard error)."""
        beyond = self.accuracy - self.chance
        within = self.error / beyond if beyond >= _LEARNT else 0.0
        return self.kept + within >= SAFE_SHARE and self.worst_class >= SAFE_CLASS

    def __str__(self) -> str:
        """In a sentence, with what follows."""
        does = "mirrors images at random" if self.safe else "does not mirror images"
        lost = "" if self.worst_class >= SAFE_CLASS else f", of one class {self.worst_class:.0%}"
        whose, who = ("its", "the best network") if self.networks == 1 else ("their", f"the {self.networks} networks")
        keeps = "keeps" if self.networks == 1 else "keep"
        return (
            f"The final training {does}: of {whose} accuracy on validation images ({self.accuracy:.3f}) {who} "
            f"of the short-list {keeps} {max(self.kept, 0):.0%} beyond chance on their mirror images "
            f"({self.mirrored:.3f} ± {self.error:.3f}){lost}."
        )

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Mirroring:
        """What `to_json` wrote."""
        return cls(**value)


def mirroring(modules: Iterable[nn.Module], data: DeviceData, precision: str = "float32") -> Mirroring:
    """What trained modules, at least one, make of the mirror images of validation images, in the mean."""
    labels, several = data.y_validation, 0
    plain, mirrored = (torch.zeros(len(labels), dtype=torch.float64, device=labels.device) for _ in range(2))
    both = (plain, data.x_validation), (mirrored, data.x_validation.flip(3))
    for module in modules:
        several += 1
        for named, images in both:
            named.add_(logits_of(module, images, data, precision=precision).argmax(dim=1) == labels)
    plain, mirrored = plain / several, mirrored / several
    counts = torch.bincount(labels, minlength=data.classes)
    before, after = (torch.bincount(labels, weights=right, minlength=data.classes) for right in (plain, mirrored))
    known = (counts >= _IMAGES) & (before >= _NAMED * counts)
    worst = float((after[known] / before[known]).min()) if bool(known.any()) else 1.0
    chance = float(counts.max() / len(labels))
    error = math.sqrt(float(((plain - mirrored) ** 2).sum())) / len(labels)
    return Mirroring(float(plain.mean()), float(mirrored.mean()), chance, worst, error, in_test=True, networks=several)

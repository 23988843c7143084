"""The difficulty card: what one number hides. Made from the probes of one dataset, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np

from presage.display import facts
from presage.errors import InvalidArgument, WrongInput
from presage.probe.neighbours import KnownDataset, Neighbour, nearest
from presage.probe.noise import LabelNoise, joined, suspect_labels
from presage.probe.protocol import PROBE_RECIPE, PROBE_VERSION
from presage.terminal import one_line
from presage.training.recipe_words import recipe_words

if TYPE_CHECKING:
    import numpy.typing as npt

    from presage.probe.run import ProbeRun

__all__ = ["ConfusedPair", "DifficultyCard", "Outlook", "confused_pairs", "difficulty_card"]

MOST_PAIRS = 5
MOST_NEAREST = 3
MOST_SUSPECTS_SHOWN = 3


@dataclass(frozen=True)
class ConfusedPair:
    """Two classes that are taken for one another.

    Attributes:
        first, second: names of the classes.
        mistakes: validation images of either that were predicted as the other.
        images: validation images of either.
    """

    first: str
    second: str
    mistakes: int
    images: int

    @property
    def rate(self) -> float:
        """Mistakes / images."""
        return self.mistakes / self.images


@dataclass(frozen=True)
class Outlook:
    """What more of one thing would bring networks on the dataset, as its probe ladder and known trainings tell.

    Attributes:
        change: `images`, `side` or `epochs`.
        words: *twice the images*, *32 px for 16*.
        points: expected gain in points of validation accuracy; negative where it would cost.
        lower, upper: ends of its interval, in points.
        level: share of datasets that the interval should hold.
    """

    change: str
    words: str
    points: float
    lower: float
    upper: float
    level: float

    def text(self) -> str:
        """*twice the images +3 points (0 to +6)*."""
        return f"{self.words} {_signed(self.points)} points ({_signed(self.lower)} to {_signed(self.upper)})"


def _signed(points: float) -> str:
    return f"{round(points):+d}" if round(points) else "0"


@dataclass(frozen=True)
class DifficultyCard:
    """How hard a dataset is, and why.

    Attributes:
        name, fingerprint: of the dataset.
        version: of the probe.
        seeds: of the probes the card was made from.
        dcn: their mean Dataset Characterization Number, in [0, 1]; higher is easier.
        spread: sample standard deviation of the DCN over seeds; None for a single seed.
        lowest, highest: DCN over seeds.
        classes: k.
        chance: accuracy of always naming the commonest class.
        confused: pairs of classes with the highest share of mistakes, over all seeds.
        noise: suspected wrong labels among the images that a probe did not train on (those beyond its budget, and its
            validation images); the images it trained on are not examined. None where no predictions were kept.
        class_names: names of the k classes.
        nearest: known datasets most like this one.
        seconds: of all probes together.
        outlook: what more images, larger ones and longer training would bring; empty where no ladder was climbed.
        ladder_seconds: of the rungs of the probe ladder that were run for this card.
    """

    name: str
    fingerprint: str
    version: str
    seeds: tuple[int, ...]
    dcn: float
    spread: float | None
    lowest: float
    highest: float
    classes: int
    chance: float
    confused: tuple[ConfusedPair, ...]
    noise: LabelNoise | None
    class_names: tuple[str, ...]
    nearest: tuple[Neighbour, ...]
    seconds: float
    outlook: tuple[Outlook, ...] = ()
    ladder_seconds: float = 0.0

    @property
    def lift(self) -> float:
        """Where the DCN lies between chance (0) and 1 (1); negative below chance."""
        return (self.dcn - self.chance) / (1.0 - self.chance) if self.chance < 1.0 else 0.0

    @property
    def recipe_words(self) -> str:
        """The probe's recipe in words, by which the DCNs are, the neighbours' too; empty for another version's."""
        return recipe_words(PROBE_RECIPE) if self.version == PROBE_VERSION else ""

    def text(self) -> str:
        """A few lines for a terminal."""
        title = f"{self.name}: DCN {self.dcn:.3f}{self._spread()} (probe version {self.version}, {self._time()})"
        return "\n".join(map(one_line, [title, *(f"  {name:<15}{what}" for name, what in self._rows())]))

    def _rows(self) -> list[tuple[str, str]]:
        """What the card tells beside its title: a few words → what is to be said."""
        way = f"{max(self.lift, 0.0):.0%} of the way from there to 1"
        return [
            ("chance", f"{self.chance:.3f} with {self.classes} classes; {way}"),
            ("confused", self._confused()),
            ("label noise", self._noise()),
            *([("by the recipe", self.recipe_words)] if self.recipe_words else []),
            *([("more brings", "; ".join(one.text() for one in self.outlook))] if self.outlook else []),
            ("nearest known", ", ".join(f"{near.name} ({near.dcn:.3f})" for near in self.nearest) or "none"),
        ]

    def __repr__(self) -> str:
        return one_line(
            f"DifficultyCard({self.name}: DCN {self.dcn:.3f}{self._spread()}, chance {self.chance:.3f} with "
            f"{self.classes} classes)"
        )

    def _repr_html_(self) -> str:
        title = f"{self.name}: DCN {self.dcn:.3f}{self._spread()}"
        return facts(title, [*self._rows(), ("probe", f"version {self.version}, {self._time()}")])

    def to_frame(self) -> Any:
        """One row, to stand below those of other datasets: a `pandas.DataFrame` where pandas is installed, else a
        DuckDB relation. What is expected of more images, larger ones and longer training are columns where the ladder
        tells (`more_images`, in points of accuracy); of what lists hold, how many and the first.

        Raises:
            WrongInput: neither is installed; `to_json` needs nothing.
        """
        try:
            frames = import_module("presage.database.frames")  # by name: probes run where no database is installed
        except ImportError:
            raise WrongInput("A frame needs pandas and DuckDB. Type: pip install duckdb pandas") from None
        row = self._columns()
        return frames.frame(list(row), [list(row.values())])

    def _columns(self) -> dict[str, Any]:
        pair = self.confused[0] if self.confused else None
        near = self.nearest[0] if self.nearest else None
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "dcn": self.dcn,
            "spread": self.spread,
            "lowest": self.lowest,
            "highest": self.highest,
            "seeds": len(self.seeds),
            "probe_version": self.version,
            "classes": self.classes,
            "chance": self.chance,
            "lift": self.lift,
            "most_confused": None if pair is None else f"{pair.first} and {pair.second}",
            "most_confused_rate": None if pair is None else pair.rate,
            "suspected_labels": None if self.noise is None else len(self.noise.suspects),
            "suspected_share": None if self.noise is None else self.noise.share,
            "nearest": None if near is None else near.name,
            "nearest_dcn": None if near is None else near.dcn,
            **{f"more_{one.change}": one.points for one in self.outlook},
            "seconds": self.seconds,
        }

    def to_json(self) -> dict[str, Any]:
        """Everything on the card as plain values; rates and shares included."""
        found = asdict(self)
        found["lift"] = self.lift
        found["recipe_words"] = self.recipe_words
        found["confused"] = [{**asdict(pair), "rate": pair.rate} for pair in self.confused]
        if self.noise is not None:
            found["noise"]["share"] = self.noise.share
            for suspect in found["noise"]["suspects"]:
                suspect["label_name"] = self.class_names[suspect["label"]]
                suspect["looks_like_name"] = self.class_names[suspect["looks_like"]]
        return found

    def _time(self) -> str:
        ladder = f" and {self.ladder_seconds:.0f} s for its ladder" if self.ladder_seconds else ""
        return f"{self.seconds:.0f} s{ladder}"

    def _spread(self) -> str:
        return "" if self.spread is None else f" ± {self.spread:.3f} over {len(self.seeds)} seeds"

    def _confused(self) -> str:
        shown = [f"{pair.first} and {pair.second} ({pair.rate:.0%} of {pair.images})" for pair in self.confused]
        return ", ".join(shown) or "no two classes more than once"

    def _noise(self) -> str:
        if self.noise is None:
            return "not examined"
        found = (
            f"{len(self.noise.suspects)} of the {self.noise.examined} images that the probe did not train on "
            f"({self.noise.share:.1%})"
        )
        shown = [
            f"{suspect.file or f'image {suspect.image}'} is filed under {self.class_names[suspect.label]}, "
            f"looks like {self.class_names[suspect.looks_like]}"
            for suspect in self.noise.suspects[:MOST_SUSPECTS_SHOWN]
        ]
        return "; ".join([found, *shown])


def difficulty_card(
    runs: Sequence[ProbeRun],
    known: Iterable[KnownDataset | tuple[str, float]] = (),
    *,
    most_nearest: int = MOST_NEAREST,
    outlook: Sequence[Outlook] = (),
    ladder_seconds: float = 0.0,
) -> DifficultyCard:
    """Make the card of one dataset from its probes.

    Args:
        runs: probes of one dataset by one probe version, each with another seed.
        known: other datasets, as `KnownDataset` or as (name, DCN); one of the same fingerprint is left out.
        most_nearest: how many of them to name.
        outlook, ladder_seconds: of the card.

    Raises:
        InvalidArgument: no run; runs of several datasets or probe versions, or two of one seed; a known dataset of
            another probe version.
    """
    if not runs:
        raise InvalidArgument("runs", "difficulty_card", "hold at least one probe", list(runs))
    for what, found in (
        ("one dataset", {run.fingerprint for run in runs}),
        ("one probe version", {run.version for run in runs}),
    ):
        if len(found) > 1:
            raise InvalidArgument("runs", "difficulty_card", f"be of {what}", sorted(found))
    seeds = tuple(run.seed for run in runs)
    if len(set(seeds)) < len(seeds):
        raise InvalidArgument("runs", "difficulty_card", "have a different seed each", seeds)
    first = runs[0]
    values = [run.dcn for run in runs]
    held_out = [run.held_out for run in runs if run.held_out is not None]
    here = KnownDataset(first.name, mean(values), first.description, first.fingerprint, first.version)
    return DifficultyCard(
        name=first.name,
        fingerprint=first.fingerprint,
        version=first.version,
        seeds=seeds,
        dcn=mean(values),
        spread=stdev(values) if len(values) > 1 else None,
        lowest=min(values),
        highest=max(values),
        classes=len(first.classes),
        chance=first.chance,
        confused=confused_pairs(np.sum([run.confusion for run in runs], axis=0), first.classes),
        noise=suspect_labels(joined(held_out)) if held_out else None,
        class_names=first.classes,
        nearest=nearest(here, [KnownDataset(*item) for item in known], most=most_nearest),
        seconds=sum(run.seconds for run in runs),
        outlook=tuple(outlook),
        ladder_seconds=ladder_seconds,
    )


def confused_pairs(
    confusion: npt.NDArray[np.int64], classes: Sequence[str], *, most: int = MOST_PAIRS, least_mistakes: int = 2
) -> tuple[ConfusedPair, ...]:
    """The pairs of classes with the highest share of mutual mistakes, of those with at least `least_mistakes`.

    Args:
        confusion: images of true class (row) predicted as class (column) (k, k).
        classes: names (k).
    """
    mutual = np.triu(confusion + confusion.T, 1)  # (k, k), each pair once
    sizes = confusion.sum(axis=1)
    firsts, seconds = np.nonzero(mutual >= least_mistakes)
    pairs = [
        ConfusedPair(classes[a], classes[b], int(mutual[a, b]), int(sizes[a] + sizes[b]))
        for a, b in zip(firsts.tolist(), seconds.tolist(), strict=True)
    ]
    return tuple(sorted(pairs, key=lambda pair: (-pair.rate, -pair.mistakes))[:most])

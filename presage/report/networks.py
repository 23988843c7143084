"""Every network of a run, one record each: what was said of it, what it came to by each recipe, and its folder."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.errors import PresageError
from presage.reading import read_as, reading
from presage.report.drawing import draw
from presage.report.judging import Judgement, judgement
from presage.report.reading import read
from presage.search.result import BASELINE, Chosen, KnownNetwork, ShortList
from presage.speakable import named, speakable
from presage.training.held_out import PREDICTIONS, Predictions
from presage.training.recipe import Recipe

if TYPE_CHECKING:
    from markupsafe import Markup

    from presage.architecture.graph import Architecture
    from presage.architecture.spaces import Space
    from presage.report.pictures import Pictures
    from presage.search.final_result import FinalTraining
    from presage.search.result import SearchResult, Verified
    from presage.search.run.run_folder import RunFolder

__all__ = ["KNOWN", "RANDOM", "SHORT", "ShownNetwork", "ShownTraining", "networks_of"]

SHORT, RANDOM, KNOWN = "short-list", "random baseline", "known before"

NO_TIME = "not trained: no time left"
"""Of a network that was chosen, and that a budget left out."""

_MOST_DRAWN = 1_200_000
"""Bytes of drawings on a page; networks beyond are not drawn."""


@dataclass(frozen=True)
class ShownTraining:
    """A training of a network, as its row shows it when it is opened.

    Attributes:
        title: which it is.
        recipe_words: the recipe.
        status: `finished`, or how it ended.
        accuracy, balanced: trained, on validation images; None unless finished.
        test_accuracy, test_balanced: on test images; None where they were not looked at.
        curve: (e,) validation accuracy after each epoch.
        seconds: of it.
        failure: why it has no accuracy, in a line; None where it has one.
        judgements: what was confused, test images first; empty where the run does not hold what is needed.
        folder: below the run folder, where the trained network lies; None where it was not kept.
        extra: further facts, (name, value) each.
    """

    title: str
    recipe_words: str
    status: str
    accuracy: float | None
    balanced: float | None
    test_accuracy: float | None
    test_balanced: float | None
    curve: tuple[float, ...]
    seconds: float
    failure: str | None
    judgements: tuple[Judgement, ...]
    folder: str | None
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ShownNetwork:
    """A network of a run.

    Attributes:
        key: of its row on the page.
        role: `SHORT`, `RANDOM` or `KNOWN`.
        chosen: what was said of it; None where it was known before.
        state: why it has no trained accuracy; "" where it has one.
        search: its training by the search's recipe; None where there was none.
        final: the final one; None where there was none.
        drawing: None where its architecture is not at hand, or the page is full.
        params: its parameters in the space, as (name, value).
    """

    key: str
    hash: str
    role: str
    chosen: Chosen | None
    predicted: float | None
    state: str
    search: ShownTraining | None
    final: ShownTraining | None
    drawing: Markup | None
    params: tuple[tuple[str, str], ...]
    reused: bool = False

    @property
    def name(self) -> str:
        return speakable(self.hash)

    @property
    def named(self) -> str:
        return named(self.hash)

    @property
    def trainings(self) -> tuple[ShownTraining, ...]:
        """The final one first."""
        return tuple(one for one in (self.final, self.search) if one is not None)


def networks_of(result: SearchResult, folder: RunFolder, space: Space | None, pictures: Pictures) -> list[ShownNetwork]:
    """The best first: those trained finally, then by their accuracy by the search's recipe."""
    reader = _Reader(result, folder, space, pictures)
    found = [reader.trained(one) for one in (*result.verified, *result.baseline)]
    seen = {one.hash for one in found if one.role == SHORT}
    left_out = _chosen_but_left_out(result, folder)
    found += [reader.left_out(one) for one in left_out if one.role == BASELINE or one.hash not in seen]
    for round_result in result.rounds:
        found += [reader.known(one) for one in round_result.known if one.hash not in seen]
        seen |= {one.hash for one in round_result.known}
    ordered = sorted(found, key=_rank)
    return [reader.placed(one, at) for at, one in enumerate(ordered)]


def _rank(one: ShownNetwork) -> tuple[float, float, float]:
    final, search = ((each.accuracy if each is not None else None) for each in (one.final, one.search))
    return (-1 if final is None else -1 - final, -(search or -1.0), -(one.predicted or 0.0))


def _chosen_but_left_out(result: SearchResult, folder: RunFolder) -> list[Chosen]:
    """What short-lists and baseline name and nothing became of: a budget ended first."""
    lists = [read_as(folder.shortlist(one.round_number), ShortList.from_json) for one in result.rounds]
    chosen = [one for short_list in lists if short_list is not None for one in short_list.chosen]
    baseline = read_as(folder.baseline, lambda told: [Chosen.from_json(one) for one in told]) or []
    done = {(one.chosen.role, one.chosen.hash) for one in (*result.verified, *result.baseline)}
    return [one for one in (*chosen, *baseline) if (one.role, one.hash) not in done]


class _Reader:
    """Makes records of what the run folder holds."""

    def __init__(self, result: SearchResult, folder: RunFolder, space: Space | None, pictures: Pictures) -> None:
        self.result, self.folder, self.space, self.pictures = result, folder, space, pictures
        self.finals = {one.hash: one for one in (result.final.trainings if result.final is not None else ())}
        self._shape: tuple[list[int], list[str]] | None = None
        self._drawn = 0
        for one in result.verified:
            described = self._described(folder.network(one.chosen.hash))
            if described is not None:
                self._shape = described[1:]
                break

    def trained(self, one: Verified) -> ShownNetwork:
        """Of the short-list or the baseline, after its training."""
        chosen, place = one.chosen, self.folder.network(one.chosen.hash)
        final = self.finals.get(chosen.hash) if chosen.role != BASELINE else None
        search = ShownTraining(
            "By the search's recipe", self.result.recipe_words, one.status, one.accuracy, one.balanced_accuracy,
            one.test_accuracy, one.test_balanced_accuracy, one.curve, one.seconds, one.failure,
            self._judgements(place), self._kept(place),
        )  # fmt: skip
        return ShownNetwork(
            "", chosen.hash, RANDOM if chosen.role == BASELINE else SHORT, chosen, chosen.predicted,
            "" if one.accuracy is not None else one.status, search, None if final is None else self._final(final),
            None, _params(chosen.params), one.reused,
        )  # fmt: skip

    def left_out(self, chosen: Chosen) -> ShownNetwork:
        """Chosen, and not trained."""
        role = RANDOM if chosen.role == BASELINE else SHORT
        return ShownNetwork(
            "", chosen.hash, role, chosen, chosen.predicted, NO_TIME, None, None, None, _params(chosen.params)
        )

    def known(self, one: KnownNetwork) -> ShownNetwork:
        """Not trained here, since the database has its result by this recipe."""
        search = ShownTraining(
            "By the search's recipe, before this search", self.result.recipe_words, "finished", one.accuracy, None,
            None, None, (), 0.0, None, (), None,
        )  # fmt: skip
        return ShownNetwork("", one.hash, KNOWN, None, one.predicted, "", search, None, None, _params(one.params), True)

    def placed(self, one: ShownNetwork, at: int) -> ShownNetwork:
        """With the key of its row, and drawn where there is room."""
        return ShownNetwork(**{**vars(one), "key": f"n{at}", "drawing": self._drawing(one)})

    def _final(self, one: FinalTraining) -> ShownTraining:
        recipe = Recipe.from_json(one.recipe)
        place = self.folder.final(one.hash, recipe.hash)
        extra = [("learning rate", f"{recipe.learning_rate:g}"), ("weight decay", f"{recipe.weight_decay:g}")]
        if one.trials:
            extra.append(("settings tried", f"{len(one.trials)} in {one.tuning_seconds:.1f} s"))
        whole = self.result.final
        is_best = whole is not None and whole.shipped == one and not whole.falls_short
        kept = "best" if is_best and (self.folder.best / "architecture.json").exists() else self._kept(place)
        return ShownTraining(
            "By the final recipe", one.recipe_words, one.status, one.accuracy, one.balanced_accuracy,
            one.test_accuracy, one.test_balanced_accuracy, one.curve, one.seconds, one.failure,
            self._judgements(place), kept, tuple(extra),
        )  # fmt: skip

    def _kept(self, place: Path) -> str | None:
        """Its folder below the run's, where a model lies in it."""
        return place.relative_to(self.folder.path).as_posix() if (place / "architecture.json").exists() else None

    def _described(self, place: Path) -> tuple[Any, list[int], list[str]] | None:
        """Architecture, image shape and classes, where the run folder has them."""
        path = place / "architecture.json"
        if not path.exists():
            return None
        described = read(path)
        with reading(path):
            return described["architecture"], list(described["input_shape"]), [str(one) for one in described["classes"]]

    def _judgements(self, place: Path) -> tuple[Judgement, ...]:
        path = place / PREDICTIONS
        said = read_as(path, Predictions.from_json)
        if said is None:
            return ()
        parts = [("test", said.test), ("validation", said.validation)]
        with reading(path):
            most = max(max((*one.labels, *one.predicted), default=0) for _, one in parts if one is not None) + 1
            names = self._shape[1] if self._shape is not None else [f"class {at}" for at in range(most)]
            return tuple(judgement(part, one, names, self.pictures) for part, one in parts if one is not None)

    def _drawing(self, one: ShownNetwork) -> Markup | None:
        if self._drawn > _MOST_DRAWN:
            return None
        place = self.folder.network(one.hash)
        described = self._described(place)
        if described is not None:
            with reading(place / "architecture.json"):
                return self._counted(draw(_architecture(described[0]), described[1], len(described[2])))
        if self.space is None or self._shape is None or one.chosen is None:
            return None
        with suppress(PresageError, KeyError, TypeError, ValueError):  # of another version of the space
            return self._counted(draw(self.space.decode(one.chosen.params), self._shape[0], len(self._shape[1])))
        return None

    def _counted(self, drawing: Markup) -> Markup:
        self._drawn += len(drawing)
        return drawing


def _architecture(value: Any) -> Architecture:
    from presage.architecture.serial import from_json

    return from_json(value)


def _params(params: Any) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in params.items())

"""Searching recurrent cells on a text, by prediction or by training; and predicting cells of a user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument, UnknownName
from presage.folders import check_folder
from presage.progress import OnStage
from presage.steps.text_training import ProbedText, Store, probe_text

if TYPE_CHECKING:
    from presage.architecture.recurrent.cell import RecurrentCell
    from presage.architecture.recurrent.spaces import CellSpace
    from presage.database import Database
    from presage.search.recurrent.trained import FoundCell
    from presage.surrogate.cells.predictor import CellPredictor
    from presage.training.text.recipe import TextRecipe
    from presage.training.text.text_data import TextData

__all__ = [
    "SearchedCells",
    "ForetoldCell",
    "ForetoldCells",
    "HowSearched",
    "fitted_to_others",
    "predict_cells",
    "search_cells",
]

Read = Callable[[], "AbstractContextManager[Database]"]

PREDICTED, TRAINED = SCORES = ("predicted", "trained")
CANDIDATES = {PREDICTED: 60, TRAINED: 20}
SHORTLIST = 8


@dataclass(frozen=True)
class HowSearched:
    """How cells are searched: what is None is the usual.

    Attributes:
        strategy: one of `presage.search.recurrent.strategies`; usually `random` by prediction, as climbing what is
            predicted ends where predictions are wrong, and `evolution` by training.
        score: what a strategy is told of its candidates, one of `SCORES`; usually predictions, but for those on shared
            weights.
        candidates: cells that are scored; those by training are all trained.
        shortlist: of those that were predicted, how many are trained.

    Raises:
        UnknownName: no such strategy or score.
        InvalidArgument: a short-list where all candidates are trained, or predictions for a strategy on shared weights.
    """

    strategy: str | None = None
    score: str | None = None
    candidates: int | None = None
    shortlist: int | None = None

    def __post_init__(self) -> None:
        from presage.search.recurrent.strategies import check_strategy

        check_strategy(self.by, predicted=self.score == PREDICTED)
        if self.score is not None and self.score not in SCORES:
            raise UnknownName("score", self.score, SCORES)
        if self.shortlist is not None and not self.by_prediction:
            rule = "be left out where every candidate is trained"
            raise InvalidArgument("--shortlist", "presage text search", rule, self.shortlist)

    @property
    def by(self) -> str:
        """The strategy."""
        return self.strategy or ("evolution" if self.score == TRAINED else "random")

    @property
    def by_prediction(self) -> bool:
        """Whether candidates are scored by prediction."""
        from presage.search.recurrent.strategies import ON_SHARED_WEIGHTS

        return self.score == PREDICTED or (self.score is None and self.by not in ON_SHARED_WEIGHTS)

    @property
    def usual_space(self) -> str:
        """The space that is searched where none is named: that of the best cells, or the one that every strategy on
        shared weights takes."""
        from presage.search.recurrent.strategies import ON_SHARED_WEIGHTS

        return "rnn_darts" if self.by in ON_SHARED_WEIGHTS else "rnn_tree"


@dataclass(frozen=True)
class SearchedCells:
    """What a search came to.

    Attributes:
        found: cells that were trained, the best first.
        candidates: cells that were scored.
        predictor: what it had learned from, and how well it did on texts left out (`CellPredictor.told`); None where
            nothing was predicted.
    """

    found: Sequence[FoundCell]
    candidates: int
    predictor: Mapping[str, float | None] | None


@dataclass(frozen=True)
class ForetoldCell:
    """*Predicted*: a cell that was not trained.

    Attributes:
        name: as it was asked for.
        cell: its hash.
        relative: bits a symbol as a share above a GRU's of as many parameters; the lower the better.
        lower, upper: interval of `relative`; None where none can be promised.
        diverges: probability that a training diverges.
        value: the same in the metric, beside what the probe of the text, a GRU, scored.
    """

    name: str
    cell: str
    relative: float
    lower: float | None
    upper: float | None
    diverges: float
    value: float


@dataclass(frozen=True)
class ForetoldCells:
    """Predictions for a text.

    Attributes:
        probe: of the text, trained for this.
        cells: as they were asked for.
        predictor: as `SearchedCells` has it.
    """

    probe: ProbedText
    cells: Sequence[ForetoldCell]
    predictor: Mapping[str, float | None]


def fitted_to_others(read: Read, data: TextData) -> CellPredictor:
    """A predictor of cells that learned from all texts of the database but this one.

    Raises:
        InvalidArgument: the database knows of too few texts.
    """
    from presage.surrogate.cells.experience import load_cells
    from presage.surrogate.cells.predictor import LEAST_TEXTS, CellPredictor

    with read() as database:
        experience = load_cells(database, without=(data.fingerprint,))
    if len(experience.texts) < LEAST_TEXTS:
        rule = f"know published and other cells on at least {LEAST_TEXTS} other texts for predictions"
        hint = "Name a database that holds the shipped experience, or train: presage text search --score trained."
        raise InvalidArgument("database", "presage text", rule, len(experience.texts), hint)
    return CellPredictor().fit(experience)


def search_cells(
    store: Store,
    read: Read,
    data: TextData,
    space: CellSpace,
    recipe: TextRecipe,
    how: HowSearched,
    *,
    seed: int,
    device: str,
    run_folder: Path,
    progress: OnStage,
) -> SearchedCells:
    """Search a space of cells, train the best, and write the report; see `presage.search.recurrent.trained`."""
    from presage.report.cells import write_cell_report
    from presage.search.recurrent import trained
    from presage.training.hardware import choose_device, one_thread
    from presage.training.text.fitting import columns
    from presage.training.text.language_model import model_sizes

    check_folder(run_folder, "--run", "presage text search")
    where = choose_device(device)
    columns(data, recipe, where)  # what cannot be trained is said before anything is
    model_sizes(space.cell(space.params(0 * space.sizes)), len(data.symbols), recipe)
    predictor, shortlist = None, None
    if how.by_prediction:
        predictor = fitted_to_others(read, data)
        shortlist = SHORTLIST if how.shortlist is None else how.shortlist
    usual = CANDIDATES[TRAINED if predictor is None else PREDICTED]
    candidates = usual if how.candidates is None else how.candidates
    with one_thread():
        found = trained.search_cells(
            data, space, recipe, strategy=how.by, candidates=candidates, seed=seed, run_folder=run_folder,
            store=store, progress=progress, device=str(where), predictor=predictor, shortlist=shortlist,
        )  # fmt: skip
        if found:
            write_cell_report(run_folder)
    return SearchedCells(found, candidates, None if predictor is None else predictor.told)


def predict_cells(
    store: Store,
    read: Read,
    data: TextData,
    cells: Mapping[str, RecurrentCell],
    *,
    seed: int,
    device: str,
    progress: OnStage,
) -> ForetoldCells:
    """Predict cells on a text, of which nothing but the probe is trained."""
    import math

    from presage.training.text.metrics import BITS_PER_CHARACTER

    predictor = fitted_to_others(read, data)
    probe = probe_text(store, data, seed=seed, device=device, progress=progress)
    told = predictor.predict(list(cells.values()))
    rows = []
    for at, (name, cell) in enumerate(cells.items()):
        relative, *ends = (float(values[at]) for values in (told.value, told.lower, told.upper))
        lower, upper = (end if math.isfinite(end) else None for end in ends)
        # perplexities are compared by their logarithms, bits a word
        value = probe.value * (1 + relative) if probe.metric == BITS_PER_CHARACTER else probe.value ** (1 + relative)
        rows.append(ForetoldCell(name, cell.hash, relative, lower, upper, float(told.diverges[at]), value))
    return ForetoldCells(probe, rows, predictor.told)

"""Recurrent cells on a text, as functions: what `presage text predict`, `search` and `train` do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument
from presage.places import user_path
from presage.progress import Progress, shown_progress
from presage.session import Session
from presage.steps.brief_store import BriefStore

if TYPE_CHECKING:
    from presage.architecture.recurrent.cell import RecurrentCell
    from presage.architecture.recurrent.spaces import CellSpace
    from presage.steps.cell_search import ForetoldCells, SearchedCells
    from presage.steps.text_training import TrainedCell
    from presage.training.text.recipe import TextRecipe
    from presage.training.text.text_data import TextData

    Cell = str | Path | RecurrentCell
    Cells = Cell | Sequence[Cell]

__all__ = ["predict_cells", "search_cells", "train_cells"]


def predict_cells(
    text: str | Path | TextData,
    cells: Cells,
    *,
    words: int = 0,
    database: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress = True,
) -> ForetoldCells:
    """*Predicted* bits of recurrent cells on a text, beside a GRU's. Trains nothing but the text's probe.

    Args:
        text: a UTF-8 file, or `TextData`.
        cells: names (``lstm``, ``darts_v2``, …), JSON files, or `RecurrentCell`s.
        words: size of the vocabulary, where symbols are words; 0: they are characters.
        database: the experiment database; None for the user's own.
        progress: whether bars show how far it is; or a function, called as ``progress(stage, done, total)``.

    Raises:
        InvalidDataset: the text cannot be learned from.
        UnknownName, InvalidArchitecture, InvalidArgument: what is no cell, or none at all.
    """
    from presage.steps.cell_search import predict_cells as predicted

    data, named = _text(text, words), _named(cells)
    with shown_progress(progress) as told:
        session = Session(database, device, seed, told)
        session.check_database()
        store = BriefStore(session.open).add_text_experiments
        return predicted(store, session.open_to_read, data, named, seed=seed, device=device, progress=told)


def train_cells(
    text: str | Path | TextData,
    cells: Cells,
    *,
    recipe: TextRecipe | None = None,
    words: int = 0,
    out: str | Path | None = None,
    database: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress = True,
) -> Sequence[TrainedCell]:
    """Recurrent cells *trained* on a text, all by one recipe; each training enters the database.

    Args:
        recipe: how they are trained; None for the usual one.
        out: folder in which each network is left, for `presage.training.text.text_model.load_text_model`; None leaves
            none.

    Other arguments and errors as `predict_cells` has them.
    """
    from presage.steps.text_training import train_cells as trained
    from presage.training.text.recipe import TextRecipe

    data, named = _text(text, words), _named(cells)
    folder = None if out is None else user_path(out, "out", "presage.train_cells")
    with shown_progress(progress) as told:
        session = Session(database, device, seed, told)
        session.check_database()
        return trained(
            BriefStore(session.open).add_text_experiments, data, named, recipe or TextRecipe(), seed=seed,
            device=device, out=folder, progress=told,
        )  # fmt: skip


def search_cells(
    text: str | Path | TextData,
    *,
    space: str | CellSpace | None = None,
    strategy: str | None = None,
    score: str | None = None,
    candidates: int | None = None,
    shortlist: int | None = None,
    recipe: TextRecipe | None = None,
    run_folder: str | Path = "runs/cells",
    words: int = 0,
    database: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress = True,
) -> SearchedCells:
    """Search recurrent cells on a text, by predicted or by trained score; resumes a run folder.

    Args:
        space: of recurrent cells, by name or as it is; None: `rnn_tree`, or `rnn_darts` on shared weights.
        strategy, score, candidates, shortlist: as `presage.steps.cell_search.HowSearched` has them.
        recipe: how cells are trained; None for the usual one.

    Other arguments and errors as `predict_cells` has them.

    Raises:
        UnknownName: no such space, strategy or score.
        InvalidArgument: the run folder holds another search.
    """
    from presage.architecture.recurrent.registry import get_cell_space
    from presage.architecture.recurrent.spaces import CellSpace
    from presage.steps.cell_search import HowSearched
    from presage.steps.cell_search import search_cells as searched
    from presage.training.text.recipe import TextRecipe

    how = HowSearched(strategy, score, candidates, shortlist)
    of = space if isinstance(space, CellSpace) else get_cell_space(how.usual_space if space is None else space)
    data, folder = _text(text, words), user_path(run_folder, "run_folder", "presage.search_cells")
    with shown_progress(progress) as told:
        session = Session(database, device, seed, told)
        session.check_database()
        return searched(
            BriefStore(session.open).add_text_experiments, session.open_to_read, data, of, recipe or TextRecipe(), how,
            seed=seed, device=device, run_folder=folder, progress=told,
        )  # fmt: skip


def _text(text: str | Path | TextData, words: int) -> TextData:
    from presage.training.text.text_data import load_text

    return load_text(text, words) if isinstance(text, str | Path) else text


def _named(cells: Cells) -> dict[str, RecurrentCell]:
    """Cells by what they are called: those that have no name by the words of their hash."""
    from presage.architecture.recurrent.cell import RecurrentCell
    from presage.architecture.recurrent.registry import get_cell
    from presage.speakable import named

    found: dict[str, RecurrentCell] = {}
    for one in [cells] if isinstance(cells, str) or not isinstance(cells, Sequence) else cells:
        if isinstance(one, RecurrentCell):
            found[named(one.hash)] = one
        elif isinstance(one, str | Path):
            found[str(one)] = get_cell(str(one))
        else:
            raise InvalidArgument("cells", "presage", "be names, JSON files or `RecurrentCell`s", one)
    if not found:
        raise InvalidArgument("cells", "presage", "be at least one", cells)
    return found

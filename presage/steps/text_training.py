"""Training recurrent cells on a text: results enter the database, models their folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from presage.folders import check_folder
from presage.progress import OnStage

if TYPE_CHECKING:
    from presage.architecture.recurrent.cell import RecurrentCell
    from presage.records.entries import TextExperimentEntry
    from presage.training.text.recipe import TextRecipe
    from presage.training.text.text_data import TextData

__all__ = ["ProbedText", "TrainedCell", "probe_text", "train_cells"]

Store = Callable[[Iterable["TextExperimentEntry"]], object]


@dataclass(frozen=True)
class TrainedCell:
    """A cell that was trained on a text.

    Attributes:
        name: as it was asked for.
        cell: its hash.
        status: how the training ended.
        metric: what the values are of; the lower the better.
        value, test_value: on the validation and the test text; None unless finished.
        parameters: learned numbers of the network.
        hidden: numbers of its state.
        seconds: wall-clock.
        model: folder that the network was left in; None where it was not.
    """

    name: str
    cell: str
    status: str
    metric: str
    value: float | None
    test_value: float | None
    parameters: int
    hidden: int
    seconds: float
    model: str | None


@dataclass(frozen=True)
class ProbedText:
    """How difficult a text is.

    Attributes:
        text: its name.
        dcn: the higher the easier, in [0, 1] (`presage.probe.text_probe.text_dcn`).
        metric, value, curve: of the probe, on the validation text.
        symbols, length: different symbols, and those of the whole text.
        unigram_entropy, bigram_entropy: of the training text, bits a symbol.
        seconds: wall-clock.
    """

    text: str
    dcn: float
    metric: str
    value: float
    curve: tuple[float, ...]
    symbols: int
    length: int
    unigram_entropy: float
    bigram_entropy: float
    seconds: float


def probe_text(store: Store, data: TextData, *, seed: int, device: str, progress: OnStage) -> ProbedText:
    """Train the probe on a text; it enters the database as the experiment that it is.

    Raises:
        Diverged: the probe did.
    """
    from presage.errors import Diverged
    from presage.probe import text_probe
    from presage.training.hardware import choose_device, one_thread

    epochs = text_probe.TEXT_PROBE_RECIPE.epochs
    with one_thread():
        entry = text_probe.probe_text(
            data, seed, choose_device(device), lambda done, value: progress("probe", done, epochs)
        )
    store([entry])
    record, text = entry.text_experiment, entry.text
    if record.value is None:
        raise Diverged(f"The probe of {data.name} diverged.")
    dcn = text_probe.text_dcn(record.metric, record.curve, text.symbols)
    return ProbedText(
        data.name, dcn, record.metric, record.value, record.curve, text.symbols, text.length, text.unigram_entropy,
        text.bigram_entropy, record.seconds,
    )  # fmt: skip


def train_cells(
    store: Store,
    data: TextData,
    cells: Mapping[str, RecurrentCell],
    recipe: TextRecipe,
    *,
    seed: int,
    device: str,
    out: Path | None,
    progress: OnStage,
) -> Sequence[TrainedCell]:
    """Train each cell; each result enters the database as soon as it is there. Stopped and asked for again with the
    same `out`, it repeats no epoch that was over.

    Args:
        store: takes results.
        out: where each network is left as a folder of its cell's name; None leaves none.
    """
    from presage.training.hardware import choose_device, one_thread
    from presage.training.text.fitting import columns, train_text
    from presage.training.text.language_model import model_sizes
    from presage.training.text.recording import text_entry, text_record
    from presage.training.text.text_model import TextModel, save_text_model

    if out is not None:
        check_folder(out, "--out", "presage text")
    where, record = choose_device(device), text_record(data)
    columns(data, recipe, where)  # what cannot be trained is said before anything is
    for cell in cells.values():
        model_sizes(cell, len(data.symbols), recipe)
    rows, under_way = [], []
    for number, (name, cell) in enumerate(cells.items()):
        stage = f"train {name}" if len(cells) == 1 else f"train {name} ({number + 1}/{len(cells)})"
        progress(stage, 0, recipe.epochs)

        def told(done: int, value: float, stage: str = stage) -> None:
            progress(stage, done, recipe.epochs)

        folder = checkpoint = None
        if out is not None:
            folder = out / Path(name).stem
            checkpoint = folder / "checkpoint.pt"
            folder.mkdir(parents=True, exist_ok=True)
            under_way.append(checkpoint)
        with one_thread():
            training = train_text(data, cell, recipe, seed, where, told, checkpoint=checkpoint)
        store([text_entry(record, cell, recipe, seed, training)])
        if folder is not None and training.model is not None:
            save_text_model(TextModel.of(data, cell, recipe, training), folder)
        rows.append(
            TrainedCell(
                name,
                cell.hash,
                training.status,
                training.metric,
                training.value,
                training.test_value,
                training.parameters,
                training.hidden,
                training.seconds,
                None if folder is None or training.model is None else str(folder),
            )
        )
    for checkpoint in under_way:
        checkpoint.unlink(missing_ok=True)
        with suppress(OSError):  # of a training that left a network it is not empty
            checkpoint.parent.rmdir()
    return rows

"""Every reader of presage, with a real file for it to be mutated."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from presage.architecture.costs import costs
from presage.architecture.serial import dumps, to_json
from presage.architecture.spaces import get_space
from presage.database import Database
from presage.records import ArchitectureRecord
from presage.records.testing import dataset_record, experiment_entry, prediction_entry, probe_entry
from presage.search.testing import TableScorer, TableTrainer, TinySpace
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe
from presage.training.recording import recipe_record
from tests.hostile import damages
from tests.hostile.soundness import (
    any_value,
    architectures_hold,
    database_holds,
    images_hold,
    page_holds,
    recipe_holds,
    same_as_ever,
    search_holds,
    shares_hold,
)

__all__ = ["READERS", "Reader"]

RECIPE = Recipe(epochs=2, train_images=40, validation_images=20, least_epoch_images=1, image_side=8)
SPACE = TinySpace(layers=2)


@dataclass(frozen=True)
class Reader:
    """A reader under test.

    Attributes:
        prepare: writes what it reads into an empty folder, once.
        read: reads a copy of that folder, in which a file was changed.
        spared: names of files that are not changed: not its own.
        damage: changes a copy of the folder in another way than by its bytes.
        wrong: what is wrong with what was read, beside what the sample gives, or "" (`tests.hostile.soundness`).
        share: of the inputs of the long trial; small where each takes long.
    """

    prepare: Callable[[Path], None]
    read: Callable[[Path], object]
    spared: tuple[str, ...] = ()
    damage: Callable[[Path, np.random.Generator], None] | None = None
    wrong: Callable[[Any, Any, Path], str] = any_value
    share: int = 1


def entries() -> list[Any]:
    """Three experiments that the roof's checks hold good too."""
    space, recipe, found = get_space("nb201"), recipe_record(Recipe()), []
    for number, code in enumerate(space.sample(3, np.random.default_rng(1))):
        params = space.params(code)
        architecture = space.decode(params).canonical
        dataset = dataset_record()
        shape = (dataset.channels, Recipe().image_side, Recipe().image_side)
        curve = [0.5 + 0.1 * number] * Recipe().epochs
        counted = asdict(costs(architecture, shape, dataset.classes))
        changed: dict[str, Any] = {"accuracy": curve[-1], "curve": curve, "train_losses": curve, **counted}
        record = ArchitectureRecord(architecture.hash, to_json(architecture), space.name, params)
        found.append(experiment_entry(number, dataset=dataset, architecture=record, recipe=recipe, **changed))
    return found


def stored(path: Path) -> None:
    with Database.open(path) as database:
        database.add_experiments(entries())
        database.add_probe(probe_entry())
        database.add_predictions([prediction_entry()])


def mine(folder: Path) -> Database:
    return Database.open(folder / "mine.duckdb")


def shards(folder: Path) -> None:
    from presage.records.shards import append_entry

    for entry in [*entries(), probe_entry(), prediction_entry()]:
        append_entry(folder / "shard.jsonl", entry)


def imported(folder: Path) -> object:
    from presage.steps.experience import check_importable, import_experience, read_tables
    from presage.training import load_dataset

    paths = [path for path in sorted(folder.iterdir()) if not path.name.startswith(("mine", "."))]
    if paths[0].suffix == ".parquet" and paths[0].stem != "table":
        paths = [folder]
    check_importable(paths)
    tables = read_tables(paths, lambda: mine(folder), load_dataset, _options())
    with mine(folder) as database:
        return import_experience(database, paths, tables, _options())


def _options() -> Any:
    from presage.steps.experience import ImportOptions

    return ImportOptions()


def parquet(folder: Path) -> None:
    stored(folder / "mine.duckdb")
    with mine(folder) as database:
        database.export_parquet(folder)
    (folder / "mine.duckdb").unlink()


def opened(folder: Path) -> object:
    from presage.database import check_file

    found = check_file(folder / "stored.duckdb")
    with Database.open(folder / "stored.duckdb") as database:
        return found, database.info().text(), database.similar(0.5, least=2).note, database.experiments(arrays=True)


def images_of_record() -> ImageDataset:
    """A dataset that passes for the one of the stored experiments."""
    found = blocks()
    vars(found)["fingerprint"] = dataset_record().fingerprint
    return found


def predicted(folder: Path) -> object:
    """What a prediction reads of a database: its rows, and the architectures in it."""
    from presage.steps.prediction import bind, read_evidence
    from presage.surrogate import get_predictor

    with Database.open(folder / "stored.duckdb") as database:
        evidence = read_evidence(database, images_of_record(), Recipe(), lambda content: False)
    assert evidence.experience is not None
    return bind(evidence, get_predictor("dataset-mean"), folder / "cache", lambda: evidence.experience, lambda *_: None)


def trainings(folder: Path) -> None:
    lines = ["network,dataset,images,classes,channels,height,width,epochs,accuracy,seed"]
    space = get_space("nb201")
    text = dumps(space.decode(space.params(space.sample(1, np.random.default_rng(0))[0])))
    (folder / "net.json").write_text(text, encoding="utf-8")
    lines += [f"net.json,mine,1000,10,3,32,32,{epochs},0.8{epochs},0" for epochs in (3, 4, 5)]
    (folder / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def own_trainings(folder: Path) -> object:
    from presage.steps.imports.own_trainings import read_own_trainings
    from presage.training import load_dataset

    found = read_own_trainings(folder / "table.csv", [], set(), load_dataset)
    return [placed.entry.experiment.accuracy for placed in found.placed]


def scores(folder: Path) -> None:
    space = get_space("nb201")
    rows = [f"{''.join(map(str, code))},0.{at}" for at, code in enumerate(space.sample(9, np.random.default_rng(0)))]
    (folder / "table.csv").write_text("\n".join(["network,score", *rows]), encoding="utf-8")


def score_table(folder: Path) -> object:
    from presage.search.studies.tables import read_score_table

    return read_score_table(str(folder / "table.csv"), get_space("nb201")).values


def networks(folder: Path) -> None:
    space = get_space("nb201")
    texts = [dumps(space.decode(space.params(code))) for code in space.sample(2, np.random.default_rng(0))]
    (folder / "networks.jsonl").write_text("\n".join(texts), encoding="utf-8")


def architectures(folder: Path) -> object:
    from presage.architectures import costs_of, read_architectures

    return [(one, costs_of(one, (3, 16, 16), 10)) for one in read_architectures([str(folder / "networks.jsonl")])]


def recipe_file(folder: Path) -> None:
    (folder / "recipe.json").write_text(json.dumps(Recipe().to_json()), encoding="utf-8")


def recipe(folder: Path) -> object:
    from presage.recipes import chosen_recipe
    from presage.training.recipe_words import recipe_words

    found = chosen_recipe(str(folder / "recipe.json"), "--recipe", "predict")
    if not isinstance(found, str):
        recipe_words(found)
        found.check_trainable()
    return found


def arrays(folder: Path) -> None:
    x = np.random.default_rng(0).integers(0, 255, (12, 8, 8)).astype(np.uint8)
    np.savez_compressed(folder / "d.npz", x_train=x, y_train=np.arange(12) % 3, classes=np.array(["a", "b", "c"]))


def dataset(folder: Path) -> object:
    from presage.training import load_dataset

    return load_dataset(str(folder / "d.npz"))


def pixels(folder: Path) -> object:
    found = dataset(folder)
    assert isinstance(found, ImageDataset)
    return [found.x_train, found.y_train, found.x_test, found.y_test]


def images(folder: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (folder / "d" / name).mkdir(parents=True)
        for number, ending in enumerate(("png", "jpg", "gif", "bmp", "tiff", "webp")):
            picture = Image.fromarray(rng.integers(0, 255, (9, 9, 3)).astype(np.uint8))
            picture.save(folder / "d" / name / f"{number}.{ending}")


def image_folder(folder: Path) -> object:
    from presage.training import load_dataset

    load_dataset(str(folder / "d"), skip_corrupt=True)
    return load_dataset(str(folder / "d"))


def model(folder: Path) -> None:
    from presage.architecture.torch_bridge.build import build
    from presage.training.model.folder import save_model
    from presage.training.model.trained import TrainedModel

    architecture = SPACE.decode(SPACE.params(SPACE.sample(1, np.random.default_rng(0))[0]))
    module = build(architecture, (1, 8, 8), 2).eval()
    made = TrainedModel(architecture, module, ("a", "b"), (1, 8, 8), (1.0,), (2.0,), "d", 8, RECIPE, 0.5, 0.5)
    save_model(made, folder / "model", program=False)


def load_model(folder: Path) -> object:
    from presage.search.run.export import how_to_use
    from presage.training.model.folder import load_model

    how_to_use(folder / "model")
    return list(load_model(folder / "model").module.state_dict().values())


def blocks() -> ImageDataset:
    x = np.random.default_rng(0).integers(0, 255, (80, 8, 8, 1)).astype(np.uint8)
    return ImageDataset("noise", x, np.arange(80) % 2, x[:20], np.arange(20) % 2, classes=("a", "b"))


def run(folder: Path) -> None:
    searched(folder)


def searched(folder: Path) -> object:
    from presage.report import write_report
    from presage.search import SearchSettings, run_search

    result = run_search(
        blocks(),
        space=SPACE,
        recipe=RECIPE,
        settings=SearchSettings(candidates=40, shortlist=2, batch=20, compare_random=1),
        scorer=lambda number, verified: TableScorer(),
        run_folder=folder / "run",
        trainer=TableTrainer(RECIPE.epochs),
    )
    write_report(folder / "run", SPACE)
    return result


def candidates(folder: Path) -> None:
    """Of a predicted study that is large, as Parquet files."""
    from presage.search.limits import Limits
    from presage.search.samplers import RandomSampler
    from presage.search.studies import journal
    from presage.search.studies.feasible import FeasibleDraws
    from presage.search.studies.journal import Journal
    from presage.search.studies.predicted import PredictedStudy

    draws = FeasibleDraws(SPACE, RandomSampler(0), Limits(), (1, 8, 8), 2)
    before, journal.WHOLE = journal.WHOLE, 0
    try:
        PredictedStudy(Journal(folder / "journal.log"), "s", draws, TableScorer(), batch=15).run(45)
    finally:
        journal.WHOLE = before
    for path in (folder / "candidates" / "s").iterdir():
        path.rename(folder / path.name)
    (folder / "journal.log").unlink()


def read_parts(folder: Path) -> object:
    """As they are, and as columns."""
    from presage.search.studies.candidate_parts import CandidateParts
    from presage.search.studies.journal import CANDIDATES, Journal
    from presage.search.studies.predicted import read_candidates

    place = folder / CANDIDATES / "s"
    place.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.parquet"):
        path.rename(place / path.name)
    list(CandidateParts(place, SPACE, 1).read())
    found = read_candidates(Journal(folder / "journal.log").recorder("s", ("maximize",), SPACE))
    return [found.codes, found.value, found.costs, found.first]


def report(folder: Path) -> object:
    from presage.report import write_report

    return write_report(folder / "run", SPACE)


def checkpoint(folder: Path) -> None:
    import torch

    from presage.training.checkpoint import save_checkpoint

    save_checkpoint(folder / "checkpoint.pt", {"module": {"w": torch.zeros(300)}, "records": [1, 2], "identity": "x"})


def load_checkpoint(folder: Path) -> object:
    import torch

    from presage.training.checkpoint import load_checkpoint

    found = load_checkpoint(folder / "checkpoint.pt", torch.device("cpu"))
    assert found is not None
    return [found["module"]["w"], found["records"]]


def predictor(folder: Path) -> None:
    from presage.surrogate import get_predictor
    from presage.surrogate.predictors.storage import save_predictor
    from presage.surrogate.testing import synthetic_experience

    fitted = get_predictor("boosted-trees", trees=5).fit(synthetic_experience(datasets=3, networks=10))
    save_predictor(fitted, folder / "kept", b"key")


def load_predictor(folder: Path) -> object:
    from presage.surrogate.predictors.storage import load_predictor
    from presage.surrogate.testing import synthetic_experience

    known = synthetic_experience(datasets=3, networks=10)
    return [load_predictor(folder / "kept", b"key").predict(known.graphs, known.tasks[0]).value]


def _stored_as(name: str) -> Callable[[Path], None]:
    return lambda folder: stored(folder / name)


_MINE = database_holds("mine.duckdb")
_STORED = database_holds("stored.duckdb", names_damage=True)

READERS: dict[str, Reader] = {
    "architectures": Reader(networks, architectures, wrong=architectures_hold, share=4),
    "recipe file": Reader(recipe_file, recipe, wrong=recipe_holds, share=4),
    "shards": Reader(shards, imported, wrong=_MINE),
    "Parquet": Reader(parquet, imported, wrong=_MINE),
    "Parquet, by columns": Reader(parquet, imported, damage=damages.columns, wrong=_MINE),
    "foreign database": Reader(_stored_as("theirs.duckdb"), imported, wrong=_MINE),
    "foreign database, forged": Reader(_stored_as("theirs.duckdb"), imported, damage=damages.forged, wrong=_MINE),
    "own database": Reader(_stored_as("stored.duckdb"), opened, wrong=_STORED),
    "rows": Reader(_stored_as("stored.duckdb"), opened, damage=damages.rows_of("stored.duckdb"), wrong=_STORED),
    "experience": Reader(_stored_as("stored.duckdb"), predicted, damage=damages.rows_of("stored.duckdb")),
    "table of trainings": Reader(trainings, own_trainings, wrong=shares_hold, share=4),
    "table of scores": Reader(scores, score_table, share=4),
    "npz": Reader(arrays, pixels, wrong=same_as_ever, share=4),
    "npz, by arrays": Reader(arrays, dataset, damage=damages.arrays_within, wrong=images_hold, share=4),
    "image folder": Reader(images, image_folder, wrong=images_hold, share=2),
    "model": Reader(model, load_model, wrong=same_as_ever, share=4),
    "model, resealed": Reader(model, load_model, damage=damages.resealed, share=4),
    "run folder": Reader(run, searched, spared=("report.html", "lock"), wrong=search_holds),
    "report": Reader(run, report, spared=("report.html", "lock"), wrong=page_holds),
    "candidates": Reader(candidates, read_parts, share=4),
    "candidates, by columns": Reader(candidates, read_parts, damage=damages.columns),
    "checkpoint": Reader(checkpoint, load_checkpoint, wrong=same_as_ever, share=4),
    "predictor": Reader(predictor, load_predictor, wrong=same_as_ever, share=4),
}
"""By what it reads."""

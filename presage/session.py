"""`Session`: a user's database, device and seed, and every step that the commands and the Python API are made of.

The session says when the database is opened: for each step, and let go of at once, so that training in between does
not keep other processes out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument
from presage.folders import check_folder
from presage.progress import OnStage, no_progress
from presage.results import PredictedRows, TrainedRows
from presage.steps import (
    budgeting,
    difficulty,
    evaluation,
    experience,
    extrapolation,
    growing,
    populating,
    prediction,
    shrinking,
    training,
    whole_search,
)
from presage.steps.at_once import AtOnce
from presage.steps.brief_store import BriefStore
from presage.steps.fits import fit_for
from presage.steps.opening import UserDatabase
from presage.steps.searching import curve_extrapolator

if TYPE_CHECKING:
    from presage.architecture.spaces import Space
    from presage.architectures import NamedArchitecture
    from presage.database import Database, ImportReport
    from presage.probe import DifficultyCard, ProbeRun, RungRun
    from presage.search import FinalSettings, Limits, SearchResult, SearchSettings
    from presage.search.climbing.grown import GrowResult
    from presage.search.climbing.settings import ClimbSettings
    from presage.search.shrinking.shrunk import ShrinkResult
    from presage.steps.extrapolation import Extrapolation
    from presage.steps.prediction import BoundPredictor, Evidence
    from presage.surrogate import Experience
    from presage.surrogate.evaluation.appraisal import Appraisal
    from presage.trackers.tracker import Tracker
    from presage.training import ImageDataset, Recipe
    from presage.training.campaign import Summary
    from presage.training.model.trained import TrainedModel
    from presage.training.side_by_side import SideBySide

__all__ = ["Session"]


@dataclass
class Session:
    """What a user's commands share, for several steps in a row.

    Args:
        database: the experiment database; None for the user's own (`$PRESAGE_DATABASE`, or the platform's data folder).
        device: `auto`, `cpu` or `cuda`.
        seed: of everything random but the predictor, which is fitted once for all seeds.
        progress: told how far the work is, as ``progress(stage, done, total)``.
        predictor: name of the accuracy predictor.
        skip_corrupt: pass over images that cannot be read.
        refit: the predictor is fitted to all of the experience, the newest too, which else wait for the next fit.
    """

    database: str | Path | None = None
    device: str = "auto"
    seed: int = 0
    progress: OnStage = no_progress
    predictor: str = "ensemble"
    skip_corrupt: bool = False
    refit: bool = False
    _datasets: dict[str, ImageDataset] = field(default_factory=dict, repr=False)

    def open(self) -> Database:
        """The database, open; filled with the shipped experience when it is new."""
        return self._stored.open()

    def open_to_read(self) -> Database:
        """The same for reading alone: any number of processes at once, and also a file that may not be written."""
        return self._stored.open_to_read()

    def check_database(self) -> None:
        """Refuse a database that cannot be opened or made; to be called before long work whose results go there.

        Raises:
            DatabaseBusy, InvalidDatabase, InvalidArgument: as `presage.database.Database.open`.
        """
        self._stored.check()

    @property
    def path(self) -> Path:
        """Where the database is, or will be."""
        return self._stored.path

    @property
    def _stored(self) -> UserDatabase:
        return UserDatabase(self.database, self.progress)

    def cache(self, name: str) -> Path:
        """A folder beside the database for what can always be computed again."""
        return self.path.parent / f"{self.path.stem}-cache" / name

    def dataset(self, spec: str | ImageDataset) -> ImageDataset:
        """The dataset that a word names, read once."""
        from presage.training import load_dataset

        if not isinstance(spec, str):
            return spec
        if spec not in self._datasets:
            self._datasets[spec] = load_dataset(
                spec,
                skip_corrupt=self.skip_corrupt,
                on_progress=lambda done, total: self.progress("read images", done, total),
                cache=self.cache("images"),
            )
        return self._datasets[spec]

    # How hard is a dataset?

    def probe(self, dataset: ImageDataset, seeds: int = difficulty.SEEDS, *, ladder: bool = True) -> DifficultyCard:
        """Probe the dataset with seeds `seed`, `seed` + 1, …; the DCNs enter the database.

        A seed that was probed before keeps its stored DCN: on another processor, or a GPU, the last digits differ.

        Args:
            ladder: then climb those rungs of its probe ladder that the database lacks.
        """
        return self._probed(dataset, seeds, None, ladder)

    def card(self, dataset: ImageDataset, run_folder: Path, seeds: int = difficulty.SEEDS) -> str:
        """The difficulty card as text; probes the dataset unless the run folder keeps its card already.

        Raises:
            InvalidArgument: the run folder keeps the card of another dataset.
        """
        kept = difficulty.kept_card(run_folder, dataset)
        return kept if kept is not None else self._probed(dataset, seeds, run_folder, seeds > 1).text()

    def _probed(self, dataset: ImageDataset, seeds: int, run_folder: Path | None, ladder: bool) -> DifficultyCard:
        if seeds < 1:
            raise InvalidArgument("seeds", "probe", "be at least 1", seeds)
        self.check_database()
        return difficulty.probed(
            self.open, dataset, self._run_probes(dataset, seeds), self._climb if ladder else None, run_folder
        )

    def _run_probes(self, dataset: ImageDataset, seeds: int) -> Sequence[ProbeRun]:
        return difficulty.run_probes(dataset, seeds, seed=self.seed, device=self.device, progress=self.progress)

    def _climb(self, dataset: ImageDataset, done: Collection[str]) -> Sequence[RungRun]:
        return difficulty.climb_ladder(dataset, done, seed=self.seed, device=self.device, progress=self.progress)

    def recall(self, dataset: ImageDataset) -> str:
        """What the database holds of datasets of like difficulty, in one line."""
        with self.open_to_read() as database:
            return difficulty.recall(database, dataset)

    # What will networks score on it?

    def bound_predictor(self, dataset: ImageDataset, recipe: Recipe) -> BoundPredictor:
        """The predictor for one task: fitted to the experience, and told what was trained on this one.

        One opening of the database reads all that it needs; a dataset that was never probed is probed first, and a
        second opening stores that and reads. Nothing is fitted or trained while the database is open.

        Raises:
            UnknownName: no predictor of that name.
        """
        from presage.surrogate import get_predictor
        from presage.surrogate.predictors.cache import is_kept

        unfitted, folder = get_predictor(self.predictor), self.cache("predictors")

        def read(database: Database) -> Evidence:
            kept = partial(is_kept, unfitted, folder=folder)
            return prediction.read_evidence(database, dataset, recipe, kept, refit=self.refit)

        with self.open_to_read() as database:
            known = difficulty.is_probed(database, dataset)
            evidence = read(database) if known else None
        if evidence is None:
            runs, rungs = self._run_probes(dataset, difficulty.SEEDS), self._climb(dataset, ())
            with self.open() as database:
                difficulty.add_probes(database, dataset, runs)
                difficulty.add_rungs(database, dataset, rungs)
                evidence = read(database)

        def reread() -> Experience:
            with self.open_to_read() as database:
                return prediction.read_experience(database, evidence.fit.learned)

        return prediction.bind(evidence, unfitted, folder, reread, self.progress)

    def predict(
        self, dataset: ImageDataset, architectures: Sequence[NamedArchitecture], recipe: Recipe
    ) -> PredictedRows:
        """Train-free accuracy of architectures on a dataset, in the order given.

        Raises:
            InvalidArchitecture: one that cannot take the dataset's images, or is too large to be built; names it.
            UnknownName: no predictor of that name.
        """
        from presage.surrogate import get_predictor
        from presage.training.recipe_words import words_on
        from presage.training.recording import dataset_record

        get_predictor(self.predictor)  # refused before anything is probed
        asked = prediction.costed(dataset, architectures, recipe)
        bound = self.bound_predictor(dataset, recipe)
        notes = bound.extrapolation.notes([costs.multiply_adds for _, costs in asked])
        words = words_on(recipe, dataset_record(dataset))
        return PredictedRows.of(prediction.predicted(bound, asked, words), words, notes, bound.learned_from)

    def extrapolation(self, recipe: Recipe, dataset: ImageDataset | None = None) -> Extrapolation:
        """What predictions for a recipe rest on, and how many experiments wait where they are on a dataset."""
        with self.open_to_read() as database:
            found = extrapolation.extrapolation(database.experiments(ordered=False), recipe)
            if dataset is None:
                return found
            fit = fit_for(database, dataset.fingerprint, recipe.hash, whole=self.refit)
            return replace(found, waiting=fit.learned_from.waiting)

    def evaluate(
        self,
        predictors: Sequence[str],
        *,
        studies: Sequence[str] | None = None,
        folds: int | None = None,
        families: Mapping[str, str] | None = None,
        draws: int = 8,
        matrix: bool = False,
        workers: int | str = 1,
    ) -> Appraisal:
        """Every named predictor on datasets, or families of them, left out whole; all studies unless some are named.

        `workers` folds at once, each in a process of one thread; results are the same for any number."""
        return evaluation.evaluate(
            self.open_to_read,
            predictors,
            studies=studies,
            folds=folds,
            families=families,
            draws=draws,
            matrix=matrix,
            seed=self.seed,
            cache=self.cache("evaluation"),
            workers=workers,
            progress=self.progress,
        )

    # What do they score once trained?

    def train(
        self,
        dataset: ImageDataset,
        architectures: Sequence[NamedArchitecture],
        recipe: Recipe,
        *,
        out: Path | None = None,
        onnx: bool = False,
        at_once: AtOnce | None = None,
        trackers: Sequence[Tracker] = (),
        early_stop: bool = False,
    ) -> TrainedRows:
        """Train each architecture fully; each result enters the database as soon as it is there.

        What the database knows of the same network, recipe and seed is given again, not trained again, unless its
        model is wanted in `out` and is not there.

        Args:
            out: where each trained network is left as a folder; None leaves none.
            onnx: whether those folders hold an ONNX file too.
            at_once: how many are trained side by side; None for one after the other.
            trackers: told of it (`presage.trackers.tracker`).
            early_stop: trainings whose extrapolated curves leave them no chance to be the best of these are ended.
        """
        recipe.check_trainable()
        if out is not None:
            check_folder(out, "--out", "presage train")
        if onnx:
            training.check_onnx()
        rows = training.train(
            BriefStore(self.open), dataset, architectures, recipe,
            seed=self.seed, device=self.device, out=out, onnx=onnx, progress=self.progress,
            at_once=at_once or AtOnce(), scratch=self.cache("trainings"), trackers=trackers,
            curves=partial(curve_extrapolator, self.open_to_read, self.seed, self.progress) if early_stop else None,
        )  # fmt: skip
        return TrainedRows.of(rows, recipe.epochs if early_stop else None)

    def search(
        self, dataset: ImageDataset, *, space: Space, recipe: Recipe, settings: SearchSettings, run_folder: Path,
        final: FinalSettings | None = None, wish: budgeting.TimeWish | None = None, beside: SideBySide | None = None,
        options: str | None = None, trackers: Sequence[Tracker] = (),
    ) -> SearchResult:  # fmt: skip
        """Probe, recall, fit, search on predictions, train the short-list; everything in `run_folder`, with a report.
        A search that was stopped goes on where it was when it is asked for again with the same folder and settings.

        Args:
            final: how the best are trained in the end; None leaves it at the short-list. May differ when asked again.
            wish: a budget in seconds, or who is to be told how long it will take.
            beside: trains several networks at once (`presage.training.executors.side_by_side`).
            options: what asks for it again, as TOML: kept in the run folder as `options.toml`.
            trackers: told of it (`presage.trackers.tracker`).
        """
        return whole_search.search(
            self, dataset, space=space, recipe=recipe, settings=settings, run_folder=run_folder,
            final=final, wish=wish, beside=beside, options=options,
            trackers=trackers,
        )  # fmt: skip

    def shrink(
        self, network: NamedArchitecture, dataset: ImageDataset, recipe: Recipe, settings: shrinking.ShrinkSettings,
        run_folder: Path, model: TrainedModel | None = None,
    ) -> ShrinkResult:  # fmt: skip
        """Smaller versions of a network within limits: proposed, predicted, the most promising trained by the recipe,
        beside itself and a plain scaled-down version, and left in the folder's `best`; what was stopped goes on. Of a
        trained `model`, channels are removed too, and what is left trained on.

        Raises:
            InvalidArgument, NothingFeasible: the network is within the limits already, or no version of it can be.
        """
        return shrinking.shrink(self, network, dataset, recipe, settings, run_folder, model)

    def grow(
        self, network: NamedArchitecture, dataset: ImageDataset, recipe: Recipe, settings: ClimbSettings,
        limits: Limits, run_folder: Path,
    ) -> GrowResult:  # fmt: skip
        """A network grown by network morphisms within limits, its children trained from inherited weights; the end of
        the climb trained from scratch too, and left in the folder's `best` where it is; what was stopped goes on.

        Raises:
            InvalidArgument, NothingFeasible: the network is over the limits.
        """
        return growing.grow(self, network, dataset, recipe, settings, limits, run_folder)

    # What fills the database?

    def populate(
        self,
        specs: Sequence[str],
        out: Path,
        count: int,
        recipe: Recipe | None,
        *,
        workers: int | str = 1,
        probes: int = difficulty.SEEDS,
        wish: populating.CampaignWish | None = None,
        executor: Executor | None = None,
        tell: Callable[[str], None] = lambda words: None,
    ) -> tuple[Summary, ImportReport]:
        """Probe datasets and train the first `count` networks of the design on each, by `recipe`.
        Without a recipe it is the design of many recipes (`presage.training.recipe_design`): each network by its own.
        Results go to shards in `out`, then into the database; the report counts what entered it, the probes run here
        too. Killed at any moment and repeated, it goes on where it was. By `wish`, a budget, fewer may be trained.
        `workers` of them, or as many as suit the machine (`auto`) or a cluster (`ray`), are trained at once, in
        processes or on `executor`; `tell` is told of a cluster.
        """
        return populating.populate(
            self, specs, out, count, recipe, workers=workers, probes=probes, wish=wish, executor=executor, tell=tell
        )

    def import_experience(self, paths: Sequence[Path], options: experience.ImportOptions | None = None) -> ImportReport:
        """Take shards, folders of shards or of Parquet files, tables of trainings, or databases into the database.

        Raises:
            InvalidArgument: a path that does not exist, or a table that lacks a column; nothing was taken in then.
        """
        asked = options or experience.ImportOptions()
        experience.check_importable(paths)
        if asked.dry_run and not self.path.exists():  # a question makes no database
            with TemporaryDirectory() as folder:
                return replace(self, database=Path(folder) / self.path.name)._imported(paths, asked)
        return self._imported(paths, asked)

    def _imported(self, paths: Sequence[Path], asked: experience.ImportOptions) -> ImportReport:
        tables = experience.read_tables(paths, self.open, self.dataset, asked, self.progress)
        with self.open() as database:
            return experience.import_experience(database, paths, tables, asked)

    def stored_recipe(self, digest: str) -> Recipe | None:
        """The recipe in the database whose hash begins so; None where none does.

        Raises:
            InvalidArgument: several do.
        """
        with self.open_to_read() as database:
            return experience.stored_recipe(database, digest)

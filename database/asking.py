"""What an open database can be asked, without writing to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from presage.database import queries
from presage.database.check import Damage, check
from presage.database.columns import ExperimentColumns, SimilarExperiments
from presage.database.connection import Connection
from presage.database.info import DatabaseInfo, info
from presage.database.learned import Learned, learned
from presage.database.sql_answer import SqlAnswer
from presage.errors import UnknownName
from presage.records.architecture import ArchitectureRecord
from presage.records.cell import CellRecord
from presage.records.dataset import DatasetRecord
from presage.records.dcn_filter import TOLERANCE
from presage.records.experiment import ExperimentRecord, experiment_id
from presage.records.prediction import PredictionRecord
from presage.records.probe import ProbeRecord
from presage.records.recipe import RecipeRecord
from presage.records.text import TextRecord
from presage.records.text_experiment import TextExperimentRecord

__all__ = ["Asking"]


class Asking:
    """The reading half of `presage.database.Database`, which opens and writes."""

    _connection: Connection

    def sql(self, query: str, parameters: Sequence[object] = ()) -> SqlAnswer:
        """The answer to one SELECT in DuckDB's SQL over the tables that docs/database.md lists.

        Args:
            query: one statement, which changes nothing; values stand as ``?``.
            parameters: those values.

        Raises:
            InvalidArgument: the statement is none, several, changes something, or names what is not there.
        """
        return SqlAnswer(*self._connection.select(query, parameters))

    def datasets(self) -> list[DatasetRecord]:
        """All datasets, by fingerprint."""
        return queries.records(self._connection, DatasetRecord)

    def dataset(self, key: str) -> DatasetRecord:
        """The dataset of a fingerprint or, where only one has it, of a name. Raises UnknownName."""
        known = self.datasets()
        found = [d for d in known if d.fingerprint == key] or [d for d in known if d.name == key]
        if len(found) != 1:
            raise UnknownName(
                "single stored dataset", key, [d.fingerprint if found else d.name for d in found or known]
            )
        return found[0]

    def recipes(self) -> list[RecipeRecord]:
        """All recipes, by hash."""
        return queries.records(self._connection, RecipeRecord)

    def probes(self, dataset: str | None = None, version: str | None = None) -> list[ProbeRecord]:
        """Probes, of all datasets (fingerprint) and versions or of one."""
        return queries.records(self._connection, ProbeRecord, dataset=dataset, version=version)

    def predictions(self, dataset: str | None = None, predictor: str | None = None) -> list[PredictionRecord]:
        """Predictions, of all datasets (fingerprint) and predictors or of one."""
        return queries.records(self._connection, PredictionRecord, dataset=dataset, predictor=predictor)

    def architectures(self, hashes: Iterable[str] | None = None) -> dict[str, str]:
        """JSON text of architectures by hash: all of them, or those asked for."""
        return queries.architecture_texts(self._connection, hashes)

    def operations(self) -> frozenset[str]:
        """Names of the operations that its architectures are made of; of very many, those of 100,000."""
        return queries.operation_names(self._connection)

    def architecture_records(self, space: str | None = None) -> list[ArchitectureRecord]:
        """Architectures with the space and the parameters they were sampled from, by hash."""
        return queries.records(self._connection, ArchitectureRecord, space=space)

    def spaces(self) -> dict[str, str]:
        """Search space of each network that was sampled from one, by hash."""
        return dict(self._connection.rows("SELECT hash, space FROM architectures WHERE space IS NOT NULL"))

    def spaces_of(self, hashes: Sequence[str]) -> dict[str, str]:
        """Search space of each of these networks that was sampled from one, by hash."""
        query = (
            "SELECT hash, space FROM architectures WHERE space IS NOT NULL AND hash IN (SELECT unnest(?::VARCHAR[]))"
        )
        return dict(self._connection.rows(query, [list(hashes)]))

    @property
    def chosen(self) -> tuple[str, ...] | None:
        """Identities of the experiments that `experiments` gives; None for all."""
        return None

    @property
    def late(self) -> tuple[str, ...]:
        """Identities of experiments that it does not give."""
        return ()

    def experiments(
        self,
        *,
        datasets: Collection[str] | None = None,
        recipe: str | None = None,
        space: str | None = None,
        status: str | None = "finished",
        arrays: bool = False,
        among: Collection[str] | None = None,
        ordered: bool = True,
    ) -> ExperimentColumns:
        """Experiments by column, ordered by their identity.

        Args:
            datasets: only on these (fingerprints).
            recipe: only by this recipe (hash).
            space: only of architectures sampled from this space.
            status: only those that ended so; None for all.
            arrays: also read curves, losses and accuracies by depth.
            among: only these (identities).
            ordered: False leaves them in whatever order they are stored, and takes a fifth of the time.
        """
        return queries.experiments(
            self._connection, datasets=datasets, recipe=recipe, space=space, status=status, arrays=arrays,
            among=self.chosen if among is None else among, apart=self.late, ordered=ordered,
        )  # fmt: skip

    def experiment_records(
        self,
        dataset: str | None = None,
        architecture: str | None = None,
        recipe: str | None = None,
        status: str | None = None,
    ) -> list[ExperimentRecord]:
        """Whole experiments as records, for small reads."""
        wanted = {"dataset": dataset, "architecture": architecture, "recipe": recipe, "status": status}
        return queries.records(self._connection, ExperimentRecord, **wanted)

    def text_experiments(
        self, text: str | None = None, cell: str | None = None, recipe: str | None = None, status: str | None = None
    ) -> list[TextExperimentRecord]:
        """Trainings on texts as records."""
        wanted = {"text": text, "cell": cell, "text_recipe": recipe, "status": status}
        return queries.records(self._connection, TextExperimentRecord, **wanted)

    def texts(self) -> list[TextRecord]:
        """All texts."""
        return queries.records(self._connection, TextRecord)

    def cells(self) -> list[CellRecord]:
        """All recurrent cells."""
        return queries.records(self._connection, CellRecord)

    def has_experiment(self, dataset: str, architecture: str, recipe: str, seed: int) -> bool:
        """Whether an experiment of this identity is stored, finished or failed."""
        identity = experiment_id(dataset, architecture, recipe, seed)
        return bool(self._connection.rows("SELECT 1 FROM experiments WHERE id = ?", [identity]))

    def difficulties(self, version: str | None = None) -> dict[str, float]:
        """DCN of each probed dataset by fingerprint, mean over seeds; see `queries.difficulties`."""
        return queries.difficulties(self._connection, version)

    def similar(
        self,
        dcn: float,
        tolerance: float = TOLERANCE,
        *,
        least: int = 1,
        version: str | None = None,
        exclude: Collection[str] = (),
        recipe: str | None = None,
        arrays: bool = False,
        ordered: bool = False,
    ) -> SimilarExperiments:
        """The DCN query of TAPAS: finished experiments on datasets of like difficulty; see `queries.similar`."""
        return queries.similar(
            self._connection, dcn, tolerance=tolerance, least=least, version=version,
            exclude=exclude, recipe=recipe, arrays=arrays, ordered=ordered,
        )  # fmt: skip

    def check(self) -> list[Damage]:
        """Damage, named; empty for a sound database. For a file that cannot be opened, see `check.check_file`."""
        return check(self._connection)

    def info(self) -> DatabaseInfo:
        """What the database holds, counted by dataset, space, recipe and status."""
        return info(self._connection)

    def content_hash(self) -> str:
        """Digest of all that predictors learn from: the same for equal content, whatever the order it came in."""
        return queries.content_hash(self._connection)

    def learned(self, *, whole: bool = False) -> Learned:
        """Which experiments predictors are fitted to, and which wait for the next fit: `presage.database.learned`.

        Args:
            whole: none waits.
        """
        return learned(self._connection, whole=whole)

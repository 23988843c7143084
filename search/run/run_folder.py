"""A run's folder: everything needed to resume a search, owned by one process at a time.

::

    run.json                     what was asked for; a resumed run must ask for the same
    options.toml                 the command's options, as `presage search --config` takes them
    journal.log                  Optuna studies: predicted-1 …, verified, random-baseline
    candidates/STUDY/            all candidates of a predicted study of more than 2,000, as Parquet files
    latency.json                 what estimates latencies, where the search is about them
    curves.json                  what extrapolates learning curves, where trainings are ended early or promoted
    supernet/                    where shared weights are searched on: checkpoint and report
    round-1/shortlist.json       what was chosen, and what was predicted of it
    networks/HASH/               a network that was trained: architecture, experiment, weights, predictions, checkpoint
    final/HASH/RECIPE/           one folder for each training around the final one, by network and recipe
    final/ensemble/              the mean of several of these, where that is the best
    best/                        the best network and how to load it
    result.json                  the whole result
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.errors import InvalidArgument, WrongInput
from presage.files import held, read_json, write_json
from presage.reading import hex_name, reading
from presage.search.run_paths import best_folder, network_folder

if TYPE_CHECKING:
    from presage.training.datasets.image_dataset import ImageDataset

__all__ = ["RunFolder", "as_begun", "space_begun"]

_LATER = ("predictor",)  # settings that runs begun by an earlier presage do not tell: not compared there


class RunFolder:
    """Paths within a run folder, and its settings."""

    owner = "run_search"
    """Who uses it, as errors call it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def asked(self) -> Path:
        """What was asked for."""
        return self.path / "run.json"

    @property
    def options(self) -> Path:
        """The options of the command that asked for it."""
        return self.path / "options.toml"

    @property
    def journal(self) -> Path:
        """The studies; `optuna-dashboard` opens it."""
        return self.path / "journal.log"

    def candidates(self, study: str) -> Path:
        """Parquet files of a large predicted study."""
        return self.path / "candidates" / study

    @property
    def result(self) -> Path:
        """The whole result as JSON."""
        return self.path / "result.json"

    @property
    def best(self) -> Path:
        """Folder of the best network."""
        return best_folder(self.path)

    @property
    def baseline(self) -> Path:
        """Which random networks are trained for comparison."""
        return self.path / "baseline.json"

    @property
    def latency(self) -> Path:
        """The latency model of the run."""
        return self.path / "latency.json"

    @property
    def curves(self) -> Path:
        """What extrapolates the learning curves of the run."""
        return self.path / "curves.json"

    @property
    def mirroring(self) -> Path:
        """What the best network of the short-list made of mirror images."""
        return self.path / "mirroring.json"

    @property
    def supernet(self) -> Path:
        """Shared weights."""
        return self.path / "supernet"

    def shortlist(self, round_number: int) -> Path:
        """What a round chose."""
        return self.path / f"round-{round_number}" / "shortlist.json"

    def network(self, digest: str) -> Path:
        """Folder of one trained network. Raises WrongInput for what is no hash, and might lead elsewhere."""
        return network_folder(self.path, self._checked(digest))

    def paused(self, digest: str) -> Path:
        """Row of a training that waits until it is promoted, or is not. Raises as `network`."""
        return self.network(digest) / "paused.json"

    def final(self, digest: str, recipe: str) -> Path:
        """Folder of a training of one network by a recipe of this hash, other than the search's. Raises the same."""
        return self.path / "final" / self._checked(digest)[:16] / self._checked(recipe)[:16]

    @property
    def ensemble(self) -> Path:
        """Folder of the mean of several networks that were trained finally."""
        return self.path / "final" / "ensemble"

    def _checked(self, digest: str) -> str:
        with reading(self.path):
            return hex_name(digest)

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Be the only search in the folder.

        Raises:
            InvalidArgument: another process holds it, or the path is no folder.
        """
        if self.path.exists() and not self.path.is_dir():
            raise InvalidArgument("run_folder", self.owner, "be a folder", str(self.path))
        rule = "not be in use by another search"
        with held(self.path / "lock", InvalidArgument("run_folder", self.owner, rule, str(self.path))):
            yield

    def settle(self, settings: Mapping[str, Any]) -> None:
        """Write the settings, or compare them with those the run was begun with.

        Raises:
            InvalidArgument: they differ; names the first difference.
        """
        path = self.asked
        begun = read_json(path)
        if begun is None:
            if self.journal.exists():
                hint = "Name an empty folder."
                raise InvalidArgument("run_folder", self.owner, "hold a run of presage", str(self.path), hint)
            write_json(path, {"format": "presage-run", "version": 1, "settings": dict(settings)})
            return
        if not isinstance(begun, dict) or begun.get("format") != "presage-run" or begun.get("version") != 1:
            raise InvalidArgument("run_folder", self.owner, "hold a run of this presage", str(path))
        before = begun.get("settings")
        if not isinstance(before, dict):
            raise WrongInput(f"{path} is damaged: it tells no settings.")
        for name in dict.fromkeys([*before, *settings]):
            told = name in before or name not in _LATER
            if told and before.get(name) != settings.get(name):
                rule = f"stay {before.get(name)!r}, as the run in {self.path} was begun"
                hint = "Name another run folder for other settings."
                raise InvalidArgument(name, self.owner, rule, settings.get(name), hint)


def as_begun(path: Path, dataset: ImageDataset) -> ImageDataset:
    """The dataset as the run in a folder was begun with it: before presage took a dataset's own validation images for
    what they are, recipes drew theirs from all, and a run that did so goes on with these."""
    if dataset.validation is None:
        return dataset
    before = dataset.without_validation()
    return before if _begun(path).get("dataset") == before.fingerprint else dataset


def space_begun(path: Path) -> str | None:
    """Name of the space that the run in a folder was begun with; None where none was begun there."""
    space = _begun(path).get("space")
    return space if isinstance(space, str) else None


def _begun(path: Path) -> dict[str, Any]:
    """The settings that a run was begun with; none where there is no run, or one that `settle` would refuse."""
    if not (path / "run.json").exists():
        return {}
    begun = read_json(path / "run.json")
    settings = begun.get("settings") if isinstance(begun, dict) else None
    return settings if isinstance(settings, dict) else {}

"""`Workplace`: one user's database, device and seed, which every step needs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from presage.database import Database
    from presage.training import ImageDataset

__all__ = ["Step", "Workplace", "no_progress"]

Step = Callable[[str, int, int | None], None]
"""``step(stage, done, total)``: how far the work is."""


def no_progress(stage: str, done: int, total: int | None) -> None:
    """Tell nobody."""


@dataclass
class Workplace:
    """Where a user works: their database, device and seed, and who is told how far the work is.

    Args:
        database: the experiment database; None for the user's own (`$PRESAGE_DATABASE`, or the platform's data folder).
        device: `auto`, `cpu` or `cuda`.
        seed: of everything random.
        step: told how far the work is.
        predictor: name of the accuracy predictor.
        skip_corrupt: pass over images that cannot be read.
    """

    database: str | Path | None = None
    device: str = "auto"
    seed: int = 0
    step: Step = no_progress
    predictor: str = "ensemble"
    skip_corrupt: bool = False
    _datasets: dict[str, ImageDataset] = field(default_factory=dict, repr=False)

    def open(self) -> Database:
        """The database, open; filled with the shipped experience when it is new."""
        from presage.database import Database

        own = self.database is None and "PRESAGE_DATABASE" not in os.environ
        if own:
            return Database.open()
        return Database.open(self.path, from_seed=True, seed_only_if_empty=True)

    def check_database(self) -> None:
        """Refuse a database that cannot be opened or made; to be called before long work whose results go there.

        Raises:
            DatabaseBusy, InvalidDatabase, InvalidArgument: as `presage.database.Database.open`.
        """
        from presage.database import check_opens, default_path

        if self.database is None and "PRESAGE_DATABASE" not in os.environ:
            default_path(create=True)
        check_opens(self.path)

    @property
    def path(self) -> Path:
        """Where the database is, or will be."""
        from presage.database import default_path

        if self.database is not None:
            return Path(self.database)
        named = os.environ.get("PRESAGE_DATABASE")
        return Path(named) if named else default_path()

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
                on_progress=lambda done, total: self.step("read images", done, total),
            )
        return self._datasets[spec]

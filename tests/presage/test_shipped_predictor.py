"""The shipped predictor is the default one fitted to the shipped experience by this very code, or nobody ships it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.spaces import get_space
from presage.database import Database
from presage.records.testing import dataset_record, experiment_entry, probe_entry, recipe_record
from presage.session import Session
from presage.steps.fits import fit_for
from presage.surrogate import get_predictor, make_task
from presage.surrogate.predictors.cache import cache_key, fitted, shipped
from presage.training.recipe import Recipe

MOST_BYTES = 12_000_000
"""Of all data in the package."""


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Hash of what a new database holds."""
    with Session(tmp_path_factory.mktemp("new") / "experience.duckdb").open() as database:
        return database.content_hash()


def test_what_is_shipped_is_what_this_code_would_fit_to_the_shipped_experience(content: str) -> None:
    needed = cache_key(get_predictor(Session().predictor), content)
    there = [entry.name for entry in shipped().iterdir()] if shipped().is_dir() else []
    assert there == [needed], (
        "The seed, or code that learns or encodes, has changed since the shipped predictor was fitted: every first "
        "prediction would have to fit it. Type `make fitted` and commit surrogate/shipped."
    )


@pytest.mark.parametrize("year", [2000, 2101])
def test_a_few_trainings_of_one_s_own_do_not_ask_for_another_fit(year: int, content: str, tmp_path: Path) -> None:
    """Nor a second search of the same dataset by another recipe: a fit takes minutes. Whatever this machine's clock
    says, and whenever imported trainings were made."""
    with Session(tmp_path / "experience.duckdb").open() as database:
        database.add_experiments([experiment_entry(i, created_at=f"{year}-01-01T00:00:00+00:00") for i in range(20)])
        database.add_probes([probe_entry()])
        assert database.content_hash() != content
        for dataset in (dataset_record().fingerprint, "new"):
            assert fit_for(database, dataset, recipe_record().hash).content == content
            assert fit_for(database, dataset, Recipe().hash).content == content
        assert fit_for(database, "new", Recipe().hash, whole=True).content != content


def test_a_new_database_is_predicted_from_without_a_fit(content: str, tmp_path: Path) -> None:
    """Also where nothing may be written. Networks of any space, on a task that nothing is known of."""

    def refuse() -> None:
        raise AssertionError("the shipped predictor should have been used")

    predictor = fitted(get_predictor("ensemble"), content, refuse, tmp_path / "none")  # type: ignore[arg-type]
    recipe = Recipe()
    task = make_task(
        fingerprint="new", name="new", channels=1, classes=10, train_images=1438, recipe=recipe.to_json(),
        recipe_hash=recipe.hash, dcn=0.9,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    for name in ("chain", "nb201", "darts"):
        space = get_space(name)
        networks = [space.decode(space.params(code)).canonical for code in space.sample(5, rng)]
        found = predictor.predict(GraphBatch.of(networks), task)
        assert ((found.lower <= found.value) & (found.value <= found.upper)).all()
        assert 0.4 < found.value.mean() < 1.0
    assert not (tmp_path / "none").exists()


def test_a_shipped_dataset_is_predicted_by_the_shipped_fit_which_is_told_its_trainings(
    content: str, tmp_path: Path
) -> None:
    with Session(tmp_path / "experience.duckdb").open() as database:
        known = database.experiments()
        own = known.datasets[known.dataset[0]], known.recipes[known.recipe[0]]
        fit = fit_for(database, *own)
        assert fit.content == content
        assert len(fit.told) == len(database.experiments(datasets=[own[0]], recipe=own[1])) > 0


def test_the_package_stays_small() -> None:
    sizes = [
        file.stat().st_size
        for package in ("database/seed", "surrogate/shipped")
        for file in Path(str(files("presage"))).joinpath(package).rglob("*")
        if file.is_file()
    ]
    assert 0 < sum(sizes) < MOST_BYTES


def test_only_formats_that_run_nothing_are_shipped() -> None:
    kinds = {Path(file.name).suffix for folder in shipped().iterdir() for file in folder.iterdir()}
    assert kinds <= {".json", ".safetensors", ".txt"}


def test_the_user_s_own_database_begins_with_the_same_content(content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRESAGE_DATABASE", raising=False)
    with Session().open() as database:
        assert database.content_hash() == content
        assert isinstance(database, Database)

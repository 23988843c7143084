"""Which space is searched where none is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from presage.architecture.spaces import NB201
from presage.errors import UnknownName
from presage.files import write_json
from presage.steps.spaces import space_of


def test_a_budget_takes_networks_to_be_shipped_and_no_budget_those_that_are_known_best(tmp_path: Path) -> None:
    assert space_of("auto", 120.0, tmp_path).family == "stages"
    assert space_of("auto", "2m", None).family == "stages"
    assert space_of("auto", None, tmp_path).family == "chain"


def test_what_is_named_is_taken_and_a_wrong_name_is_told() -> None:
    assert space_of("nb201:cells=2", 120.0, None) == NB201(cells=2)
    assert space_of(NB201(), 120.0, None) == NB201()
    with pytest.raises(UnknownName, match="stages"):
        space_of("stage", None, None)


@pytest.mark.parametrize("settings", [{"space": "nb201:cells=2"}, {"space": "chain:layers=12"}])
def test_a_run_that_was_begun_stays_in_its_space(tmp_path: Path, settings: dict[str, str]) -> None:
    write_json(tmp_path / "run.json", {"format": "presage-run", "version": 1, "settings": settings})
    assert space_of("auto", 120.0, tmp_path).name == settings["space"]


@pytest.mark.parametrize("content", ["[]", '{"settings": 3}', '{"settings": {"space": 3}}'])
def test_a_damaged_run_names_no_space(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content, encoding="utf-8")
    assert space_of("auto", 120.0, tmp_path).family == "stages"

"""Properties of what is at the boundary, over values that hypothesis thinks of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presage.architecture.serial import loads
from presage.errors import InvalidArchitecture, InvalidExperience, PresageError, WrongInput
from presage.reading import reading, record
from presage.records.entries import entry_from_json
from presage.search.result import SearchResult, ShortList
from presage.terminal import one_line
from presage.training.recipe import Recipe
from tests.hostile.mutation import HOSTILE_VALUES

SCALARS = st.one_of(st.sampled_from([one for one in HOSTILE_VALUES if not isinstance(one, list | dict)]), st.text())
JSON = st.recursive(
    SCALARS | st.floats() | st.integers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


@dataclass(frozen=True)
class Told:
    """One field of each kind."""

    name: str
    count: int
    share: float | None = None
    curve: tuple[float, ...] = ()


@given(st.text())
def test_one_line_is_printable_and_says_as_much(text: str) -> None:
    shown = one_line(text)
    assert shown.isprintable()
    assert len(shown) >= len(text)
    assert one_line(shown) == shown


@given(st.dictionaries(st.sampled_from(["name", "count", "share", "curve", "more"]), JSON))
def test_a_record_has_the_types_of_its_fields_or_is_refused(value: dict[str, Any]) -> None:
    try:
        with reading("told.json"):
            found = record(Told, value)
    except WrongInput:
        return
    assert type(found.name) is str
    assert type(found.count) is int
    assert found.share is None or type(found.share) in (int, float)
    assert all(type(one) in (int, float) for one in found.curve)


@pytest.mark.parametrize(
    ("read", "refusal"),
    [
        (entry_from_json, InvalidExperience),
        (Recipe.from_json, WrongInput),
        (lambda value: loads(json.dumps(value)), InvalidArchitecture),
    ],
    ids=["entry", "recipe", "architecture"],
)
@settings(max_examples=60, deadline=None)
@given(value=JSON)
def test_values_of_any_form_are_none_of_presages(read: Any, refusal: type[PresageError], value: Any) -> None:
    if value == {} and read == Recipe.from_json:
        return  # the default recipe
    with pytest.raises(refusal):
        read(value)


@settings(max_examples=60, deadline=None)
@given(value=JSON)
def test_results_of_any_form_are_damaged(value: Any) -> None:
    import pathlib

    with pytest.raises(WrongInput), reading("shortlist.json"):
        ShortList.from_json(value)
    with pytest.raises(WrongInput):
        SearchResult.from_json(value, pathlib.Path("run"))

"""Whether what a reader took for sound is: by rules of its own, or by what the undamaged file held. "" where it is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from presage.architecture.serial import dumps, from_json, loads
from presage.training.recipe import Recipe

__all__ = [
    "MARKUP", "any_value", "architectures_hold", "database_holds", "images_hold", "page_holds", "recipe_holds",
    "same_as_ever", "search_holds", "shares_hold",
]  # fmt: skip

MARKUP = "<script>presage</script>"
"""Stands in place of values; never in a page."""


def any_value(found: Any, truth: Any, folder: Path) -> str:
    """Where there is no rule but that it is read."""
    return ""


def same_as_ever(found: Any, truth: Any, folder: Path) -> str:
    """Arrays, in order, that digests or checksums protect: damage is seen, or does no harm."""
    if len(found) != len(truth):
        return f"{len(found)} arrays, not {len(truth)}"
    arrays = ([np.asarray(one) for one in side] for side in (truth, found))
    for one, (was, now) in enumerate(zip(*arrays, strict=True)):
        if was.shape != now.shape or was.tobytes() != now.tobytes():
            return f"array {one} is another"
    return ""


def architectures_hold(found: Any, truth: Any, folder: Path) -> str:
    """A network is what its text says, with costs that are numbers."""
    for named, counted in found:
        network = named.architecture
        if loads(dumps(network)).hash != network.hash:
            return "another hash after writing and reading"
        if counted.parameters < 0 or counted.multiply_adds < 0 or counted.activation_bytes <= 0 or counted.depth < 0:
            return f"costs {counted}"
    return ""


def recipe_holds(found: Any, truth: Any, folder: Path) -> str:
    """A recipe is what its JSON says."""
    return "" if isinstance(found, str) or Recipe.from_json(found.to_json()) == found else "another once written"


def shares_hold(found: Any, truth: Any, folder: Path) -> str:
    """Accuracies are shares."""
    values = [float(one) for one in found]
    return "" if all(0 <= one <= 1 for one in values) else f"accuracies {values}"


def images_hold(found: Any, truth: Any, folder: Path) -> str:
    """As many labels as images, each of a class."""
    for images, labels in ((found.x_train, found.y_train), (found.x_test, found.y_test)):
        if len(images) != len(labels) or (len(labels) and not 0 <= labels.min() <= labels.max() < len(found.classes)):
            return f"{len(images)} images, {len(labels)} labels, {len(found.classes)} classes"
        if images.dtype != np.uint8:
            return f"images of {images.dtype}"
    return ""


def search_holds(found: Any, truth: Any, folder: Path) -> str:
    """The result that was asked for, with accuracies that are shares and networks that are what their hash says."""
    told, before = found.to_json(), truth.to_json()
    asked, wanted = (dict(_numbers(one)).get("candidates") for one in (told, before))
    if asked != wanted:
        return f"{asked} candidates, not {wanted}"
    for name, value in _numbers(told):
        if "accuracy" in name and not 0 <= value <= 1:
            return f"{name} {value}"
    return ""


def page_holds(found: Any, truth: Any, folder: Path) -> str:
    """A page without foreign markup."""
    return f"{MARKUP} in the page" if MARKUP in Path(found).read_text(encoding="utf-8") else ""


def database_holds(name: str, names_damage: bool = False) -> Any:
    """That every row of a database keeps the rules, or is named as damaged.

    Args:
        name: of the file.
        names_damage: whether what was read begins with a list of damage.
    """

    def holds(found: Any, truth: Any, folder: Path) -> str:
        if names_damage and found[0]:
            return ""
        path = folder / name
        return "; ".join(_broken(path)) if path.exists() else ""

    return holds


_RANGES = {
    "experiments": [
        "accuracy NOT BETWEEN 0 AND 1", "test_accuracy NOT BETWEEN 0 AND 1", "status NOT SIMILAR TO '[a-z -]+'",
        "len(list_filter(curve, lambda x: NOT x BETWEEN 0 AND 1)) > 0", "parameters < 0", "multiply_adds < 0",
        "len(list_filter(depth_accuracies, lambda x: NOT x BETWEEN 0 AND 1)) > 0", "seconds < 0", "seed < 0",
        "status = 'finished' AND accuracy IS NULL", "dataset NOT IN (SELECT fingerprint FROM datasets)",
        "architecture NOT IN (SELECT hash FROM architectures)", "recipe NOT IN (SELECT hash FROM recipes)",
    ],
    "probes": [
        "dcn NOT BETWEEN 0 AND 1", "len(list_filter(curve, lambda x: NOT x BETWEEN 0 AND 1)) > 0", "version = ''",
    ],
    "datasets": ["classes < 1", "channels NOT BETWEEN 1 AND 4", "height < 1", "length(fingerprint) != 64"],
}  # fmt: skip


def _broken(path: Path) -> Iterable[str]:
    """Rules that rows break, asked for in SQL and by the networks' own reader."""
    import duckdb

    with duckdb.connect(str(path), read_only=True) as raw:
        for table, rules in _RANGES.items():
            for rule in rules:
                (broken,) = raw.execute(f"SELECT count(*) FROM {table} WHERE {rule}").fetchone() or (0,)
                if broken:
                    yield f"{table}: {rule}"
        for digest, text in raw.execute("SELECT hash, json FROM architectures").fetchall():
            try:
                same = from_json(json.loads(text)).canonical.hash == digest
            except Exception:
                same = text.startswith('{"format":"presage-architecture","version":1,"nodes":[{"op":"input"')  # made up
            if not same:
                yield f"architecture {digest[:12]} is another"


def _numbers(value: Any, name: str = "") -> Iterable[tuple[str, float]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, float(value) if abs(value) < 1e300 else math.inf

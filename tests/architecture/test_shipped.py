"""What the package ships, read afresh: no change of the graph, its canonical form or its costs may show here."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from presage.architecture import Architecture, costs, digest, from_json
from presage.architecture.batch.costs import batch_costs
from presage.architecture.batch.graph_batch import GraphBatch

parquet = pytest.importorskip("pyarrow.parquet")
SEED = Path(__file__).resolve().parents[2] / "database" / "seed"


def rows(table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = parquet.read_table(SEED / f"{table}.parquet").to_pylist()
    return found


@pytest.fixture(scope="module")
def shipped() -> dict[str, Architecture]:
    """By the hash under which it is stored."""
    return {row["hash"]: from_json(json.loads(row["json"])) for row in rows("architectures")}


def test_every_shipped_architecture_has_the_hash_it_is_stored_under(shipped: dict[str, Architecture]) -> None:
    assert [stored for stored, architecture in shipped.items() if architecture.hash != stored] == []
    every = "".join(sorted(architecture.hash for architecture in shipped.values()))
    # of this list of hashes: another only where other architectures are shipped
    assert hashlib.sha256(every.encode()).hexdigest() == (
        "117ea93d4fbe37bc4776cd0905d85ab42107acbb8a52d3bbb7718a6aeaa0e1bd"
    )


def test_every_shipped_architecture_is_stored_in_its_canonical_form(shipped: dict[str, Architecture]) -> None:
    assert [stored for stored, architecture in shipped.items() if digest(architecture) != stored] == []


def test_costs_of_every_shipped_experiment_are_those_of_its_graph(shipped: dict[str, Architecture]) -> None:
    datasets = {row["fingerprint"]: (row["channels"], row["classes"]) for row in rows("datasets")}
    sides = {row["hash"]: json.loads(row["json"])["image_side"] for row in rows("recipes")}
    stored: dict[tuple[int, int, int], dict[str, tuple[int, int, int, int]]] = {}
    compared = 0
    for row in rows("experiments"):
        channels, classes = datasets[row["dataset"]]
        found = (row["parameters"], row["multiply_adds"], row["activation_bytes"], row["depth"])
        if None not in found:
            task = stored.setdefault((channels, sides[row["recipe"]], classes), {})
            assert task.setdefault(row["architecture"], found) == found
            compared += 1
    assert compared > 4000
    for (channels, side, classes), networks in stored.items():
        architectures = [shipped[name] for name in networks]
        together = batch_costs(GraphBatch.of(architectures), (channels, side, side), classes)
        columns = (together.parameters, together.multiply_adds, together.activation_bytes, together.depth)
        assert list(zip(*(column.tolist() for column in columns), strict=True)) == list(networks.values())
        for name, architecture in list(zip(networks, architectures, strict=True))[::7]:
            one = costs(architecture, (channels, side, side), classes)
            assert (one.parameters, one.multiply_adds, one.activation_bytes, one.depth) == networks[name]

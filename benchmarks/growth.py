"""How the cost of experience grows with the number of experiments: what each step takes, and with which exponent.

    python benchmarks/growth.py [--experiments 4000 20000] [--steps import load encode kernel-ridge]
        [--keep FOLDER]

Made-up experience: the shipped experiments drawn anew, each with a network drawn from the space that its own was from
(real costs; as many experiments a network as the shipped ones have, and more once 20,000 networks are drawn), and its
accuracies jittered. It is kept as Parquet in FOLDER, if that is given, for the next call. Each step runs in a process
of its own: `import` of the Parquet files with every claim vetted, as `presage database import` does it; `load` of the
database; `encode` for trees and kernel ridge; then fits of the predictors named. `refit` is all that `presage predict
--refit` does before it can predict: what is learned from is chosen and read, the default predictor fitted to it and
written. Printed are CPU seconds of all threads, peak memory of the process (of a fit: with what was loaded for it), and
exponents from one size to the next; of `refit` the seconds by the clock too. OMP_NUM_THREADS (1 if not set) is what
BLAS takes; folds and members take all cores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import duckdb
import numpy as np

from presage.architecture.batch.costs import batch_costs
from presage.architecture.serial import dumps
from presage.architecture.spaces import get_space
from presage.architecture.spaces.space import Space
from presage.architecture.vetting.texts import batch_of_texts
from presage.database import Database, SampledDatabase
from presage.errors import PresageError
from presage.session import Session
from presage.steps.prediction import read_experience
from presage.surrogate import get_predictor, load_experience
from presage.surrogate.predictors.cache import cache_key
from presage.surrogate.predictors.storage import save_predictor
from presage.vetting import check_architecture, check_entry
from presage.vetting_columns import vouch

Array = np.ndarray[Any, Any]

STEPS = ("import", "load", "encode", "kernel-ridge", "boosted-trees", "tap-lstm", "refit")
DRAWN = 500
"""Networks of a space at a time."""
MOST_NETWORKS = 20_000
"""Different ones, however many experiments are made up: the canonical form of each takes two milliseconds."""


def make(folder: Path, experiments: int, seed: int = 0, most_networks: int = MOST_NETWORKS) -> None:
    """Write made-up experience as Parquet into a folder, by columns: about so many, as some networks take no images
    so small."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        seeded, made = Path(scratch) / "seed.duckdb", Path(scratch) / "made.duckdb"
        with Database.open(seeded, from_seed=True) as database:
            datasets = {one.fingerprint: one for one in database.datasets()}
            sides = {one.hash: int(one.json.get("image_side", 0)) for one in database.recipes()}
            spaces = database.spaces()
            rows = [one for one in database.experiment_records(status="finished") if one.architecture in spaces]
            database.export_parquet(Path(scratch) / "seed")
        of_network = len(rows) / len({one.architecture for one in rows})
        of_network = max(of_network, experiments / most_networks)
        images = [(datasets[one.dataset].channels, sides[one.recipe], datasets[one.dataset].classes) for one in rows]
        groups = np.array(sorted(set(images)), np.int64)
        group_of = {tuple(one): at for at, one in enumerate(groups.tolist())}
        group = np.array([group_of[one] for one in images])
        names = sorted(set(spaces.values()))
        space = np.array([names.index(spaces[one.architecture]) for one in rows])
        drawn = rng.integers(len(rows), size=experiments)
        shift = rng.normal(0.0, 0.02, experiments)
        with Database.open(made, from_seed=False) as database:
            database.import_parquet(_probes_alone(Path(scratch) / "seed"))
        with duckdb.connect(str(made)) as connection:
            connection.execute(f"ATTACH '{seeded}' AS seed (READ_ONLY); SET threads = 1")
            connection.execute("INSERT INTO recipes SELECT * FROM seed.recipes ON CONFLICT DO NOTHING")
            connection.execute("INSERT INTO datasets SELECT * FROM seed.datasets ON CONFLICT DO NOTHING")
            ids = [one.identity for one in rows]
            connection.execute(
                "CREATE TEMP TABLE row_ids AS SELECT unnest(?) AS id, unnest(range(?)) AS k", [ids, len(ids)]
            )
            connection.execute(
                "CREATE TEMP TABLE model AS SELECT k, e.* FROM row_ids JOIN seed.experiments e USING (id)"
            )
            for at, name in enumerate(names):
                wanted = np.flatnonzero(space[drawn] == at)
                networks = max(1, round(len(wanted) / of_network))
                network = rng.integers(networks, size=len(wanted))
                drawn_from = get_space(name)
                for first in range(0, networks, DRAWN):
                    texts, hashes = _networks(drawn_from, min(DRAWN, networks - first), rng)
                    here = (network >= first) & (network < first + DRAWN)
                    _write(
                        connection,
                        name,
                        texts,
                        hashes,
                        wanted[here],
                        network[here] - first,
                        drawn,
                        shift,
                        group,
                        groups,
                    )
        with Database.open(made, from_seed=False) as database:
            database.export_parquet(folder)


def _write(
    connection: duckdb.DuckDBPyConnection, space: str, texts: list[str], hashes: list[str], number: Array,
    network: Array, drawn: Array, shift: Array, group: Array, groups: Array,
) -> None:  # fmt: skip
    """Networks, and experiments on them: `number` of each, and its network among the texts."""
    batch = batch_of_texts(texts)
    found: list[Array] = []
    for at, (channels, side, classes) in enumerate(groups.tolist()):
        rows = np.flatnonzero(group[drawn[number]] == at)
        used, position = np.unique(network[rows], return_inverse=True)
        if not len(used):
            continue
        try:
            cost = batch_costs(batch.take(used), (channels, side, side), classes)
        except PresageError:  # too many strides for such images
            continue
        each = [cost.parameters, cost.multiply_adds, cost.activation_bytes, cost.depth]
        found.append(np.stack([number[rows], network[rows], *(one[position] for one in each)]))
    if not found:
        return
    columns = np.concatenate(found, axis=1).astype(np.int64)
    told = dict(
        zip(("number", "network", "parameters", "multiply_adds", "activation_bytes", "depth"), columns, strict=True)
    )
    made = {**told, "k": drawn[columns[0]], "shift": shift[columns[0]]}
    values = ", ".join(f"unnest(${name}) AS {name}" for name in made)
    connection.execute(
        "INSERT INTO architectures SELECT unnest(?), unnest(?), ?, NULL ON CONFLICT DO NOTHING", [hashes, texts, space]
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE made AS SELECT {values}", made)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE hashes AS SELECT unnest(?) AS h, unnest(range(?)) AS n", [hashes, len(hashes)]
    )
    moved = "greatest(0, least(1, {} + shift))"
    connection.execute(
        "INSERT INTO experiments SELECT * REPLACE (sha256(concat_ws('/', dataset, architecture, recipe, seed)) AS id) "
        "FROM ("
        "SELECT m.* EXCLUDE (k) REPLACE (h AS architecture, number AS seed, made.parameters AS parameters, "
        "made.multiply_adds AS multiply_adds, made.activation_bytes AS activation_bytes, made.depth AS depth, "
        f"{moved.format('if(len(curve) > 0, curve[-1], accuracy)')} AS accuracy, [] AS depth_accuracies, "
        f"list_transform(curve, lambda one: {moved.format('one')}) AS curve) "
        "FROM made JOIN model m USING (k) JOIN hashes ON n = network)"
    )


def _probes_alone(folder: Path) -> Path:
    for name in ("experiments", "text_experiments"):
        (folder / f"{name}.parquet").unlink(missing_ok=True)
    return folder


def _networks(space: Space, count: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Texts and hashes of so many networks of a space, canonical."""
    batch = space.decode_batch(space.sample(count, rng))
    texts = [dumps(batch.architecture(row).canonical) for row in range(count)]
    return texts, [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def measure(step: str, folder: Path) -> dict[str, float]:
    """CPU seconds and rows of one step, which runs here; those that it needs before are not counted."""
    if step == "import":
        target = folder / "experience.duckdb"
        for path in (target, target.with_name(f"{target.name}.wal")):
            path.unlink(missing_ok=True)
        with Database.open(target, from_seed=False) as database:
            began = time.process_time()
            report = database.import_parquet(folder, check_architecture, check_entry, vouch=vouch)
        assert not report.refused, str(report.refused[0])
        return _spent(began, report.experiments)
    began = time.process_time()
    if step == "refit":
        return refit(folder)
    with Database.open(folder / "experience.duckdb", read_only=True) as database:
        experience = load_experience(database)
    if step == "load":
        return _spent(began, len(experience))
    began = time.process_time()
    _ = experience.features
    if step == "encode":
        return _spent(began, len(experience))
    began = time.process_time()
    get_predictor(step).fit(experience)
    return _spent(began, len(experience))


def refit(folder: Path) -> dict[str, float]:
    """The same of fitting the default predictor anew, with seconds by the clock, and by part."""
    began, clock = time.process_time(), time.monotonic()
    predictor = get_predictor(Session().predictor)
    with Database.open(folder / "experience.duckdb", read_only=True) as database:
        learned = database.learned(whole=True)
        key = cache_key(predictor, SampledDatabase(database, learned).content_hash())
        experience = read_experience(database, learned)
    read = time.monotonic() - clock
    predictor.fit(experience)
    with tempfile.TemporaryDirectory() as kept:
        save_predictor(predictor, Path(kept) / key, key.encode())
    spent = _spent(began, len(experience))
    return {**spent, "wall": time.monotonic() - clock, "wall_until_read": read}


def _spent(began: float, rows: int) -> dict[str, float]:
    seconds = time.process_time() - began
    status = Path("/proc/self/status").read_text(encoding="utf-8")  # the kernel's `ru_maxrss` is also of the parent
    [kilobytes] = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return {"seconds": seconds, "gigabytes": int(kilobytes) / (1 << 20), "rows": rows}


def table(sizes: Sequence[int], found: dict[str, list[dict[str, Any]]]) -> str:
    """CPU seconds, and peak memory in GB, by step and size, with exponents of the seconds."""
    head = f"{'CPU s (GB)':14}" + "".join(f"{size:>16,}" for size in sizes) + "   exponents"
    lines = [head]
    for step, results in found.items():
        cells = "".join(f"{one['seconds']:>9.1f} ({one['gigabytes']:.1f})".rjust(16) for one in results)
        steps = zip(results, results[1:], sizes, sizes[1:], strict=False)
        grown = [math.log(b["seconds"] / a["seconds"]) / math.log(m / n) for a, b, n, m in steps]
        lines.append(f"{step:14}{cells}   " + ", ".join(f"{one:.2f}" for one in grown))
    if "refit" in found:
        lines.append(f"{'refit, wall s':14}" + "".join(f"{one['wall']:.0f}".rjust(16) for one in found["refit"]))
    if "import" in found:
        rates = [f"{one['rows'] / one['seconds']:,.0f}" for one in found["import"]]
        lines.append(f"{'import, rows/s':14}" + "".join(rate.rjust(16) for rate in rates))
    return "\n".join(lines)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, nargs="+", default=[4_000, 20_000])
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--keep", type=Path, help="folder of what is made up, and of the databases")
    parser.add_argument("--measure", help=argparse.SUPPRESS)  # one step in this process, told as JSON
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.keep)))
        return 0
    found: dict[str, list[dict[str, Any]]] = {step: [] for step in given.steps}
    with tempfile.TemporaryDirectory() as scratch:
        for size in given.experiments:
            folder = (given.keep or Path(scratch)) / str(size)
            if not (folder / "experiments.parquet").is_file():
                make(folder, size)
            for step in dict.fromkeys(("import", *given.steps)):
                if step not in given.steps and (folder / "experience.duckdb").is_file():
                    continue
                command = [sys.executable, __file__, "--measure", step, "--keep", str(folder)]
                told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                print(f"{size:,} {step}: {told.strip()}", file=sys.stderr, flush=True)
                if step in found:
                    found[step].append(json.loads(told.splitlines()[-1]))
    print(table(given.experiments, found))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Many trainings of recurrent cells on texts, one after the other, into a shard: ``python -m
presage.training.text.campaign text:FILE... --shard FILE.jsonl``.

What is planned is told by the options and the seed alone, texts in turn, so that a campaign stopped at any moment has
as much of each; typed again it goes on. Every fifth cell is trained by a second seed too, and the published cells are
among those of each text.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from presage.architecture.recurrent.cell import RecurrentCell
from presage.architecture.recurrent.published import PUBLISHED, published
from presage.architecture.recurrent.registry import CELL_SPACES, get_cell_space
from presage.architecture.spaces.codes import Choice
from presage.errors import InvalidArgument
from presage.files import trim
from presage.records.record import joined_digest
from presage.records.shards import append_entry, read_entries
from presage.training.hardware import one_thread
from presage.training.lone_command import run_alone
from presage.training.text.fitting import train_text
from presage.training.text.recipe import TextRecipe
from presage.training.text.recording import text_entry, text_record
from presage.training.text.text_data import TextData, load_text

__all__ = ["PlannedCell", "main", "planned"]

SECOND_SEED = 5
"""Every so many cells are trained twice."""


@dataclass(frozen=True)
class PlannedCell:
    """A training to be done: a cell on the text with this position."""

    text: int
    cell: RecurrentCell
    seed: int
    space: str | None = None
    params: dict[str, Choice] | None = None


def planned(texts: int, spaces: Sequence[str], each: int, seed: int) -> Iterator[PlannedCell]:
    """`each` sampled cells for each text, spaces in turn, and the published ones in front."""
    for name in PUBLISHED:
        for text in range(texts):
            yield PlannedCell(text, published(name), 0)
    made = [get_cell_space(name) for name in spaces]
    for number in range(each):
        space = made[number % len(made)]
        for text in range(texts):
            numbers = np.random.default_rng((seed, number, text))
            params = space.params(space.sample(1, numbers)[0])
            cell = space.cell(params)
            yield PlannedCell(text, cell, 0, space.name, params)
            if number % SECOND_SEED == 0:
                yield PlannedCell(text, cell, 1, space.name, params)


def run(texts: Sequence[TextData], recipe: TextRecipe, plan: Iterator[PlannedCell], shard: Path) -> int:
    """Train what is not in the shard yet; gives how many were trained."""
    records = [text_record(text) for text in texts]
    done: set[str] = set()
    if shard.exists():
        trim(shard)
        done = {entry.record.identity for entry in read_entries(shard)}
    count = 0
    for one in plan:
        text = records[one.text]
        if joined_digest(text.fingerprint, one.cell.hash, recipe.hash, one.seed) in done:
            continue
        training = train_text(texts[one.text], one.cell, recipe, one.seed)
        entry = text_entry(text, one.cell, recipe, one.seed, training, one.space, one.params)
        append_entry(shard, entry)
        done.add(entry.record.identity)
        count += 1
        value = "diverged" if training.value is None else f"{training.metric} {training.value:.3f}"
        print(
            f"{len(done)}: {text.name}, {one.space or 'published'}: {value}, {training.seconds:.1f} s", file=sys.stderr
        )
    return count


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m presage.training.text.campaign", description=__doc__)
    parser.add_argument("texts", nargs="+", metavar="TEXT", help="text:FILE, UTF-8")
    parser.add_argument("--shard", type=Path, required=True, help="file of experience that is added to")
    parser.add_argument("--words", type=int, default=0, help="size of the vocabulary of words (0: characters)")
    parser.add_argument("--spaces", default=",".join(CELL_SPACES), help="spaces to draw from, separated by semicolons")
    parser.add_argument("--each", type=int, default=100, help="cells drawn for each text")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", type=Path, help="JSON of a recipe; without it the default one")
    options = parser.parse_args(arguments)

    def work() -> int:
        if options.each < 1:
            raise InvalidArgument("each", "campaign", "be at least 1", options.each)
        recipe = TextRecipe()
        if options.recipe is not None:
            from presage.reading import read_json

            recipe = TextRecipe.from_json(read_json(options.recipe))
        texts = [load_text(text, options.words) for text in options.texts]
        spaces = options.spaces.replace(",rnn", ";rnn").split(";")
        with one_thread():
            run(texts, recipe, planned(len(texts), spaces, options.each, options.seed), options.shard)
        return 0

    return run_alone("presage.training.text.campaign", work)


if __name__ == "__main__":
    sys.exit(main())

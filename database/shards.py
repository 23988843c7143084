"""Import of shards: files of JSON lines that training and probe workers wrote, one row each, checked one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from presage.database.write import Placed, Writer
from presage.errors import InvalidArgument, InvalidExperience
from presage.places import user_path
from presage.reading import check_plain
from presage.records.entries import entry_from_json
from presage.records.shards import bounded_lines, line_value, shard_paths

__all__ = ["read_shards", "shard_files"]


def shard_files(paths: Iterable[str | Path]) -> list[Path]:
    """The shards that are meant: files as they are, folders by their ``*.jsonl``, sorted.

    Raises:
        InvalidArgument: for a path that is not there, or a folder without shards.
    """
    found: list[Path] = []
    for path in map(user_path, paths):
        if path.is_dir():
            inside = shard_paths(path)
            if not inside:
                raise InvalidArgument("paths", "import_shards", "be files or folders of *.jsonl", str(path))
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise InvalidArgument("paths", "import_shards", "exist", str(path))
    return found


def read_shards(paths: Iterable[str | Path], writer: Writer) -> Iterator[Placed]:
    """Entries of the shards. A line that breaks a rule is refused by the writer as ``file:line``, the rest goes on.

    A last line that was torn (its writer was killed) is passed over with a note.
    """
    for path in shard_files(paths):
        check_plain(path)
        with path.open("rb") as file:
            for number, line in enumerate(bounded_lines(file), start=1):
                where = f"{path}:{number}"
                if not line.strip():
                    continue
                try:
                    value = line_value(line)
                except InvalidExperience as error:
                    if not line.endswith(b"\n"):
                        writer.notes.append(f"{where}: the last line is torn and was passed over.")
                    else:
                        writer.refuse(where, error)
                    continue
                try:
                    entry = entry_from_json(value)
                except InvalidExperience as error:
                    writer.refuse(where, error)
                    continue
                yield Placed(where, entry)

"""Whether a DuckDB file is shorter than its own header says. DuckDB reads lazily and would find out only later."""

from __future__ import annotations

import struct
from pathlib import Path

__all__ = ["missing_bytes"]

_HEADERS = (4096, 8192)  # the newer of the two counts
_BLOCKS_BEGIN = 12_288
_FIELDS = struct.Struct("<8Q")  # checksum, iteration, meta block, free list, blocks, bytes of a block, …


def missing_bytes(path: Path) -> int:
    """Bytes that the header of a DuckDB file promises and the file lacks; 0 for a whole file, or none of DuckDB's."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(_BLOCKS_BEGIN)
    if start[8:12] != b"DUCK" or len(start) < _BLOCKS_BEGIN:
        return 0
    _, _, _, _, blocks, block_bytes, *_ = max((_FIELDS.unpack_from(start, at) for at in _HEADERS), key=_iteration)
    if block_bytes not in (2**k for k in range(14, 19)):
        return 0  # a layout that this presage does not know: DuckDB will judge
    return int(max(_BLOCKS_BEGIN + blocks * block_bytes - size, 0))


def _iteration(header: tuple[int, ...]) -> int:
    return header[1]

"""The spaces of recurrent cells by name, and any cell by what a user writes for one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from presage.architecture.spaces.registry import space_of
from presage.errors import InvalidArchitecture, UnknownName
from presage.reading import read_text
from presage.registry import Registered, Registry

if TYPE_CHECKING:
    from presage.architecture.recurrent.cell import RecurrentCell
    from presage.architecture.recurrent.spaces import CellSpace

__all__ = ["CELL_SPACES", "get_cell", "get_cell_space"]

_HERE = "presage.architecture.recurrent.spaces"

CELL_SPACES: Registry[Registered] = Registry(
    "space of recurrent cells",
    {
        "rnn_enas": Registered(
            f"{_HERE}:RnnEnas",
            "the recurrent cells of ENAS (arXiv 1802.03268): each node an earlier one and an activation, with highway "
            "connections; the mean of loose ends",
        ),
        "rnn_darts": Registered(
            f"{_HERE}:RnnDarts", "the recurrent cells of DARTS (arXiv 1806.09055): the same nodes, the mean of all"
        ),
        "rnn_tree": Registered(
            f"{_HERE}:RnnTree",
            "the tree of NAS-RL (arXiv 1611.01578): sums and products of the input and h, and a memory",
        ),
    },
)
"""By family."""


def get_cell_space(name: str) -> CellSpace:
    """The space of recurrent cells of this name: a family, and after a colon its arguments, ``rnn_enas:nodes=6``.

    Raises:
        UnknownName: no such family or argument; names the nearest.
        InvalidArgument: an argument that is no integer, is given twice, or is out of range.
    """
    found: CellSpace = space_of(name, CELL_SPACES)
    return found


def get_cell(name: str) -> RecurrentCell:
    """The published cell of this name (``lstm``, ``darts_v2``, …), or that of a JSON file.

    Raises:
        UnknownName: no published cell has the name, and no file.
        InvalidArchitecture: the file holds no cell.
    """
    from presage.architecture.recurrent.published import PUBLISHED, published
    from presage.architecture.recurrent.serial import loads_cell

    if name in PUBLISHED:
        return published(name)
    path = Path(name)
    if path.suffix != ".json" and not path.is_file():
        raise UnknownName("recurrent cell", name, PUBLISHED)
    try:
        return loads_cell(read_text(path, InvalidArchitecture))
    except OSError as error:
        raise InvalidArchitecture(f"Cannot read the cell of {name}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidArchitecture(f"{name} is no JSON of a cell.") from None
    except InvalidArchitecture as error:
        raise InvalidArchitecture(str(error) if name in str(error) else f"{name}: {error}") from None

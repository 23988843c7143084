"""presage: what a network will score before you train it.

::

    import presage

    card = presage.probe("digits")                                   # how hard is the dataset?
    rows = presage.predict("digits", ["torchvision.models:resnet18"])  # train-free accuracy with interval
    found = presage.search("digits", space="nb201", candidates=2000)   # search on predictions, train the short-list
    with presage.Database.open() as database:
        print(database.info().text())

Importing it loads neither torch nor any other heavy library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from database import Database as Database
    from presage.api import predict as predict
    from presage.api import probe as probe
    from presage.api import search as search
    from presage.api import train as train
    from presage.session import Session as Session

__version__ = "0.1.0"

_HOME = {
    "Database": "database",
    "Session": "presage.session",
    "predict": "presage.api",
    "probe": "presage.api",
    "search": "presage.api",
    "train": "presage.api",
}

__all__ = ["Database", "Session", "__version__", "predict", "probe", "search", "train"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'presage' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)

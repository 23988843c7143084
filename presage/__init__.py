"""presage: what a network will score before you train it.

::

    import presage

    card = presage.probe("digits")                                     # how hard is the dataset?
    rows = presage.predict("digits", ["torchvision.models:resnet18"])  # train-free accuracy with interval
    found = presage.search("digits", max_params=20_000)                # search on predictions, train the short-list
    found.best.predict(["a.png", "b.png"])                             # the network that it left classifies
    classifier = presage.ImageClassifier().fit("digits")               # the same as a scikit-learn estimator
    with presage.Database.open() as database:
        print(database.info().text())

Importing it loads neither torch nor any other heavy library.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from presage.lazy import attach

if TYPE_CHECKING:
    import inspect

__version__ = "0.1.0"

_get, __dir__, __all__ = attach(__name__, __file__)
__all__ += ["__version__"]


def __getattr__(name: str) -> Any:
    return import_module(f"{__name__}.{name}") if name in _Roof.both else _get(name)


class _Called(ModuleType):
    # A package that is also the function of the same name in `presage.api`; `help` and `inspect` tell of that function.

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    @property
    def _function(self) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(import_module("presage.api"), self.__name__.rpartition(".")[2])
        return found

    @property
    def __signature__(self) -> inspect.Signature:
        from inspect import signature

        return signature(self._function)

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        from inspect import cleandoc

        called = f"Called as ``{self.__name__}{self.__signature__}``."
        return "\n\n".join([cleandoc(self._function.__doc__ or ""), called, f"As a package: {vars(self)['__doc__']}"])


class _Roof(ModuleType):
    """`presage` itself. `presage.probe` and `presage.search` are both packages and the functions users call.

    Python binds a package to its parent when it imports it; it is made callable then, so the floors below need not know
    of the roof.
    """

    both = ("probe", "search")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.both and isinstance(value, ModuleType):
            value.__class__ = _Called
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Roof

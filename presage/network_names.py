"""Networks by name: ``timm:resnet18``, ``torchvision:resnet18``, ``module:callable(width=32)``, ``file.py:Name``.

A name is one network, or a pattern of many of a library. Each is built when it is asked for, and let go of afterwards.
Arguments are literals (numbers, texts, lists, …): nothing of a name is evaluated.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.errors import InvalidArgument, UnknownName, WrongInput

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FORMS", "NamedModule", "is_name", "named_modules"]

FORMS = "a file of architecture JSON (lines), timm:resnet18, torchvision:resnet18, module:callable or file.py:Name"
"""How networks are named, for help."""

_WILD = frozenset("*?[")


@dataclass(frozen=True)
class NamedModule:
    """A torch module that a name stands for.

    Attributes:
        name: what the user called it; of a pattern, the name of this one.
        make: builds it.
    """

    name: str
    make: Callable[[], nn.Module]


@dataclass(frozen=True)
class _Call:
    """A name taken apart: where, what there, and with which arguments."""

    where: str
    what: str
    positional: tuple[Any, ...]
    named: Mapping[str, Any]


def is_name(text: str) -> bool:
    """Whether a text is the name of a network, rather than a file of architectures."""
    return ":" in text and not text.lstrip().startswith("{")


def named_modules(text: str) -> list[NamedModule]:
    """The networks that a name stands for: several where it is a pattern.

    Raises:
        UnknownName: a library has no network of that name, and none that fits the pattern.
        WrongInput: the name is none, or its library is not installed.
    """
    call = _taken_apart(text)
    if call.where in _LIBRARIES:
        library = _LIBRARIES[call.where]()
        names = library.names()
        if _WILD & set(call.what):
            found = [name for name in names if fnmatchcase(name, call.what)]
            if not found:
                raise InvalidArgument("ARCH", "presage", f"fit the name of a network of {call.where}", text)
        elif call.what in names:
            found = [call.what]
        else:
            raise UnknownName(f"network of {call.where}", call.what, names)
        several = len(found) > 1 or found[0] != call.what
        return [
            NamedModule(
                f"{call.where}:{name}" if several else text,
                lambda name=name: _built(text, lambda: library.build(name, *call.positional, **call.named)),  # type: ignore[misc]
            )
            for name in found
        ]
    target = _target(call, text)
    return [NamedModule(text, lambda: _called(target, call, text))]


def _taken_apart(text: str) -> _Call:
    head, bracket, rest = text.partition("(")
    where, _, what = head.rpartition(":")
    if not where or not what.strip():
        raise InvalidArgument("ARCH", "presage", f"be {FORMS}", text)
    positional: tuple[Any, ...] = ()
    named: dict[str, Any] = {}
    if bracket:
        try:
            call = ast.parse(f"f({rest}", mode="eval").body
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                raise ValueError
            positional = tuple(ast.literal_eval(argument) for argument in call.args)
            named = {str(_keyword(one.arg)): ast.literal_eval(one.value) for one in call.keywords}
        except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
            rule = "have literal arguments only, as in module:callable(width=32)"
            raise InvalidArgument("ARCH", "presage", rule, text) from None
    return _Call(where.strip(), what.strip(), positional, named)


def _keyword(name: str | None) -> str:
    if name is None:  # ** of something
        raise ValueError
    return name


# Libraries


class _Timm:
    """Networks of timm, without pretrained weights."""

    def __init__(self) -> None:
        try:
            self._timm = importlib.import_module("timm")
        except ImportError:
            raise WrongInput("Networks of timm need it installed: pip install 'presage[timm]'.") from None

    def names(self) -> list[str]:
        return list(self._timm.list_models())

    def build(self, name: str, *positional: Any, **named: Any) -> Any:
        return self._timm.create_model(name, *positional, **named)


class _Torchvision:
    """Classification networks of torchvision, without pretrained weights."""

    def __init__(self) -> None:
        self._models = importlib.import_module("torchvision.models")

    def names(self) -> list[str]:
        return list(self._models.list_models(module=self._models))

    def build(self, name: str, *positional: Any, **named: Any) -> Any:
        if name in ("googlenet", "inception_v3"):
            named = {"init_weights": True, **named}  # torchvision warns where it is not said
        return self._models.get_model(name, *positional, **{"weights": None, **named})


_LIBRARIES: dict[str, Callable[[], _Timm | _Torchvision]] = {"timm": _Timm, "torchvision": _Torchvision}


# A user's own code


def _target(call: _Call, text: str) -> Any:
    """What a module of that name, or a file, has under a name."""
    file = Path(call.where)
    is_file = call.where.endswith(".py")
    if is_file and not file.is_file():
        raise InvalidArgument("ARCH", "presage", "name an existing file before the colon", text)
    if not is_file and str(Path.cwd()) not in sys.path and "" not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        with _quiet():
            found: Any = _from_file(file) if is_file else importlib.import_module(call.where)
    except (Exception, SystemExit) as problem:  # the user's own code may raise anything
        kind = "a file" if is_file else "a module"
        raise WrongInput(f"The `ARCH` {text!r} names {kind} that cannot be imported: {_said(problem)}.") from None
    for part in call.what.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        kind = "file" if is_file else "module"
        raise InvalidArgument("ARCH", "presage", f"name a callable of the {kind} `{call.where}`", text)
    return found


def _from_file(path: Path) -> Any:
    """The module in a file; what stands beside the file can be imported by it."""
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    name = f"presage_network_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _called(target: Any, call: _Call, text: str) -> nn.Module:
    from torch import nn

    if isinstance(target, nn.Module):
        return target
    return _built(text, lambda: target(*call.positional, **call.named))


def _built(text: str, build: Callable[[], Any]) -> nn.Module:
    from torch import nn

    try:
        with _quiet():
            built = build()
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # the user's own code may raise anything
        how = "with these arguments" if "(" in text else "without arguments"
        raise WrongInput(f"The `ARCH` {text!r} failed when called {how}: {_said(problem)}.") from None
    if not isinstance(built, nn.Module):
        raise InvalidArgument("ARCH", "presage", "give a torch.nn.Module", type(built).__name__)
    return built


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What a user's code prints goes to stderr: stdout is for results."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def _said(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {' '.join(str(problem).split())[:200]}".rstrip(".")

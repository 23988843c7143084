"""`CodeSpace`: a set of things named by a fixed list of categorical parameters, whatever they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from presage.architecture.spaces.codes import Choice, Codes
from presage.errors import InvalidArgument, NothingFeasible, UnknownName

__all__ = ["Categorical", "CodeSpace", "Mask"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Categorical:
    """A parameter and what it may be. The first choice is what stands there while the parameter is inactive."""

    name: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class CodeSpace:
    """What networks and recurrent cells have in common where they are searched: parameters and their codes.

    A subclass names its `family`, lists its `parameters` and says what they stand for. Where some parameters only count
    beside certain others it overrides `active`; where some combinations stand for nothing, `feasible`. Fields of the
    dataclass are the integers a user may set in ``family:field=value``.

    Codes are (n, p) integers. Conditional parameters are never missing: while inactive they hold choice 0.
    """

    family: ClassVar[str] = ""

    @property
    def name(self) -> str:
        """What `get_space` turns into this space: the family and the arguments that are not at their defaults."""
        changed = [(field.name, getattr(self, field.name)) for field in fields(self)]
        text = ",".join(
            f"{name}={value}"
            for (name, value), field in zip(changed, fields(self), strict=True)
            if value != field.default
        )
        return f"{self.family}:{text}" if text else self.family

    @property
    def parameters(self) -> tuple[Categorical, ...]:
        """The p parameters, in the order of a code's columns."""
        raise NotImplementedError

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """(p,) number of choices of each parameter."""
        return np.array([len(parameter.choices) for parameter in self.parameters], np.int64)

    @cached_property
    def columns(self) -> dict[str, int]:
        """Column of each parameter in a code."""
        return {parameter.name: column for column, parameter in enumerate(self.parameters)}

    # What a subclass says -------------------------------------------------------------------------------------------

    def active(self, codes: Codes) -> Mask:
        """(n, p) which parameters count. Must not depend on the codes of inactive ones."""
        return np.ones(codes.shape, np.bool_)

    def feasible(self, codes: Codes) -> Mask:
        """(n,) which codes, each within its choices, stand for a network."""
        return np.ones(len(codes), np.bool_)

    @property
    def skip_parameters(self) -> tuple[tuple[int, int, int], ...]:
        """(column, earlier layer, layer) of every parameter that joins the output of an earlier layer to a layer: its
        choice 0 stands for no connection. In the order of layers; layer 0 is what comes before the first."""
        return ()

    # What every space can do ----------------------------------------------------------------------------------------

    def valid(self, codes: Codes) -> Mask:
        """(n,) whether each code is within its choices and stands for a network."""
        if codes.ndim != 2 or codes.shape[1] != len(self.sizes):
            raise InvalidArgument("codes", f"{self.family}.valid", f"be of shape (n, {len(self.sizes)})", codes.shape)
        within: Mask = np.all((codes >= 0) & (codes < self.sizes), axis=1)
        return within & self.feasible(np.where(within[:, None], codes, 0))

    def normalise(self, codes: Codes) -> Codes:
        """The codes with inactive parameters at choice 0."""
        return np.where(self.active(codes), codes, 0)

    def sample(self, n: int, rng: np.random.Generator) -> Codes:
        """(n, p) codes, valid and normalised, every active choice equally likely."""
        drawn = self._draw(n, rng)
        for _ in range(1000):
            bad = ~self.feasible(drawn)
            if not bad.any():
                return drawn
            drawn[bad] = self._draw(int(bad.sum()), rng)
        raise NothingFeasible(f"No valid code of the space `{self.name}` was found in 1000 draws.")

    def mutate(self, codes: Codes, rng: np.random.Generator) -> Codes:
        """(n, p) children: in each row one active parameter takes another choice; parameters that this activates are
        drawn afresh. Valid and normalised."""
        parents = self.normalise(codes)
        children = parents.copy()
        todo = np.arange(len(parents))
        for _ in range(1000):
            if not len(todo):
                return children
            children[todo] = self._change(parents[todo], rng)
            todo = todo[~self.feasible(children[todo])]
        raise NothingFeasible(f"No valid change of a code of the space `{self.name}` was found in 1000 draws.")

    def neighbours(self, code: Codes) -> Codes:
        """(m, p) every valid code that differs from `code` (p,) in one active parameter; parameters that this
        activates are at choice 0."""
        parent = self.normalise(np.asarray(code, np.int64)[None, :])
        columns = np.flatnonzero(self.active(parent)[0])
        column = np.repeat(columns, self.sizes[columns])
        choice = np.concatenate([np.arange(size) for size in self.sizes[columns]])
        other = choice != parent[0, column]
        found = np.repeat(parent, int(other.sum()), axis=0)
        found[np.arange(len(found)), column[other]] = choice[other]
        found = self.normalise(found)
        return found[self.feasible(found)]

    def params(self, code: Codes) -> dict[str, Choice]:
        """Name → choice of every parameter, for one code (p,)."""
        return {parameter.name: parameter.choices[int(at)] for parameter, at in zip(self.parameters, code, strict=True)}

    def codes(self, params: Iterable[Mapping[str, Choice]]) -> Codes:
        """(n, p) normalised codes of these parameters.

        Raises:
            UnknownName: a name that is no parameter of the space.
            InvalidArgument: a missing parameter, a value that is no choice, or a combination that is no network.
        """
        rows = []
        for named in params:
            for name in named:
                if name not in self.columns:
                    raise UnknownName(f"parameter of the space `{self.name}`", name, self.columns)
            row = []
            for parameter in self.parameters:
                if parameter.name not in named:
                    raise InvalidArgument("params", f"{self.family}.codes", f"name `{parameter.name}`", dict(named))
                value = named[parameter.name]
                if value not in parameter.choices or isinstance(value, bool | float):  # 1 == True == 1.0 in Python
                    listed = ", ".join(map(repr, parameter.choices))
                    raise InvalidArgument(parameter.name, self.family, f"be one of {listed}", value)
                row.append(parameter.choices.index(value))
            rows.append(row)
        codes = self.normalise(np.array(rows, np.int64).reshape(len(rows), len(self.sizes)))
        if not self.feasible(codes).all():
            raise InvalidArgument(
                "params", f"{self.family}.codes", "stand for a network", "a combination that does not"
            )
        return codes

    def _draw(self, n: int, rng: np.random.Generator) -> Codes:
        return self.normalise(rng.integers(0, self.sizes, size=(n, len(self.sizes))))

    def _change(self, parents: Codes, rng: np.random.Generator) -> Codes:
        before = self.active(parents)
        changeable = before & (self.sizes > 1)
        column = np.argmax(np.where(changeable, rng.random(parents.shape), -1.0), axis=1)
        rows = np.arange(len(parents))
        # any other choice, equally likely: shift by 1 … size-1 around the circle
        size = self.sizes[column]
        children = rng.integers(0, self.sizes, size=parents.shape)
        children[before] = parents[before]
        children[rows, column] = (parents[rows, column] + rng.integers(1, size)) % size
        return self.normalise(children)

"""`LatencyModel`: estimated latency of networks that nobody has timed, from a few dozen that were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import kendalltau

from presage.architecture.batch.graph_batch import GraphBatch
from presage.errors import InvalidArgument, WrongInput
from presage.search.latency.work import WORK, work

__all__ = ["LatencyModel", "fit_latency"]

Floats = NDArray[np.float64]

HELD_OUT = 4  # every fourth network, by cost, is held out while the error is measured
RIDGE = 1e-3


@dataclass(frozen=True)
class LatencyModel:
    """*Estimated* latency: so many seconds for each piece of work that a network does (`work.WORK`).

    No weight is below zero, so an estimate never falls where a network does more of anything.

    Attributes:
        weights: seconds for one of each column of `WORK`.
        input_shape: ``(c, h, w)`` of the images.
        classes: outputs of the networks.
        batch: images in one forward pass that was timed.
        machine: what it was measured on, and by what: names and versions.
        networks: number of networks that were measured.
        held_out: number of these that were held out to know the error; the shipped weights are fitted to all.
        error: median over them of \\|estimated - measured\\| / measured; NaN where too few were measured.
        rank: Kendall τ between estimated and measured over them; NaN likewise.
    """

    weights: tuple[float, ...]
    input_shape: tuple[int, int, int]
    classes: int
    batch: int
    machine: Mapping[str, str]
    networks: int
    held_out: int
    error: float
    rank: float

    def seconds(self, graphs: GraphBatch) -> Floats:
        """(n,) estimated seconds of one forward pass of `batch` images."""
        found: Floats = work(graphs, self.input_shape, self.classes) @ np.array(self.weights)
        return found

    def corrected(self, factor: float) -> LatencyModel:
        """The same with every estimate multiplied with a factor, as networks that were measured since tell it.

        Raises:
            InvalidArgument: the factor is no number above 0.
        """
        if not 0 < factor < np.inf:
            raise InvalidArgument("factor", "LatencyModel.corrected", "be a number above 0", factor)
        return replace(self, weights=tuple(factor * weight for weight in self.weights))

    @property
    def summary(self) -> str:
        """One line: what the estimates rest on, and how far off they were."""
        images = "one image" if self.batch == 1 else f"{self.batch} images"
        return (
            f"Estimated latency ({images}, {self.machine.get('device', 'unknown device')}): fitted to {self.networks} "
            f"measured networks; off by {self.error:.0%} in the median, Kendall τ {self.rank:.2f}, on {self.held_out} "
            "of them held out."
        )

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return {
            "format": "presage-latency",
            "version": 1,
            "work": list(WORK),
            "weights": list(self.weights),
            "input_shape": list(self.input_shape),
            "classes": self.classes,
            "batch": self.batch,
            "machine": dict(self.machine),
            "networks": self.networks,
            "held_out": self.held_out,
            "error": None if np.isnan(self.error) else self.error,
            "rank": None if np.isnan(self.rank) else self.rank,
        }

    @classmethod
    def from_json(cls, value: Any) -> LatencyModel:
        """What `to_json` wrote.

        Raises:
            WrongInput: it is no latency model of this presage.
        """
        try:
            if (value["format"], value["version"], tuple(value["work"])) != ("presage-latency", 1, WORK):
                raise WrongInput("The latency model is of another version of presage.")
            weights = tuple(float(weight) for weight in value["weights"])
            c, h, w = (int(side) for side in value["input_shape"])
            error, rank = (np.nan if value[name] is None else float(value[name]) for name in ("error", "rank"))
            counts = {name: int(value[name]) for name in ("classes", "batch", "networks", "held_out")}
            made = cls(
                weights=weights, input_shape=(c, h, w), machine=dict(value["machine"]), error=error, rank=rank, **counts
            )
        except (TypeError, KeyError, ValueError) as error:
            raise WrongInput(f"The latency model is damaged: {type(error).__name__}.") from None
        if len(weights) != len(WORK) or not all(0 <= weight < np.inf for weight in weights):
            raise WrongInput("The latency model is damaged: its weights are no finite numbers of at least 0.")
        return made


def fit_latency(
    graphs: GraphBatch,
    seconds: Sequence[float],
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    batch: int = 1,
    machine: Mapping[str, str] | None = None,
) -> LatencyModel:
    """Fit seconds per work to n measured networks, by least relative squares with weights of at least 0.

    Every fourth network, by measured latency, is first held out, to tell the error; then all are used.

    Raises:
        InvalidArgument: fewer than 2 networks, or a latency that is no finite number above 0.
    """
    measured = np.asarray(seconds, np.float64)
    if len(measured) < 2 or len(measured) != len(graphs):
        raise InvalidArgument("seconds", "fit_latency", "be one for each of at least 2 networks", len(measured))
    if not (np.isfinite(measured) & (measured > 0)).all():
        raise InvalidArgument("seconds", "fit_latency", "be finite and above 0", measured.min())
    done = work(graphs, input_shape, classes)
    out = np.zeros(len(measured), np.bool_)
    out[np.argsort(measured, kind="stable")[HELD_OUT // 2 :: HELD_OUT]] = True
    error = rank = np.nan
    if out.sum() >= 2 and (~out).sum() >= 2:
        estimated = done[out] @ _weights(done[~out], measured[~out])
        error = float(np.median(np.abs(estimated - measured[out]) / measured[out]))
        rank = float(kendalltau(estimated, measured[out]).statistic)
    return LatencyModel(
        weights=tuple(_weights(done, measured).tolist()),
        input_shape=input_shape,
        classes=classes,
        batch=batch,
        machine=dict(machine or {}),
        networks=len(measured),
        held_out=int(out.sum()),
        error=error,
        rank=rank,
    )


def _weights(done: Floats, measured: Floats) -> Floats:
    """(f,) at least 0: minimise ``Σ ((work · w - measured) / measured)² + RIDGE · n · Σ (w · scale)²``."""
    rows = done / measured[:, None]
    scale = rows.mean(axis=0)
    used = scale > 0
    rows = rows[:, used] / scale[used]
    ridge = np.sqrt(RIDGE * len(rows)) * np.eye(rows.shape[1])
    target = np.concatenate([np.ones(len(rows)), np.zeros(len(ridge))])
    found = np.zeros(done.shape[1])
    found[used] = nnls(np.concatenate([rows, ridge]), target)[0] / scale[used]
    return found

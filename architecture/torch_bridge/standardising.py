"""How kernels are standardised (arXiv 1903.10520), told by their numbers: which variance, and ε beneath its root or
outside it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from presage.architecture.decimals import value_of

__all__ = ["TOLERANCE", "standardisation", "standardised"]

EPSILONS = ((1, -5), (1, -6), (1, -8), (1, -3), (1, -4), (1, -7), (1, -10), (1, -12))
"""Those in use; of those that the numbers do not tell apart the first is taken."""
TOLERANCE = 1e-4
"""Part of the largest number by which two ways to reckon in float32 may differ."""
_ROUNDING = 1e-6
_CLEARLY = 3.0
"""How many times nearer another formula must be than the usual one, to be taken for it."""


def standardised(flat: Tensor, epsilon: float, unbiased: bool, outside: bool) -> Tensor:
    """(o, n) kernels to mean 0 and variance 1.

    Args:
        epsilon: beneath the root of the variance, or added to the deviation if `outside`.
        unbiased: the variance is over n − 1, as torch's own `std` and `var` are unless told otherwise.
    """
    variance, mean = torch.var_mean(flat, 1, correction=int(unbiased), keepdim=True)
    if outside:
        return (flat - mean) / (variance.sqrt() + epsilon)
    return (flat - mean) * torch.rsqrt(variance + epsilon)


def standardisation(flat: Tensor, ratio: Tensor, gain: Tensor | None) -> tuple[dict[str, Any], float] | None:
    """Fields of `Convolution` that say how kernels were standardised, and what their gain is times beside.

    Args:
        flat: (o, n) what is learned, in float64.
        ratio: (o,) by how much each kernel is what is learned less its mean.
        gain: (o,) a learned factor of each; None for none. It takes up every factor, so that which variance it is
            cannot be told, and need not.

    Returns:
        None: they were not standardised so.
    """
    variances = (False, True) if gain is None else (False,)
    found = [_nearest(flat, ratio, gain, unbiased, outside) for outside in (False, True) for unbiased in variances]
    usual, best = found[0], min(found, key=lambda one: one[0])
    error, fields, factor = best if best[0] * _CLEARLY < usual[0] else usual
    return ({"standardised": True, "gain": gain is not None, **fields}, factor) if error <= TOLERANCE else None


def _nearest(
    flat: Tensor, ratio: Tensor, gain: Tensor | None, unbiased: bool, outside: bool
) -> tuple[float, dict[str, Any], float]:
    """The best ε of a formula: how far off it is, the fields that say it, the factor."""
    deviation = flat.std(1, correction=int(unbiased))
    found = []
    for epsilon in EPSILONS:
        by = value_of(epsilon)
        over = deviation + by if outside else (deviation.square() + by).sqrt()
        scale = ratio * over / (1 if gain is None else gain)
        factor = 1.0 if gain is None else float(scale.mean())
        error = float((scale / factor - 1).abs().max()) if factor else float("inf")
        fields = {"epsilon": epsilon, "unbiased": unbiased, "outside": outside}
        found.append((error, fields, factor))
    least = min(error for error, _, _ in found)
    return next(one for one in found if one[0] <= 2 * least + _ROUNDING)

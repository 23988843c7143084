"""NASWOT: how differently an untrained network's rectifiers see different images."""

from __future__ import annotations

import torch

from presage.surrogate.proxies.modes import ActivationKernel
from presage.surrogate.proxies.subject import NoValue, Subject

__all__ = ["naswot"]

_LEAST = 1e-3


def naswot(subject: Subject) -> float:
    """log det K; K_ij = N − d_H(c_i, c_j), the units in which the codes of images i and j agree, of N in all.

    A unit's code is 1 where its activation lets the input through (above 0), whatever the kind of activation; softmax
    and sigmoid gates are none. Eigenvalues below 0.001 count as that, so that kernels with equal rows, which the
    paper's logarithm puts at −∞, are still ordered by rank. Batch size: 64 (the paper: 128).

    Reference: Mellor et al., *Neural Architecture Search without Training*, 2021, arXiv 2006.04647, eq. 2.
    """
    mode = ActivationKernel(len(subject.minibatch.images))
    with torch.no_grad(), mode:
        subject.module(subject.minibatch.images)
    if not mode.units:
        raise NoValue("it has no activations")
    return float(torch.linalg.eigvalsh(mode.kernel).clamp_min(_LEAST).log().sum())

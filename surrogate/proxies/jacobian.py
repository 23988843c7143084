"""Jacobian covariance: how differently an untrained network's output moves with different images."""

from __future__ import annotations

import math

import torch

from presage.surrogate.proxies.subject import NoValue, Subject

__all__ = ["jacobian_covariance"]

_K = 1e-5


def jacobian_covariance(subject: Subject) -> float:
    """−log of the mean of log(λ + k) + 1/(λ + k), k = 10⁻⁵, λ the eigenvalues of the Jacobian's correlations.

    The Jacobian of an image is the gradient of the sum of its logits by its pixels; the correlation matrix is (b, b).
    The paper's score is −Σ (log(λ + k) + 1/(λ + k)); each term is at least 1, so that the logarithm of its mean keeps
    the order of networks: 0 for Jacobians that are not correlated at all, below for others. Batch size: 64.

    Reference: Mellor et al., arXiv 2006.04647v1, eq. 4; in arXiv 2101.08134 as `jacob_cov`.
    """
    images = subject.minibatch.images.detach().clone().requires_grad_(True)
    total = subject.module(images).sum()
    gradient = torch.autograd.grad(total, images, allow_unused=True)[0] if total.requires_grad else None
    if gradient is None:
        raise NoValue("its output does not depend on the image")
    correlations = torch.corrcoef(gradient.flatten(1).double())
    if not torch.isfinite(correlations).all():
        raise NoValue("the Jacobian of an image is constant or not finite")
    values = torch.linalg.eigvalsh(correlations).clamp_min(0.0) + _K
    return -math.log(float((values.log() + 1.0 / values).mean()))

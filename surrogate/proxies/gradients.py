"""SNIP, Fisher and gradient norm: sums over what one backward pass leaves in each convolution and linear layer.

All three as Abdelfattah et al. compute them (*Zero-Cost Proxies for Lightweight NAS*, 2021, arXiv 2101.08134): batch
normalisation on the minibatch's statistics, mean cross-entropy, freshly initialised weights. Batch size: 64 (theirs).
"""

from __future__ import annotations

from presage.surrogate.proxies.subject import Subject, log

__all__ = ["fisher", "gradient_norm", "snip"]


def snip(subject: Subject) -> float:
    """log Σ \\|w ⊙ ∂L/∂w\\| over all weights: how much the loss would change if weights were cut.

    Reference: Lee et al., *SNIP*, 2019, arXiv 1810.02340, eq. 6 (before its normalisation).
    """
    backward = subject.backward
    pairs = zip(backward.weights, backward.gradients, strict=True)
    return log(sum(float((weight * gradient).abs().sum()) for weight, gradient in pairs))


def fisher(subject: Subject) -> float:
    """log Σ over channels of ½ · mean over images of (Σ over pixels a · ∂L/∂a)², a the output of a layer.

    Reference: Theis et al., 2018, arXiv 1801.05787; as a proxy of networks: Turner et al., *BlockSwap*, 2020,
    arXiv 1906.04113, eq. 5.
    """
    return log(sum(float(part) for part in subject.backward.activations))


def gradient_norm(subject: Subject) -> float:
    """log Σ over layers of ‖∂L/∂w‖₂.

    Reference: arXiv 2101.08134, section 3.2.
    """
    return log(sum(float(gradient.norm()) for gradient in subject.backward.gradients))

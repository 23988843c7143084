from __future__ import annotations

import torch
import torch.nn.functional as F

from presage.training.depth_heads import DepthHeads

WIDTHS, CLASSES, B = (3, 7, 5), 4, 32


def features(seed: int = 0) -> tuple[list[torch.Tensor], torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    taps = [torch.randn(B, width, generator=generator) for width in WIDTHS]
    return taps, torch.randint(CLASSES, (B,), generator=generator)


def test_the_written_out_gradient_is_that_of_autograd() -> None:
    taps, labels = features()
    heads = DepthHeads(WIDTHS, CLASSES)
    torch.nn.init.normal_(heads.weight)
    torch.nn.init.normal_(heads.bias)
    heads.backward(taps, labels)
    for tap, width in enumerate(WIDTHS):
        weight = heads.weight.detach()[tap, :width].clone().requires_grad_()
        bias = heads.bias.detach()[tap].clone().requires_grad_()
        standard = F.batch_norm(taps[tap], None, None, training=True)
        F.cross_entropy(standard @ weight + bias, labels).backward()
        torch.testing.assert_close(heads.weight.grad[tap, :width], weight.grad)
        torch.testing.assert_close(heads.bias.grad[tap], bias.grad)
        assert not heads.weight.grad[tap, width:].any()  # padding learns nothing


def test_each_head_sees_its_own_tap_only() -> None:
    taps, _ = features()
    heads = DepthHeads(WIDTHS, CLASSES).eval()
    torch.nn.init.normal_(heads.weight)
    before = heads(taps)
    after = heads([taps[0], taps[1] + 1, taps[2]])
    changed = (before != after).flatten(1).any(dim=1)
    assert changed.tolist() == [False, True, False]
    assert before.shape == (3, B, CLASSES)


def test_pooling_averages_maps_and_detaches() -> None:
    grown = torch.arange(2.0 * 3 * 4).reshape(2, 3, 2, 2).requires_grad_()
    flat = torch.ones(2, 5, requires_grad=True)
    pooled = DepthHeads.pooled([grown * 1, flat * 2])
    torch.testing.assert_close(pooled[0], grown.detach().mean(dim=(2, 3)))
    assert pooled[1].tolist() == [[2.0] * 5] * 2
    assert not any(tap.requires_grad for tap in pooled)

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from presage.training.mixing import Mixed, _beta, mixed


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ramp(b: int = 64, side: int = 10) -> tuple[torch.Tensor, torch.Tensor]:
    """Image i is i everywhere, and its label is i."""
    return torch.arange(float(b))[:, None, None, None].expand(b, 2, side, side).contiguous(), torch.arange(b)


def test_mixup_blends_images_by_the_share_of_their_labels() -> None:
    images, labels = ramp()
    found = mixed(images, labels, mixup=0.4, cutmix=0.0, generator=generator())
    expected = found.share * found.first + (1 - found.share) * found.second
    torch.testing.assert_close(found.images, expected[:, None, None, None].expand_as(images))
    assert torch.equal(found.first, labels)
    assert sorted(found.second.tolist()) == labels.tolist()
    assert len(found.share.unique()) == 64


def test_cutmix_pastes_a_rectangle_whose_area_is_the_other_label_s_share() -> None:
    images, labels = ramp()
    found = mixed(images, labels, mixup=0.0, cutmix=1.0, generator=generator())
    kept = (found.images == found.first[:, None, None, None]).float().mean(dim=(1, 2, 3))
    torch.testing.assert_close(torch.where(found.first == found.second, found.share, kept), found.share)
    for picture, first in zip(found.images[:, 0], found.first, strict=True):
        pasted = picture != first
        rows, columns = pasted.any(dim=1).sum(), pasted.any(dim=0).sum()
        assert pasted.sum() == rows * columns
    assert found.share.min() < 0.3
    assert found.share.max() > 0.9


def test_with_both_a_coin_decides_for_each_image() -> None:
    images, labels = ramp(400)
    found = mixed(images, labels, mixup=1.0, cutmix=1.0, generator=generator())
    mean = found.share * found.first + (1 - found.share) * found.second
    torch.testing.assert_close(found.images.mean(dim=(1, 2, 3)), mean, rtol=1e-4, atol=1e-3)
    blended = (found.images[:, 0].flatten(1).std(dim=1) == 0).float().mean()
    assert 0.4 < blended < 0.65  # a rectangle of no area, too, leaves an image flat


def test_the_label_of_the_larger_share_is_the_label() -> None:
    both = torch.tensor([1, 2]), torch.tensor([3, 4])
    assert Mixed(torch.zeros(2), *both, torch.tensor([0.6, 0.4])).labels.tolist() == [1, 4]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_that_of_soft_labels(weighted: bool, smoothing: float) -> None:
    logits = torch.randn(7, 4, generator=generator())
    first, second = torch.tensor([0, 1, 2, 3, 0, 1, 2]), torch.tensor([1, 1, 0, 2, 3, 0, 0])
    share = torch.rand(7, generator=generator(2))
    weights = torch.tensor([1.0, 2.0, 0.5, 3.0]) if weighted else None
    found = Mixed(logits, first, second, share).loss(logits, smoothing, weights)
    soft = share[:, None] * F.one_hot(first, 4) + (1 - share)[:, None] * F.one_hot(second, 4)
    given = (1 - smoothing) * soft + smoothing / 4
    scale = weights if weights is not None else torch.ones(4)
    by_hand = -(given * scale * logits.log_softmax(dim=1)).sum() / (soft * scale).sum()
    torch.testing.assert_close(found, by_hand)


def test_the_loss_of_an_unmixed_batch_is_torch_s_own() -> None:
    logits, labels = torch.randn(7, 4, generator=generator()), torch.tensor([0, 1, 2, 3, 0, 1, 2])
    weights = torch.tensor([1.0, 2.0, 0.5, 3.0])
    found = Mixed(logits, labels, labels, torch.rand(7, generator=generator())).loss(logits, 0.1, weights)
    torch.testing.assert_close(found, F.cross_entropy(logits, labels, weights, label_smoothing=0.1))


@pytest.mark.parametrize("parameter", [0.05, 0.2, 1.0, 4.0])
def test_shares_follow_the_beta_distribution(parameter: float) -> None:
    found = _beta(parameter, 4000, generator()).double()
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
    spread = stats.beta(parameter, parameter).std()
    assert abs(float(found.mean()) - 0.5) < 4 * spread / 4000**0.5
    assert abs(float(found.std()) / spread - 1) < 0.05


def test_the_same_generator_state_gives_the_same_batch() -> None:
    images, labels = ramp()
    first, second = (mixed(images, labels, 0.3, 0.7, generator(5)) for _ in range(2))
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.share, second.share)


def test_a_batch_of_one_is_mixed_with_itself() -> None:
    images, labels = ramp(1)
    assert torch.equal(mixed(images, labels, 1.0, 1.0, generator()).images, images)

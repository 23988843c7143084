from __future__ import annotations

import torch
from torch import nn

from presage.training.averaging import WeightAverage


def set_to(module: nn.Linear, value: float) -> None:
    with torch.no_grad():
        module.weight.fill_(value)


def test_the_average_forgets_the_beginning_and_then_decays() -> None:
    """By hand: decays 1/10, 2/11, then the 0.2 asked for."""
    module = nn.Linear(1, 1, bias=False)
    set_to(module, 100.0)
    average = WeightAverage([module], decay=0.2)
    expected = 100.0
    for value, decay in ((1.0, 1 / 10), (2.0, 2 / 11), (5.0, 0.2), (3.0, 0.2)):
        set_to(module, value)
        average.update()
        expected = decay * expected + (1 - decay) * value
    with average.in_place():
        torch.testing.assert_close(module.weight.item(), expected)
    assert module.weight.item() == 3.0
    average.install()
    torch.testing.assert_close(module.weight.item(), expected)


def test_statistics_are_averaged_and_counters_are_not() -> None:
    module = nn.BatchNorm1d(2)
    average = WeightAverage([module], decay=0.5)
    module.train()(torch.tensor([[0.0, 4.0], [2.0, 8.0]]))
    live = module.running_mean.clone()
    average.update()
    with average.in_place():
        torch.testing.assert_close(module.running_mean, 0.9 * live)
        assert module.num_batches_tracked.item() == 1
    assert torch.equal(module.running_mean, live)


def test_an_average_goes_on_from_its_state() -> None:
    module = nn.Linear(3, 2)
    one, other = WeightAverage([module], 0.9), WeightAverage([module], 0.9)
    set_to(module, 1.0)
    one.update()
    other.load(one.state())
    set_to(module, 2.0)
    for average in (one, other):
        average.update()
    assert one.step == other.step == 2
    for left, right in zip(one._average, other._average, strict=True):
        assert torch.equal(left, right)

"""The controller is a distribution over codes, and REINFORCE moves it: against enumeration and analytic gradients."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from presage.architecture.spaces import get_space
from presage.architecture.spaces.space import Categorical, Codes, Space
from presage.errors import InvalidArgument
from presage.search.samplers.controller import Controller
from presage.search.samplers.policy_gradient import Reinforce


@dataclass(frozen=True)
class Toy(Space):
    """`layers` layers of `choices` operations, each perhaps joined by any layer before the last; layer 1 may be off.

    `kind1` counts only where `on` is 1. With `forbidden`, the code of zeros alone is no network.
    """

    family = "toy"
    layers: int = 3
    choices: int = 2
    forbidden: int = 0

    @property
    def parameters(self) -> tuple[Categorical, ...]:
        found = [Categorical("on", (0, 1))]
        for layer in range(1, self.layers + 1):
            found.append(Categorical(f"kind{layer}", tuple(range(self.choices))))
            found += [Categorical(f"skip{layer}from{source}", (0, 1)) for source in range(layer - 1)]
        return tuple(found)

    @property
    def skip_parameters(self) -> tuple[tuple[int, int, int], ...]:
        return tuple(
            (self.columns[f"skip{layer}from{source}"], source, layer)
            for layer in range(1, self.layers + 1)
            for source in range(layer - 1)
        )

    def active(self, codes: Codes) -> np.ndarray:
        found = np.ones(codes.shape, np.bool_)
        found[:, 1] = codes[:, 0] == 1
        return found

    def feasible(self, codes: Codes) -> np.ndarray:
        return codes.any(axis=1) if self.forbidden else np.ones(len(codes), np.bool_)


def _every(space: Space) -> Codes:
    codes = np.array(list(itertools.product(*(range(size) for size in space.sizes))), np.int64)
    return codes[(space.normalise(codes) == codes).all(axis=1)]


def _shaken(space: Space, **options: float) -> Controller:
    """A controller with opinions."""
    controller = Controller(space, hidden=8, **options)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in controller.parameters():
            weight.normal_(generator=generator)
    return controller


def test_the_probabilities_of_all_codes_add_up_to_one() -> None:
    space = Toy()
    codes = _every(space)
    assert len(codes) == 2**7 - 2**5  # where `on` is 0, so is `kind1`
    probability = _shaken(space).log_prob(codes).exp()
    assert probability.sum().item() == pytest.approx(1.0, abs=1e-5)
    assert probability.max() > 3 / len(codes)


def test_untrained_it_draws_every_choice_equally_often() -> None:
    space = get_space("nb201")
    codes, log_prob, entropy = Controller(space).sample(50, torch.Generator().manual_seed(0))
    assert log_prob.numpy() == pytest.approx(np.full(50, -6 * np.log(5)), abs=1e-5)
    assert entropy.numpy() == pytest.approx(np.full(50, 6 * np.log(5)), abs=1e-5)
    assert space.valid(codes).all()


@pytest.mark.parametrize("options", [{}, {"temperature": 2.0}, {"tanh_constant": None}, {"tanh_constant": 0.7}])
def test_codes_are_drawn_with_the_probability_it_says(options: dict[str, float]) -> None:
    space = Toy()
    controller = _shaken(space, **options)
    codes, log_prob, entropy = controller.sample(5_000, torch.Generator().manual_seed(1))
    again, entropy_again = controller.evaluate(codes)
    assert torch.allclose(log_prob, again, atol=1e-4)
    assert torch.allclose(entropy, entropy_again, atol=1e-4)
    names, counts = np.unique(codes, axis=0, return_counts=True)
    expected = controller.log_prob(names).exp().detach().double().numpy() * len(codes)
    often = expected > 5
    rest = len(codes) - expected[often].sum()
    observed = np.append(counts[often], counts[~often].sum())
    assert chisquare(observed, np.append(expected[often], rest)).pvalue > 1e-3


def test_mean_entropy_is_minus_the_mean_log_probability() -> None:
    """Σ_j E[H_j] is the entropy of the whole code, as the chain rule says."""
    space = Toy()
    controller = _shaken(space)
    codes = _every(space)
    log_prob, entropy = controller.evaluate(codes)
    probability = log_prob.exp()
    assert (probability * entropy).sum().item() == pytest.approx(-(probability * log_prob).sum().item(), rel=1e-4)


def test_conditional_parameters_of_a_real_space_are_skipped() -> None:
    space = get_space("chain")
    controller = _shaken(space)
    codes, log_prob, _ = controller.sample(300, torch.Generator().manual_seed(0))
    assert space.valid(codes).all()
    assert np.array_equal(space.normalise(codes), codes)
    assert torch.allclose(log_prob, controller.log_prob(codes), atol=1e-3)
    shallow = Controller(space).sample(300, torch.Generator().manual_seed(0))
    active = space.active(shallow[0])
    logs = np.log(np.broadcast_to(space.sizes, active.shape)) * active
    assert shallow[1].numpy() == pytest.approx(-logs.sum(axis=1), abs=1e-3)


def test_codes_that_are_no_network_are_drawn_again() -> None:
    space = Toy(layers=1, forbidden=1)
    codes, _, _ = Controller(space).sample(400, torch.Generator().manual_seed(0))
    assert codes.any(axis=1).all()
    stubborn = Controller(space)
    with torch.no_grad():
        stubborn.head_bias[:, 0] = 50.0  # nearly always the code of zeros
    stubborn.tanh_constant = None
    codes, log_prob, _ = stubborn.sample(20, torch.Generator().manual_seed(0))
    assert space.valid(codes).all()
    assert log_prob.numpy() == pytest.approx(stubborn.log_prob(codes).detach().numpy(), abs=1e-4)


def test_the_same_generator_gives_the_same_codes() -> None:
    controller = _shaken(Toy())
    first, again, other = (controller.sample(50, torch.Generator().manual_seed(seed))[0] for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"temperature": 0.0}, {"tanh_constant": -1.0}])
def test_wrong_arguments_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidArgument, match=rf"`{next(iter(wrong))}` of `Controller` must"):
        Controller(Toy(), **wrong)  # type: ignore[arg-type]


def test_skip_connections_must_come_from_earlier_layers() -> None:
    class Backwards(Toy):
        @property
        def skip_parameters(self) -> tuple[tuple[int, int, int], ...]:
            return ((3, 3, 2), (5, 0, 3))

    with pytest.raises(InvalidArgument, match="earlier layers"):
        Controller(Backwards())


# Learning -----------------------------------------------------------------------------------------------------------


def test_the_gradient_of_one_parameter_is_the_textbook_one() -> None:
    """∂loss/∂z = -mean A (1[chosen] - π) + β π (log π + H), times what bounding the logits does to z."""
    space = Toy(layers=1, choices=4)
    controller = _shaken(space, temperature=2.0, tanh_constant=1.5)
    rule = Reinforce(controller, entropy_weight=0.3)
    codes = np.array([[1, 0], [1, 2], [1, 2], [1, 3]])
    advantages = np.array([1.0, -0.5, 2.0, 0.25])
    loss, _ = rule.loss(codes, advantages)
    loss.backward()
    with torch.no_grad():  # `kind1` is the last parameter: its bias moves nothing else
        h = controller.lstm(controller.embedding[None, [0, 3]])[0][0, 1]
        z = (h @ controller.head[1] + controller.head_bias[1]).double().numpy()
    bounded = 1.5 * np.tanh(z / 2)
    p = np.exp(bounded) / np.exp(bounded).sum()
    chosen = np.eye(4)[codes[:, 1]]
    entropy = -(p * np.log(p)).sum()
    by_bounded = -(advantages[:, None] * (chosen - p)).mean(axis=0) + 0.3 / 2 * p * (np.log(p) + entropy)
    expected = by_bounded * 1.5 / 2 * (1 - np.tanh(z / 2) ** 2)
    assert controller.head_bias.grad is not None
    assert controller.head_bias.grad[1].numpy() == pytest.approx(expected, abs=1e-6)


def test_gradients_agree_with_finite_differences() -> None:
    space = Toy()
    controller = _shaken(space).double()
    rule = Reinforce(controller, entropy_weight=0.1)
    codes, _, _ = _shaken(space).sample(12, torch.Generator().manual_seed(0))
    advantages = np.random.default_rng(0).normal(size=12)
    rule.loss(codes, advantages)[0].backward()
    step = 1e-5
    for name, weight in controller.named_parameters():
        assert weight.grad is not None, name
        flat, at = weight.data.view(-1), int(weight.grad.abs().argmax())
        sides = []
        for sign in (1, -1):
            flat[at] += sign * step
            sides.append(float(rule.loss(codes, advantages)[0].detach()))
            flat[at] -= sign * step
        slope = (sides[0] - sides[1]) / (2 * step)
        assert float(weight.grad.view(-1)[at]) == pytest.approx(slope, rel=1e-3, abs=1e-7), name


def test_advantages_are_distances_from_a_moving_average_whatever_the_unit() -> None:
    rule = Reinforce(Controller(Toy()), decay=0.5, clip=2.0)
    assert rule.advantages(np.array([1.0, 3.0])) == pytest.approx([-1.0, 1.0])  # mean 2, mean distance 1
    assert rule.baseline == 2.0
    # spread 0.5 · 1 + 0.5 · mean(|4-2|, |12-2|, |1-2|)
    assert rule.advantages(np.array([4.0, 12.0, 1.0])) == pytest.approx([2 / 2.66667, 2.0, -1 / 2.66667], abs=1e-4)
    assert rule.baseline == pytest.approx(0.5 * 2 + 0.5 * 17 / 3)
    large, small = (Reinforce(Controller(Toy())) for _ in range(2))
    rewards = np.random.default_rng(0).random((3, 10))
    for batch in rewards:
        assert large.advantages(batch * 1e6 - 5e5) == pytest.approx(small.advantages(batch))


def test_equal_rewards_teach_nothing_but_entropy() -> None:
    rule = Reinforce(Controller(Toy()))
    assert (rule.advantages(np.full(5, 0.3)) == 0).all()
    assert (rule.advantages(np.full(5, 0.3)) == 0).all()


def test_rewards_that_are_not_finite_are_left_out() -> None:
    codes, _, _ = Controller(Toy()).sample(6, torch.Generator().manual_seed(0))
    rewards = np.array([0.1, np.nan, 0.5, np.inf, 0.2, -np.inf])
    with_them, without = Controller(Toy()), Controller(Toy())
    Reinforce(with_them).update(codes, rewards)
    Reinforce(without).update(codes[[0, 2, 4]], rewards[[0, 2, 4]])
    assert all(torch.equal(a, b) for a, b in zip(with_them.parameters(), without.parameters(), strict=True))
    assert Reinforce(without).update(codes, np.full(6, np.nan)) is None


def _trained(space: Space, reward: object, updates: int = 60, batch: int = 40) -> Controller:
    controller = Controller(space, seed=1)
    rule, generator = Reinforce(controller), torch.Generator().manual_seed(1)
    for _ in range(updates):
        codes, _, _ = controller.sample(batch, generator)
        rule.update(codes, reward(codes))  # type: ignore[operator]
    return controller


def test_probability_moves_to_the_best_arm_of_a_bandit() -> None:
    space = Toy(layers=1, choices=5)
    worth = np.array([0.1, 0.3, 0.2, 0.9, 0.5])
    controller = _trained(space, lambda codes: worth[codes[:, 1]])
    best = controller.log_prob(np.array([[1, 3]])).exp().item()
    assert best > 0.7  # 0.1 untrained


def test_what_was_chosen_before_decides_what_is_good_next() -> None:
    """A reward of parameters that must agree: no product of independent distributions earns more than half of it."""
    space = get_space("nb201")
    controller = _trained(space, lambda codes: (codes[:, 1:] == codes[:, :1]).mean(axis=1) * 1.0, updates=100)
    codes, _, _ = controller.sample(200, torch.Generator().manual_seed(9))
    assert (codes[:, 1:] == codes[:, :1]).mean() > 0.7  # 0.2 untrained


def test_attention_connects_the_layers_it_is_rewarded_for() -> None:
    """A connection pays where both layers chose the same operation; the anchor knows what the earlier one chose."""
    space = Toy(layers=6)

    def agreement(codes: Codes) -> np.ndarray:
        found = np.zeros(len(codes))
        for column, source, layer in space.skip_parameters:
            if source > 0:
                alike = codes[:, space.columns[f"kind{source}"]] == codes[:, space.columns[f"kind{layer}"]]
                found += (codes[:, column] == 1) == alike
        return found

    untrained, _, _ = Controller(space).sample(300, torch.Generator().manual_seed(9))
    controller = _trained(space, agreement, updates=80)
    codes, _, _ = controller.sample(300, torch.Generator().manual_seed(9))
    assert agreement(codes).mean() > agreement(untrained).mean() + 2.5
    assert controller.attention.abs().max() > 0.05


def test_what_it_did_not_write_never_pushes_away() -> None:
    codes = np.array([[1, 0], [1, 1]])
    space = Toy(layers=1, choices=2)
    rewards = np.array([0.0, 1.0])
    before = Controller(space).log_prob(codes)
    imitated, unmoved = Controller(space), Controller(space)
    rule = Reinforce(imitated, entropy_weight=0)
    rule.update(codes, rewards, own=np.array([False, False]))
    assert imitated.log_prob(codes)[1] > before[1]
    rule = Reinforce(unmoved, entropy_weight=0)
    rule.baseline, rule.spread = 0.5, 1.0
    rule.update(codes[:1], rewards[:1], own=np.array([False]))
    assert torch.equal(unmoved.log_prob(codes), before)
    rule.update(codes[:1], rewards[:1])
    assert unmoved.log_prob(codes)[0] < before[0]


def test_its_steps_are_those_of_adam() -> None:
    """Algorithm 1 of arXiv 1412.6980, the gradient scaled down to norm 0.02."""
    controller = _shaken(Toy())
    rule = Reinforce(controller, gradient_norm=0.02, learning_rate=0.01)
    rng = np.random.default_rng(0)
    weights = [weight.detach().double().numpy().copy() for weight in controller.parameters()]
    mean, square = [0 * weight for weight in weights], [0 * weight for weight in weights]
    for t in range(1, 5):
        codes, advantages = Toy().sample(8, rng), rng.normal(size=8)
        loss, _ = rule.loss(codes, advantages)
        found = torch.autograd.grad(loss, list(controller.parameters()), retain_graph=True)
        gradients = [one.double().numpy() for one in found]
        norm = np.sqrt(sum((one**2).sum() for one in gradients))
        assert norm > 0.02
        rule._adam.step(loss)
        for at, gradient in enumerate(gradients):
            scaled = gradient * 0.02 / norm
            mean[at] = 0.9 * mean[at] + 0.1 * scaled
            square[at] = 0.999 * square[at] + 0.001 * scaled**2
            weights[at] -= 0.01 * (mean[at] / (1 - 0.9**t)) / (np.sqrt(square[at] / (1 - 0.999**t)) + 1e-8)
    for weight, expected in zip(controller.parameters(), weights, strict=True):
        assert weight.detach().numpy() == pytest.approx(expected, abs=1e-4)


def test_state_goes_on_where_it_stopped() -> None:
    space = Toy()
    rng = np.random.default_rng(0)
    batches = [(space.sample(10, rng), rng.random(10)) for _ in range(6)]
    whole = Reinforce(Controller(space))
    for codes, rewards in batches:
        whole.update(codes, rewards)
    first = Reinforce(Controller(space))
    for codes, rewards in batches[:3]:
        first.update(codes, rewards)
    second = Reinforce(Controller(space, seed=9))
    second.load_state(first.state())
    for codes, rewards in batches[3:]:
        second.update(codes, rewards)
    assert all(torch.equal(value, whole.state()[name]) for name, value in second.state().items())


@pytest.mark.parametrize("wrong", [{"learning_rate": 0.0}, {"entropy_weight": -1.0}, {"decay": 1.0}, {"clip": 0.0}])
def test_wrong_arguments_of_the_rule_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidArgument, match=rf"`{next(iter(wrong))}` of `Reinforce` must"):
        Reinforce(Controller(Toy()), **wrong)  # type: ignore[arg-type]

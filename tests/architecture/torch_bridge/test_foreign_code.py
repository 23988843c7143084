"""Modules that print, exit, read numbers out of tensors, share memory: traced as they are, or refused in one line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from presage.architecture.torch_bridge.trace import trace, trace_module
from presage.errors import InvalidArchitecture


class Whole(nn.Module):
    """A stem and a head; between them, and at the end, what a test says."""

    def __init__(self, middle: Callable[[nn.Module, Tensor], Tensor], end: Callable | None = None) -> None:
        super().__init__()
        self.stem, self.wide, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8, 6), nn.Linear(8, 4)
        self.alpha = nn.Parameter(torch.tensor(0.5))
        self.middle, self.end = middle, end

    def forward(self, x: Tensor) -> object:
        x = self.middle(self, self.stem(x).relu()).mean((2, 3))
        return self.end(self, x) if self.end else self.head(x)


class Branching(Whole):
    def forward(self, x: Tensor) -> object:
        return super().forward(x * (2.0 if x.detach().numpy().mean() < 0.25 else 3.0))


@pytest.mark.parametrize(
    "module", [Whole(lambda m, x: x / float(x.detach().numpy().std())), Branching(lambda m, x: x)], ids=["scale", "if"]
)
def test_numbers_of_the_images_are_no_constants(module: nn.Module) -> None:
    with pytest.raises(InvalidArchitecture, match="its graph is another on other images: it takes numbers out"):
        trace(module, (3, 12, 12))


def test_a_parameter_that_is_read_as_a_number_is_said_to_be_one() -> None:
    notes = trace_module(Whole(lambda m, x: x * m.alpha.item()), (3, 12, 12)).notes
    assert "`alpha` is read as a number (`.item()`), which nothing learns: a constant in its graph" in notes
    assert not any("`alpha` without part" in note for note in notes)


def test_what_a_network_prints_goes_to_stderr_and_exit_is_its_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    def printing(m: nn.Module, x: Tensor) -> Tensor:
        print("hello")
        return x

    trace(Whole(printing), (3, 12, 12))
    out, err = capsys.readouterr()
    assert (out, "hello" in err) == ("", True)

    def leaving(m: nn.Module, x: Tensor) -> Tensor:
        raise SystemExit(3)

    with pytest.raises(InvalidArchitecture, match="it raises SystemExit, which would end the program"):
        trace(Whole(leaving), (3, 12, 12))

    def interrupted(m: nn.Module, x: Tensor) -> Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trace(Whole(interrupted), (3, 12, 12))


def test_two_parameters_over_one_memory_are_refused() -> None:
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 3))
    module.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)])
    trace(module, (3, 12, 12))
    module[2].weight = nn.Parameter(module[1].weight.data)
    with pytest.raises(InvalidArchitecture, match=r"its parameters `1\.weight` and `2\.weight` share memory"):
        trace(module, (3, 12, 12))


def test_of_outputs_without_names_the_one_of_so_many_classes_is_taken() -> None:
    module = Whole(lambda m, x: x, lambda m, x: (m.wide(x), m.head(x)))
    assert trace_module(module, (3, 12, 12), 4).classes == 4
    assert trace_module(module, (3, 12, 12)).classes == 6
    assert "of its 2 outputs, `1` is taken" in trace_module(module, (3, 12, 12), 4).notes


def test_a_scripted_part_is_named() -> None:
    module = nn.Sequential(torch.jit.script(nn.Conv2d(3, 8, 3)), nn.Flatten(), nn.Linear(800, 4))
    with pytest.raises(InvalidArchitecture, match="its part `0` is a TorchScript program"):
        trace(module, (3, 12, 12))


def test_a_number_of_images_that_is_written_into_a_network_is_found() -> None:
    """It was traced with two images: with others, two halves of one are taken for two images."""
    frozen = Whole(lambda m, x: x.reshape(2, 8, -1, 10))
    message = "its graph is another for another number of images: that of a batch is written into it"
    with pytest.raises(InvalidArchitecture, match=message):
        trace(frozen, (3, 12, 12))


def test_a_network_that_takes_no_other_number_of_images_says_so() -> None:
    notes = trace_module(Whole(lambda m, x: x.view(2, 8, 10, 10)), (3, 12, 12)).notes
    told = "it takes 2 images at once, as it was traced, and neither 1 nor 3: their number is written in it"
    assert told in notes
    assert trace_module(Whole(lambda m, x: x.view(-1, 8, 10, 10)), (3, 12, 12)).notes == tuple(
        note for note in notes if note != told
    )


@pytest.mark.parametrize("squeezed", [lambda x: x.squeeze(), lambda x: x.squeeze().flatten(1)], ids=["logits", "fails"])
def test_a_network_that_takes_one_image_for_none_is_compared_all_the_same(squeezed: Callable) -> None:
    class Squeezing(Whole):
        def forward(self, x: Tensor) -> object:
            return self.head(squeezed(self.stem(x).mean((2, 3), keepdim=True)))

    assert not any("images at once" in note for note in trace_module(Squeezing(lambda m, x: x), (3, 12, 12)).notes)


@pytest.mark.parametrize(
    "drawn",
    [
        lambda m, x: x + torch.randn(1, 8, 1, 1),
        lambda m, x: x * x.new_empty(x.shape[0], 1, 1, 1).bernoulli_(0.9),
        lambda m, x: x[:, torch.randperm(8)],
        lambda m, x: x if torch.rand(1) < 0.5 else x * 2,
    ],
    ids=["noise", "mask", "order", "branch"],
)
def test_what_is_drawn_without_a_look_at_the_images_is_no_constant(drawn: Callable) -> None:
    with pytest.raises(InvalidArchitecture, match="it draws at random, in evaluation too"):
        trace(Whole(drawn), (3, 12, 12))


def test_draws_that_nothing_comes_of_do_no_harm() -> None:
    def idle(m: nn.Module, x: Tensor) -> Tensor:
        torch.rand(3)
        return x

    assert trace(Whole(idle), (3, 12, 12)) == trace(Whole(lambda m, x: x), (3, 12, 12))


def test_a_network_in_inference_mode_is_the_one_that_it_is_without() -> None:
    class Inferring(Whole):
        @torch.inference_mode()
        def forward(self, x: Tensor) -> object:
            return super().forward(x)

    def normed(m: nn.Module, x: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(nn.functional.group_norm(x, 2), 2).unflatten(1, (2, 4)).flatten(1, 2)

    assert trace(Inferring(normed), (3, 12, 12)) == trace(Whole(normed), (3, 12, 12))


def test_a_network_that_is_another_at_each_call_is_refused_as_that() -> None:
    class Alternating(Whole):
        calls = 0

        def forward(self, x: Tensor) -> object:
            self.calls += 1
            return super().forward(x if self.calls % 2 else -x)

    with pytest.raises(InvalidArchitecture, match="gives other logits at each call: it draws at random, or changes as"):
        trace(Alternating(lambda m, x: x), (3, 12, 12))

"""Networks at the images they are asked about: traced there, changed where it is said, or refused with the side."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from presage.architecture.costs import costs
from presage.architectures import NamedNetwork
from presage.at_images import at_images, needed_side, traced
from presage.errors import InvalidArchitecture
from presage.training import ImageDataset, Recipe


def pooled(channels: int = 3, classes: int = 4) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes))


def fixed(side: int, channels: int = 3) -> nn.Module:
    """A network made for images of one side."""
    return nn.Sequential(nn.Conv2d(channels, 2, 3, padding=1), nn.Flatten(), nn.Linear(2 * side * side, 4))


def network(name: str, module: nn.Module) -> NamedNetwork:
    return NamedNetwork(name, make=lambda: module)


@pytest.fixture(scope="module")
def dataset() -> ImageDataset:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (80, 20, 20, 3), np.uint8)
    labels = np.arange(80) % 4
    return ImageDataset("noise", images[:60], labels[:60], images[60:], labels[60:], ("a", "b", "c", "d"))


def test_a_network_that_fits_is_traced_without_a_word() -> None:
    found = traced(pooled(), "net", (3, 12, 12), 4)
    assert found.notes == ()
    assert costs(found.architecture, (3, 12, 12), 4).parameters == 27 * 8 + 8 + 8 * 4 + 4


class Counting(nn.Module):
    """A network that remembers by how many threads it was run."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = pooled()
        self.seen: set[int] = set()

    def __deepcopy__(self, memo: object) -> nn.Module:
        return self

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.add(torch.get_num_threads())
        logits: torch.Tensor = self.inside(images)
        return logits


def test_at_small_images_a_network_is_traced_by_one_thread(dataset: ImageDataset) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)  # that wait for each other in a loop, as OpenMP's do, and so double the processor time
    try:
        for side, threads in ((16, 1), (96, 2)):
            module = Counting()
            at_images([network("net", module)], dataset, Recipe(image_side=side))
            assert module.seen == {threads}
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_what_is_changed_to_fit_is_said() -> None:
    found = traced(pooled(classes=1000), "net", (1, 12, 12), 4)
    assert found.notes == ("its stem takes 3 channels, here 1", "its head tells 1000 classes apart, here 4")
    assert costs(found.architecture, (1, 12, 12), 4).parameters == 9 * 8 + 8 + 8 * 4 + 4
    assert traced(pooled(1), "net", (3, 12, 12), 4).notes == ("its stem takes 1 channel, here 3",)


@pytest.mark.parametrize(("side", "asked"), [(32, 16), (16, 32), (64, 32), (20, 32), (8, 224)])
def test_a_network_for_images_of_another_side_says_which(side: int, asked: int) -> None:
    assert needed_side(fixed(side), 3, (asked, 20)) == side
    message = f"net cannot take images of 3×{asked}×{asked}; it takes {side}×{side}. Try --image-side {side}"
    with pytest.raises(InvalidArchitecture, match=message):
        traced(fixed(side), "net", (3, asked, asked), 4, 20)
    assert needed_side(fixed(side), 3, (side, asked)) is None


def test_a_network_that_attends_is_not_sent_to_another_side() -> None:
    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.head = nn.Conv2d(3, 8, 8, 8), nn.Linear(8, 4)
            self.places = nn.Parameter(torch.zeros(1, 16, 8))
            self.mix = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = self.stem(x).flatten(2).transpose(1, 2) + self.places
            return self.head(self.mix(tokens, tokens, tokens)[0].mean(1))

    said = "net: Cannot trace Attends: its part `mix` multiplies feature maps by each other, as attention does"
    for side in (32, 16):
        with pytest.raises(InvalidArchitecture, match=said):
            traced(Attends(), "net", (3, side, side), 4)


def test_a_network_that_takes_no_images_says_why() -> None:
    with pytest.raises(InvalidArchitecture, match="net: Cannot trace Sequential: it fails on an image 3×8×8"):
        traced(nn.Sequential(nn.Flatten(), nn.Linear(7, 4)), "net", (3, 8, 8), 4)
    assert needed_side(nn.Sequential(nn.Linear(7, 4)), 3, (8,)) is None


def test_one_network_that_fails_does_not_take_the_others_down(dataset: ImageDataset) -> None:
    told: list[tuple[str, int, int]] = []
    asked = [network("one", pooled()), network("two", fixed(64)), network("three", pooled(classes=9))]
    found = at_images(asked, dataset, Recipe(image_side=16), lambda *done: told.append(done))
    assert [one.name for one in found.networks] == ["one", "three"]
    assert [one.name for one in found.refused] == ["two"]
    assert "it takes 64×64" in found.refused[0].reason
    assert found.recipe.image_side == 16
    assert told[-1] == ("trace networks", 3, 3)


def test_where_all_fail_the_first_says_why(dataset: ImageDataset) -> None:
    with pytest.raises(InvalidArchitecture, match="one cannot take images of 3×16×16; it takes 64×64"):
        at_images([network("one", fixed(64)), network("two", fixed(24))], dataset, Recipe(image_side=16))


def test_auto_finds_the_side_that_the_networks_take(dataset: ImageDataset) -> None:
    auto = Recipe.from_json({**Recipe().to_json(), "image_side": "auto"})
    found = at_images([network("one", pooled())], dataset, auto)
    assert (found.recipe.image_side, found.networks[0].notes) == (20, ())  # what the images tell
    found = at_images([network("one", fixed(64))], dataset, auto)
    assert found.recipe.image_side == 64
    assert found.networks[0].notes == ("images of 64 pixels, which it needs (`auto`)",)
    found = at_images([network("one", fixed(64)), network("two", pooled()), network("three", fixed(24))], dataset, auto)
    assert found.recipe.image_side == 64
    assert [one.name for one in found.refused] == ["three"]
    told = found.refused[0].reason  # does not send to where the user comes from
    assert "it takes 24×24" in told
    assert told.endswith("ask about it in another, with --image-side 24.")
    assert "auto" not in told
    alone = at_images([network("three", fixed(24))], dataset, Recipe(image_side=24))  # what it says helps
    assert [one.name for one in alone.networks] == ["three"]


def test_a_network_is_not_sent_to_a_side_at_which_it_is_refused() -> None:
    class Placed(nn.Module):
        """Takes images of one side, and adds learned numbers place by place."""

        def __init__(self) -> None:
            super().__init__()
            self.stem, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 4)
            self.places = nn.Parameter(torch.randn(1, 8, 32, 32))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head((self.stem(x) + self.places).mean((2, 3)))

    for common in (False, True):
        with pytest.raises(InvalidArchitecture, match="learned numbers must be one for each channel") as caught:
            traced(Placed(), "net", (3, 20, 20), 4, side_is_common=common)
        assert "--image-side" not in str(caught.value)

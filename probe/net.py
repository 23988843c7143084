"""The deep normalised probe net, the small network whose first ten epochs measure how hard a dataset is.

Source: "Efficient Image Dataset Classification Difficulty Estimation for Predicting Deep-Learning Accuracy"
(Scheidegger et al., arXiv 1803.09588, figure 2 c). Its layers were read off the authors' published module
`ProbeNet_s_nr_deep` (IBM's IoTnets, which says that it holds all nets of that figure).

What is taken from it:

- five stages of convolution 3x3 (stride 1, padding 1, no bias), batch norm, ReLU, 2x2 max pooling; the number of
  filters doubles from stage to stage; then one linear classifier;
- what "normalised" means there: all of the static nets have batch norm; the normalised ones are those whose widths are
  scaled until the classifier sees as many features as in the regular net (512 there);
- a budget of ten epochs, of which the peak validation accuracy is the result (TAPAS, arXiv 1806.00250).

What is not:

- the widths. The authors' net has 32-64-128-256-512 filters on 32x32 colour images: 20 million multiply-adds, 35 s for
  ten epochs of 2,000 images on one CPU core. Ours starts from `WIDTH` = 8 filters: by widths it is their "deep" net, a
  quarter of the normalised one. It was chosen by measurement, with the budget: see `PROBE_RECIPE`;
- three input channels: ours are the dataset's;
- a pooling of a map that is one pixel already is left out, so that images of 16x16 go through all five stages;
- optimizer, schedule and augmentation: they are `PROBE_RECIPE`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from presage.errors import InvalidArgument

if TYPE_CHECKING:
    from torch import Tensor

WIDTH = 8
"""Filters of the first stage; part of the probe's protocol (the paper's deep normalised net has 32)."""

STAGES = 5


class ProbeNet(nn.Module):
    """Deep normalised probe net: ``STAGES`` times convolution 3x3, batch norm, ReLU, max pooling; then one classifier.

    Args:
        channels: channels of an image.
        classes: k, at least 2.
        side: height and width of an image in pixels, a power of two from 4.
        width: filters of the first stage; each stage doubles them.
    """

    def __init__(self, channels: int, classes: int, side: int, width: int = WIDTH) -> None:
        super().__init__()
        for name, value, least in (("channels", channels, 1), ("classes", classes, 2), ("width", width, 1)):
            if value < least:
                raise InvalidArgument(name, "ProbeNet", f"be at least {least}", value)
        if side < 4 or side & (side - 1):
            raise InvalidArgument("side", "ProbeNet", "be a power of two, 4 or more", side)
        layers: list[nn.Module] = []
        inputs, outputs, pixels = channels, width, side
        for _ in range(STAGES):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
            if pixels > 1:
                layers.append(nn.MaxPool2d(2))
                pixels //= 2
            inputs, outputs = outputs, outputs * 2
        self.body = nn.Sequential(*layers)
        self.classifier = nn.Linear(inputs * pixels * pixels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (b, k) of images (b, c, side, side)."""
        features: Tensor = self.body(images)  # (b, 16·width, pixels, pixels)
        logits: Tensor = self.classifier(features.flatten(1))
        return logits

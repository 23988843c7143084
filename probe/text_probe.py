"""How difficult a text is: a small GRU's curve on it, by one recipe, as one number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from presage.architecture.recurrent.published import gru
from presage.errors import InvalidArgument
from presage.records.entries import TextExperimentEntry
from presage.records.text_experiment import TEXT_METRICS
from presage.training.text.fitting import train_text
from presage.training.text.metrics import BITS_PER_CHARACTER
from presage.training.text.recipe import TextRecipe
from presage.training.text.recording import text_entry, text_record
from presage.training.text.text_data import TextData

__all__ = ["TEXT_PROBE_RECIPE", "probe_text", "text_dcn"]

TEXT_PROBE_RECIPE = TextRecipe(
    epochs=3, batch=32, sequence_length=32, parameters=20_000, embedding=16, learning_rate=0.01, train_symbols=60_000,
    validation_symbols=6_000,
)  # fmt: skip
"""What the probe is trained by: seconds of a core. Two probes by different recipes are never compared."""


def probe_text(
    data: TextData,
    seed: int = 0,
    device: str | torch.device = "cpu",
    on_epoch: Callable[[int, float], None] | None = None,
) -> TextExperimentEntry:
    """Train the probe, a GRU, on a text: an experiment as any other, whose curve tells the DCN.

    Raises:
        InvalidDataset: the text is too short.
    """
    training = train_text(data, gru(), TEXT_PROBE_RECIPE, seed, device, on_epoch)
    return text_entry(text_record(data), gru(), TEXT_PROBE_RECIPE, seed, training)


def text_dcn(metric: str, curve: Sequence[float], symbols: int) -> float:
    """The text's Dataset Characterization Number, in [0, 1]: of what an even guess among k symbols lacks, the share
    that the probe knows after its best epoch, 1 - bits / log2 k. The higher the easier; 0 where it knows nothing.

    Args:
        metric: of the curve's values.
        curve: of the probe, by epoch.
        symbols: k.

    Raises:
        InvalidArgument: another metric, an empty curve, or fewer than two symbols.
    """
    if metric not in TEXT_METRICS:
        raise InvalidArgument("metric", "text_dcn", f"be one of {', '.join(TEXT_METRICS)}", metric)
    if not curve:
        raise InvalidArgument("curve", "text_dcn", "have at least one epoch", "none")
    if symbols < 2:
        raise InvalidArgument("symbols", "text_dcn", "be at least 2", symbols)
    best = min(curve)
    bits = best if metric == BITS_PER_CHARACTER else math.log2(max(best, 1.0))
    return min(max(1 - bits / math.log2(symbols), 0.0), 1.0)

"""What a Dataset Characterization Number was measured with. Needs no torch."""

from __future__ import annotations

from probe.curve import EPOCHS
from training.recipe import Recipe

__all__ = ["PROBE_RECIPE", "PROBE_VERSION"]

PROBE_VERSION = "1"
"""Changes with anything that changes a DCN: the net, the recipe, the split. Two versions are never compared."""

PROBE_RECIPE = Recipe(
    epochs=EPOCHS,
    batch=64,
    optimizer="adamw",
    learning_rate=0.005,
    weight_decay=0.02,
    momentum=0.9,
    schedule="one_cycle",
    warmup=0.25,
    label_smoothing=0.0,  # smoothed probabilities have a floor, under which wrong labels hide
    clip=1.0,
    shift=1,
    flip=False,
    image_side=16,
    precision="float32",  # on every machine: bfloat16 would make a DCN depend on the processor
    train_images=2000,
    validation_fraction=0.2,
    validation_images=1000,
    test_images=2,  # prepared but never looked at
    least_epoch_images=1000,
    split_seed=0,
)
"""The probe's budget, written out in full: a change of `Recipe`'s defaults must not change the probe.

Image side, caps and split are those of the shipped experience, so the probe trains and validates on the very images
that its networks did: what is easy about this division of a small dataset is easy for both. The seed of a probe draws
its weights and batches only.
"""

"""Accuracy predictors: how they learn, estimate, calibrate, are conditioned on labels, stored and kept."""

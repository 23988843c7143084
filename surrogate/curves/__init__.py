"""Learning curves: the final accuracy of a training that is under way, extrapolated from its curve so far."""
